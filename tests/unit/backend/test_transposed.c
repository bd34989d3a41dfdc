/* A transposed convolution in inference takes its norm and its activation into itself, and the results stay the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "backend/backends.h"
#include "base/error.h"
#include "base/random.h"
#include "graph/passes/passes.h"

#include <cmocka.h>

enum { H = 5, W = 6, IN = 8, OUT = 6, GROUPS = 2, PARAMS = 6, COUNT = 2 * H * 2 * W * OUT };

typedef struct up_net {
    graph *g;
    plan *p;
    param params[PARAMS];
    float data[PARAMS][IN * OUT / GROUPS * 9];
    int n;
} up_net;

static tensor *filled(up_net *t, int rank, const int64_t *dim, float scale, float shift)
{
    param *p = &t->params[t->n];
    *p = (param){.name = "p", .type = DT_F32, .rank = rank, .count = 1, .data = t->data[t->n]};
    for (int i = 0; i < rank; i++)
        p->count *= p->dim[i] = dim[i];
    rng r = rng_derive(3, (uint64_t)t->n, 0);
    for (int64_t i = 0; i < p->count; i++)
        t->data[t->n][i] = shift + scale * (float)rng_normal(&r);
    t->n++;
    return graph_param(t->g, p);
}

static tensor *of_channels(up_net *t, float scale, float shift)
{
    return filled(t, 1, (int64_t[]){OUT}, scale, shift);
}

static void up_open(up_net *t, backend *b, unsigned passes)
{
    cseg_error err = {0};
    *t = (up_net){.g = graph_new(false)};
    assert_non_null(t->g);
    conv_attr a = {.stride = {2, 2}, .pad = {1, 1}, .output_pad = {1, 1}, .dilation = {1, 1}, .groups = GROUPS};
    tensor *x = graph_input(t->g, "x", DT_F32, 4, (int64_t[]){1, H, W, IN});
    tensor *w = filled(t, 4, (int64_t[]){IN, OUT / GROUPS, 3, 3}, 0.3f, 0), *bias = of_channels(t, 0.3f, 0);
    tensor *gamma = of_channels(t, 0.2f, 1), *beta = of_channels(t, 0.2f, 0), *mean = of_channels(t, 0.1f, 0);
    tensor *y = op_conv_transpose2d(t->g, x, w, bias, a);
    y = op_batch_norm(t->g, y, gamma, beta, mean, of_channels(t, 0, 1.5f), 1e-5f);
    graph_add_output(t->g, "y", op_unary(t->g, y, (unary_attr){.kind = UNARY_LEAKY_RELU, .alpha = 0.1f}));
    cseg_status status = graph_optimize(t->g, passes, &err);
    if (status == CSEG_OK)
        status = plan_build(t->g, b, &t->p, &err);
    if (status != CSEG_OK)
        fail_msg("%s", err.text);
    float *in = plan_input(t->p, "x", NULL);
    rng r = rng_derive(4, 0, 0);
    for (int i = 0; i < H * W * IN; i++)
        in[i] = (float)rng_normal(&r);
    assert_int_equal(plan_run(t->p, &err), CSEG_OK);
}

static void up_close(up_net *t)
{
    plan_free(t->p);
    graph_free(t->g);
}

static void test_fused(void **state)
{
    (void)state;
    backend *ref = backend_ref_new(), *cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    assert_true(ref && cpu);
    backend *each[] = {ref, cpu};
    static up_net plain, fused;
    up_open(&plain, ref, 0);
    assert_int_equal(plain.g->nodes.n, 3);
    const float *want = plan_output(plain.p, "y", NULL);
    for (int i = 0; i < 2; i++) {
        up_open(&fused, each[i], PASS_ALL);
        assert_int_equal(fused.g->nodes.n, 2);
        assert_int_equal(fused.g->nodes.at[0]->op, OP_fold_batch_norm);
        assert_int_equal(fused.g->nodes.at[1]->op, OP_conv_transpose2d);
        const float *y = plan_output(fused.p, "y", NULL);
        for (int k = 0; k < COUNT; k++)
            if (fabsf(y[k] - want[k]) > 1e-5f)
                fail_msg("element %d is %g, not %g", k, (double)y[k], (double)want[k]);
        up_close(&fused);
    }
    up_close(&plain);
    backend_free(ref);
    backend_free(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
