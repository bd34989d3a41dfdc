/* Selects elements by their place in sorted order: elements of x or, with a mask, those where the mask is not 0. */
#include "graph/op.h"

static const char *rank_fits(graph *g, const node *n)
{
    const tensor *mask = op_in(n, 1);
    if (n->attr.rank.k < 0)
        return op_say(g, "%lld is no place", (long long)n->attr.rank.k);
    return !mask || op_same_shape(n->in[0], mask) ? NULL : op_mismatch(g, "values and mask", n->in[0], mask);
}

static const char *kth_infer(graph *g, node *n)
{
    op_out(n, 0, DT_F32, 0, NULL);
    return rank_fits(g, n);
}
const op_def op_def_kth_value = {.name = "kth_value", .infer = kth_infer, .required = 1, .types = "fu"};

static const char *largest_infer(graph *g, node *n)
{
    op_out(n, 0, DT_U8, n->in[0]->rank, n->in[0]->dim);
    return rank_fits(g, n);
}
const op_def op_def_largest = {.name = "largest", .infer = largest_infer, .required = 1, .types = "fu"};

tensor *op_kth_value(graph *g, tensor *x, tensor *mask, int64_t k, bool descending)
{
    op_attr a = {.rank = {.k = k, .descending = descending}};
    return op_node1(g, OP_kth_value, 2, (tensor *[]){x, mask}, &a);
}

tensor *op_largest(graph *g, tensor *x, tensor *mask, int64_t k)
{
    op_attr a = {.rank = {.k = k}};
    return op_node1(g, OP_largest, 2, (tensor *[]){x, mask}, &a);
}

static const char *jaccard_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *mask = n->in[2];
    op_out_like(n, 0, x);
    if (x->rank != 3 || !op_same_shape(x, n->in[1]))
        return op_mismatch(g, "errors and foreground", x, n->in[1]);
    return mask->rank == 2 && mask->dim[0] == x->dim[0] && mask->dim[1] == x->dim[1]
               ? NULL
               : op_mismatch(g, "errors and mask", x, mask);
}
const op_def op_def_jaccard_weight = {.name = "jaccard_weight", .infer = jaccard_infer, .required = 3, .types = "ffu"};

tensor *op_jaccard_weight(graph *g, tensor *x, tensor *foreground, tensor *mask)
{
    return op_node1(g, OP_jaccard_weight, 3, (tensor *[]){x, foreground, mask}, NULL);
}
