/* Folds batch norm: conv2d or conv_transpose2d -> batch_norm with fixed statistics becomes the convolution with scaled
 * weights and a bias. The scaling depends only on parameters, so a plan runs it once. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

static bool fold(graph *g, node *norm, node *conv)
{
    tensor *in[7] = {conv->in[1], conv->n_in > 2 ? conv->in[2] : NULL, norm->in[1], norm->in[2], norm->in[3],
                     norm->in[4]};
    op_attr a = norm->attr;
    a.norm.groups = conv->op == OP_conv_transpose2d ? conv->attr.conv.groups : 0;
    node *folded = graph_add_node(g, OP_fold_batch_norm, 6, in, 2, &a);
    if (!folded)
        return false;
    tensor *operands[3] = {conv->in[0], folded->out[0], folded->out[1]};
    node *now = graph_add_node(g, conv->op, 3, operands, 1, &conv->attr);
    if (!now)
        return false;
    now->scope = folded->scope = conv->scope;
    rewrite_replace(g, norm->out[0], now->out[0]);
    return true;
}

cseg_status pass_fold_norm(graph *g, cseg_error *err)
{
    rewrite r;
    if (!rewrite_count(&r, g))
        return fail_memory(err);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++) {
        node *norm = g->nodes.at[i];
        node *conv = norm->op == OP_batch_norm ? rewrite_conv(&r, norm->in[0]) : NULL;
        if (conv && !conv->attr.conv.act && !conv->attr.conv.has_residual && !fold(g, norm, conv))
            return graph_status(g, err);
    }
    return CSEG_OK;
}
