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

/* A map's height and width for so many tokens of an image, as square as they can be: kernels cut maps by rows. */
static void fold(int64_t tokens, int64_t *h, int64_t *w)
{
    *h = 1;
    for (int64_t i = 2; i * i <= tokens; i++)
        *h = tokens % i == 0 ? i : *h;
    *w = tokens / *h;
}

/* A 1x1 convolution: so passes and kernels of convolutions have to know of nothing else. */
tensor *op_linear(graph *g, tensor *x, tensor *w, tensor *bias)
{
    if (!op_given(g, "linear", x) || !op_given(g, "linear", w))
        return NULL;
    if (x->rank < 1 || w->rank != 2)
        return graph_fail(g, CSEG_SHAPE, "linear: takes weights [O, I], not of rank %d", w->rank);
    int64_t dim[TENSOR_MAX_RANK], map[4] = {x->rank > 2 ? x->dim[0] : 1, 1, 1, x->dim[x->rank - 1]};
    fold(tensor_count(x) / (map[0] * map[3]), &map[1], &map[2]);
    tensor *y = x->rank == 4 ? x : op_reshape(g, x, 4, map);
    tensor *kernel = op_reshape(g, w, 4, (int64_t[]){w->dim[0], w->dim[1], 1, 1});
    y = op_conv2d(g, y, kernel, bias, (conv_attr){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1});
    for (int i = 0; i < x->rank; i++)
        dim[i] = i < x->rank - 1 ? x->dim[i] : w->dim[0];
    return x->rank == 4 ? y : op_reshape(g, y, x->rank, dim);
}
