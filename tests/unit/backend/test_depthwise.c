/* Which depthwise convolutions own kernels run, and how their work is cut. That the results are right is the op cases'
 * business (tests/ops). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/cpu/depthwise.h"

#include <cmocka.h>

static backend *cpu;

typedef struct shape {
    int64_t map, from, to;
    int height, width, stride, dilation;
    bool bf16;
} shape;

enum { FORWARD = 1, GRAD_DATA = 2, GRAD_WEIGHT = 4, ALL = 7 };

/* Which of the forward convolution, the gradient of its data and that of its weights own kernels run. */
static int own(shape s, int groups)
{
    int found = 0;
    graph *g = graph_new(true);
    assert_non_null(g);
    param x = {.name = "x", .rank = 4, .dim = {1, s.map, s.map, s.from}, .requires_grad = true};
    param w = {.name = "w", .rank = 4, .dim = {s.to, s.from / groups, s.height, s.width}, .requires_grad = true};
    conv_attr a = {.stride = {s.stride, s.stride},
                   .pad = {s.dilation * (s.height / 2), s.dilation * (s.width / 2)},
                   .dilation = {s.dilation, s.dilation},
                   .groups = groups};
    tensor *y = op_conv2d(g, graph_param(g, &x), graph_param(g, &w), NULL, a);
    cseg_error err;
    assert_int_equal(graph_backward(g, op_reduce_sum(g, op_mul(g, y, y), 15, false), &err), CSEG_OK);
    for (size_t i = 0; i < g->nodes.n; i++) {
        node *n = g->nodes.at[i];
        int bit = n->op == OP_conv2d               ? FORWARD
                  : n->op == OP_conv2d_grad_data   ? GRAD_DATA
                  : n->op == OP_conv2d_grad_weight ? GRAD_WEIGHT
                                                   : 0;
        if (bit && s.bf16) /* as graph_bf16 stores maps */
            n->in[0]->type = DT_BF16;
        if (bit && depthwise_fits((cpu_backend *)cpu, n))
            found |= bit;
    }
    graph_free(g);
    return found;
}

static int chosen(shape s)
{
    return own(s, (int)s.from);
}

static void test_choice(void **state)
{
    (void)state;
    assert_int_equal(chosen((shape){64, 512, 512, 3, 3, 1, 12, .bf16 = false}), ALL);
    assert_int_equal(chosen((shape){64, 512, 512, 3, 3, 1, 36, .bf16 = true}), ALL);
    assert_int_equal(chosen((shape){64, 192, 192, 7, 7, 1, 1, .bf16 = false}), ALL);
    assert_int_equal(chosen((shape){64, 120, 120, 5, 5, 1, 1, .bf16 = true}), ALL);
    assert_int_equal(chosen((shape){64, 64, 64, 1, 11, 1, 1, .bf16 = false}), ALL);
    assert_int_equal(chosen((shape){64, 32, 192, 3, 3, 1, 1, .bf16 = false}), ALL);
    /* oneDNN is as fast forward with strides and on narrow maps, and with few taps. */
    assert_int_equal(chosen((shape){128, 72, 72, 5, 5, 2, 1, .bf16 = false}), GRAD_WEIGHT);
    assert_int_equal(chosen((shape){128, 72, 72, 5, 5, 2, 1, .bf16 = true}), GRAD_DATA | GRAD_WEIGHT);
    assert_int_equal(chosen((shape){16, 768, 768, 7, 7, 1, 1, .bf16 = false}), GRAD_DATA | GRAD_WEIGHT);
    assert_int_equal(chosen((shape){128, 144, 144, 3, 3, 1, 1, .bf16 = false}), GRAD_WEIGHT);
    assert_int_equal(chosen((shape){16, 768, 768, 3, 3, 1, 1, .bf16 = false}), 0);
    assert_int_equal(chosen((shape){128, 144, 144, 3, 3, 1, 1, .bf16 = true}), 0);
    /* Groups of several channels, and a single group, are not depthwise. */
    assert_int_equal(own((shape){64, 512, 512, 3, 3, 1, 12, .bf16 = false}, 32), 0);
    assert_int_equal(own((shape){64, 1, 6, 7, 7, 1, 1, .bf16 = false}, 1), 0);
}

static void dims(tensor *t, int64_t n, int64_t h, int64_t w, int64_t c)
{
    *t = (tensor){.type = DT_F32, .rank = 4, .dim = {n, h, w, c}};
}

