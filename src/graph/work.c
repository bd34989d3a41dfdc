#include "graph/work.h"

/* y: the map that the convolution makes (or whose gradient comes in); w: dimensions [O, I / groups, kh, kw]. */
static double conv_products(const tensor *y, const int64_t *w)
{
    return (double)tensor_count(y) * (double)(w[1] * w[2] * w[3]);
}

double node_multiply_adds(const node *n)
{
    switch (n->op) {
    case OP_conv2d:
        return conv_products(n->out[0], n->in[1]->dim);
    case OP_conv2d_grad_data:
        return conv_products(n->in[0], n->in[1]->dim);
    case OP_conv2d_grad_weight:
        return conv_products(n->in[1], n->out[0]->dim);
    case OP_matmul: {
        const tensor *a = n->in[0];
        return (double)tensor_count(n->out[0]) * (double)a->dim[n->attr.axis.trans_a ? a->rank - 2 : a->rank - 1];
    }
    default:
        return 0.0;
    }
}

static bool seen_before(const node *n, int i)
{
    for (int k = 0; k < i; k++)
        if (n->in[k] == n->in[i])
            return true;
    return false;
}

double node_bytes(const node *n)
{
    double read = 0.0, written = 0.0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !seen_before(n, i))
            read += (double)tensor_bytes(n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        written += (double)tensor_bytes(n->out[i]);
    return (n->op == OP_slice ? written : read) + written; /* of a slice's input the rest stays untouched */
}
