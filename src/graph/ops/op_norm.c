/* Batch, group and layer normalisation. */
#include "graph/op.h"

static int64_t channels(const tensor *x)
{
    return x->rank ? x->dim[x->rank - 1] : 1;
}

static const char *per_channel(graph *g, const node *n, int from, int to)
{
    for (int i = from; i < to; i++)
        if (n->in[i] && tensor_count(n->in[i]) != channels(n->in[0]))
            return op_mismatch(g, "map and per-channel parameter", n->in[0], n->in[i]);
    return NULL;
}

static const char *batch_norm_infer(graph *g, node *n)
{
    op_out_like(n, 0, n->in[0]);
    return n->in[0]->rank < 2 ? "needs at least [N, C]" : per_channel(g, n, 1, 5);
}

static void batch_norm_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    if (n->attr.norm.act) {
        graph_fail(g, CSEG_UNSUPPORTED,
                   "batch_norm: fused with what follows it, it has no gradient; differentiate first");
        return;
    }
    tensor *in[5] = {n->in[0], dy[0], n->in[1], n->in[3], n->in[4]};
    node *d = graph_add_node(g, OP_batch_norm_grad, 5, in, 3, &n->attr);
    for (int i = 0; d && i < 3; i++)
        din[i] = d->out[i];
}
const op_def op_def_batch_norm = {.name = "batch_norm",
                                  .infer = batch_norm_infer,
                                  .grad = batch_norm_grad,
                                  .required = 5,
                                  .types = "f",
                                  .cheap = true,
                                  .rescales = true};

/* dx has x's shape; dgamma and dbeta [C]; the residual's gradient has x's shape. */
static const char *norm_grad_infer(graph *g, node *n)
{
    (void)g;
    int64_t c = channels(n->in[0]);
    op_out_like(n, 0, n->in[0]);
    op_out(n, 1, DT_F32, 1, &c);
    op_out(n, 2, DT_F32, 1, &c);
    if (n->n_out > 3)
        op_out_like(n, 3, n->in[0]);
    return NULL;
}
const op_def op_def_batch_norm_grad = {
    .name = "batch_norm_grad", .infer = norm_grad_infer, .required = 5, .types = "f"};

static const char *batch_norm_train_infer(graph *g, node *n)
{
    int64_t c = channels(n->in[0]);
    if (n->in[0]->rank < 2)
        return "needs at least [N, C]";
    if (tensor_count(n->in[0]) == c)
        return "needs more than one value per channel to train on; a batch of 1 with 1x1 maps has none";
    op_out_like(n, 0, n->in[0]);
    op_out(n, 1, DT_F32, 1, &c);
    op_out(n, 2, DT_F32, 1, &c);
    n->has_effect = n->attr.norm.update;
    if (op_in(n, 5) && !op_same_shape(n->in[5], n->in[0]))
        return op_mismatch(g, "residual and map", n->in[5], n->in[0]);
    return per_channel(g, n, 1, 5);
}

/* The ReLU let its input pass where y > 0. Without a residual that follows from x, gamma, beta and the statistics, so y
 * need not be read, nor kept for this. */
static void batch_norm_train_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    bool act = n->attr.norm.act != 0, residual = n->n_in > 5;
    tensor *y = residual ? n->out[0] : NULL, *beta = residual ? NULL : n->in[2];
    tensor *in[7] = {n->in[0], dy[0], n->in[1], n->out[1], n->out[2], y, beta};
    node *d = graph_add_node(g, OP_batch_norm_train_grad, act ? 7 : 5, in, residual ? 4 : 3, &n->attr);
    for (int i = 0; d && i < 3; i++)
        din[i] = d->out[i];
    if (d && residual)
        din[5] = d->out[3];
}
/* Gives the same bits as batch_norm_train's first output, from the same statistics. A pass makes it after autodiff, so
 * it has no gradient. */
static const char *batch_norm_apply_infer(graph *g, node *n)
{
    op_out_like(n, 0, n->in[0]);
    if (n->in[0]->rank < 2)
        return "needs at least [N, C]";
    if (op_in(n, 5) && !op_same_shape(n->in[5], n->in[0]))
        return op_mismatch(g, "residual and map", n->in[5], n->in[0]);
    return per_channel(g, n, 1, 5);
}
static void apply_inputs(const node *n, tensor **in)
{
    for (int k = 0; k < n->n_in; k++)
        in[k] = k == 3 || k == 4 ? n->out[k - 2] : n->in[k];
}
/* Statistics are taken only once: a second run of the node would update the running ones twice. */
static const op_remake apply_again = {OP_batch_norm_apply, apply_inputs};