/* Tasks cover every row of every image and every channel once. */
static void check_tasks(int64_t h, int64_t w, int64_t c, int dilation)
{
    arena *mem = arena_new();
    tensor x;
    depthwise d;
    dims(&x, 2, h, w, c);
    conv_attr a = {.stride = {1, 1}, .pad = {dilation, dilation}, .dilation = {dilation, dilation}, .groups = (int)c};
    assert_non_null(mem);
    assert_true(depthwise_init(&d, &a, &x, &x, (int64_t[]){c, 1, 3, 3}, false, 1, mem));
    uint8_t *seen = calloc((size_t)(2 * h * c), 1);
    assert_non_null(seen);
    for (int64_t i = 0; i < depthwise_task_count(&d); i++) {
        depthwise_task t = depthwise_task_at(&d, i);
        int64_t first = t.band * d.bands.each;
        assert_int_equal(t.outputs, t.channels);
        for (int64_t j = first; j < first + parts_size(&d.bands, t.band); j++)
            for (int64_t k = t.c0; k < t.c0 + t.channels; k++)
                seen[(t.image * h + d.order[j]) * c + k]++;
    }
    for (int64_t i = 0; i < 2 * h * c; i++)
        assert_int_equal(seen[i], 1);
    free(seen);
    arena_free(mem);
}

static void test_tasks(void **state)
{
    (void)state;
    check_tasks(64, 64, 512, 12);
    check_tasks(17, 33, 1000, 36);
    check_tasks(16, 16, 768, 1);
    check_tasks(200, 3, 5, 7);
}

/* Spans cover every column once, whatever the stride, and say which taps it sees. */
static void check_spans(int64_t w, int width, int stride, int pad, int dilation, bool transposed)
{
    arena *mem = arena_new();
    tensor x, y;
    depthwise d;
    int64_t out = (w + 2 * pad - dilation * (width - 1) - 1) / stride + 1;
    dims(&x, 1, 4, w, 8);
    dims(&y, 1, 4, out, 8);
    conv_attr a = {.stride = {1, stride}, .pad = {0, pad}, .dilation = {1, dilation}, .groups = 8};
    assert_non_null(mem);
    assert_true(depthwise_init(&d, &a, &x, &y, (int64_t[]){8, 1, 1, width}, transposed, 1, mem));
    int *seen = calloc((size_t)(d.to[1] * width), sizeof *seen), *covered = calloc((size_t)d.to[1], sizeof *covered);
    assert_true(seen && covered);
    for (const depthwise_span *s = d.spans; s < d.spans + d.n_spans; s++)
        for (int64_t i = 0; i < s->count; i++) {
            int64_t at = s->from + i * d.out_step;
            assert_in_range(at, 0, d.to[1] - 1);
            covered[at]++;
            for (int64_t t = 0; t < s->n_taps; t++) {
                int64_t source = s->taps[t].at + i * d.in_step - d.before, shift = s->taps[t].tap * dilation - pad;
                assert_int_equal(transposed ? source * stride + shift : at * stride + shift, transposed ? at : source);
                assert_in_range(source + d.before, 0, d.pixels - 1);
                seen[at * width + s->taps[t].tap] += source >= 0 && source < d.from[1];
            }
        }
    for (int64_t i = 0; i < d.to[1]; i++)
        assert_int_equal(covered[i], 1);
    int pairs = 0, expected = 0;
    for (int64_t i = 0; i < d.to[1] * width; i++)
        pairs += seen[i];
    for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < width; k++)
            expected += o * stride + k * dilation - pad >= 0 && o * stride + k * dilation - pad < w;
    assert_int_equal(pairs, expected);
    free(seen);
    free(covered);
    arena_free(mem);
}

static void test_spans(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        check_spans(64, 3, 1, 1, 1, transposed);
        check_spans(64, 3, 1, 36, 36, transposed);
        check_spans(64, 3, 1, 2, 2, transposed);
        check_spans(17, 5, 2, 2, 1, transposed);
        check_spans(16, 7, 1, 3, 1, transposed);
        check_spans(9, 21, 1, 10, 1, transposed);
        check_spans(20, 2, 5, 0, 1, transposed);
        check_spans(13, 3, 2, 3, 3, transposed);
        check_spans(5, 5, 1, 6, 1, transposed);
        check_spans(30, 7, 1, 1, 1, transposed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_tasks),
                                       cmocka_unit_test(test_spans)};
    cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    if (!cpu)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_free(cpu);
    return failed;
}
