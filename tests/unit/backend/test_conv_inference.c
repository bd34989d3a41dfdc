/* Convolutions with fixed weights by own kernels: which ones are chosen, that results are those of the definition for
 * every instruction set, and the same to the bit for any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/conv_pointwise.h"
#include "backend/cpu/winograd_strided.h"
#include "base/random.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

#include <cmocka.h>

typedef struct shape {
    int64_t images, height, width, from, to;
    int size, stride, pad;
    bool bias, residual, relu;
} shape;

typedef struct net {
    graph *g;
    param w, b;
    tensor *y;
    node *conv;
} net;

/* Whole eighths from -1 to 1, the same for the same place. */
static void fill(float *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((int)(rng_mix(seed * 1000003 + (uint64_t)i) % 17) - 8) / 8;
}

static net open_net(shape s)
{
    net n = {.g = graph_new(false)};
    assert_non_null(n.g);
    n.w = (param){.name = "w", .rank = 4, .dim = {s.to, s.from, s.size, s.size}};
    n.w.count = s.to * s.from * s.size * s.size;
    n.b = (param){.name = "b", .rank = 1, .dim = {s.to}, .count = s.to};
    n.w.data = malloc((size_t)n.w.count * sizeof(float));
    n.b.data = malloc((size_t)n.b.count * sizeof(float));
    assert_true(n.w.data && n.b.data);
    fill(n.w.data, n.w.count, 1);
    fill(n.b.data, n.b.count, 2);
    return n;
}

static void trace(net *n, shape s)
{
    conv_attr a = {.stride = {s.stride, s.stride}, .pad = {s.pad, s.pad}, .dilation = {1, 1}, .groups = 1};
    tensor *x = graph_input(n->g, "x", DT_F32, 4, (int64_t[]){s.images, s.height, s.width, s.from});
    n->y = op_conv2d(n->g, x, graph_param(n->g, &n->w), s.bias ? graph_param(n->g, &n->b) : NULL, a);
    if (s.residual)
        n->y = op_add(n->g, n->y, graph_input(n->g, "r", DT_F32, 4, n->y->dim));
    if (s.relu)
        n->y = op_relu(n->g, n->y);
    graph_add_output(n->g, "y", n->y);
    cseg_error err;
    assert_int_equal(graph_optimize(n->g, PASS_ALL, &err), CSEG_OK);
    for (size_t i = 0; i < n->g->nodes.n; i++)
        if (n->g->nodes.at[i]->op == OP_conv2d)
            n->conv = n->g->nodes.at[i];
    assert_non_null(n->conv);
}

static void close_net(net *n)
{
    graph_free(n->g);
    free(n->w.data);
    free(n->b.data);
}

static char chosen(shape s, bool fixed)
{
    net n = open_net(s);
    backend *b = backend_cpu_new(&(cpu_options){.threads = 1});
    assert_non_null(b);
    trace(&n, s);
    bool strided = wino_strided_fits((cpu_backend *)b, n.conv, fixed);
    bool pointwise = conv_pointwise_fits((cpu_backend *)b, n.conv, fixed);
    assert_false(strided && pointwise);
    backend_free(b);
    close_net(&n);
    return strided ? 's' : pointwise ? 'p' : '-';
}

static void test_choice(void **state)
{
    (void)state;
    assert_int_equal(chosen((shape){1, 128, 128, 48, 96, 3, 2, 1, .relu = true}, true), 's');
    assert_int_equal(chosen((shape){1, 128, 128, 18, 36, 3, 2, 1, .bias = true}, true), 's');
    assert_int_equal(chosen((shape){1, 128, 128, 256, 36, 3, 2, 1, .bias = true}, true), 's');
    assert_int_equal(chosen((shape){1, 128, 128, 48, 96, 3, 2, 1, .relu = true}, false), '-'); /* trained */
    assert_int_equal(chosen((shape){1, 128, 128, 48, 96, 3, 3, 1, .relu = true}, true), '-');  /* stride */
    assert_int_equal(chosen((shape){1, 128, 128, 48, 96, 3, 1, 1, .relu = true}, true), '-');  /* stride */
    assert_int_equal(chosen((shape){1, 256, 256, 3, 64, 3, 2, 1, .relu = true}, true), '-');   /* few channels */
    assert_int_equal(chosen((shape){1, 2, 2, 48, 96, 3, 2, 1, .relu = true}, true), '-');      /* one pixel */
    assert_int_equal(chosen((shape){1, 32, 32, 192, 384, 3, 2, 1, .relu = true}, true), '-');  /* many weights */
    assert_int_equal(chosen((shape){1, 128, 128, 48, 96, 1, 2, 0, .relu = true}, true), '-');  /* 1x1 */
    assert_int_equal(chosen((shape){1, 128, 128, 64, 256, 1, 1, 0, .residual = true}, true), 'p');
    assert_int_equal(chosen((shape){1, 128, 128, 48, 720, 1, 1, 0, .bias = true}, true), 'p');
    assert_int_equal(chosen((shape){1, 128, 128, 64, 256, 1, 1, 0, .bias = true}, true), '-'); /* no residual */
    assert_int_equal(chosen((shape){1, 128, 128, 64, 256, 1, 1, 0, .residual = true}, false), '-');
    assert_int_equal(chosen((shape){1, 64, 64, 64, 256, 1, 1, 0, .residual = true}, true), '-'); /* a small map */
    assert_int_equal(chosen((shape){1, 128, 128, 48, 719, 1, 1, 0, .bias = true}, true), '-');   /* part of a vector */
    assert_int_equal(chosen((shape){1, 128, 128, 64, 256, 1, 1, 1, .residual = true}, true), '-');
}

