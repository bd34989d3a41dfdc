/* Dropout of elements, channels and samples. */
#include "base/random.h"
#include "graph/op.h"

static const char *dropout_infer(graph *g, node *n)
{
    return n->in[0]->rank < 1 ? "needs at least one axis" : op_like_first(g, n);
}

static void dropout_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_dropout_grad, 2, (tensor *[]){dy[0], n->in[1]}, &n->attr);
}
const op_def op_def_dropout = {
    .name = "dropout", .infer = dropout_infer, .grad = dropout_grad, .required = 2, .types = "fl"};
const op_def op_def_dropout_grad = {.name = "dropout_grad", .infer = dropout_infer, .required = 2, .types = "fl"};

static tensor *dropout(graph *g, tensor *x, dropout_attr a)
{
    if (!op_given(g, "dropout", x) || !g->train || a.p <= 0)
        return x;
    a.salt = rng_mix(g->nodes.n + 1);
    op_attr attr = {.dropout = a};
    return op_node1(g, OP_dropout, 2, (tensor *[]){x, graph_seed(g)}, &attr);
}

tensor *op_dropout(graph *g, tensor *x, float p)
{
    return dropout(g, x, (dropout_attr){.p = p});
}

tensor *op_dropout2d(graph *g, tensor *x, float p)
{
    return dropout(g, x, (dropout_attr){.p = p, .channels = true});
}

tensor *op_drop_path(graph *g, tensor *x, float p)
{
    return dropout(g, x, (dropout_attr){.p = p, .samples = true});
}
