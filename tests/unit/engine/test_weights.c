/* Weights from files: names, prefixes, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/setup/weights.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static char said[4096];
static char folder[4096];

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg, (void)level;
    size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s\n", text);
}

static int setup(void **state)
{
    (void)state;
    log_set_sink(hear, NULL);
    snprintf(folder, sizeof folder, "%s/weights-XXXXXX", BUILD_DIR);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[4200];
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static void check(cseg_status status, const cseg_error *err)
{
    if (status != CSEG_OK)
        fail_msg("%s", err->text);
}

#define MODEL(more)                                                                                                    \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4" more \
    "),\n  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3))\n"

static model *build(arena *mem, const char *text)
{
    cseg_error err;
    value *cfg = NULL;
    model *m = NULL;
    check(config_parse_text(text, "test.py", mem, &cfg, &err), &err);
    check(model_build(value_get(cfg, "model"), NULL, &m, &err), &err);
    return m;
}

/* All entries of m that begin with `below`, called FRONT and the rest of the name; the values say which entry it is. */
static void write_file(const char *path, const model *m, const char *below, const char *front, const char *left_out)
{
    cseg_error err;
    arena *mem = arena_new();
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b), *states = pth_ordered_dict(&b);
    size_t n = strlen(below);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (strncmp(p->name, below, n) != 0 || strcmp(p->name, left_out) == 0)
            continue;
        char *name = arena_printf(mem, "%s%s", front, p->name + n);
        if (p->type == DT_I64) {
            int64_t *v = ARENA_ARRAY(mem, 1, int64_t);
            *v = (int64_t)i;
            pth_set(&b, states, name, pth_tensor_value(&b, PTH_I64, 0, NULL, v));
        } else {
            float *v = ARENA_ARRAY(mem, (size_t)p->count, float);
            for (int64_t k = 0; k < p->count; k++)
                v[k] = (float)i;
            pth_set(&b, states, name, pth_tensor_value(&b, PTH_F32, p->rank, p->dim, v));
        }
    }
    pth_set(&b, root, "state_dict", states);
    check(pth_write(path, &b, root, &err), &err);
    arena_free(mem);
}

/* Whether the entries that begin with `below`, and no others, have what write_file gave them. */
static void check_taken(const model *m, const char *below, const char *left_out)
{
    size_t n = strlen(below);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        bool taken = strncmp(p->name, below, n) == 0 && strcmp(p->name, left_out) != 0;
        double v = p->type == DT_I64 ? (double)*(int64_t *)p->data : (double)((float *)p->data)[p->count - 1];
        if (taken ? v != (double)i : v == (double)i && i > 1)
            fail_msg("%s is %g, entry %d", p->name, v, (int)i);
    }
}

typedef struct
try {
    const char *module, *front, *left_out, *into, *prefix, *revise;
}
try;

static cseg_status load(model *m, const try *t, weights_mode mode, cseg_error *err)
{
    arena *mem = arena_new();
    value *revise = NULL;
    pth *file = NULL;
    write_file("some.pth", m, t->module, t->front, t->left_out);
    said[0] = 0;
    if (t->revise)
        check(config_parse_literal(t->revise, "test.py", mem, &revise, err), err);
    check(pth_open("some.pth", mem, &file, err), err);
    cseg_status status = weights_load(m, file, t->into, t->prefix, revise, mode, err);
    arena_free(mem);
    return status;
}

static void names_are_read_as_the_reference_reads_them(void **state)
{
    (void)state;
    static const try tries[] = {
        {"", "", "", "", NULL, NULL},
        {"", "module.", "", "", NULL, NULL},
        {"", "net.", "", "", NULL, "[(r'^net\\.', '')]"},
        {"", "a.b.", "", "", NULL, "[('^a.', ''), ('b.', '')]"},
        {"backbone.", "", "", "backbone", NULL, NULL},
        {"backbone.", "encoder.", "", "backbone", "encoder", NULL},
        {"backbone.", "encoder.", "", "backbone", "encoder.", NULL},
        {"backbone.", "module.encoder.", "", "backbone", "encoder.", NULL},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        cseg_error err;
        arena *mem = arena_new();
        model *m = build(mem, MODEL(""));
        check(load(m, &tries[i], WEIGHTS_EXACT, &err), &err);
        check_taken(m, tries[i].module, "");
        assert_null(strstr(said, "not in"));
        model_free(m);
        arena_free(mem);
    }
}

