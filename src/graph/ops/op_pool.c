/* Pooling: max, average, and average to a given size. Maps [N, H, W, C]. */
#include "graph/op.h"

/* As in PyTorch: with ceil_mode the last window must begin inside the input or its left padding. */
static int64_t pooled(int64_t in, const pool_attr *a, int i)
{
    int64_t room = in + 2 * (int64_t)a->pad[i] - a->kernel[i];
    if (room < 0) /* Rounds down; with ceil_mode there is one window if less than a stride is missing */
        return a->ceil_mode && room > -a->stride[i] ? 1 : 0;
    int64_t out = (a->ceil_mode ? (room + a->stride[i] - 1) / a->stride[i] : room / a->stride[i]) + 1;
    if (a->ceil_mode && (out - 1) * a->stride[i] >= in + a->pad[i])
        out--;
    return out;
}

/* PyTorch too refuses padding of more than half a window: every window must contain a part of the map. */
static bool sensible(const pool_attr *a)
{
    for (int i = 0; i < 2; i++)
        if (a->kernel[i] < 1 || a->stride[i] < 1 || a->pad[i] < 0 || a->pad[i] > a->kernel[i] / 2)
            return false;
    return true;
}

static const char *pool_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    const pool_attr *a = &n->attr.pool;
    char text[96];
    if (x->rank != 4)
        return "needs a map [N, H, W, C]";
    if (!sensible(a))
        return op_say(g, "a window %d x %d with stride %d x %d and padding %d x %d cannot be", a->kernel[0],
                      a->kernel[1], a->stride[0], a->stride[1], a->pad[0], a->pad[1]);
    int64_t h = pooled(x->dim[1], a, 0), w = pooled(x->dim[2], a, 1);
    if (h < 1 || w < 1)
        return op_say(g, "a map %s is too small for a window %d x %d", tensor_shape_text(x, text), a->kernel[0],
                      a->kernel[1]);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], h, w, x->dim[3]});
    return NULL;
}

static void max_pool_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_max_pool_grad, 3, (tensor *[]){n->in[0], n->out[0], dy[0]}, &n->attr);
}
const op_def op_def_max_pool = {
    .name = "max_pool", .infer = pool_infer, .grad = max_pool_grad, .required = 1, .types = "f", .cheap = true};

const op_def op_def_max_pool_grad = {.name = "max_pool_grad", .infer = op_like_first, .required = 3, .types = "f"};

static void avg_pool_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    for (int i = 0; i < 4; i++)
        a.pool.x_dim[i] = n->in[0]->dim[i];
    din[0] = op_node1(g, OP_avg_pool_grad, 1, dy, &a);
}
const op_def op_def_avg_pool = {
    .name = "avg_pool", .infer = pool_infer, .grad = avg_pool_grad, .required = 1, .types = "f"};

static const char *pool_grad_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, 4, n->attr.pool.x_dim);
    return NULL;
}
const op_def op_def_avg_pool_grad = {.name = "avg_pool_grad", .infer = pool_grad_infer, .required = 1, .types = "f"};

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

static void adaptive_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = {.resize = {.h = n->in[0]->dim[1], .w = n->in[0]->dim[2]}};
    din[0] = op_node1(g, OP_adaptive_avg_pool_grad, 1, dy, &a);
}
const op_def op_def_adaptive_avg_pool = {
    .name = "adaptive_avg_pool", .infer = adaptive_infer, .grad = adaptive_grad, .required = 1, .types = "f"};
const op_def op_def_adaptive_avg_pool_grad = {
    .name = "adaptive_avg_pool_grad", .infer = adaptive_infer, .required = 1, .types = "f"};

static void adaptive_max_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_adaptive_max_pool_grad, 3, (tensor *[]){n->in[0], n->out[0], dy[0]}, &n->attr);
}
const op_def op_def_adaptive_max_pool = {
    .name = "adaptive_max_pool", .infer = adaptive_infer, .grad = adaptive_max_grad, .required = 1, .types = "f"};
const op_def op_def_adaptive_max_pool_grad = {
    .name = "adaptive_max_pool_grad", .infer = op_like_first, .required = 3, .types = "f"};

static tensor *pool(graph *g, op_kind op, tensor *x, pool_attr a)
{
    op_attr attr = {.pool = a};
    return op_node1(g, op, 1, &x, &attr);
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
    return op_node1(g, OP_adaptive_avg_pool, 1, &x, &a);
}

/* Rows of a window above which its columns come first: a kernel shares out rows among threads, and its gradient
 * searches a window once for each of them. */
enum { TALL = 8 };

/* Where the windows tile the map they are a max_pool's, which has a fast kernel. Of equal elements the first counts
 * either way. */
tensor *op_adaptive_max_pool(graph *g, tensor *x, int64_t h, int64_t w)
{
    op_attr a = {.resize = {.h = h, .w = w}};
    if (x && x->rank == 4 && x->dim[1] % h == 0 && x->dim[2] % w == 0) {
        int down = (int)(x->dim[1] / h), across = (int)(x->dim[2] / w);
        if (down > TALL && across > 1) {
            x = op_max_pool(g, x, (pool_attr){.kernel = {1, across}, .stride = {1, across}});
            across = 1;
        }
        return op_max_pool(g, x, (pool_attr){.kernel = {down, across}, .stride = {down, across}});
    }
    return op_node1(g, OP_adaptive_max_pool, 1, &x, &a);
}
