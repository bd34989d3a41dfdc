/* State that a run moves, detached tensors, and nodes with several results that have gradients. */
#include "../graph/graph_test.h"
#include "backend/backend.h"
#include "graph/passes/passes.h"

static param weight, state;

static int setup(void **arg)
{
    (void)arg;
    weight = test_param("weight", 2, DIMS(2, 3));
    state = test_param("state", 2, DIMS(2, 3));
    state.role = PARAM_BUFFER;
    return 0;
}

static int teardown(void **arg)
{
    (void)arg;
    test_param_free(&weight);
    test_param_free(&state);
    return 0;
}

static void set(param *p, float v)
{
    for (int64_t i = 0; i < p->count; i++)
        ((float *)p->data)[i] = v;
}

static float first(const param *p)
{
    return *(const float *)p->data;
}

static tensor *total(graph *g, tensor *y)
{
    return op_reduce_sum(g, y, 3, false);
}

static plan *planned(graph *g, tensor *loss, backend *b)
{
    cseg_error err = {0};
    plan *p = NULL;
    graph_add_output(g, "loss", loss);
    if (graph_optimize(g, PASS_ALL, &err) != CSEG_OK || graph_optimize_backward(g, loss, PASS_ALL, &err) != CSEG_OK ||
        plan_build(g, b, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return p;
}

static void run(plan *p)
{
    cseg_error err = {0};
    if (plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* loss = sum of weight * old state + weight * new state, where the state doubles: its move stands in front of readers
 * of what it was, one of which is in the backward pass. */
static void check_moves(backend *b)
{
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &weight), *old = graph_param(g, &state);
    op_assign(g, &state, op_scale(g, old, 2, 0));
    tensor *now = graph_param(g, &state);
    assert_ptr_not_equal(now, old);
    assert_false(now->needs_grad);
    plan *p = planned(g, total(g, op_add(g, op_mul(g, w, old), op_mul(g, w, now))), b);
    set(&weight, 1);
    set(&state, 3);
    for (float was = 3; was < 20; was *= 2) {
        run(p);
        assert_true(*(const float *)plan_output(p, "loss", NULL) == 6 * 3 * was);
        assert_true(weight.grad[0] == 3 * was);
        assert_true(first(&state) == 2 * was);
    }
    plan_free(p);
    graph_free(g);
}

static void test_moves_at_the_end_of_a_run(void **arg)
{
    (void)arg;
    backend *ref = backend_ref_new(), *cpu = backend_cpu_new(&(cpu_options){.threads = 2});
    assert_true(ref && cpu);
    check_moves(ref);
    check_moves(cpu);
    backend_free(ref);
    backend_free(cpu);
}

/* A module that is traced twice sees what it moved; the last value stays. */
static void test_moved_twice(void **arg)
{
    (void)arg;
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &weight);
    for (int i = 0; i < 2; i++)
        op_assign(g, &state, op_scale(g, graph_param(g, &state), 3, 1));
    plan *p = planned(g, total(g, op_mul(g, w, w)), b);
    set(&weight, 1);
    set(&state, 1);
    run(p);
    assert_true(first(&state) == 13);
    int moves = 0;
    for (size_t i = 0; i < plan_step_count(p); i++)
        moves += plan_step_at(p, i).node->op == OP_assign;
    assert_int_equal(moves, 1);
    assert_int_equal(plan_step_at(p, plan_step_count(p) - 1).node->op, OP_assign);
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

/* What the backward pass makes anew under with_cp is not moved once more, and reads the state as it was. */
static void test_checkpoint_does_not_move_twice(void **arg)
{
    (void)arg;
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &weight);
    int outer = graph_push_checkpoint(g, true);
    tensor *old = graph_param(g, &state);
    tensor *y = op_unary(g, op_mul(g, op_mul(g, w, old), old), (unary_attr){.kind = UNARY_SQUARE});
    op_assign(g, &state, op_add(g, old, op_scale(g, old, 1, 1)));
    graph_pop_checkpoint(g, outer);
    plan *p = planned(g, total(g, op_scale(g, y, 1, 0)), b);
    set(&weight, 1);
    set(&state, 2);
    run(p);
    assert_true(first(&state) == 5);
    assert_true(weight.grad[0] == 32); /* d (w s^2)^2 / dw = 2 w s^4 */
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

static void test_state_is_a_buffer_and_moves_in_training(void **arg)
{
    (void)arg;
    graph *g = graph_new(true);
    op_assign(g, &weight, graph_param(g, &weight));
    assert_graph_error(g, CSEG_SHAPE, "assign: moves buffers alone");
    graph_free(g);
    g = graph_new(true);
    op_assign(g, &state, graph_input(g, "x", DT_F32, 2, DIMS(3, 2)));
    assert_graph_error(g, CSEG_SHAPE, "state and value");
    graph_free(g);
    g = graph_new(false);
    op_assign(g, &state, graph_param(g, &state));
    assert_graph_error(g, CSEG_UNSUPPORTED, "state can be moved in training alone");
    graph_free(g);
}

static size_t count(const graph *g, op_kind op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == op;
    return n;
}

static void test_detach_ends_the_gradient(void **arg)
{
    (void)arg;
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    tensor *w = graph_param(g, &weight), *square = op_mul(g, w, w), *x = graph_input(g, "x", DT_F32, 2, DIMS(2, 3));
    assert_ptr_equal(op_detach(g, x), x); /* it has none */
    tensor *fixed = op_detach(g, square);
    assert_false(fixed->needs_grad);
    plan *p = planned(g, total(g, op_mul(g, w, fixed)), b);
    set(&weight, 3);
    run(p);
    assert_true(weight.grad[0] == 9);
    for (size_t i = 0; i < plan_step_count(p); i++) /* no step of its own: the same memory */
        if (plan_step_at(p, i).node->op == OP_detach)
            assert_false(plan_step_at(p, i).naive);
    assert_int_equal(count(g, OP_detach), 1);
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

/* One concatenation for a split; a part without a gradient gives zeros. */
static void test_gradients_of_several_results(void **arg)
{
    (void)arg;
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    tensor *part[3];
    op_split(g, graph_param(g, &weight), 1, 3, NULL, part);
    for (int i = 0; i < 3; i++)
        assert_true(part[i]->needs_grad);
    plan *p = planned(g, total(g, op_add(g, op_mul(g, part[0], part[0]), op_scale(g, part[2], 5, 0))), b);
    set(&weight, 2);
    run(p);
    const float expected[] = {4, 0, 5, 4, 0, 5};
    assert_memory_equal(weight.grad, expected, sizeof expected);
    assert_int_equal(count(g, OP_concat), 1);
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

static void test_parts_that_do_not_fit(void **arg)
{
    (void)arg;
    tensor *part[4];
    const char *const says[] = {"4 is not 3 equal parts", "part 1 of 4 does not fit", "leave 1 of axis 1",
                                "into 0 parts along axis 1", "along axis 2"};
    for (int i = 0; i < 5; i++) {
        graph *g = graph_new(true);
        tensor *x = graph_input(g, "x", DT_F32, 2, DIMS(2, 4));
        int64_t large[] = {2, 4}, small[] = {1, 2};
        op_split(g, x, i == 4 ? 2 : 1, i == 0 ? 3 : i == 3 ? 0 : 2, i == 1 ? large : i == 2 ? small : NULL, part);
        assert_graph_error(g, CSEG_SHAPE, says[i]);
        if (i != 3)
            assert_null(part[0]);
        graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves_at_the_end_of_a_run),
        cmocka_unit_test(test_moved_twice),
        cmocka_unit_test(test_checkpoint_does_not_move_twice),
        cmocka_unit_test(test_state_is_a_buffer_and_moves_in_training),
        cmocka_unit_test(test_detach_ends_the_gradient),
        cmocka_unit_test(test_gradients_of_several_results),
        cmocka_unit_test(test_parts_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
