/* conv2d [+ residual] [-> activation] becomes one node, and conv_transpose2d [-> activation]: the sum and the
 * activation happen while the output is in registers. A reshape in between (tokens of a map) moves behind them. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

static bool same_shape(const tensor *a, const tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

/* The tensor that t shows under another shape. */
static const tensor *unshaped(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_reshape);
    return n ? n->in[0] : t;
}

static node *plain_conv(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, unshaped(r, t), OP_conv2d);
    return n && !n->attr.conv.act && !n->attr.conv.has_residual ? n : NULL;
}

static tensor *shaped_as(graph *g, tensor *t, const tensor *like)
{
    return t && !same_shape(t, like) ? op_reshape(g, t, like->rank, like->dim) : t;
}

static node *fused(graph *g, node *conv, tensor *residual, const unary_attr *act, tensor *replaced)
{
    op_attr a = conv->attr;
    tensor *in[4] = {conv->in[0], conv->in[1], conv->n_in > 2 ? conv->in[2] : NULL,
                     residual         ? shaped_as(g, residual, conv->out[0])
                     : conv->n_in > 3 ? conv->in[3]
                                      : NULL};
    a.conv.has_residual = in[3] != NULL;
    if (act) {
        a.conv.act = (int)act->kind + 1;
        a.conv.act_alpha = act->alpha;
    }
    node *now = graph_add_node(g, conv->op, conv->op == OP_conv2d ? 4 : 3, in, 1, &a);
    if (now) {
        now->scope = conv->scope;
        rewrite_replace(g, replaced, shaped_as(g, now->out[0], replaced));
    }
    return now;
}

/* If two convolutions are added, the later one takes the sum. */
static node *candidate(const rewrite *r, node *add, tensor **other)
{
    node *a = plain_conv(r, add->in[0]), *b = plain_conv(r, add->in[1]);
    if (!same_shape(add->in[0], add->in[1]) || add->in[0] == add->in[1])
        return NULL;
    if (b && (!a || add->in[1]->id > add->in[0]->id)) {
        *other = add->in[0];
        return b;
    }
    *other = add->in[1];
    return a;
}

static bool fusable(unary_kind k)
{
    return k == UNARY_RELU || k == UNARY_RELU6 || k == UNARY_LEAKY_RELU || k == UNARY_SIGMOID || k == UNARY_TANH ||
           k == UNARY_GELU || k == UNARY_SILU || k == UNARY_HSWISH;
}

cseg_status pass_fuse_conv(graph *g, cseg_error *err)
{
    rewrite r;
    for (int step = 0; step < 2; step++) {
        if (!rewrite_count(&r, g))
            return fail_memory(err);
        size_t n = g->nodes.n;
        for (size_t i = 0; i < n; i++) {
            node *at = g->nodes.at[i], *conv, *now = at;
            tensor *other;
            if (step == 0 && at->op == OP_binary && at->attr.binary == BINARY_ADD && (conv = candidate(&r, at, &other)))
                now = fused(g, conv, other, NULL, at->out[0]);
            else if (step == 1 && at->op == OP_unary && fusable(at->attr.unary.kind) &&
                     (conv = rewrite_conv(&r, unshaped(&r, at->in[0]))) && !conv->attr.conv.act)
                now = fused(g, conv, NULL, &at->attr.unary, at->out[0]);
            if (!now)
                return graph_status(g, err);
        }
        if (!rewrite_sort(g))
            return fail_memory(err);
    }
    return CSEG_OK;
}
