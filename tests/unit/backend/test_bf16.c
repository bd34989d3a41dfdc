/* Mixed precision: rounding, which maps are bfloat16, and what it saves. That kernels compute the same in it is tested
 * case by case in tests/ops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/cpu/simd/simd.h"
#include "base/error.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

#include <cmocka.h>

enum { ALL_BF16 = 1 << 16, SIDE = 32, CHANNELS = 16 };

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void check_widen(const simd_table *v)
{
    static uint16_t x[ALL_BF16];
    static float y[ALL_BF16];
    for (int i = 0; i < ALL_BF16; i++)
        x[i] = (uint16_t)i;
    v->widen(x, y, ALL_BF16);
    for (int i = 0; i < ALL_BF16; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        if (bits != (uint32_t)i << 16)
            fail_msg("%s: 0x%04x is widened to 0x%08x", v->name, (unsigned)i, (unsigned)bits);
    }
}

/* Each bfloat16 and what lies between it and the next one: below the middle, at it, above it. */
static void check_narrow(const simd_table *v)
{
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    enum { LOWS = sizeof low / sizeof *low };
    static float x[ALL_BF16 * LOWS];
    static uint16_t y[ALL_BF16 * LOWS];
    for (int i = 0; i < ALL_BF16 * LOWS; i++)
        x[i] = float_of((uint32_t)(i / LOWS) << 16 | low[i % LOWS]);
    v->narrow(x, y, ALL_BF16 * LOWS);
    for (int i = 0; i < ALL_BF16 * LOWS; i++) {
        unsigned high = (unsigned)i / LOWS, cut = low[i % LOWS];
        unsigned want = high + (cut > 0x8000 || (cut == 0x8000 && high % 2));
        bool right = isnan(x[i]) ? (y[i] & 0x7f80) == 0x7f80 && (y[i] & 0x7f) && (y[i] ^ high) < 0x8000 : y[i] == want;
        if (!right)
            fail_msg("%s: %a is narrowed to 0x%04x", v->name, (double)x[i], (unsigned)y[i]);
    }
}

static void rounding_on_every_instruction_set(void **state)
{
    (void)state;
    for (const simd_table *const *v = simd_all(); *v; v++) {
        check_widen(*v);
        check_narrow(*v);
    }
}

/* ---- which maps ----------------------------------------------------------------------------------------------- */

/* As the CPU's: convolutions want bfloat16, norms and ReLU take either, softmax and losses float32 alone. */
static port some_port(const backend *b, const node *n, bool is_output, int k)
{
    (void)b;
    switch (n->op) {
    case OP_conv2d:
        return is_output ? PORT_EITHER : k == 0 ? PORT_BF16 : PORT_F32;
    case OP_conv2d_grad_data:
        return k == 0 ? PORT_BF16 : PORT_F32;
    case OP_conv2d_grad_weight:
        return is_output ? PORT_F32 : PORT_BF16;
    case OP_unary:
    case OP_unary_grad:
    case OP_binary:
    case OP_resize:
    case OP_resize_grad:
    case OP_reshape:
    case OP_cast:
        return PORT_EITHER;
    default:
        return PORT_F32;
    }
}
static backend mixed = {.name = "mixed", .port_of = some_port};

typedef struct net {
    graph *g;
    param w[8];
    float *values;
    int n;
} net;

static tensor *conv(net *t, tensor *x, int64_t out)
{
    param *p = &t->w[t->n++];
    int64_t in = x->dim[3];
    *p = (param){.name = "w",
                 .type = DT_F32,
                 .rank = 4,
                 .dim = {out, in, 3, 3},
                 .count = out * in * 9,
                 .requires_grad = true,
                 .data = t->values,
                 .grad = t->values + 9 * CHANNELS * CHANNELS};
    return op_conv2d(t->g, x, graph_param(t->g, p), NULL,
                     (conv_attr){.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1});
}

static net net_new(bool train)
{
    net t = {.g = graph_new(train), .values = calloc(2 * 9 * CHANNELS * CHANNELS, sizeof(float))};
    assert_true(t.g && t.values);
    return t;
}

