/* conv2d, its gradients, and the folding of a batch norm into its weights. */
#include "graph/op.h"

static int64_t extent(int64_t in, const conv_attr *a, int i, int64_t kernel)
{
    return (in + 2 * a->pad[i] - a->dilation[i] * (kernel - 1) - 1) / a->stride[i] + 1;
}

static const char *conv2d_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1];
    const conv_attr *a = &n->attr.conv;
    char tx[96], tw[96];
    if (x->rank != 4 || w->rank != 4)
        return "needs a map [N, H, W, C] and a weight [O, I, kh, kw]";
    if (a->groups < 1 || w->dim[0] % a->groups || w->dim[1] * a->groups != x->dim[3])
        return arena_printf(g->mem, "a map %s with %lld channels does not fit a weight %s with %d group%s", tensor_shape_text(x, tx),
                            (long long)x->dim[3], tensor_shape_text(w, tw), a->groups, a->groups == 1 ? "" : "s");
    if (n->n_in > 2 && n->in[2] && tensor_count(n->in[2]) != w->dim[0])
        return op_mismatch(g, "bias and weight", n->in[2], w);
    int64_t h = extent(x->dim[1], a, 0, w->dim[2]), wd = extent(x->dim[2], a, 1, w->dim[3]);
    if (h < 1 || wd < 1)
        return arena_printf(g->mem, "a map %s is too small for a kernel %lld x %lld with this dilation", tensor_shape_text(x, tx),
                            (long long)w->dim[2], (long long)w->dim[3]);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], h, wd, w->dim[0]});
    if (a->has_residual && !op_same_shape(n->in[3], n->out[0]))
        return op_mismatch(g, "residual and output", n->in[3], n->out[0]);
    return NULL;
}

static void conv2d_grad(graph *g, node *n, tensor *const *dout, tensor **din)
{
    op_attr a = n->attr;
    for (int i = 0; i < 4; i++) {
        a.conv.x_dim[i] = n->in[0]->dim[i];
        a.conv.w_dim[i] = n->in[1]->dim[i];
    }
    if (op_wants(n, 0))
        din[0] = op_node1(g, OP_conv2d_grad_data, 2, (tensor *[]){dout[0], n->in[1]}, &a);
    bool bias = op_wants(n, 2);
    if (op_wants(n, 1) || bias) {
        node *d = graph_add_node(g, OP_conv2d_grad_weight, 2, (tensor *[]){n->in[0], dout[0]}, bias ? 2 : 1, &a);
        if (!d)
            return;
        din[1] = d->out[0];
        if (bias)
            din[2] = d->out[1];
    }
}

const op_def op_def_conv2d = {"conv2d", conv2d_infer, conv2d_grad};

static const char *grad_data_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.conv.x_dim);
    return NULL;
}
const op_def op_def_conv2d_grad_data = {"conv2d_grad_data", grad_data_infer, NULL};

static const char *grad_weight_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.conv.w_dim);
    if (n->n_out > 1)
        op_out(n, 1, DT_F32, 1, n->attr.conv.w_dim);
    return NULL;
}
const op_def op_def_conv2d_grad_weight = {"conv2d_grad_weight", grad_weight_infer, NULL};

static const char *fold_infer(graph *g, node *n)
{
    (void)g;
    op_out_like(n, 0, n->in[0]);
    op_out(n, 1, DT_F32, 1, n->in[0]->dim);
    return NULL;
}
const op_def op_def_fold_batch_norm = {"fold_batch_norm", fold_infer, NULL};

tensor *op_conv2d(graph *g, tensor *x, tensor *w, tensor *bias, conv_attr a)
{
    if (!x || !w)
        return NULL;
    op_attr attr = {.conv = a};
    return op_node1(g, OP_conv2d, bias ? 3 : 2, (tensor *[]){x, w, bias}, &attr);
}
