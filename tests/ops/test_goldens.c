/* Ops against PyTorch, losses and accuracy against MMSegmentation in both versions, with gradients; on each backend. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/error.h"
#include "base/file.h"
#include "golden.h"
#include "graph/plan.h"

#include <cmocka.h>

enum { INPUTS = 5 };

typedef struct run {
    const cJSON *golden;
    char name[64];
    graph *g;
    plan *p;
    param params[INPUTS];
    tensor *in[INPUTS];
    tensor *y;
} run;

static const cJSON *get(const cJSON *v, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(v, key);
}

static int shape_of(const cJSON *t, int64_t *dim)
{
    const cJSON *shape = get(t, "shape");
    int rank = cJSON_GetArraySize(shape);
    for (int i = 0; i < rank; i++)
        dim[i] = (int64_t)cJSON_GetArrayItem(shape, i)->valuedouble;
    return rank;
}

static int64_t read_floats(const cJSON *t, float *out)
{
    int64_t n = 0;
    const cJSON *v;
    cJSON_ArrayForEach(v, get(t, "data")) out[n++] = (float)v->valuedouble;
    return n;
}

static void make_input(run *r, int i)
{
    static const char *const names[INPUTS] = {"in0", "in1", "in2", "in3", "in4"};
    const cJSON *t = cJSON_GetArrayItem(get(r->golden, "in"), i);
    int64_t dim[TENSOR_MAX_RANK];
    if (!t || cJSON_IsNull(t))
        return;
    int rank = shape_of(t, dim);
    bool loss = strcmp(get(r->golden, "op")->valuestring, "loss") == 0;
    if (loss && i == 1) {
        r->in[i] = graph_input(r->g, names[i], DT_I32, rank, dim);
        return;
    }
    param *p = &r->params[i];
    bool buffer = golden_is_buffer(r->golden, i) || (loss && i > 0);
    *p = (param){.name = names[i],
                 .role = buffer ? PARAM_BUFFER : PARAM_TRAINED,
                 .type = DT_F32,
                 .rank = rank,
                 .count = 1,
                 .requires_grad = !buffer};
    for (int k = 0; k < rank; k++)
        p->count *= p->dim[k] = dim[k];
    p->data = mem_alloc((size_t)p->count * sizeof(float));
    p->grad = mem_alloc((size_t)p->count * sizeof(float));
    assert_true(p->data && p->grad);
    assert_int_equal(read_floats(t, p->data), p->count);
    r->in[i] = graph_param(r->g, p);
}

static void set_labels(run *r)
{
    int32_t *label = plan_input(r->p, "in1", NULL);
    const cJSON *v;
    if (label)
        cJSON_ArrayForEach(v, get(cJSON_GetArrayItem(get(r->golden, "in"), 1), "data")) *label++ =
            (int32_t)v->valuedouble;
}

/* Without dy (losses): y itself is differentiated. */
static tensor *scalar_of(run *r)
{
    float dy[4096];
    const cJSON *golden = get(r->golden, "dy");
    if (!golden || cJSON_IsNull(golden))
        return r->y;
    read_floats(golden, dy);
    tensor *seed = graph_const(r->g, DT_F32, r->y->rank, r->y->dim, dy);
    return op_reduce_sum(r->g, op_mul(r->g, r->y, seed), (1u << r->y->rank) - 1, false);
}

static void open_run(run *r, const cJSON *golden, backend *b)
{
    cseg_error err;
    *r = (run){.golden = golden, .g = graph_new(true)};
    snprintf(r->name, sizeof r->name, "%s", get(golden, "op")->valuestring);
    assert_non_null(r->g);
    for (int i = 0; i < INPUTS; i++)
        make_input(r, i);
    r->y = golden_trace(r->g, golden, r->in);
    graph_add_output(r->g, "y", r->y);
    if (graph_status(r->g, &err) != CSEG_OK || graph_backward(r->g, scalar_of(r), &err) != CSEG_OK ||
        plan_build(r->g, b, &r->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    set_labels(r);
    assert_int_equal(plan_run(r->p, &err), CSEG_OK);
}

static void close_run(run *r)
{
    plan_free(r->p);
    graph_free(r->g);
    for (int i = 0; i < INPUTS; i++) {
        mem_free(r->params[i].data);
        mem_free(r->params[i].grad);
    }
}

/* Both sides compute in float32 and sum in their own order. */
static void compare(const run *r, const char *what, const cJSON *golden, const float *got)
{
    float expected[4096];
    int64_t n = read_floats(golden, expected);
    double most = 0.01;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)expected[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)expected[i] - (double)got[i]) <= 4e-6 * most)) {
            char *attr = cJSON_PrintUnformatted(get(r->golden, "attr"));
            fail_msg("%s %s: %s at %lld is %.9g instead of %.9g", r->name, attr, what, (long long)i, (double)got[i],
                     (double)expected[i]);
        }
}

static void check_golden(const cJSON *golden, backend *b)
{
    run r;
    open_run(&r, golden, b);
    const cJSON *out = get(golden, "out"), *accuracy = get(get(golden, "attr"), "accuracy");
    compare(&r, "y", cJSON_GetArrayItem(out, 0), plan_output(r.p, "y", NULL));
    for (int i = 1; i < cJSON_GetArraySize(out); i++) /* running mean and variance */
        compare(&r, "a statistic", cJSON_GetArrayItem(out, i), r.params[2 + i].data);
    if (accuracy) {
        const float *percent = plan_output(r.p, "accuracy", NULL);
        if (fabs((double)*percent - accuracy->valuedouble) > 1e-5 * accuracy->valuedouble)
            fail_msg("accuracy is %g instead of %g", (double)*percent, accuracy->valuedouble);
    }
    for (int i = 0; i < INPUTS; i++) {
        const cJSON *dx = cJSON_GetArrayItem(get(golden, "dx"), i);
        if (dx && !cJSON_IsNull(dx) && r.params[i].requires_grad)
            compare(&r, "a gradient", dx, r.params[i].grad);
    }
    close_run(&r);
}

static void check_file(const char *file, int at_least)
{
    arena *mem = arena_new();
    cseg_error err;
    char *text, path[512];
    size_t size;
    snprintf(path, sizeof path, "%s/graph/%s", TEST_DATA, file);
    assert_non_null(mem);
    if (file_read(path, 0, mem, &text, &size, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    cJSON *all = cJSON_ParseWithLength(text, size);
    assert_true(cJSON_GetArraySize(all) >= at_least);
    for (int i = 0; i < 2; i++) {
        backend *b = i ? backend_cpu_new(&(cpu_options){.threads = 2}) : backend_ref_new();
        const cJSON *golden;
        assert_non_null(b);
        cJSON_ArrayForEach(golden, all) check_golden(golden, b);
        backend_free(b);
    }
    cJSON_Delete(all);
    arena_free(mem);
}

static void test_torch(void **state)
{
    (void)state;
    check_file("torch.json", 100);
}

static void test_losses_1x(void **state)
{
    (void)state;
    check_file("losses_1x.json", 60);
}

static void test_losses_0x(void **state)
{
    (void)state;
    check_file("losses_0x.json", 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch),
        cmocka_unit_test(test_losses_1x),
        cmocka_unit_test(test_losses_0x),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
