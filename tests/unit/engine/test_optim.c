/* Optimizers against PyTorch's, with the groups that mmengine (1.x) and mmcv (0.x) make: tests/data/engine/optim.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/train/optim/optimizer.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { STEPS = 5, PARAMS = 16, GAP = 16 };

typedef struct shape {
    const char *name, *owner;
    int rank;
    int64_t dim[4];
    bool frozen;
} shape;
static const shape shapes[PARAMS] = {
    {"backbone.stem.weight", "Conv2d", 4, {4, 2, 3, 3}, true},
    {"backbone.stem.bias", "Conv2d", 1, {4}, true},
    {"backbone.conv1.weight", "Conv2d", 4, {4, 4, 3, 3}, false},
    {"backbone.conv1.bias", "Conv2d", 1, {4}, false},
    {"backbone.bn1.weight", "BatchNorm2d", 1, {4}, false},
    {"backbone.bn1.bias", "BatchNorm2d", 1, {4}, false},
    {"backbone.dw.weight", "Conv2d", 4, {4, 1, 3, 3}, false},
    {"backbone.dw.bias", "Conv2d", 1, {4}, false},
    {"backbone.gn.weight", "GroupNorm", 1, {4}, false},
    {"backbone.gn.bias", "GroupNorm", 1, {4}, false},
    {"decode_head.norm.weight", "LayerNorm", 1, {4}, false},
    {"decode_head.norm.bias", "LayerNorm", 1, {4}, false},
    {"decode_head.fc.weight", "Linear", 2, {3, 4}, false},
    {"decode_head.fc.bias", "Linear", 1, {3}, false},
    {"decode_head.conv_seg.weight", "Conv2d", 4, {2, 4, 1, 1}, false},
    {"decode_head.conv_seg.bias", "Conv2d", 1, {2}, false},
};

/* As the script's fill(). */
static void fill(const char *name, float *to, int64_t n)
{
    uint64_t seed = str_fnv1a64(name, strlen(name));
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(2 * rng_named(seed, (uint64_t)i) - 1);
}

/* A model as far as optimizers look at one. */
static model *bare_model(arena *mem)
{
    model *m = ARENA_NEW(mem, model);
    assert_non_null(m);
    for (int i = 0; i < PARAMS; i++) {
        param *p = ARENA_NEW(mem, param);
        assert_non_null(p);
        const shape *s = &shapes[i];
        *p = (param){.name = s->name,
                     .owner = s->owner,
                     .role = PARAM_TRAINED,
                     .rank = s->rank,
                     .count = 1,
                     .requires_grad = !s->frozen,
                     .offset = m->flat_count};
        for (int k = 0; k < s->rank; k++)
            p->count *= p->dim[k] = s->dim[k];
        m->flat_count += (size_t)(p->count + GAP - 1) / GAP * GAP;
        assert_true(vec_push(mem, &m->params, p));
    }
    m->backend = backend_host();
    m->data = ARENA_ARRAY(mem, m->flat_count, float);
    m->grad = ARENA_ARRAY(mem, m->flat_count, float);
    assert_non_null(m->data);
    assert_non_null(m->grad);
    for (int i = 0; i < PARAMS; i++) {
        param *p = m->params.at[i];
        p->data = m->data + p->offset;
        p->grad = p->requires_grad ? m->grad + p->offset : NULL;
        fill(p->name, p->data, p->count);
    }
    return m;
}

static void fill_gradients(model *m, int step)
{
    char name[128];
    for (int i = 0; i < PARAMS; i++) {
        param *p = m->params.at[i];
        snprintf(name, sizeof name, "grad:%d:%s", step, p->name);
        if (p->grad)
            fill(name, p->grad, p->count);
    }
}

typedef struct golden {
    arena *mem;
    char *rest;
    char *line; /* without its first word, which is `word` */
    char *word;
} golden;

static bool next_line(golden *g)
{
    if (!*g->rest)
        return false;
    char *end = strchr(g->rest, '\n');
    assert_non_null(end);
    *end = 0;
    g->word = g->rest;
    g->rest = end + 1;
    char *space = strchr(g->word, ' ');
    g->line = space ? space + 1 : end;
    if (space)
        *space = 0;
    return true;
}

