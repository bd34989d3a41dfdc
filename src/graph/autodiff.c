/* Reverse-mode differentiation: gradients are nodes of the same graph. */
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

typedef struct backward {
    graph *g;
    tensor **grad; /* by tensor id, of the tensors that the forward pass made */
    size_t n;
} backward;

static void add_to(backward *b, const tensor *of, tensor *d)
{
    tensor **at = &b->grad[of->id];
    *at = *at ? op_add(b->g, *at, d) : d;
}

static void visit(backward *b, node *n)
{
    const op_def *def = op_define(n->op);
    tensor *dy = b->grad[n->out[0]->id];
    if (!dy || !n->out[0]->needs_grad)
        return;
    tensor **din = ARENA_ARRAY(b->g->mem, (size_t)n->n_in + 1, tensor *);
    if (!din) {
        graph_fail(b->g, CSEG_NO_MEMORY, "out of memory");
        return;
    }
    graph_push_scope(b->g, n->scope ? n->scope : "");
    def->grad(b->g, n, dy, din);
    graph_pop_scope(b->g);
    for (int i = 0; i < n->n_in; i++)
        if (din[i] && n->in[i]->needs_grad)
            add_to(b, n->in[i], din[i]);
}

cseg_status graph_backward(graph *g, tensor *loss, cseg_error *err)
{
    TRY(graph_status(g, err));
    if (!loss || loss->rank != 0)
        return fail(err, CSEG_SHAPE, "the loss to differentiate is not a scalar");
    backward b = {.g = g, .n = g->tensors.n, .grad = ARENA_ARRAY(g->mem, g->tensors.n, tensor *)};
    if (!b.grad)
        return fail_memory(err);
    size_t forward = g->nodes.n;
    b.grad[loss->id] = op_fill(g, 0, NULL, 1);
    for (size_t i = forward; i-- > 0 && g->error.code == CSEG_OK;)
        visit(&b, g->nodes.at[i]);
    for (size_t i = forward; i < g->nodes.n; i++)
        g->nodes.at[i]->is_grad = true;
    for (size_t i = 0; i < g->params.n; i++) {
        tensor *t = g->params.at[i];
        if (!t->needs_grad || (size_t)t->id >= b.n || !b.grad[t->id])
            continue;
        graph_output o = {.name = t->param->name, .value = b.grad[t->id], .grad_of = t->param};
        if (!vec_push(g->mem, &g->outputs, o))
            return fail_memory(err);
    }
    return graph_status(g, err);
}