static void what_is_missing_is_told(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    model *m = build(mem, MODEL(""));
    const char *gone = "decode_head.conv_seg.bias";
    try t = {"", "", gone, "", NULL, NULL};
    check(load(m, &t, WEIGHTS_FINETUNE, &err), &err);
    check_taken(m, "", gone);
    assert_non_null(strstr(said, gone));
    assert_int_equal(load(m, &t, WEIGHTS_EXACT, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, gone));
    /* A prefix is a whole name, not the beginning of one. */
    try part = {"backbone.", "encoder.", "", "backbone", "enc", NULL};
    assert_int_equal(load(m, &part, WEIGHTS_FINETUNE, &err), CSEG_SHAPE);
    model_free(m);
    arena_free(mem);
}

static void another_models_checkpoint_is_refused(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    pth *file = NULL;
    model *small = build(mem, MODEL("")),
          *large = build(mem, "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet',\n"
                              "  depth=18, base_channels=8, stem_channels=8),\n"
                              "  decode_head=dict(type='FCNHead', in_channels=64, channels=8,\n"
                              "  num_convs=1, num_classes=3))\n");
    write_file("large.pth", large, "", "", "");
    check(pth_open("large.pth", mem, &file, &err), &err);
    said[0] = 0;
    assert_int_equal(weights_load(small, file, "", NULL, NULL, WEIGHTS_EXACT, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "[8, 3, 7, 7] in the file, [4, 3, 7, 7] in the model"));
    check(weights_load(small, file, "", NULL, NULL, WEIGHTS_FINETUNE, &err), &err);
    assert_non_null(strstr(said, "another shape"));
    write_file("other.pth", large, "", "something.else.", "");
    check(pth_open("other.pth", mem, &file, &err), &err);
    assert_int_equal(weights_load(small, file, "", NULL, NULL, WEIGHTS_FINETUNE, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "none of its"));
    model_free(small);
    model_free(large);
    arena_free(mem);
}

static void patterns_beyond_us_are_refused(void **state)
{
    (void)state;
    static const char *const revise[] = {"[('^a+', '')]", "[(r'\\d', '')]", "[('(a|b)', '')]", "[('a$', '')]"};
    arena *mem = arena_new();
    model *m = build(mem, MODEL(""));
    for (size_t i = 0; i < sizeof revise / sizeof *revise; i++) {
        cseg_error err;
        try t = {"", "", "", "", NULL, revise[i]};
        assert_int_equal(load(m, &t, WEIGHTS_FINETUNE, &err), CSEG_UNSUPPORTED);
    }
    cseg_error err;
    try t = {"", "", "", "", NULL, "['a']"};
    assert_int_equal(load(m, &t, WEIGHTS_FINETUNE, &err), CSEG_CONFIG);
    model_free(m);
    arena_free(mem);
}

static void pretrained_parts_are_loaded(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    model *m = build(mem, MODEL(", init_cfg=dict(type='Pretrained', checkpoint='part.pth')"));
    write_file("part.pth", m, "backbone.", "", "");
    check(weights_load_pretrained(m, &err), &err);
    check_taken(m, "backbone.", "");
    model_free(m);
    m = build(mem, MODEL(", init_cfg=dict(type='Pretrained', checkpoint='gone.pth')"));
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "gone.pth"));
    assert_non_null(strstr(err.text, "backbone"));
    model_free(m);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_the_reference_reads_them),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(another_models_checkpoint_is_refused),
        cmocka_unit_test(patterns_beyond_us_are_refused),
        cmocka_unit_test(pretrained_parts_are_loaded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
