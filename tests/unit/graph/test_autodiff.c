/* Reverse mode: who gets a gradient, who costs nothing, what is summed. The values are checked in tests/ops. */
#include "graph_test.h"

static param shared, frozen, unused, bias;

static int setup(void **state)
{
    (void)state;
    shared = test_param("shared", 2, DIMS(3, 3));
    frozen = test_param("frozen", 2, DIMS(3, 3));
    frozen.requires_grad = false;
    unused = test_param("unused", 2, DIMS(3, 3));
    bias = test_param("bias", 2, DIMS(1, 3));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    param *all[] = {&shared, &frozen, &unused, &bias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        test_param_free(all[i]);
    return 0;
}

static tensor *input(graph *g)
{
    return graph_input(g, "x", DT_F32, 2, DIMS(2, 3));
}

static tensor *total(graph *g, tensor *y)
{
    return op_reduce_sum(g, y, 3, false);
}

static void backward(graph *g, tensor *loss)
{
    cseg_error err = {0};
    if (graph_backward(g, loss, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static tensor *gradient_of(const graph *g, const param *p)
{
    tensor *found = NULL;
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.at[i].grad_of == p) {
            assert_null(found);
            found = g->outputs.at[i].value;
        }
    return found;
}

static int count(const graph *g, op_kind op, bool grad)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == op && g->nodes.at[i]->is_grad == grad;
    return n;
}

static void test_used_twice_is_summed(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &shared);
    tensor *y = op_matmul(g, op_matmul(g, input(g), w, false, false), graph_param(g, &shared), false, false);
    backward(g, total(g, y));
    tensor *d = gradient_of(g, &shared);
    assert_non_null(d);
    assert_int_equal(d->from->op, OP_binary);
    assert_int_equal(d->from->attr.binary, BINARY_ADD);
    assert_true(op_same_shape(d, w));
    /* Two for the weight, one for the first product; none for the input. */
    assert_int_equal(count(g, OP_matmul, true), 3);
    graph_free(g);
}

static void test_diamond(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *h = op_matmul(g, input(g), graph_param(g, &shared), false, false);
    tensor *left = op_relu(g, h), *right = op_unary(g, h, (unary_attr){.kind = UNARY_SIGMOID});
    backward(g, total(g, op_add(g, op_mul(g, left, right), h)));
    /* Three ways lead back to h: one sum of three. Then one product, for the weight. */
    assert_int_equal(count(g, OP_sum, true), 1);
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->op == OP_sum)
            assert_int_equal(g->nodes.at[i]->n_in, 3);
    assert_int_equal(count(g, OP_unary_grad, true), 2);
    assert_int_equal(count(g, OP_matmul, true), 1);
    graph_free(g);
}

/* A sum as soon as there are four, so that memory does not hold them all. */
static void test_many_readers(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *h = op_matmul(g, input(g), graph_param(g, &shared), false, false), *y = NULL;
    for (int i = 0; i < 8; i++) {
        tensor *one = op_scale(g, h, (float)(i + 2), 0);
        y = y ? op_add(g, y, one) : one;
    }
    backward(g, total(g, y));
    assert_int_equal(count(g, OP_sum, true), 2);
    assert_int_equal(count(g, OP_binary, true), 1);
    graph_free(g);
}

/* A parameter's gradient that is a sum belongs to the backward pass, too. */
static void test_a_parameter_used_often(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &shared), *y = input(g);
    for (int i = 0; i < 3; i++)
        y = op_matmul(g, y, w, false, false);
    backward(g, total(g, y));
    assert_int_equal(gradient_of(g, &shared)->from->op, OP_sum);
    assert_true(gradient_of(g, &shared)->from->is_grad);
    graph_free(g);
}

