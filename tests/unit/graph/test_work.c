/* What nodes cost: counts that were worked out by hand. */
#include "graph/work.h"
#include "graph_test.h"

static const node *last(const graph *g, op_kind op)
{
    for (size_t i = g->nodes.n; i-- > 0;)
        if (g->nodes.at[i]->op == op)
            return g->nodes.at[i];
    return NULL;
}

/* 2 images of 8 x 6 pixels, 4 > 6 channels in 2 groups, 3 x 3, stride 2: 2 * 4 * 3 * 6 outputs of 2 * 9 products. */
static void test_convolutions(void **state)
{
    (void)state;
    graph *g = graph_new(true);
    param w = test_param("w", 4, DIMS(6, 2, 3, 3)), b = test_param("b", 1, DIMS(6)),
          first = test_param("first", 4, DIMS(4, 4, 1, 1));
    tensor *x = graph_input(g, "img", DT_F32, 4, DIMS(2, 8, 6, 4));
    conv_attr one = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    conv_attr a = {.stride = {2, 2}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 2};
    tensor *h = op_conv2d(g, x, graph_param(g, &first), NULL, one); /* so that x has a gradient */
    tensor *y = op_conv2d(g, h, graph_param(g, &w), graph_param(g, &b), a);
    tensor *loss = op_reduce_sum(g, y, 15, false);
    assert_int_equal(graph_backward(g, loss, NULL), CSEG_OK);
    double products = 2 * 4 * 3 * 6 * 2 * 9;
    assert_true(node_multiply_adds(last(g, OP_conv2d)) == products);
    assert_true(node_multiply_adds(last(g, OP_conv2d_grad_data)) == products);
    const node *dw = NULL;
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->op == OP_conv2d_grad_weight && g->nodes.at[i]->out[0]->dim[0] == 6)
            dw = g->nodes.at[i];
    assert_non_null(dw);
    assert_true(node_multiply_adds(dw) == products);
    assert_true(node_multiply_adds(last(g, OP_reduce_sum)) == 0);
    /* x 2*8*6*4, w 6*2*9, bias 6, y 2*4*3*6; four bytes each */
    assert_true(node_bytes(last(g, OP_conv2d)) == 4 * (384 + 108 + 6 + 144));
    graph_free(g);
    test_param_free(&w);
    test_param_free(&b);
    test_param_free(&first);
}

static void test_products_and_traffic(void **state)
{
    (void)state;
    graph *g = graph_new(false);
    tensor *a = graph_input(g, "a", DT_F32, 3, DIMS(2, 5, 7)), *b = graph_input(g, "b", DT_F32, 3, DIMS(2, 5, 3));
    op_matmul(g, a, b, true, false); /* [2, 7, 5] x [2, 5, 3] */
    assert_true(node_multiply_adds(last(g, OP_matmul)) == 2 * 7 * 3 * 5);
    assert_true(node_bytes(last(g, OP_matmul)) == 4 * (70 + 30 + 42));
    op_add(g, a, a); /* read once */
    assert_true(node_bytes(last(g, OP_binary)) == 4 * (70 + 70));
    op_slice(g, a, 1, 0, 2);
    assert_true(node_bytes(last(g, OP_slice)) == 4 * (28 + 28));
    assert_int_equal(graph_status(g, NULL), CSEG_OK);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_products_and_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