static void net_free(net *t)
{
    graph_free(t->g);
    free(t->values);
}

static tensor *image(net *t)
{
    return graph_input(t->g, "img", DT_F32, 4, (int64_t[]){1, SIDE, SIDE, 3});
}

static int count_casts(const graph *g, const tensor *of)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == OP_cast && (!of || g->nodes.at[i]->in[0] == of);
    return n;
}

static void mix(net *t)
{
    cseg_error err;
    if (graph_bf16(t->g, &mixed, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static void maps_are_bf16_and_logits_are_not(void **state)
{
    (void)state;
    net t = net_new(true);
    cseg_error err;
    tensor *label = graph_input(t.g, "label", DT_I32, 3, (int64_t[]){1, 2 * SIDE, 2 * SIDE});
    tensor *x = image(&t), *a = conv(&t, x, CHANNELS), *b = op_relu(t.g, a), *small = conv(&t, b, 4);
    tensor *logits = op_resize_to(t.g, small, 2 * SIDE, 2 * SIDE, false);
    tensor *loss = op_cross_entropy(t.g, logits, label, NULL, NULL, (loss_attr){.ignore_index = 255, .scale = 1});
    graph_add_output(t.g, "loss", loss);
    assert_int_equal(graph_backward(t.g, loss, &err), CSEG_OK);
    mix(&t);
    assert_int_equal(a->type, DT_BF16);
    assert_int_equal(b->type, DT_BF16);
    assert_int_equal(small->type, DT_F32); /* only resized into what the loss reads */
    assert_int_equal(logits->type, DT_F32);
    assert_int_equal(x->type, DT_F32);
    for (size_t i = 0; i < t.g->nodes.n; i++) {
        const node *n = t.g->nodes.at[i];
        if (n->op == OP_conv2d || n->op == OP_conv2d_grad_data)
            assert_true(n->in[0]->type == DT_BF16 && n->in[1]->type == DT_F32);
        if (n->op == OP_conv2d_grad_weight)
            assert_true(n->in[0]->type == DT_BF16 && n->in[1]->type == DT_BF16 && n->out[0]->type == DT_F32);
    }
    /* Read by the convolution and by its weight's gradient. The logits' gradient comes out of its resizing as bfloat16.
     */
    assert_int_equal(count_casts(t.g, x), 1);
    assert_int_equal(count_casts(t.g, NULL), 1);
    mix(&t); /* once is enough */
    assert_int_equal(count_casts(t.g, NULL), 1);
    net_free(&t);
}

/* What an op without bfloat16 reads stays float32, and is cast once for all who want the other type. */
static void a_tensor_is_cast_once(void **state)
{
    (void)state;
    net t = net_new(false);
    tensor *a = op_relu(t.g, conv(&t, image(&t), CHANNELS)), *b = conv(&t, a, 8), *c = conv(&t, a, 8);
    graph_add_output(t.g, "y", op_softmax(t.g, a));
    graph_add_output(t.g, "b", b);
    graph_add_output(t.g, "c", c);
    mix(&t);
    assert_int_equal(a->type, DT_F32);
    assert_int_equal(count_casts(t.g, a), 1);
    assert_ptr_equal(b->from->in[0], c->from->in[0]);
    assert_int_equal(b->from->in[0]->type, DT_BF16);
    assert_true(b->type == DT_F32 && c->type == DT_F32); /* outputs of the graph */
    net_free(&t);
}

/* A kernel that makes bfloat16 alone, and somebody who wants float32: the map is cast behind the kernel, and who takes
 * bfloat16 reads what the kernel made. */
static void what_only_bf16_can_make_is_cast(void **state)
{
    (void)state;
    net t = net_new(true);
    cseg_error err;
    tensor *a = conv(&t, image(&t), CHANNELS), *s = op_softmax(t.g, a), *y = conv(&t, s, 4);
    tensor *loss = op_reduce_sum(t.g, y, 15, false);
    graph_add_output(t.g, "loss", loss);
    assert_int_equal(graph_backward(t.g, loss, &err), CSEG_OK);
    mix(&t);
    int found = 0;
    for (size_t i = 0; i < t.g->nodes.n; i++) {
        const node *n = t.g->nodes.at[i];
        if (n->op != OP_softmax_grad)
            continue;
        const tensor *dy = n->in[1];
        assert_true(dy->type == DT_F32 && dy->from->op == OP_cast && dy->from->in[0]->type == DT_BF16);
        assert_int_equal(dy->from->in[0]->from->op, OP_conv2d_grad_data);
        found++;
    }
    assert_int_equal(found, 1);
    net_free(&t);
}

/* Names of the same memory have one type: the reshaped map that softmax reads keeps the map itself in float32. */
static void reshapes_share_a_type(void **state)
{
    (void)state;
    net t = net_new(false);
    tensor *a = op_relu(t.g, conv(&t, image(&t), CHANNELS));
    tensor *rows = op_reshape(t.g, a, 3, (int64_t[]){1, SIDE * SIDE, CHANNELS});
    graph_add_output(t.g, "y", op_softmax(t.g, rows));
    graph_add_output(t.g, "b", conv(&t, a, 8));
    mix(&t);
    assert_true(a->type == DT_F32 && rows->type == DT_F32);
    net_free(&t);
}

static void float32_backends_refuse_mixed_graphs(void **state)
{
    (void)state;
    net t = net_new(false);
    cseg_error err;
    plan *p = NULL;
    backend *ref = backend_ref_new();
    graph_add_output(t.g, "y", conv(&t, op_relu(t.g, conv(&t, image(&t), CHANNELS)), 4));
    mix(&t);
    assert_int_equal(plan_build(t.g, ref, &p, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "bfloat16"));
    net_free(&t);
    backend_free(ref);
}

/* A plan leaves its graph as it is, so whoever builds must have asked for the types. */
static void bf16_backends_refuse_other_graphs(void **state)
{
    (void)state;
    net t = net_new(false);
    cseg_error err;
    plan *p = NULL;
    graph_add_output(t.g, "y", conv(&t, op_relu(t.g, conv(&t, image(&t), CHANNELS)), 4));
    assert_int_equal(plan_build(t.g, &mixed, &p, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "graph_bf16"));
    assert_null(p);
    net_free(&t);
}

/* ---- what it saves -------------------------------------------------------------------------------------------- */

static size_t bytes_of_net(bool bf16)
{
    net t = net_new(false);
    cseg_error err;
    plan *p = NULL;
    backend *b = backend_cpu_new(&(cpu_options){.threads = 1, .bf16 = bf16});
    assert_non_null(b);
    tensor *x = graph_input(t.g, "img", DT_F32, 4, (int64_t[]){1, 8 * SIDE, 8 * SIDE, 1});
    for (int i = 0; i < 5; i++)
        x = op_relu(t.g, conv(&t, x, CHANNELS));
    graph_add_output(t.g, "y", conv(&t, x, 1));
    if (graph_plan(t.g, b, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    size_t bytes = plan_bytes(p);
    plan_free(p);
    net_free(&t);
    backend_free(b);
    return bytes;
}

static void maps_take_half_the_memory(void **state)
{
    (void)state;
    if (!backend_cpu_has_bf16())
        skip();
    size_t half = bytes_of_net(true), whole = bytes_of_net(false);
    if (!((double)half < 0.6 * (double)whole))
        fail_msg("%zu bytes in bf16, %zu in float32", half, whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_on_every_instruction_set),
        cmocka_unit_test(maps_are_bf16_and_logits_are_not),
        cmocka_unit_test(a_tensor_is_cast_once),
        cmocka_unit_test(what_only_bf16_can_make_is_cast),
        cmocka_unit_test(reshapes_share_a_type),
        cmocka_unit_test(float32_backends_refuse_mixed_graphs),
        cmocka_unit_test(bf16_backends_refuse_other_graphs),
        cmocka_unit_test(maps_take_half_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
