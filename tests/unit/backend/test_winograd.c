/* Which convolutions go by Winograd, and how maps are cut into tiles. That the results are right is the op cases'
 * business (tests/ops). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/cpu/winograd.h"

#include <cmocka.h>

static backend *cpu;

typedef struct shape {
    int64_t map, from, to;
    int height, width, stride, dilation, groups;
    bool bias, bf16;
} shape;

/* Counts of the forward convolution, the gradient of its data and that of its weights that go by Winograd. */
static int count(shape s)
{
    int found = 0;
    graph *g = graph_new(true);
    assert_non_null(g);
    param x = {.name = "x", .rank = 4, .dim = {1, s.map, s.map, s.from}, .requires_grad = true};
    param w = {.name = "w", .rank = 4, .dim = {s.to, s.from / s.groups, s.height, s.width}, .requires_grad = true};
    param b = {.name = "b", .rank = 1, .dim = {s.to}, .requires_grad = true};
    conv_attr a = {.stride = {s.stride, s.stride},
                   .pad = {s.dilation * (s.height / 2), s.dilation * (s.width / 2)},
                   .dilation = {s.dilation, s.dilation},
                   .groups = s.groups};
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
    assert_int_equal(count((shape){64, 48, 48, 3, 3, 1, 1, 1, .bias = false}), 3);
    assert_int_equal(count((shape){64, 512, 512, 3, 3, 1, 4, 1, .bias = false}), 3);
    assert_int_equal(count((shape){32, 18, 36, 3, 3, 1, 1, 1, .bias = false}), 3);
    /* AMX multiplies bfloat16 faster than Winograd saves, AVX512-BF16 does not. */
    assert_int_equal(count((shape){64, 96, 96, 3, 3, 1, 1, 1, .bf16 = true}), backend_cpu_has_amx() ? 0 : 3);
    /* A gradient of the bias comes with that of the weights. */
    assert_int_equal(count((shape){64, 48, 48, 3, 3, 1, 1, 1, .bias = true}), 3);
    assert_int_equal(count((shape){64, 48, 48, 3, 3, 2, 1, 1, .bias = false}), 0);  /* stride */
    assert_int_equal(count((shape){64, 48, 48, 1, 1, 1, 1, 1, .bias = false}), 0);  /* 1x1 */
    assert_int_equal(count((shape){64, 48, 48, 3, 3, 1, 1, 2, .bias = false}), 0);  /* groups */
    assert_int_equal(count((shape){64, 8, 48, 3, 3, 1, 1, 1, .bias = false}), 0);   /* too few channels */
    assert_int_equal(count((shape){1, 512, 512, 3, 3, 1, 1, 1, .bias = false}), 0); /* one pixel a tile */
}

static void test_strips(void **state)
{
    (void)state;
    assert_int_equal(count((shape){128, 64, 64, 1, 3, 1, 1, 1, .bias = false}), 3);
    assert_int_equal(count((shape){128, 64, 64, 3, 1, 1, 1, 1, .bias = false}), 3);
    assert_int_equal(count((shape){64, 128, 128, 1, 3, 1, 16, 1, .bias = false}), 3);
    assert_int_equal(count((shape){64, 128, 128, 3, 1, 1, 2, 1, .bias = false}), 3);
    assert_int_equal(count((shape){128, 64, 64, 1, 3, 1, 1, 1, .bias = true}), 3);
    assert_int_equal(count((shape){64, 18, 36, 1, 3, 1, 1, 1, .bias = false}), 3);
    assert_int_equal(count((shape){256, 16, 16, 3, 1, 1, 1, 1, .bias = false}), 0); /* bound by the transforms */
    /* It saves half of the multiplications, no more than bfloat16 does. */
    assert_int_equal(count((shape){128, 64, 64, 1, 3, 1, 1, 1, .bf16 = true}), 0);
    assert_int_equal(count((shape){128, 64, 64, 1, 3, 2, 1, 1, .bias = false}), 0); /* stride */
    assert_int_equal(count((shape){128, 64, 64, 1, 3, 1, 1, 2, .bias = false}), 0); /* groups */
    assert_int_equal(count((shape){128, 64, 64, 1, 5, 1, 1, 1, .bias = false}), 0); /* taps */
    assert_int_equal(count((shape){256, 8, 16, 1, 3, 1, 1, 1, .bias = false}), 0);  /* too few channels */
    assert_int_equal(count((shape){2, 128, 128, 1, 3, 1, 1, 1, .bias = false}), 0); /* half a tile */
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
    assert_ptr_equal(few, simd_halved(b->simd));
    assert_ptr_equal(wino_simd(b, 36), few);
    for (const simd_table *const *each = simd_all(); *each; each++) {
        cpu_backend other = *b;
        other.simd = *each;
        assert_ptr_equal(wino_simd(&other, 18), simd_halved(*each));
        assert_ptr_equal(simd_halved(simd_halved(*each)), simd_halved(*each)); /* once at most */
    }
}

