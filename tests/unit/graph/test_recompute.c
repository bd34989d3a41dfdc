/* What the backward pass makes anew: which nodes get clones, where these stand, and what must have none. */
#include "graph/passes/passes.h"
#include "graph_test.h"

enum { CHANNELS = 8, CONVS = 4 };

typedef struct net {
    graph *g;
    param params[64];
    int n;
} net;

static tensor *weight(net *t, param_role role, int rank, const int64_t *dim)
{
    param *p = &t->params[t->n++];
    *p = test_param("p", rank, dim);
    p->role = role;
    return graph_param(t->g, p);
}

static tensor *conv(net *t, tensor *x)
{
    tensor *w = weight(t, PARAM_TRAINED, 4, DIMS(CHANNELS, x->dim[3], 3, 3));
    return op_conv2d(t->g, x, w, NULL, (conv_attr){.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1});
}

static tensor *norm(net *t, tensor *x)
{
    tensor *in[4];
    for (int i = 0; i < 4; i++)
        in[i] = weight(t, i < 2 ? PARAM_TRAINED : PARAM_BUFFER, 1, DIMS(CHANNELS));
    return op_batch_norm_train(t->g, x, in[0], in[1], in[2], in[3],
                               (norm_attr){.eps = 1e-5f, .momentum = 0.1f, .update = true});
}

static void net_open(net *t)
{
    *t = (net){.g = graph_new(true)};
    assert_non_null(t->g);
}

static void net_close(net *t)
{
    graph_free(t->g);
    for (int i = 0; i < t->n; i++)
        test_param_free(&t->params[i]);
}

static tensor *image(net *t)
{
    return graph_input(t->g, "img", DT_F32, 4, DIMS(1, 16, 16, 3));
}

