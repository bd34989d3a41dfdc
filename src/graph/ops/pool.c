/* Pooling: max, average, and average to a given size. Maps [N, H, W, C]. */
#include "graph/op.h"

/* PyTorch's: with ceil_mode the last window must still begin inside the input or its left padding. */
static int64_t pooled(int64_t in, const pool_attr *a, int i)
{
    int64_t room = in + 2 * a->pad[i] - a->kernel[i];
    int64_t out = (a->ceil_mode ? (room + a->stride[i] - 1) / a->stride[i] : room / a->stride[i]) + 1;
    if (room < 0)
        return a->ceil_mode && room > -a->stride[i] ? 1 : 0;
    if (a->ceil_mode && (out - 1) * a->stride[i] >= in + a->pad[i])
        out--;
    return out;
}

static const char *pool_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    char text[96];
    if (x->rank != 4)
        return "needs a map [N, H, W, C]";
    int64_t h = pooled(x->dim[1], &n->attr.pool, 0), w = pooled(x->dim[2], &n->attr.pool, 1);
    if (h < 1 || w < 1)
        return arena_printf(g->mem, "a map %s is too small for a window %d x %d", tensor_shape_text(x, text),
                            n->attr.pool.kernel[0], n->attr.pool.kernel[1]);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], h, w, x->dim[3]});
    return NULL;
}

static void max_pool_grad(graph *g, node *n, tensor *const *dout, tensor **din)
{
    din[0] = op_node1(g, OP_max_pool_grad, 3, (tensor *[]){n->in[0], n->out[0], dout[0]}, &n->attr);
}
const op_def op_def_max_pool = {"max_pool", pool_infer, max_pool_grad};

static const char *like_first(graph *g, node *n)
{
    (void)g;
    op_out_like(n, 0, n->in[0]);
    return NULL;
}
const op_def op_def_max_pool_grad = {"max_pool_grad", like_first, NULL};


static void avg_pool_grad(graph *g, node *n, tensor *const *dout, tensor **din)
{
    op_attr a = n->attr;
    for (int i = 0; i < 4; i++)
        a.pool.x_dim[i] = n->in[0]->dim[i];
    din[0] = op_node1(g, OP_avg_pool_grad, 1, (tensor *[]){dout[0]}, &a);
}
const op_def op_def_avg_pool = {"avg_pool", pool_infer, avg_pool_grad};

static const char *pool_grad_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.pool.x_dim);
    return NULL;
}
const op_def op_def_avg_pool_grad = {"avg_pool_grad", pool_grad_infer, NULL};

/* The output's size is in attr.resize. */
static const char *adaptive_infer(graph *g, node *n)
{
    (void)g;
    const tensor *x = n->in[0];
    if (x->rank != 4)
        return "needs a map [N, H, W, C]";
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], n->attr.resize.h, n->attr.resize.w, x->dim[3]});
    return NULL;
}

static void adaptive_grad(graph *g, node *n, tensor *const *dout, tensor **din)
{
    op_attr a = {.resize = {.h = n->in[0]->dim[1], .w = n->in[0]->dim[2]}};
    din[0] = op_node1(g, OP_adaptive_avg_pool_grad, 1, (tensor *[]){dout[0]}, &a);
}
const op_def op_def_adaptive_avg_pool = {"adaptive_avg_pool", adaptive_infer, adaptive_grad};
const op_def op_def_adaptive_avg_pool_grad = {"adaptive_avg_pool_grad", adaptive_infer, NULL};

static tensor *pool(graph *g, op_kind op, tensor *x, pool_attr a)
{
    op_attr attr = {.pool = a};
    return x ? op_node1(g, op, 1, &x, &attr) : NULL;
}
tensor *op_max_pool(graph *g, tensor *x, pool_attr a)
{
    return pool(g, OP_max_pool, x, a);
}
tensor *op_avg_pool(graph *g, tensor *x, pool_attr a)
{
    return pool(g, OP_avg_pool, x, a);
}
tensor *op_adaptive_avg_pool(graph *g, tensor *x, int64_t h, int64_t w)
{
    op_attr a = {.resize = {.h = h, .w = w}};
    return x ? op_node1(g, OP_adaptive_avg_pool, 1, &x, &a) : NULL;
}
