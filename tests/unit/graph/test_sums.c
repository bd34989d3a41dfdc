/* fuse_sum: which additions become one node, and which must stay as they are. What it computes is checked in tests/ops
 * and tests/unit/backend. */
#include "graph/passes/passes.h"
#include "graph_test.h"

static graph *g;

static int setup(void **state)
{
    (void)state;
    g = graph_new(false);
    return g ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    graph_free(g);
    return 0;
}

static tensor *map(const char *name, int64_t size)
{
    return graph_input(g, name, DT_F32, 4, DIMS(2, size, size, 5));
}

static tensor *enlarged(const char *name)
{
    return op_resize_to(g, map(name, 4), 8, 8, false);
}

static void fuse(tensor *y, unsigned passes)
{
    cseg_error err = {0};
    graph_add_output(g, "y", y);
    if (graph_optimize(g, passes, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static int count(op_kind op)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == op;
    return n;
}

/* The graph's output is a sum of the inputs of these names, in this order; NULL at the end. */
static const node *assert_sum(bool relu, const char *const *names)
{
    const node *n = g->outputs.at[g->outputs.n - 1].value->from;
    assert_int_equal(n->op, OP_sum);
    assert_int_equal(n->attr.sum.relu, relu);
    int i = 0;
    for (; names[i]; i++) {
        assert_true(i < n->n_in);
        assert_string_equal(n->in[i]->name, names[i]);
    }
    assert_int_equal(n->n_in, i);
    return n;
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_maps_of_several_sizes(void **state)
{
    (void)state;
    resize_attr nearest = {.h = 8, .w = 8, .nearest = true};
    tensor *y = op_add(g, map("a", 8), enlarged("b"));
    fuse(op_relu(g, op_add(g, y, op_resize(g, map("c", 2), nearest))), PASS_FUSE_SUM);
    assert_int_equal(g->nodes.n, 1);
    const node *n = assert_sum(true, NAMES("a", "b", "c"));
    assert_int_equal(n->attr.sum.from[0].h, 0);
    assert_int_equal(n->attr.sum.from[1].h, 8);
    assert_false(n->attr.sum.from[1].nearest);
    assert_true(n->attr.sum.from[2].nearest);
}

static void test_order_is_kept(void **state)
{
    (void)state;
    /* d + ((a + b) + c) is the same as ((a + b) + c) + d. */
    tensor *inner = op_add(g, op_add(g, map("a", 8), map("b", 8)), map("c", 8));
    fuse(op_add(g, map("d", 8), inner), PASS_FUSE_SUM);
    assert_sum(false, NAMES("a", "b", "c", "d"));
}

static void test_a_tree_keeps_its_brackets(void **state)
{
    (void)state;
    tensor *left = op_add(g, map("a", 8), map("b", 8)), *right = op_add(g, map("c", 8), map("d", 8));
    fuse(op_add(g, left, right), PASS_FUSE_SUM);
    const node *n = g->outputs.at[0].value->from;
    assert_int_equal(n->op, OP_sum);
    assert_int_equal(n->n_in, 3);
    assert_int_equal(n->in[2]->from->op, OP_binary);
}

static void test_more_than_fit_one(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};
    tensor *y = map(names[0], 8);
    for (int i = 1; i < 11; i++)
        y = op_add(g, y, map(names[i], 8));
    fuse(y, PASS_FUSE_SUM);
    assert_int_equal(count(OP_binary), 0);
    assert_int_equal(count(OP_sum), 2);
    const node *n = g->outputs.at[0].value->from;
    assert_int_equal(n->n_in, SUM_MOST);
    assert_int_equal(n->in[0]->from->n_in, 4);
    assert_string_equal(n->in[0]->from->in[0]->name, "a");
}

static void test_two_plain_maps_stay(void **state)
{
    (void)state;
    fuse(op_add(g, map("a", 8), map("b", 8)), PASS_FUSE_SUM);
    assert_int_equal(count(OP_sum), 0);
}

static void test_two_plain_maps_with_relu(void **state)
{
    (void)state;
    fuse(op_relu(g, op_add(g, map("a", 8), map("b", 8))), PASS_FUSE_SUM);
    assert_sum(true, NAMES("a", "b"));
    assert_int_equal(g->nodes.n, 1);
}

static tensor *convolved(const char *name, param *w)
{
    *w = (param){.name = "w", .type = DT_F32, .rank = 4, .dim = {5, 5, 1, 1}, .count = 25};
    return op_conv2d(g, map(name, 8), graph_param(g, w), NULL,
                     (conv_attr){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1});
}

/* A convolution adds the other one of two itself, but of more maps, or of resized ones, it would make one too many. */
static void test_what_convolutions_add(void **state)
{
    (void)state;
    param w[3];
    tensor *two = op_relu(g, op_add(g, convolved("a", &w[0]), map("b", 8)));
    tensor *more = op_relu(g, op_add(g, convolved("c", &w[1]), enlarged("d")));
    graph_add_output(g, "two", two);
    fuse(more, PASS_FUSE_SUM | PASS_FUSE_CONV);
    assert_int_equal(count(OP_sum), 1);
    assert_int_equal(count(OP_unary), 0);
    const node *n = g->outputs.at[0].value->from;
    assert_int_equal(n->op, OP_conv2d);
    assert_true(n->attr.conv.has_residual && n->attr.conv.act);
    n = g->outputs.at[1].value->from;
    assert_int_equal(n->op, OP_sum);
    assert_int_equal(n->in[0]->from->op, OP_conv2d);
    assert_string_equal(n->in[1]->name, "d");
}

static void test_what_others_read_stays(void **state)
{
    (void)state;
    tensor *resized = enlarged("b"), *part = op_add(g, map("a", 8), resized), *all = op_add(g, part, map("c", 8));
    graph_add_output(g, "resized", resized);
    graph_add_output(g, "part", part);
    graph_add_output(g, "all", all);
    fuse(op_relu(g, all), PASS_FUSE_SUM);
    assert_int_equal(count(OP_resize), 1);
    assert_int_equal(count(OP_binary), 2);
    assert_int_equal(count(OP_unary), 1);
    assert_int_equal(count(OP_sum), 0);
}

/* A sum that two read is made once, and both read it. */
static void test_two_readers(void **state)
{
    (void)state;
    tensor *part = op_add(g, map("a", 8), enlarged("b"));
    graph_add_output(g, "other", op_scale(g, part, 2, 0));
    fuse(op_relu(g, op_add(g, part, enlarged("c"))), PASS_FUSE_SUM);
    assert_int_equal(count(OP_sum), 2);
    assert_ptr_equal(g->outputs.at[0].value->from->in[0], g->outputs.at[1].value->from->in[0]);
}

static void test_other_arithmetic_stays(void **state)
{
    (void)state;
    tensor *channel = graph_input(g, "channel", DT_F32, 4, DIMS(1, 1, 1, 5));
    tensor *y = op_add(g, op_sub(g, map("a", 8), enlarged("b")), channel);
    fuse(op_unary(g, y, (unary_attr){.kind = UNARY_SIGMOID}), PASS_FUSE_SUM);
    assert_int_equal(count(OP_sum), 0);
    assert_int_equal(count(OP_resize), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_maps_of_several_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_tree_keeps_its_brackets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_fit_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_plain_maps_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_plain_maps_with_relu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_convolutions_add, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_others_read_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_readers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_arithmetic_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
