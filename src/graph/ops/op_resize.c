/* Bilinear, bicubic and nearest resizing of maps [N, H, W, C], and the class of each pixel. */
#include "graph/op.h"

static const char *resize_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    const resize_attr *a = &n->attr.resize;
    char text[96];
    if (x->rank != 4 || a->h < 1 || a->w < 1)
        return op_say(g, "%s to %lld x %lld is no resize of a map [N, H, W, C]", tensor_shape_text(x, text),
                      (long long)a->h, (long long)a->w);
    op_out(n, 0, DT_F32, 4, (int64_t[]){x->dim[0], a->h, a->w, x->dim[3]});
    return NULL;
}

/* If a scale_factor was given and sizes are equal all the same, torch resizes bicubically but takes the gradient of a
 * copy; here it is that of what was done. The gradient's attr has the input's size in h, w: its output is dx. */
static void resize_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    a.resize.h = n->in[0]->dim[1];
    a.resize.w = n->in[0]->dim[2];
    din[0] = op_node1(g, OP_resize_grad, 1, dy, &a);
}
const op_def op_def_resize = {
    .name = "resize", .infer = resize_infer, .grad = resize_grad, .required = 1, .types = "f", .cheap = true};
const op_def op_def_resize_grad = {.name = "resize_grad", .infer = resize_infer, .required = 1, .types = "f"};

tensor *op_resize(graph *g, tensor *x, resize_attr a)
{
    op_attr attr = {.resize = a};
    return op_node1(g, OP_resize, 1, &x, &attr);
}

tensor *op_resize_to(graph *g, tensor *x, int64_t h, int64_t w, bool align_corners)
{
    if (!op_given(g, "resize", x) || (x->rank == 4 && x->dim[1] == h && x->dim[2] == w))
        return x;
    return op_resize(g, x, (resize_attr){.h = h, .w = w, .align_corners = align_corners});
}

static const char *argmax_infer(graph *g, node *n)
{
    (void)g;
    const tensor *x = n->in[0];
    if (x->rank < 1)
        return "needs at least one axis";
    op_out(n, 0, DT_I32, x->rank - 1, x->dim);
    return NULL;
}
const op_def op_def_argmax = {.name = "argmax", .infer = argmax_infer, .required = 1, .types = "f"};

static const char *resize_argmax_infer(graph *g, node *n)
{
    (void)g;
    if (n->in[0]->rank != 4)
        return "needs a map [N, H, W, C]";
    op_out(n, 0, DT_I32, 3, (int64_t[]){n->in[0]->dim[0], n->attr.resize.h, n->attr.resize.w});
    return NULL;
}
const op_def op_def_resize_argmax = {
    .name = "resize_argmax", .infer = resize_argmax_infer, .required = 1, .types = "f"};

tensor *op_argmax(graph *g, tensor *x)
{
    return op_node1(g, OP_argmax, 1, &x, NULL);
}