/* Returns the result, to be freed, and its length. */
static float *computed(shape s, backend *b, int64_t *count)
{
    cseg_error err;
    plan *p;
    net n = open_net(s);
    assert_non_null(b);
    trace(&n, s);
    assert_int_equal(graph_plan(n.g, b, &p, &err), CSEG_OK);
    fill(plan_input(p, "x", NULL), s.images * s.height * s.width * s.from, 3);
    *count = tensor_count(n.y);
    if (s.residual)
        fill(plan_input(p, "r", NULL), *count, 4);
    float *y = malloc((size_t)*count * sizeof *y);
    assert_non_null(y);
    /* The second run uses the weights' points that the first one made. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(plan_run(p, &err), CSEG_OK);
    memcpy(y, plan_output(p, "y", NULL), (size_t)*count * sizeof *y);
    plan_free(p);
    backend_free(b);
    close_net(&n);
    return y;
}

static void check(shape s)
{
    static const char *const isas[] = {"generic", "avx2", "avx512"};
    int64_t count, same;
    float *expected = computed(s, backend_ref_new(), &count);
    double scale = sqrt((double)s.from * s.size * s.size);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setenv("CSEG_ISA", isas[i], 1), 0); /* one that this machine lacks: the best that it has */
        float *one = computed(s, backend_cpu_new(&(cpu_options){.threads = 1, .deterministic = true}), &same);
        float *three = computed(s, backend_cpu_new(&(cpu_options){.threads = 3, .deterministic = true}), &same);
        assert_int_equal(count, same);
        assert_memory_equal(one, three, (size_t)count * sizeof *one);
        for (int64_t j = 0; j < count; j++)
            if (!(fabs((double)one[j] - (double)expected[j]) <= 4e-6 * scale))
                fail_msg("%s, %dx%d, %lld to %lld channels: element %lld is %.9g instead of %.9g", isas[i], s.size,
                         s.size, (long long)s.from, (long long)s.to, (long long)j, (double)one[j], (double)expected[j]);
        free(one);
        free(three);
    }
    assert_int_equal(unsetenv("CSEG_ISA"), 0);
    free(expected);
}

static void test_results(void **state)
{
    (void)state;
    check((shape){1, 32, 32, 18, 36, 3, 2, 1, true, false, true});
    check((shape){2, 31, 23, 20, 33, 3, 2, 1, true, true, true}); /* tiles that end beyond the map */
    check((shape){1, 33, 18, 48, 72, 3, 2, 0, false, false, false});
    check((shape){1, 30, 37, 16, 24, 3, 2, 2, true, true, false});
    check((shape){1, 24, 24, 150, 100, 3, 2, 1, true, false, true}); /* several chunks, several blocks */
    check((shape){1, 17, 40, 130, 17, 3, 2, 1, true, true, true});
    for (int64_t side = 9; side <= 16; side++) /* every rest of a tile, in both dimensions */
        check((shape){3, side, 25 - side, 64, 64, 3, 2, side % 3, side % 2, side % 4 < 2, true});
    check((shape){1, 107, 197, 5, 112, 1, 1, 0, true, true, true});
    check((shape){1, 103, 101, 7, 208, 1, 1, 0, true, false, false});
}

/* Weights that an input gives (DMHead) are read anew at each run, whatever kernel takes them. */
static void check_given_weights(int size, int groups)
{
    enum { SIDE = 12, CHANNELS = 32 };
    graph *g = graph_new(false);
    backend *b = backend_cpu_new(&(cpu_options){.threads = 1});
    assert_true(g && b);
    int64_t dim[] = {1, SIDE, SIDE, CHANNELS}, of_w[] = {CHANNELS, CHANNELS / groups, size, size};
    conv_attr a = {.stride = {1, 1}, .pad = {size / 2, size / 2}, .dilation = {1, 1}, .groups = groups};
    tensor *x = graph_input(g, "x", DT_F32, 4, dim), *w = op_relu(g, graph_input(g, "w", DT_F32, 4, of_w));
    tensor *y = op_conv2d(g, x, w, NULL, a);
    graph_add_output(g, "y", y);
    plan *p = NULL;
    cseg_error err;
    assert_int_equal(plan_build(g, b, &p, &err), CSEG_OK);
    float *image = plan_input(p, "x", NULL), *weights = plan_input(p, "w", NULL);
    for (int64_t i = 0; i < tensor_count(x); i++)
        image[i] = 1;
    for (int run = 1; run <= 3; run++) {
        for (int64_t i = 0; i < tensor_count(w); i++)
            weights[i] = (float)run;
        assert_int_equal(plan_run(p, &err), CSEG_OK);
        const float *out = plan_output(p, "y", NULL);
        int64_t middle = (SIDE / 2 * SIDE + SIDE / 2) * CHANNELS;
        assert_float_equal(out[middle], run * size * size * CHANNELS / groups, 1e-2);
    }
    plan_free(p);
    backend_free(b);
    graph_free(g);
}

static void test_given_weights(void **state)
{
    (void)state;
    check_given_weights(1, 1);
    check_given_weights(3, 1);
    check_given_weights(3, 32);
    check_given_weights(5, 32);
    check_given_weights(7, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_results),
                                       cmocka_unit_test(test_given_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
