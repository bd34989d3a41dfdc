/* conv2d, its gradients, and the folding of a batch norm into its weights. */
#include "graph/op.h"

/* Output size; negative if the kernel does not fit. */
static int64_t extent(int64_t in, const conv_attr *a, int i, int64_t kernel)
{
    int64_t room = in + 2 * (int64_t)a->pad[i] - a->dilation[i] * (kernel - 1) - 1;
    return room < 0 ? -1 : room / a->stride[i] + 1;
}

static bool sensible(const conv_attr *a)
{
    for (int i = 0; i < 2; i++)
        if (a->stride[i] < 1 || a->dilation[i] < 1 || a->pad[i] < 0)
            return false;
    return a->groups >= 1;
}

static const char *conv2d_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *w = n->in[1], *bias = op_in(n, 2);
    const conv_attr *a = &n->attr.conv;
    char tx[96], tw[96];
    if (x->rank != 4 || w->rank != 4)
        return op_mismatch(g, "needs a map [N, H, W, C] and a weight [O, I, kh, kw]", x, w);
    if (!sensible(a))
        return op_say(g, "stride %d x %d, dilation %d x %d, padding %d x %d, groups %d cannot be", a->stride[0],
                      a->stride[1], a->dilation[0], a->dilation[1], a->pad[0], a->pad[1], a->groups);
    if (w->dim[0] % a->groups || w->dim[1] * a->groups != x->dim[3])
        return op_say(g, "a map %s with %lld channels does not fit a weight %s with %d group%s",
                      tensor_shape_text(x, tx), (long long)x->dim[3], tensor_shape_text(w, tw), a->groups,
                      a->groups == 1 ? "" : "s");
    if (bias && (bias->rank != 1 || bias->dim[0] != w->dim[0]))
        return op_mismatch(g, "bias and weight", bias, w);
    int64_t h = extent(x->dim[1], a, 0, w->dim[2]), wide = extent(x->dim[2], a, 1, w->dim[3]);
    if (h < 1 || wide < 1)
        return op_say(g, "a map %s is too small for a kernel %lld x %lld with dilation %d x %d and padding %d x %d",
                      tensor_shape_text(x, tx), (long long)w->dim[2], (long long)w->dim[3], a->dilation[0],
                      a->dilation[1], a->pad[0], a->pad[1]);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], h, wide, w->dim[0]});
    if (a->has_residual && (!op_in(n, 3) || !op_same_shape(n->in[3], n->out[0])))
        return op_mismatch(g, "residual and output", op_in(n, 3) ? n->in[3] : x, n->out[0]);
    return NULL;
}

/* Adds the weight's gradient first: nothing reads x after it, so dx can take x's memory. */
static void conv2d_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    if (a.conv.act || a.conv.has_residual) {
        graph_fail(g, CSEG_UNSUPPORTED, "conv2d: fused with what follows it, it has no gradient; differentiate first");
        return;
    }
    for (int i = 0; i < 4; i++) {
        a.conv.x_dim[i] = n->in[0]->dim[i];
        a.conv.w_dim[i] = n->in[1]->dim[i];
    }
    bool bias = op_wants(n, 2);
    if (op_wants(n, 1) || bias) {
        node *d = graph_add_node(g, OP_conv2d_grad_weight, 2, (tensor *[]){n->in[0], dy[0]}, bias ? 2 : 1, &a);
        if (!d)
            return;
        din[1] = d->out[0];
        if (bias)
            din[2] = d->out[1];
    }
    if (op_wants(n, 0))
        din[0] = op_node1(g, OP_conv2d_grad_data, 2, (tensor *[]){dy[0], n->in[1]}, &a);
}
/* Multiply-adds of the direct convolution, whatever algorithm runs. y: the output map, or its incoming gradient; w:
 * dims [O, I / groups, kh, kw]. */
static double products(const tensor *y, const int64_t *w)
{
    return (double)tensor_count(y) * (double)(w[1] * w[2] * w[3]);
}

static double conv2d_work(const node *n)
{
    return products(n->out[0], n->in[1]->dim);
}

static double grad_data_work(const node *n)
{
    return products(n->in[0], n->in[1]->dim);
}

static double grad_weight_work(const node *n)
{
    return products(n->in[1], n->out[0]->dim);
}

const op_def op_def_conv2d = {.name = "conv2d",
                              .infer = conv2d_infer,
                              .grad = conv2d_grad,
                              .required = 2,
                              .types = "f",
                              .multiply_adds = conv2d_work};

static const char *grad_data_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.conv.x_dim);
    return NULL;
}
const op_def op_def_conv2d_grad_data = {
    .name = "conv2d_grad_data", .infer = grad_data_infer, .required = 2, .types = "f", .multiply_adds = grad_data_work};

static const char *grad_weight_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.conv.w_dim);
    if (n->n_out > 1)
        op_out(n, 1, DT_F32, 1, n->attr.conv.w_dim);
    return NULL;
}
const op_def op_def_conv2d_grad_weight = {.name = "conv2d_grad_weight",
                                          .infer = grad_weight_infer,
                                          .required = 2,
                                          .types = "f",
                                          .multiply_adds = grad_weight_work};

/* w, [bias], gamma, beta, mean, var -> w, bias */
static const char *fold_infer(graph *g, node *n)
{
    const tensor *w = n->in[0];
    if (n->n_in != 6)
        return "needs a weight, a bias or none, and the norm's four";
    int64_t channels = n->attr.norm.groups ? w->dim[1] * n->attr.norm.groups : w->dim[0];
    for (int i = 1; i < 6; i++)
        if (i == 1 ? n->in[i] && tensor_count(n->in[i]) != channels : !n->in[i] || tensor_count(n->in[i]) != channels)
            return op_mismatch(g, "weight and what scales it", w, n->in[i] ? n->in[i] : w);
    op_out_like(n, 0, w);
    op_out(n, 1, DT_F32, 1, &channels);
    return NULL;
}
const op_def op_def_fold_batch_norm = {.name = "fold_batch_norm", .infer = fold_infer, .required = 1, .types = "f"};

tensor *op_conv2d(graph *g, tensor *x, tensor *w, tensor *bias, conv_attr a)
{
    op_attr attr = {.conv = a};
    return op_node1(g, OP_conv2d, bias ? 3 : 2, (tensor *[]){x, w, bias}, &attr);
}