static value *literal(arena *mem, const char *text, const char *key, char until)
{
    cseg_error err;
    value *v = NULL;
    const char *at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    const char *end = until ? strstr(at, "; ") : at + strlen(at);
    char *part = arena_strndup(mem, at, (size_t)(end - at));
    if (config_parse_literal(part, "case", mem, &v, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return v;
}

static void near(const char *what, double ours, double theirs)
{
    if (fabs(ours - theirs) > 2e-7 + 2e-6 * fabs(theirs))
        fail_msg("%s: %.9g here, %.9g there", what, ours, theirs);
}

static void check_group(const optimizer *o, int at, char *line)
{
    assert_true(at < o->n_groups);
    const optim_group *g = &o->groups[at];
    char *p = line;
    near("learning rate", g->lr, strtod(p, &p));
    near("momentum", g->momentum, strtod(p, &p));
    near("weight decay", g->weight_decay, strtod(p, &p));
    int64_t e = g->first;
    for (char *name = strtok(p, " "); name; name = strtok(NULL, " "), e++) {
        assert_true(e < o->n_entries);
        assert_string_equal(o->entries[e].p->name, name);
        assert_int_equal(o->entries[e].group, at);
    }
    assert_int_equal(e, g->first + g->n);
}

static void check_after(const model *m, char *line)
{
    char *name = strtok(line, " ");
    const param *p = NULL;
    for (int i = 0; i < PARAMS; i++)
        if (strcmp(m->params.at[i]->name, name) == 0)
            p = m->params.at[i];
    assert_non_null(p);
    int64_t n = 0;
    for (char *text = strtok(NULL, " "); text; text = strtok(NULL, " "), n++)
        near(name, ((const float *)p->data)[n], strtod(text, NULL));
    assert_int_equal(n, p->count);
}

static double clip(optimizer *o, const value *how)
{
    double limit = 0, type = 2;
    value_number(value_get(how, "norm_type"), &type);
    if (value_number(value_get(how, "max_norm"), &limit))
        return optimizer_clip_norm(o, limit, type);
    assert_true(value_number(value_get(how, "clip_value"), &limit));
    optimizer_clip_value(o, limit);
    return 0;
}

static optimizer *build(arena *mem, model *m, const char *text, bool one_x)
{
    cseg_error err;
    optimizer *o = NULL;
    value *cfg = literal(mem, text, "optimizer=", ';'), *paramwise = literal(mem, text, "paramwise_cfg=", ';');
    const group_rules *rules = one_x ? &group_rules_mmengine : &group_rules_mmcv;
    if (optimizer_build(cfg, paramwise, rules, m, mem, &o, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return o;
}

static void run_case(golden *g, bool one_x)
{
    arena *mem = arena_new();
    assert_non_null(mem);
    print_message("    %s\n", g->line);
    model *m = bare_model(mem);
    optimizer *o = build(mem, m, g->line, one_x);
    const value *how = literal(mem, g->line, "clip_grad=", 0);
    double norm = 0;
    int groups = 0;
    bool moved = false;
    while (next_line(g) && strcmp(g->word, "end") != 0) {
        if (strcmp(g->word, "group") == 0) {
            check_group(o, groups++, g->line);
            continue;
        }
        for (int t = 0; t < STEPS && !moved; t++) {
            fill_gradients(m, t);
            double clipped = value_is_none(how) ? 0 : clip(o, how);
            norm = t ? norm : clipped;
            optimizer_step(o, 1);
        }
        moved = true;
        if (strcmp(g->word, "norm") == 0)
            near("norm", norm, strtod(g->line, NULL));
        else
            check_after(m, g->line);
    }
    assert_int_equal(groups, o->n_groups);
    assert_true(moved);
    for (int i = 0; i < PARAMS; i++) {
        float start[256];
        const param *p = m->params.at[i];
        fill(p->name, start, p->count);
        if (!p->requires_grad)
            assert_memory_equal(start, p->data, (size_t)p->count * sizeof *start);
    }
    arena_free(mem);
}

static void run_file(const char *path, bool one_x, int cases)
{
    cseg_error err;
    golden g = {.mem = arena_new()};
    size_t n;
    int seen = 0;
    if (file_read(path, 0, g.mem, &g.rest, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    for (; next_line(&g); seen++)
        run_case(&g, one_x);
    assert_int_equal(seen, cases);
    arena_free(g.mem);
}

static void mmengine_moves_weights_so(void **state)
{
    (void)state;
    run_file(TEST_DATA "/engine/optim_1x.txt", true, 25);
}

static void mmcv_moves_weights_so(void **state)
{
    (void)state;
    run_file(TEST_DATA "/engine/optim_0x.txt", false, 21);
}

/* Gradients summed over two batches and halved, as accumulation does, are those of the mean. */
static void scale_divides_gradients(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const char *text = "optimizer=dict(type='SGD', lr=0.25); paramwise_cfg=None; clip_grad=None";
    model *a = bare_model(mem), *b = bare_model(mem);
    optimizer *oa = build(mem, a, text, true), *ob = build(mem, b, text, true);
    fill_gradients(a, 0);
    fill_gradients(b, 0);
    for (size_t i = 0; i < b->flat_count; i++)
        b->grad[i] *= 2;
    optimizer_step(oa, 1);
    optimizer_step(ob, 0.5);
    assert_memory_equal(a->data, b->data, a->flat_count * sizeof(float));
    arena_free(mem);
}

/* Classes that derive from a norm and from a convolution count as these. */
static void derived_classes_count(void **state)
{
    (void)state;
    arena *mem = arena_new();
    model *m = bare_model(mem);
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        p->owner = strcmp(p->owner, "LayerNorm") == 0 ? "LayerNorm2d"
                   : strcmp(p->owner, "Conv2d") == 0  ? "ConvAWS2d"
                                                      : p->owner;
    }
    optimizer *o = build(mem, m,
                         "optimizer=dict(type='SGD', lr=1, weight_decay=1.); "
                         "paramwise_cfg=dict(norm_decay_mult=0.25, dwconv_decay_mult=0.5); clip_grad=None",
                         true);
    for (int64_t i = 0; i < o->n_entries; i++) {
        const char *name = o->entries[i].p->name;
        double want = strstr(name, "bn1") || strstr(name, "gn") || strstr(name, "norm") ? 0.25
                      : strstr(name, "dw")                                              ? 0.5
                                                                                        : 1;
        double got = o->groups[o->entries[i].group].weight_decay;
        if (got != want)
            fail_msg("%s: %g instead of %g", name, got, want);
    }
    arena_free(mem);
}

static void bad_optimizers_are_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"dict(type='SDG', lr=0.1)", "SGD"},
        {"dict(type='SGD', lr=0.1, momentun=0.9)", "momentum"},
        {"dict(lr=0.1)", "type"},
        {"dict(type='AdamW', lr=0.1, betas=(0.9, 0.99, 0.999))", "betas"},
        {"dict(type='SGD', lr=-1.0)", "lr"},
        {"dict(type='SGD', lr=0.1, paramwise_cfg=dict(norm_decay_mul=0.))", "norm_decay_mult"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        arena *mem = arena_new();
        cseg_error err = {0};
        value *cfg = NULL;
        optimizer *o;
        model *m = bare_model(mem);
        assert_int_equal(config_parse_literal(texts[i][0], "c.py", mem, &cfg, &err), CSEG_OK);
        assert_int_equal(optimizer_build(cfg, value_get(cfg, "paramwise_cfg"), &group_rules_mmcv, m, mem, &o, &err),
                         CSEG_CONFIG);
        if (!strstr(err.text, texts[i][1]))
            fail_msg("'%s' does not speak of %s", err.text, texts[i][1]);
        arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mmengine_moves_weights_so),  cmocka_unit_test(mmcv_moves_weights_so),
        cmocka_unit_test(scale_divides_gradients),    cmocka_unit_test(derived_classes_count),
        cmocka_unit_test(bad_optimizers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
