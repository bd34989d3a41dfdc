/* Softmax over the last axis, and its logarithm. */
#include "graph/op.h"

static const char *softmax_infer(graph *g, node *n)
{
    return n->in[0]->rank < 1 ? "needs at least one axis" : op_like_first(g, n);
}

static void softmax_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_softmax_grad, 2, (tensor *[]){n->out[0], dy[0]}, NULL);
}
const op_def op_def_softmax = {
    .name = "softmax", .infer = softmax_infer, .grad = softmax_grad, .required = 1, .types = "f"};
const op_def op_def_softmax_grad = {.name = "softmax_grad", .infer = softmax_infer, .required = 2, .types = "f"};

tensor *op_softmax(graph *g, tensor *x)
{
    return op_node1(g, OP_softmax, 1, &x, NULL);
}

static void log_softmax_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_log_softmax_grad, 2, (tensor *[]){n->out[0], dy[0]}, NULL);
}
const op_def op_def_log_softmax = {
    .name = "log_softmax", .infer = softmax_infer, .grad = log_softmax_grad, .required = 1, .types = "f"};
const op_def op_def_log_softmax_grad = {
    .name = "log_softmax_grad", .infer = softmax_infer, .required = 2, .types = "f"};

tensor *op_log_softmax(graph *g, tensor *x)
{
    return op_node1(g, OP_log_softmax, 1, &x, NULL);
}