typedef struct tiling_case {
    int64_t h, w;
    int taps[2], pad[2], dilation[2];
} tiling_case;

static wino_geometry geometry(const tiling_case *c)
{
    int64_t x[4] = {2, c->h, c->w, 3}, y[4] = {2, 0, 0, 1}, w[4] = {1, 3, c->taps[0], c->taps[1]};
    conv_attr a = {
        .stride = {1, 1}, .pad = {c->pad[0], c->pad[1]}, .dilation = {c->dilation[0], c->dilation[1]}, .groups = 1};
    for (int i = 0; i < 2; i++)
        y[1 + i] = x[1 + i] + 2 * c->pad[i] - (c->taps[i] - 1) * c->dilation[i];
    return wino_geometry_of(x, y, w, &a, false);
}

/* Checks that the tile's output i, a pixel of y, reads the taps of x that it should. */
static void check_pixel(const tiling_case *c, const wino_geometry *g, const float *x, int64_t pixel, int i,
                        const void *const *from)
{
    int64_t image = pixel / (g->out[0] * g->out[1]), columns = g->tile[1] + c->taps[1] - 1;
    int64_t row = pixel / g->out[1] % g->out[0] - c->pad[0], col = pixel % g->out[1] - c->pad[1];
    for (int r = 0; r < c->taps[0]; r++)
        for (int s = 0; s < c->taps[1]; s++) {
            int64_t yy = row + r * c->dilation[0], xx = col + s * c->dilation[1];
            bool inside = yy >= 0 && yy < c->h && xx >= 0 && xx < c->w;
            const float *expected = inside ? x + ((image * c->h + yy) * c->w + xx) * 3 : g->zeros;
            assert_ptr_equal(from[columns * (i / g->tile[1] + r) + i % g->tile[1] + s], expected);
        }
}

/* Every pixel of the output is in one tile. */
static void check_tiles(const tiling_case *c)
{
    wino_geometry g = geometry(c);
    size_t in = (size_t)(2 * c->h * c->w * 3), out = (size_t)(2 * g.out[0] * g.out[1]);
    float *x = calloc(in, sizeof *x), *y = calloc(out, sizeof *y), zeros[3] = {0};
    assert_true(x && y);
    g.zeros = zeros;
    wino_place p = wino_place_of(&g, 0);
    for (int64_t t = 0; t < g.total; t++, wino_place_next(&g, &p)) {
        const void *from[WINOGRAD_IN], *to[WINOGRAD_OUT];
        wino_place same = wino_place_of(&g, t);
        assert_true(same.tile == p.tile && same.across == p.across && same.image == p.image);
        assert_true(same.first[0] == p.first[0] && same.first[1] == p.first[1]);
        wino_tile_input(&g, &p, x, sizeof *x, from);
        wino_tile_output(&g, &p, y, sizeof *y, to);
        for (int i = 0; i < g.tile[0] * g.tile[1]; i++) {
            if (!to[i])
                continue;
            int64_t at = (const float *)to[i] - y;
            y[at] += 1;
            check_pixel(c, &g, x, at, i, from);
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
    static const tiling_case cases[] = {
        {8, 8, {3, 3}, {1, 1}, {1, 1}},  {5, 9, {3, 3}, {1, 1}, {1, 1}},  {7, 6, {3, 3}, {0, 0}, {1, 1}},
        {6, 7, {3, 3}, {2, 2}, {1, 1}},  {9, 11, {3, 3}, {2, 2}, {2, 2}}, {3, 5, {3, 3}, {4, 4}, {4, 4}},
        {9, 14, {3, 3}, {1, 4}, {1, 3}}, {4, 13, {1, 3}, {0, 1}, {1, 1}}, {5, 11, {1, 3}, {0, 3}, {1, 3}},
        {13, 4, {3, 1}, {1, 0}, {1, 1}}, {5, 3, {3, 1}, {8, 0}, {8, 1}},  {4, 9, {1, 3}, {2, 5}, {7, 2}},
        {6, 6, {3, 1}, {0, 1}, {1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_tiles(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_strips),
                                       cmocka_unit_test(test_vectors), cmocka_unit_test(test_tiles)};
    cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    if (!cpu)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_free(cpu);
    return failed;
}
