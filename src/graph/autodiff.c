/* Reverse-mode differentiation: gradients are nodes of the same graph. */
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

/* Parts of a tensor's gradient from its readers, which are summed in one pass over memory. Not more than these wait for
 * that, since all of them are in memory until then. */
enum { SHARES_MOST = 4 };
typedef struct shares {
    tensor *at[SHARES_MOST];
    int n;
} shares;

typedef struct backward {
    graph *g;
    shares *grad; /* by tensor id, for the tensors of the forward pass */
    size_t n;
} backward;

/* Returns the gradient of a tensor, or NULL. The first call sums its parts. */
static tensor *gradient(backward *b, const tensor *of)
{
    shares *s = &b->grad[of->id];
    if (s->n == 2)
        s->at[0] = op_add(b->g, s->at[0], s->at[1]);
    else if (s->n > 2)
        s->at[0] = op_sum(b->g, s->at, s->n, &(sum_attr){.relu = false});
    s->n = s->n && s->at[0];
    return s->n ? s->at[0] : NULL;
}

static void add_to(backward *b, const tensor *of, tensor *d)
{
    shares *s = &b->grad[of->id];
    if (s->n == SHARES_MOST)
        gradient(b, of);
    s->at[s->n++] = d;
}

/* Returns whether readers gave any output of the node a gradient. */
static bool has_gradient(const backward *b, const node *n)
{
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k]->needs_grad && b->grad[n->out[k]->id].n)
            return true;
    return false;
}

static void visit(backward *b, node *n)
{
    if (!has_gradient(b, n))
        return;
    tensor **dy = ARENA_ARRAY(b->g->mem, (size_t)n->n_out, tensor *),
           **din = ARENA_ARRAY(b->g->mem, (size_t)n->n_in + 1, tensor *);
    if (!dy || !din) {
        graph_fail(b->g, CSEG_NO_MEMORY, "out of memory");
        return;
    }
    graph_push_scope(b->g, n->scope ? n->scope : "");
    for (int k = 0; k < n->n_out; k++)
        dy[k] = n->out[k]->needs_grad ? gradient(b, n->out[k]) : NULL;
    if (b->g->error.code == CSEG_OK)
        op_define(n->op)->grad(b->g, n, dy, din);
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
    backward b = {.g = g, .n = g->tensors.n, .grad = ARENA_ARRAY(g->mem, g->tensors.n, shares)};
    if (!b.grad)
        return fail_memory(err);
    size_t forward = g->nodes.n;
    add_to(&b, loss, op_fill(g, 0, NULL, 1));
    for (size_t i = forward; i-- > 0 && g->error.code == CSEG_OK;)
        visit(&b, g->nodes.at[i]);
    for (size_t i = 0; i < g->params.n; i++) {
        tensor *t = g->params.at[i];
        tensor *d = t->needs_grad && (size_t)t->id < b.n ? gradient(&b, t) : NULL;
        if (!d)
            continue;
        graph_output o = {.name = t->param->name, .value = d, .grad_of = t->param};
        if (!vec_push(g->mem, &g->outputs, o))
            return fail_memory(err);
    }
    for (size_t i = forward; i < g->nodes.n; i++)
        g->nodes.at[i]->is_grad = true;
    return graph_status(g, err);
}
