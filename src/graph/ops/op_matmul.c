/* Matrix products. */
#include "graph/op.h"

static const char *matmul_infer(graph *g, node *n)
{
    const tensor *a = n->in[0], *b = n->in[1];
    bool ta = n->attr.axis.trans_a, tb = n->attr.axis.trans_b;
    if (a->rank < 2 || b->rank < 2 || (b->rank != a->rank && b->rank != 2))
        return op_mismatch(g, "matrices", a, b);
    if (b->rank == 2 && a->rank > 2 && ta)
        return op_mismatch(g, "a batch of transposed matrices times one matrix is not supported", a, b);
    int64_t m = a->dim[a->rank - (ta ? 1 : 2)], k = a->dim[a->rank - (ta ? 2 : 1)];
    int64_t kb = b->dim[b->rank - (tb ? 1 : 2)], cols = b->dim[b->rank - (tb ? 2 : 1)];
    for (int i = 0; b->rank > 2 && i < a->rank - 2; i++)
        if (a->dim[i] != b->dim[i])
            return op_mismatch(g, "batches of matrices", a, b);
    if (k != kb)
        return op_mismatch(g, "inner sizes of", a, b);
    op_out(n, 0, DT_F32, a->rank, a->dim);
    n->out[0]->dim[a->rank - 2] = m;
    n->out[0]->dim[a->rank - 1] = cols;
    return NULL;
}

/* Reshapes to [rows, columns]: the last axis gives the columns, all others the rows. */
static tensor *flat(graph *g, tensor *t)
{
    return t->rank == 2 ? t : op_reshape(g, t, 2, (int64_t[]){-1, t->dim[t->rank - 1]});
}

static void matmul_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *d = dy[0];
    tensor *a = n->in[0], *b = n->in[1];
    bool ta = n->attr.axis.trans_a, tb = n->attr.axis.trans_b;
    if (op_wants(n, 0))
        din[0] = ta ? op_matmul(g, b, d, tb, true) : op_matmul(g, d, b, false, !tb);
    if (!op_wants(n, 1))
        return;
    if (b->rank == 2 && a->rank > 2) {
        a = flat(g, a);
        d = flat(g, d);
    }
    if (a && d)
        din[1] = tb ? op_matmul(g, d, a, true, ta) : op_matmul(g, a, d, !ta, false);
}
static double matmul_work(const node *n)
{
    const tensor *a = n->in[0];
    return (double)tensor_count(n->out[0]) * (double)a->dim[n->attr.axis.trans_a ? a->rank - 2 : a->rank - 1];
}

const op_def op_def_matmul = {.name = "matmul",
                              .infer = matmul_infer,
                              .grad = matmul_grad,
                              .required = 2,
                              .types = "f",
                              .multiply_adds = matmul_work};

tensor *op_matmul(graph *g, tensor *a, tensor *b, bool trans_a, bool trans_b)
{
    op_attr attr = {.axis = {.trans_a = trans_a, .trans_b = trans_b}};
    return op_node1(g, OP_matmul, 2, (tensor *[]){a, b}, &attr);
}

tensor *op_linear(graph *g, tensor *x, tensor *w, tensor *bias)
{
    tensor *y = op_matmul(g, x, w, false, true);
    if (!y || !bias)
        return y;
    int64_t dim[TENSOR_MAX_RANK];
    for (int i = 0; i < y->rank; i++)
        dim[i] = i == y->rank - 1 ? y->dim[i] : 1;
    return op_add(g, y, op_reshape(g, bias, y->rank, dim));
}