static void test_frozen_and_unused_cost_nothing(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    graph_param(g, &unused);
    /* A frozen stage: no gradient flows into it or through it. */
    tensor *stage = op_relu(g, op_matmul(g, input(g), graph_param(g, &frozen), false, false));
    assert_false(stage->needs_grad);
    tensor *y = op_add(g, op_matmul(g, stage, graph_param(g, &shared), false, false), graph_param(g, &bias));
    backward(g, total(g, y));
    assert_non_null(gradient_of(g, &shared));
    assert_non_null(gradient_of(g, &bias));
    assert_null(gradient_of(g, &frozen));
    assert_null(gradient_of(g, &unused));
    assert_int_equal(count(g, OP_unary_grad, true), 0);
    assert_int_equal(count(g, OP_matmul, true), 1);
    graph_free(g);
}

static void test_through_a_frozen_weight(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *h = op_matmul(g, input(g), graph_param(g, &shared), false, false);
    backward(g, total(g, op_matmul(g, h, graph_param(g, &frozen), false, false)));
    assert_non_null(gradient_of(g, &shared));
    assert_null(gradient_of(g, &frozen));
    assert_int_equal(count(g, OP_matmul, true), 2);
    graph_free(g);
}

static void test_nothing_to_learn(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    backward(g, total(g, op_matmul(g, input(g), graph_param(g, &frozen), false, false)));
    assert_int_equal(g->outputs.n, 0);
    assert_int_equal(count(g, OP_matmul, true), 0);
    graph_free(g);
}

/* Only what leads to the loss counts: an accuracy beside it has no gradient. */
static void test_side_results(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *label = graph_input(g, "label", DT_I32, 1, DIMS(2));
    tensor *logits = op_matmul(g, input(g), graph_param(g, &shared), false, false);
    graph_add_output(g, "accuracy", op_accuracy(g, logits, label, 255));
    tensor *loss = op_cross_entropy(g, logits, label, NULL, NULL, (loss_attr){.ignore_index = 255, .scale = 1});
    assert_true(loss->needs_grad);
    assert_false(loss->from->out[1]->needs_grad);
    backward(g, loss);
    assert_int_equal(count(g, OP_cross_entropy_grad, true), 1);
    assert_non_null(gradient_of(g, &shared));
    graph_free(g);
}

/* What the slope does not need is not kept for the gradient. */
static void test_relu_keeps_its_output_alone(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    tensor *h = op_matmul(g, input(g), graph_param(g, &shared), false, false), *y = op_relu(g, h);
    backward(g, total(g, y));
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->op == OP_unary_grad) {
            assert_null(g->nodes.at[i]->in[0]);
            assert_ptr_equal(g->nodes.at[i]->in[1], y);
        }
    graph_free(g);
}

static void test_fused_nodes_come_too_late(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    param w = test_param("w", 4, DIMS(3, 2, 1, 1));
    op_attr a = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = UNARY_RELU + 1}};
    tensor *x = graph_input(g, "map", DT_F32, 4, DIMS(1, 2, 2, 2));
    node *n = graph_add_node(g, OP_conv2d, 2, (tensor *[]){x, graph_param(g, &w)}, 1, &a);
    cseg_error err;
    assert_int_equal(graph_backward(g, op_reduce_sum(g, n->out[0], 15, false), &err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "differentiate first"));
    graph_free(g);
    test_param_free(&w);
}

static void test_only_scalars(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    cseg_error err;
    assert_int_equal(graph_backward(g, op_relu(g, input(g)), &err), CSEG_SHAPE);
    assert_int_equal(graph_backward(g, NULL, &err), CSEG_SHAPE);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used_twice_is_summed),
        cmocka_unit_test(test_diamond),
        cmocka_unit_test(test_many_readers),
        cmocka_unit_test(test_a_parameter_used_often),
        cmocka_unit_test(test_frozen_and_unused_cost_nothing),
        cmocka_unit_test(test_through_a_frozen_weight),
        cmocka_unit_test(test_nothing_to_learn),
        cmocka_unit_test(test_side_results),
        cmocka_unit_test(test_relu_keeps_its_output_alone),
        cmocka_unit_test(test_fused_nodes_come_too_late),
        cmocka_unit_test(test_only_scalars),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