const op_def op_def_batch_norm_apply = {
    .name = "batch_norm_apply", .infer = batch_norm_apply_infer, .required = 5, .types = "f", .rescales = true};
const op_def op_def_batch_norm_train = {.name = "batch_norm_train",
                                        .infer = batch_norm_train_infer,
                                        .grad = batch_norm_train_grad,
                                        .required = 5,
                                        .types = "f",
                                        .cheap = true,
                                        .rescales = true,
                                        .remake = &apply_again};
const op_def op_def_batch_norm_train_grad = {
    .name = "batch_norm_train_grad", .infer = norm_grad_infer, .required = 5, .types = "f", .rescales = true};

/* One mean and one deviation for each group of an image, or for each row. */
static const char *grouped_infer(graph *g, node *n, int64_t rows)
{
    op_out_like(n, 0, n->in[0]);
    op_out(n, 1, DT_F32, 1, &rows);
    op_out(n, 2, DT_F32, 1, &rows);
    return per_channel(g, n, 1, 3);
}

static const char *group_norm_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    int groups = n->attr.norm.groups;
    if (x->rank < 3)
        return "needs a map [N, H, W, C] or a sequence [N, L, C]";
    if (groups < 1 || channels(x) % groups)
        return op_say(g, "%lld channels cannot be cut into %d groups", (long long)channels(x), groups);
    return grouped_infer(g, n, x->dim[0] * groups);
}

static const char *layer_norm_infer(graph *g, node *n)
{
    return n->in[0]->rank < 1 ? "needs at least one axis"
                              : grouped_infer(g, n, tensor_count(n->in[0]) / channels(n->in[0]));
}

/* The ReLU let its input pass where y > 0. */
static void grouped_grad(graph *g, node *n, op_kind op, tensor *dy, tensor **din)
{
    tensor *in[6] = {n->in[0], dy, op_in(n, 1), n->out[1], n->out[2], n->out[0]};
    node *d = graph_add_node(g, op, n->attr.norm.act ? 6 : 5, in, 3, &n->attr);
    if (!d)
        return;
    din[0] = d->out[0];
    for (int i = 1; i < 3; i++)
        if (op_wants(n, i))
            din[i] = d->out[i];
}

static void group_norm_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    grouped_grad(g, n, OP_group_norm_grad, dy[0], din);
}

static void layer_norm_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    grouped_grad(g, n, OP_layer_norm_grad, dy[0], din);
}
const op_def op_def_group_norm = {
    .name = "group_norm", .infer = group_norm_infer, .grad = group_norm_grad, .required = 1, .types = "f"};
const op_def op_def_group_norm_grad = {
    .name = "group_norm_grad", .infer = norm_grad_infer, .required = 2, .types = "f"};
const op_def op_def_layer_norm = {
    .name = "layer_norm", .infer = layer_norm_infer, .grad = layer_norm_grad, .required = 1, .types = "f"};
const op_def op_def_layer_norm_grad = {
    .name = "layer_norm_grad", .infer = norm_grad_infer, .required = 2, .types = "f"};

tensor *op_batch_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, tensor *mean, tensor *var, float eps)
{
    op_attr a = {.norm = {.eps = eps}};
    return op_node1(g, OP_batch_norm, 5, (tensor *[]){x, gamma, beta, mean, var}, &a);
}

tensor *op_batch_norm_train(graph *g, tensor *x, tensor *gamma, tensor *beta, tensor *running_mean, tensor *running_var,
                            norm_attr a)
{
    op_attr attr = {.norm = a};
    node *n =
        graph_add_node(g, OP_batch_norm_train, 5, (tensor *[]){x, gamma, beta, running_mean, running_var}, 3, &attr);
    return n ? n->out[0] : NULL;
}

tensor *op_group_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, int groups, float eps)
{
    op_attr a = {.norm = {.eps = eps, .groups = groups}};
    node *n = graph_add_node(g, OP_group_norm, 3, (tensor *[]){x, gamma, beta}, 3, &a);
    return n ? n->out[0] : NULL;
}

tensor *op_layer_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, float eps)
{
    op_attr a = {.norm = {.eps = eps}};
    node *n = graph_add_node(g, OP_layer_norm, 3, (tensor *[]){x, gamma, beta}, 3, &a);
    return n ? n->out[0] : NULL;
}
