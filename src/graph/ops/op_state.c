/* Ends gradients (detach), and updates state in a training step (assign). */
#include "graph/op.h"

static const char *detach_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, n->in[0]->type, n->in[0]->rank, n->in[0]->dim);
    return NULL;
}
const op_def op_def_detach = {
    .name = "detach", .infer = detach_infer, .required = 1, .types = "*", .cheap = true, .same_memory = true};

tensor *op_detach(graph *g, tensor *x)
{
    if (!op_given(g, "detach", x) || !x->needs_grad)
        return x;
    return op_node1(g, OP_detach, 1, &x, NULL);
}

/* state, value: no outputs */
static const char *assign_infer(graph *g, node *n)
{
    const tensor *state = n->in[0], *value = n->in[1];
    n->has_effect = true;
    if (state->role != TENSOR_PARAM || state->param->role != PARAM_BUFFER)
        return "moves buffers alone";
    return op_same_shape(state, value) ? NULL : op_mismatch(g, "state and value", state, value);
}
const op_def op_def_assign = {.name = "assign", .infer = assign_infer, .required = 2, .types = "f", .ends_run = true};

/* Of several assignments to one state in a run, only the last one is kept. */
static void drop_earlier(graph *g, const tensor *state)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->op == OP_assign && g->nodes.at[i]->in[0] == state)
            g->nodes.at[i]->has_effect = false;
}

static tensor *leaf_of(graph *g, param *p)
{
    tensor *t = graph_param(g, p);
    for (size_t i = 0; t && i < g->params.n; i++)
        if (g->params.at[i]->param == p)
            return g->params.at[i];
    return NULL;
}

void op_assign(graph *g, param *p, tensor *value)
{
    if (!op_given(g, "assign", value))
        return;
    if (!g->train) {
        graph_fail(g, CSEG_UNSUPPORTED, "assign: %s can be moved in training alone", p ? p->name : "a parameter");
        return;
    }
    tensor *state = leaf_of(g, p), *now = op_detach(g, value);
    if (!state || !now)
        return;
    drop_earlier(g, state);
    if (graph_add_node(g, OP_assign, 2, (tensor *[]){state, now}, 0, NULL))
        state->now = now;
}
