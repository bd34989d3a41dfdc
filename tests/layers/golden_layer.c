#include "golden_layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/backends.h"
#include "base/file.h"
#include "base/random.h"
#include "base/str.h"
#include "graph/plan.h"
#include "model/init.h"
#include "model/params.h"

int64_t layer_int(const value *config, const char *key)
{
    int64_t n = 0;
    if (!value_integer(value_get(config, key), &n))
        fail_msg("the case has no int called %s", key);
    return n;
}

bool layer_bool(const value *config, const char *key)
{
    assert_non_null(value_get(config, key));
    return value_true(value_get(config, key));
}

ints layer_ints(model *m, const value *config, const char *key)
{
    const value *list = value_get(config, key);
    ints out = {.n = value_count(list)};
    out.at = ARENA_ARRAY(m->mem, out.n, int64_t);
    assert_true(out.n && out.at);
    for (size_t i = 0; i < out.n; i++)
        assert_true(value_integer(value_item(list, i), &out.at[i]));
    return out;
}

model *layer_model(void)
{
    arena *mem = arena_new();
    assert_non_null(mem);
    model *m = ARENA_NEW(mem, model);
    assert_non_null(m);
    m->mem = mem;
    m->backend = backend_host();
    m->root = ARENA_NEW(mem, module);
    assert_non_null(m->root);
    m->root->model = m;
    m->root->name = m->root->class_name = "";
    return m;
}

void layer_allocate(model *m)
{
    init_resolve(m);
    params_collect(m);
    params_allocate(m);
    if (model_failed(m))
        fail_msg("%s", m->error.text);
}

module *layer_kind(model *m, const kind *k, const char *text)
{
    value *cfg = NULL;
    module *made = module_new(m->root, "kind");
    assert_non_null(made);
    if (config_parse_literal(text, "test.py", m->mem, &cfg, &m->error) != CSEG_OK)
        fail_msg("%s", m->error.text);
    made->kind = k;
    made->class_name = k->name;
    made->cfg = cfg;
    made->config = module_state(made, k->fields->size);
    if (fields_parse(k->fields, k->name, cfg, NULL, m->mem, made->config, &m->error) == CSEG_OK)
        k->build(made);
    return model_failed(m) ? NULL : made;
}

static const char *text_of(arena *mem, const char *file)
{
    cseg_error err;
    char path[512], *text = NULL;
    size_t n;
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, file);
    if (file_read(path, 0, mem, &text, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return text;
}

void layer_shown(const char *page, const char *file)
{
    arena *mem = arena_new();
    if (!strstr(text_of(mem, page), text_of(mem, file)))
        fail_msg("%s does not show %s as it is", page, file);
    arena_free(mem);
}

/* As make_goldens.py fills: numbers that a name stands for. */
static void fill(const char *name, int rank, int64_t n, float *out)
{
    uint64_t h = str_fnv1a64(name, strlen(name));
    bool norm = str_ends(name, "weight") && rank == 1;
    for (int64_t i = 0; i < n; i++) {
        float u = (float)rng_named(h, (uint64_t)i);
        out[i] = norm || str_ends(name, "running_var") ? u + 0.5f : 2 * u - 1;
    }
}

static void fill_weights(model *m)
{
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->type == DT_F32)
            fill(p->name, p->rank, p->count, p->data);
    }
}

static int shape_of(const value *list, int64_t *dim)
{
    int rank = (int)value_count(list);
    for (int i = 0; i < rank; i++)
        assert_true(value_integer(value_item(list, (size_t)i), &dim[i]));
    return rank;
}

static void compare_state(const model *m, const value *want)
{
    assert_int_equal(value_count(want), m->params.n);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        const value_entry *e = &want->as.dict.entry[i];
        int64_t dim[TENSOR_MAX_RANK];
        assert_string_equal(p->name + strlen("layer."), e->key);
        assert_int_equal(p->rank, shape_of(e->item, dim));
        assert_memory_equal(p->dim, dim, (size_t)p->rank * sizeof *dim);
    }
}

/* Within 1e-5 of the largest, or of 1 (dy is of that size): gradients may cancel to nothing. */
static void compare(const char *what, const float *got, int64_t n, const value *want)
{
    double largest = 0, w;
    if (!want || (int64_t)value_count(want) != n)
        fail_msg("%s: %lld values instead of %zu", what, (long long)n, value_count(want));
    for (int64_t i = 0; i < n; i++) {
        assert_true(value_number(value_item(want, (size_t)i), &w));
        largest = fmax(largest, fabs(w));
    }
    for (int64_t i = 0; i < n; i++) {
        value_number(value_item(want, (size_t)i), &w);
        if (!(fabs(got[i] - w) <= 1e-5 * fmax(largest, 1)))
            fail_msg("%s: element %lld is %.8g instead of %.8g", what, (long long)i, (double)got[i], w);
    }
}