static void differentiate(net *t, tensor *y, unsigned passes)
{
    cseg_error err = {0};
    tensor *loss = op_reduce_sum(t->g, op_mul(t->g, y, y), 15, false);
    graph_add_output(t->g, "loss", loss);
    if (graph_optimize(t->g, passes, &err) != CSEG_OK ||
        graph_optimize_backward(t->g, t->g->outputs.at[0].value, passes, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static int count(const net *t, op_kind op, bool backward)
{
    int n = 0;
    for (size_t i = 0; i < t->g->nodes.n; i++)
        n += t->g->nodes.at[i]->op == op && t->g->nodes.at[i]->is_grad == backward;
    return n;
}

/* Every tensor is made before it is read, and once. */
static void assert_order(const net *t)
{
    bool *made = ARENA_ARRAY(t->g->mem, t->g->tensors.n, bool);
    assert_non_null(made);
    for (size_t i = 0; i < t->g->nodes.n; i++) {
        const node *n = t->g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            assert_true(!n->in[k] || n->in[k]->role != TENSOR_TEMP || made[n->in[k]->id]);
        for (int k = 0; k < n->n_out; k++) {
            assert_false(made[n->out[k]->id]);
            made[n->out[k]->id] = true;
        }
    }
}

/* Whether the backward pass reads something that the forward pass made. */
static bool is_kept(const net *t, const tensor *x)
{
    for (size_t i = 0; i < t->g->nodes.n; i++)
        for (int k = 0; t->g->nodes.at[i]->is_grad && k < t->g->nodes.at[i]->n_in; k++)
            if (t->g->nodes.at[i]->in[k] == x)
                return true;
    return false;
}

static void test_norms_are_made_anew(void **state)
{
    (void)state;
    net t;
    net_open(&t);
    tensor *y = image(&t);
    for (int i = 0; i < CONVS; i++)
        y = op_relu(t.g, norm(&t, conv(&t, y)));
    differentiate(&t, y, PASS_ALL);
    assert_order(&t);
    /* Not the last: its map lives at the peak anyway. */
    assert_int_equal(count(&t, OP_batch_norm_apply, true), CONVS - 1);
    assert_int_equal(count(&t, OP_batch_norm_train, true), 0);
    assert_int_equal(count(&t, OP_conv2d, true), 0);
    for (size_t i = 0; i < t.g->nodes.n; i++) {
        const node *n = t.g->nodes.at[i];
        assert_int_equal(n->has_effect, n->op == OP_batch_norm_train);
        if (n->op == OP_batch_norm_apply)
            assert_true(n->in[3]->from->op == OP_batch_norm_train && n->in[3] == n->in[3]->from->out[1] &&
                        n->in[4] == n->in[3]->from->out[2] && n->attr.norm.act == UNARY_RELU + 1);
    }
    net_close(&t);
}

/* A clone stands right before its first reader: no node lies between that could do without. */
static void test_clones_come_late(void **state)
{
    (void)state;
    net t;
    net_open(&t);
    tensor *y = image(&t);
    for (int i = 0; i < CONVS; i++)
        y = op_relu(t.g, norm(&t, conv(&t, y)));
    differentiate(&t, y, PASS_ALL);
    for (size_t i = 0; i + 1 < t.g->nodes.n; i++) {
        const node *n = t.g->nodes.at[i], *next = t.g->nodes.at[i + 1];
        bool reads = false;
        for (int k = 0; k < next->n_in; k++)
            reads |= next->in[k] == n->out[0];
        if (n->op == OP_batch_norm_apply)
            assert_true(reads);
    }
    net_close(&t);
}

static void test_without_the_pass_all_is_kept(void **state)
{
    (void)state;
    net t;
    net_open(&t);
    int outer = graph_push_checkpoint(t.g, true);
    tensor *y = op_relu(t.g, norm(&t, conv(&t, image(&t))));
    graph_pop_checkpoint(t.g, outer);
    y = op_relu(t.g, norm(&t, conv(&t, y)));
    differentiate(&t, y, PASS_ALL & ~(unsigned)PASS_RECOMPUTE);
    assert_int_equal(count(&t, OP_batch_norm_apply, true), 0);
    assert_int_equal(count(&t, OP_conv2d, true), 0);
    net_close(&t);
}

/* Outputs live to the end, inputs and parameters have memory of their own. */
static void test_outputs_and_inputs_have_no_clones(void **state)
{
    (void)state;
    net t;
    net_open(&t);
    tensor *x = image(&t), *first = op_relu(t.g, norm(&t, conv(&t, x))), *y = first;
    for (int i = 0; i < CONVS; i++)
        y = op_relu(t.g, norm(&t, conv(&t, y)));
    graph_add_output(t.g, "seen", first);
    tensor *loss = op_reduce_sum(t.g, y, 15, false);
    graph_add_output(t.g, "loss", loss);
    cseg_error err;
    assert_int_equal(graph_optimize_backward(t.g, loss, PASS_RECOMPUTE, &err), CSEG_OK);
    assert_order(&t);
    assert_true(is_kept(&t, first));
    assert_true(is_kept(&t, x));
    assert_true(count(&t, OP_unary, true) > 0);
    net_close(&t);
}

/* Each of n clones of a dropout has the salt of one node of the forward pass, and that of no other. */
static void assert_masks_are_the_same(const net *t, int n)
{
    int clones = 0;
    for (size_t i = 0; i < t->g->nodes.n; i++) {
        const node *a = t->g->nodes.at[i];
        int same = 0;
        if (a->op != OP_dropout || !a->is_grad)
            continue;
        clones++;
        for (size_t k = 0; k < t->g->nodes.n; k++) {
            const node *b = t->g->nodes.at[k];
            same += b->op == OP_dropout && b != a && b->attr.dropout.salt == a->attr.dropout.salt;
        }
        assert_int_equal(same, 1);
    }
    assert_int_equal(clones, n);
}

/* with_cp: two blocks of two convolutions. Of a block's maps only the last is kept, which the next one begins with. */
static void test_blocks_are_computed_again(void **state)
{
    (void)state;
    net t;
    tensor *inner[2], *result[2];
    net_open(&t);
    tensor *y = op_relu(t.g, norm(&t, conv(&t, image(&t))));
    for (int i = 0; i < 2; i++) {
        int outer = graph_push_checkpoint(t.g, true);
        assert_int_equal(graph_push_checkpoint(t.g, true), i + 1); /* the outer one counts */
        graph_pop_checkpoint(t.g, i + 1);
        inner[i] = conv(&t, y);
        tensor *z = op_dropout(t.g, op_relu(t.g, norm(&t, inner[i])), 0.5f);
        y = result[i] = op_relu(t.g, op_add(t.g, norm(&t, conv(&t, z)), y));
        graph_pop_checkpoint(t.g, outer);
    }
    y = conv(&t, y);
    tensor *loss = op_reduce_sum(t.g, op_mul(t.g, y, y), 15, false);
    graph_add_output(t.g, "loss", loss);
    cseg_error err;
    assert_int_equal(graph_optimize_backward(t.g, loss, PASS_RECOMPUTE, &err), CSEG_OK);
    assert_order(&t);
    assert_int_equal(count(&t, OP_conv2d, true), 4);
    assert_int_equal(count(&t, OP_batch_norm_train, true), 0);
    for (int i = 0; i < 2; i++) {
        assert_false(is_kept(&t, inner[i]));
        assert_true(is_kept(&t, result[i]));
    }
    assert_masks_are_the_same(&t, 2);
    net_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms_are_made_anew),          cmocka_unit_test(test_clones_come_late),
        cmocka_unit_test(test_without_the_pass_all_is_kept), cmocka_unit_test(test_outputs_and_inputs_have_no_clones),
        cmocka_unit_test(test_blocks_are_computed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
