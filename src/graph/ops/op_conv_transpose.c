/* The transposed convolution: what conv2d computes as the gradient of its input, as a forward op. Its own gradients are
 * a conv2d and a conv2d_grad_weight, so it has the kernels of those. */
#include "graph/op.h"

static int64_t extent(int64_t in, const conv_attr *a, int i, int64_t kernel)
{
    return (in - 1) * a->stride[i] - 2 * (int64_t)a->pad[i] + a->dilation[i] * (kernel - 1) + 1 + a->output_pad[i];
}

/* PyTorch too refuses an output padding that could be another position of the kernel. */
static bool sensible(const conv_attr *a)
{
    for (int i = 0; i < 2; i++) {
        int most = a->stride[i] > a->dilation[i] ? a->stride[i] : a->dilation[i];
        if (a->stride[i] < 1 || a->dilation[i] < 1 || a->pad[i] < 0 || a->output_pad[i] < 0 || a->output_pad[i] >= most)
            return false;
    }
    return a->groups >= 1;
}

static const char *transpose_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1], *bias = op_in(n, 2);
    const conv_attr *a = &n->attr.conv;
    char tx[96], tw[96];
    if (x->rank != 4 || w->rank != 4)
        return op_mismatch(g, "needs a map [N, H, W, C] and a weight [I, O, kh, kw]", x, w);
    if (!sensible(a))
        return op_say(g,
                      "stride %d x %d, dilation %d x %d, padding %d x %d, output padding %d x %d, groups %d cannot be; "
                      "the output padding is less than the stride or the dilation",
                      a->stride[0], a->stride[1], a->dilation[0], a->dilation[1], a->pad[0], a->pad[1],
                      a->output_pad[0], a->output_pad[1], a->groups);
    if (w->dim[0] != x->dim[3] || w->dim[0] % a->groups)
        return op_say(g, "a map %s with %lld channels does not fit a weight %s with %d group%s",
                      tensor_shape_text(x, tx), (long long)x->dim[3], tensor_shape_text(w, tw), a->groups,
                      a->groups == 1 ? "" : "s");
    if (bias && (bias->rank != 1 || bias->dim[0] != w->dim[1] * a->groups))
        return op_mismatch(g, "bias and weight", bias, w);
    int64_t h = extent(x->dim[1], a, 0, w->dim[2]), wide = extent(x->dim[2], a, 1, w->dim[3]);
    if (h < 1 || wide < 1)
        return op_say(g, "a map %s is too small for a kernel %lld x %lld with padding %d x %d: nothing is left of it",
                      tensor_shape_text(x, tx), (long long)w->dim[2], (long long)w->dim[3], a->pad[0], a->pad[1]);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], h, wide, w->dim[1] * a->groups});
    return NULL;
}

/* conv2d of dy; where the output padding is a stride or more, it has further rows or columns, which x has not. */
static tensor *grad_of_x(graph *g, node *n, tensor *dy)
{
    tensor *dx = op_conv2d(g, dy, n->in[1], NULL, n->attr.conv);
    for (int axis = 1; dx && axis < 3; axis++)
        if (dx->dim[axis] > n->in[0]->dim[axis])
            dx = op_slice(g, dx, axis, 0, n->in[0]->dim[axis]);
    return dx;
}

/* Adds the weight's gradient first: nothing reads x after it, so dx can take x's memory. */
static void transpose_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    if (a.conv.act) {
        graph_fail(g, CSEG_UNSUPPORTED,
                   "conv_transpose2d: fused with what follows it, it has no gradient; differentiate first");
        return;
    }
    for (int i = 0; i < 4; i++)
        a.conv.w_dim[i] = n->in[1]->dim[i];
    if (op_wants(n, 1))
        din[1] = op_node1(g, OP_conv2d_grad_weight, 2, (tensor *[]){dy[0], n->in[0]}, &a);
    if (op_wants(n, 2))
        din[2] = op_reduce_sum(g, dy[0], 1 << 0 | 1 << 1 | 1 << 2, false);
    if (op_wants(n, 0))
        din[0] = grad_of_x(g, n, dy[0]);
}

static double transpose_work(const node *n)
{
    const int64_t *w = n->in[1]->dim;
    return (double)tensor_count(n->in[0]) * (double)(w[1] * w[2] * w[3]);
}

const op_def op_def_conv_transpose2d = {.name = "conv_transpose2d",
                                        .infer = transpose_infer,
                                        .grad = transpose_grad,
                                        .required = 2,
                                        .types = "f",
                                        .multiply_adds = transpose_work};

tensor *op_conv_transpose2d(graph *g, tensor *x, tensor *w, tensor *bias, conv_attr a)
{
    op_attr attr = {.conv = a};
    return op_node1(g, OP_conv_transpose2d, bias ? 3 : 2, (tensor *[]){x, w, bias}, &attr);
}