typedef struct run_state {
    model *m;
    graph *g;
    plan *p;
    param in[LAYER_INPUTS]; /* given as parameters, so that they get gradients */
    int n_in;
} run_state;

static tensor *input(run_state *r, int i, const value *shape)
{
    static const char *const names[LAYER_INPUTS] = {"in0", "in1", "in2"};
    param *p = &r->in[i];
    *p = (param){.name = names[i], .owner = "", .type = DT_F32, .count = 1, .requires_grad = true};
    p->rank = shape_of(shape, p->dim);
    for (int k = 0; k < p->rank; k++)
        p->count *= p->dim[k];
    p->data = ARENA_ARRAY(r->g->mem, (size_t)p->count, float);
    p->grad = ARENA_ARRAY(r->g->mem, (size_t)p->count, float);
    assert_true(p->data && p->grad);
    fill(p->name, p->rank, p->count, p->data);
    return graph_param(r->g, p);
}

static void add_loss(run_state *r, tensor *y)
{
    cseg_error err;
    float *dy = ARENA_ARRAY(r->g->mem, (size_t)tensor_count(y), float);
    assert_non_null(dy);
    fill("dy", y->rank, tensor_count(y), dy);
    tensor *weighted = op_mul(r->g, y, graph_const(r->g, DT_F32, y->rank, y->dim, dy));
    if (graph_backward(r->g, op_reduce_sum(r->g, weighted, (1u << y->rank) - 1, false), &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static void run(run_state *r, const value *c, layer_trace *trace, backend *b, bool train)
{
    cseg_error err;
    const value *shapes = value_get(c, "in");
    tensor *in[LAYER_INPUTS] = {NULL};
    r->g = graph_new(train);
    r->n_in = (int)value_count(shapes);
    assert_true(r->g && r->n_in <= LAYER_INPUTS);
    for (int i = 0; i < r->n_in; i++)
        in[i] = input(r, i, value_item(shapes, (size_t)i));
    tensor *y = trace(r->m->root->children.at[0], r->g, in, value_get(c, "config"));
    if (!y)
        fail_msg("%s", r->g->error.text);
    graph_add_output(r->g, "y", y);
    if (train)
        add_loss(r, y);
    fill_weights(r->m);
    if (plan_build(r->g, b, &r->p, &err) != CSEG_OK || plan_run(r->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static void end(run_state *r)
{
    plan_free(r->p);
    graph_free(r->g);
}

static void compare_result(const run_state *r, const char *mode, const value *want)
{
    const tensor *shape;
    const float *y = plan_output(r->p, "y", &shape);
    compare(mode, y, tensor_count(shape), want);
}

static void compare_training(const run_state *r, const value *c)
{
    compare_result(r, "train", value_get(c, "train"));
    for (int i = 0; i < r->n_in; i++)
        compare(r->in[i].name, r->in[i].grad, r->in[i].count, value_item(value_get(c, "dx"), (size_t)i));
    const value *grads = value_get(c, "grads"), *moved = value_get(c, "moved");
    size_t found = 0;
    for (size_t i = 0; i < r->m->params.n; i++) {
        const param *p = r->m->params.at[i];
        const char *name = p->name + strlen("layer.");
        const value *want = value_get(p->role == PARAM_TRAINED ? grads : moved, name);
        if (!want)
            continue;
        compare(name, p->role == PARAM_TRAINED ? p->grad : p->data, p->count, want);
        found++;
    }
    assert_int_equal(found, value_count(grads) + value_count(moved));
}

static void check_case(const value *c, layer_make *make, layer_trace *trace, backend *b)
{
    run_state r = {.m = layer_model()};
    if (!make(r.m->root, value_get(c, "config")))
        fail_msg("%s", r.m->error.text);
    layer_allocate(r.m);
    compare_state(r.m, value_get(c, "state"));
    run(&r, c, trace, b, false);
    compare_result(&r, "eval", value_get(c, "eval"));
    end(&r);
    run(&r, c, trace, b, true);
    compare_training(&r, c);
    end(&r);
    arena_free(r.m->mem);
}

void layer_check(const char *file, layer_make *make, layer_trace *trace)
{
    arena *mem = arena_new();
    cseg_error err;
    char path[512], *text = NULL;
    size_t size;
    value *cases = NULL;
    snprintf(path, sizeof path, "%s/model/layers/%s.json", TEST_DATA, file);
    assert_non_null(mem);
    if (file_read(path, 0, mem, &text, &size, &err) != CSEG_OK ||
        config_parse_literal(text, file, mem, &cases, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_true(value_count(cases) > 0);
    for (int i = 0; i < 2; i++) {
        backend *b = i ? backend_cpu_new(&(cpu_options){.threads = 2}) : backend_ref_new();
        assert_non_null(b);
        for (size_t k = 0; k < value_count(cases); k++)
            check_case(value_item(cases, k), make, trace, b);
        backend_free(b);
    }
    arena_free(mem);
}
