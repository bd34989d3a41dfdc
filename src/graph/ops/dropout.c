/* Dropout of elements, channels and samples. */
#include "base/random.h"
#include "graph/op.h"

static const char *dropout_infer(graph *g, node *n)
{
    (void)g;
    op_out_like(n, 0, n->in[0]);
    return NULL;
}

static void dropout_grad(graph *g, node *n, tensor *const *dout, tensor **din)
{
    din[0] = op_node1(g, OP_dropout_grad, 2, (tensor *[]){dout[0], n->in[1]}, &n->attr);
}
const op_def op_def_dropout = {"dropout", dropout_infer, dropout_grad};
const op_def op_def_dropout_grad = {"dropout_grad", dropout_infer, NULL};

static tensor *dropout(graph *g, tensor *x, dropout_attr a)
{
    if (!x || !g->train || a.p <= 0)
        return x;
    if (!g->seed)
        g->seed = graph_input(g, "seed", DT_I64, 1, (int64_t[]){2});
    if (!g->seed)
        return NULL;
    a.salt = rng_mix(g->nodes.n + 1);
    op_attr attr = {.dropout = a};
    return op_node1(g, OP_dropout, 2, (tensor *[]){x, g->seed}, &attr);
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
