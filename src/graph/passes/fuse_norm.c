/* batch_norm_train [+ residual] [-> ReLU] becomes one node, forward and backward: one pass over memory instead of
 * three, and the sum's and the norm's own output are never kept. ReLU's mask is the sign of the output. So do group
 * norm and layer norm with the ReLU behind them. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

static node *plain_norm(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_batch_norm_train);
    return n && t == n->out[0] && n->n_in == 5 ? n : NULL;
}

/* group_norm or layer_norm that makes t; NULL: another op. */
static node *grouped_norm(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_group_norm);
    n = n ? n : rewrite_maker(r, t, OP_layer_norm);
    return n && t == n->out[0] ? n : NULL;
}

static node *fused(graph *g, node *norm, tensor *residual, node *relu)
{
    op_attr a = norm->attr;
    a.norm.act = UNARY_RELU + 1;
    tensor *in[6] = {0};
    for (int i = 0; i < norm->n_in; i++)
        in[i] = norm->in[i];
    in[5] = residual;
    node *now = graph_add_node(g, norm->op, residual ? 6 : norm->n_in, in, norm->n_out, &a);
    if (now) {
        now->scope = norm->scope;
        now->checkpoint = norm->checkpoint;
        now->has_effect = norm->has_effect;
        norm->has_effect = false;
        rewrite_replace(g, relu->out[0], now->out[0]);
    }
    return now;
}

/* If two norms are added, the later one takes the sum. */
static node *of_sum(const rewrite *r, const node *add, tensor **other)
{
    for (int i = 0; i < add->in[0]->rank; i++)
        if (add->in[0]->rank != add->in[1]->rank || add->in[0]->dim[i] != add->in[1]->dim[i])
            return NULL;
    node *a = plain_norm(r, add->in[0]), *b = plain_norm(r, add->in[1]);
    if (add->in[0] == add->in[1])
        return NULL;
    bool second = b && (!a || add->in[1]->id > add->in[0]->id);
    *other = add->in[second ? 0 : 1];
    return second ? b : a;
}

cseg_status pass_fuse_norm(graph *g, cseg_error *err)
{
    rewrite r;
    if (!rewrite_count(&r, g))
        return fail_memory(err);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        node *relu = g->nodes.at[i];
        if (relu->op != OP_unary || relu->attr.unary.kind != UNARY_RELU)
            continue;
        tensor *residual = NULL;
        node *norm = plain_norm(&r, relu->in[0]);
        norm = norm ? norm : grouped_norm(&r, relu->in[0]);
        node *add = norm ? NULL : rewrite_maker(&r, relu->in[0], OP_binary);
        if (add && add->attr.binary == BINARY_ADD)
            norm = of_sum(&r, add, &residual);
        if (norm && !fused(g, norm, residual, relu))
            return graph_status(g, err);
    }
    return CSEG_OK;
}
