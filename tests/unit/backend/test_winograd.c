/* Which convolutions go by Winograd, and how maps are cut into tiles. That the results are right is the op cases'
 * business (tests/ops). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/cpu/simd/tables.h"
#include "backend/cpu/winograd.h"

#include <cmocka.h>

static backend *cpu;

typedef struct shape {
    int64_t map, from, to;
    int size, stride, dilation, groups;
    bool bias, bf16;
} shape;

/* Counts of the forward convolution, the gradient of its data and that of its weights that go by Winograd. */
static int count(shape s)
{
    int found = 0;
    graph *g = graph_new(true);
    assert_non_null(g);
    param x = {.name = "x", .rank = 4, .dim = {1, s.map, s.map, s.from}, .requires_grad = true};
    param w = {.name = "w", .rank = 4, .dim = {s.to, s.from / s.groups, s.size, s.size}, .requires_grad = true};
    param b = {.name = "b", .rank = 1, .dim = {s.to}, .requires_grad = true};
    int pad = s.dilation * (s.size / 2);
    conv_attr a = {
        .stride = {s.stride, s.stride}, .pad = {pad, pad}, .dilation = {s.dilation, s.dilation}, .groups = s.groups};
    tensor *y = op_conv2d(g, graph_param(g, &x), graph_param(g, &w), s.bias ? graph_param(g, &b) : NULL, a);
    cseg_error err;
    assert_int_equal(graph_backward(g, op_reduce_sum(g, op_mul(g, y, y), 15, false), &err), CSEG_OK);
    for (size_t i = 0; i < g->nodes.n; i++) {
        op_kind op = g->nodes.at[i]->op;
        if (op != OP_conv2d && op != OP_conv2d_grad_data && op != OP_conv2d_grad_weight)
            continue;
        if (s.bf16) /* as graph_bf16 stores maps */
            g->nodes.at[i]->in[0]->type = DT_BF16;
        found += wino_fits((cpu_backend *)cpu, g->nodes.at[i], false);
    }
    graph_free(g);
    return found;
}

static void test_choice(void **state)
{
    (void)state;
    assert_int_equal(count((shape){64, 48, 48, 3, 1, 1, 1, .bias = false}), 3);
    assert_int_equal(count((shape){64, 512, 512, 3, 1, 4, 1, .bias = false}), 3);
    assert_int_equal(count((shape){32, 18, 36, 3, 1, 1, 1, .bias = false}), 3);
    /* AMX multiplies bfloat16 faster than Winograd saves, AVX512-BF16 does not. */
    assert_int_equal(count((shape){64, 96, 96, 3, 1, 1, 1, .bf16 = true}), backend_cpu_has_amx() ? 0 : 3);
    /* A gradient of the bias comes with that of the weights. */
    assert_int_equal(count((shape){64, 48, 48, 3, 1, 1, 1, .bias = true}), 2);
    assert_int_equal(count((shape){64, 48, 48, 3, 2, 1, 1, .bias = false}), 0);  /* stride */
    assert_int_equal(count((shape){64, 48, 48, 1, 1, 1, 1, .bias = false}), 0);  /* 1x1 */
    assert_int_equal(count((shape){64, 48, 48, 3, 1, 1, 2, .bias = false}), 0);  /* groups */
    assert_int_equal(count((shape){64, 8, 48, 3, 1, 1, 1, .bias = false}), 0);   /* too few channels */
    assert_int_equal(count((shape){1, 512, 512, 3, 1, 1, 1, .bias = false}), 0); /* one pixel a tile */
}

/* Vectors that 18 channels would fill by half may be shorter; those that 48 fill are not. */
static void test_vectors(void **state)
{
    (void)state;
    const cpu_backend *b = (cpu_backend *)cpu;
    assert_ptr_equal(wino_simd(b, 48), b->simd);
    assert_ptr_equal(wino_simd(b, 72), b->simd);
    assert_ptr_equal(wino_simd(b, 384), b->simd);
    const simd_table *few = wino_simd(b, 18);
    assert_true(few == b->simd || few == &simd_table_avx2);
    assert_ptr_equal(wino_simd(b, 36), few);
    cpu_backend plain = *b;
    plain.simd = &simd_table_generic;
    assert_ptr_equal(wino_simd(&plain, 18), &simd_table_generic);
}

static wino_geometry geometry(int64_t h, int64_t w, int pad, int dilation)
{
    int64_t x[4] = {2, h, w, 3}, y[4] = {2, h + 2 * pad - 2 * dilation, w + 2 * pad - 2 * dilation, 1};
    conv_attr a = {.stride = {1, 1}, .pad = {pad, pad}, .dilation = {dilation, dilation}, .groups = 1};
    return wino_geometry_of(x, y, &a, false);
}

/* Every pixel of the output is in one tile, and reads the 3x3 of the input that it should. */
static void check_tiles(int64_t h, int64_t w, int pad, int dilation)
{
    wino_geometry g = geometry(h, w, pad, dilation);
    size_t in = (size_t)(2 * h * w * 3), out = (size_t)(2 * g.out[0] * g.out[1]);
    float *x = calloc(in, sizeof *x), *y = calloc(out, sizeof *y), zeros[3] = {0};
    assert_true(x && y);
    g.zeros = zeros;
    for (int64_t t = 0; t < g.total; t++) {
        const void *from[WINOGRAD_IN], *to[WINOGRAD_OUT];
        wino_tile_input(&g, t, x, sizeof *x, from);
        wino_tile_output(&g, t, y, sizeof *y, to);
        for (int i = 0; i < WINOGRAD_OUT; i++) {
            if (!to[i])
                continue;
            int64_t at = (const float *)to[i] - y, image = at / (g.out[0] * g.out[1]);
            y[at] += 1;
            int64_t row = at / g.out[1] % g.out[0] - pad, col = at % g.out[1] - pad;
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++) {
                    int64_t yy = row + r * dilation, xx = col + s * dilation;
                    bool inside = yy >= 0 && yy < h && xx >= 0 && xx < w;
                    const float *expected = inside ? x + ((image * h + yy) * w + xx) * 3 : zeros;
                    assert_ptr_equal(from[6 * (i / 4 + r) + i % 4 + s], expected);
                }
        }
    }
    for (size_t i = 0; i < out; i++)
        assert_true(y[i] == 1);
    free(x);
    free(y);
}

static void test_tiles(void **state)
{
    (void)state;
    check_tiles(8, 8, 1, 1);
    check_tiles(5, 9, 1, 1);
    check_tiles(7, 6, 0, 1);
    check_tiles(6, 7, 2, 1);
    check_tiles(9, 11, 2, 2);
    check_tiles(3, 5, 4, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_tiles)};
    cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    if (!cpu)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_free(cpu);
    return failed;
}
