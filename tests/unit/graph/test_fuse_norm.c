/* The pass that fuses ReLU into group and layer norm: when it does, in training and in inference, and when not. */
#include "graph_test.h"

#include "graph/passes/passes.h"

static size_t count(const graph *g, op_kind op, bool fused)
{
    size_t n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == op && (g->nodes.at[i]->attr.norm.act != 0) == fused;
    return n;
}

static size_t count_relus(const graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == OP_unary;
    return n;
}

static tensor *group_norm(graph *g, tensor *x)
{
    return op_group_norm(g, x, NULL, NULL, 2, 1e-5f);
}

static tensor *layer_norm(graph *g, tensor *x)
{
    return op_layer_norm(g, x, NULL, NULL, 1e-5f);
}

/* Traces relu(norm(x)), where `read_twice` says whether another node reads the norm too, and runs the pass. */
static graph *traced(tensor *(*norm)(graph *g, tensor *x), bool train, bool read_twice, unary_kind act)
{
    cseg_error err;
    graph *g = graph_new(train);
    assert_non_null(g);
    tensor *x = norm(g, graph_input(g, "x", DT_F32, 4, (int64_t[]){1, 3, 2, 4}));
    tensor *y = op_unary(g, x, (unary_attr){.kind = act});
    graph_add_output(g, "y", read_twice ? op_add(g, x, y) : y);
    if (graph_optimize(g, PASS_FUSE_NORM, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return g;
}

static void relu_becomes_part_of_the_norm(void **state)
{
    (void)state;
    for (int train = 0; train < 2; train++) {
        graph *g = traced(group_norm, train, false, UNARY_RELU);
        assert_int_equal(count(g, OP_group_norm, true), 1);
        assert_int_equal(count_relus(g), 0);
        graph_free(g);
        g = traced(layer_norm, train, false, UNARY_RELU);
        assert_int_equal(count(g, OP_layer_norm, true), 1);
        assert_int_equal(count_relus(g), 0);
        graph_free(g);
    }
}

static void what_others_read_or_is_no_relu_stays(void **state)
{
    (void)state;
    graph *g = traced(group_norm, true, true, UNARY_RELU);
    assert_int_equal(count(g, OP_group_norm, false), 1);
    assert_int_equal(count_relus(g), 1);
    graph_free(g);
    g = traced(group_norm, true, false, UNARY_SILU);
    assert_int_equal(count(g, OP_group_norm, false), 1);
    assert_int_equal(count_relus(g), 1);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relu_becomes_part_of_the_norm),
        cmocka_unit_test(what_others_read_or_is_no_relu_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
