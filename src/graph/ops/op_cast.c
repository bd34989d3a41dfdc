/* Casts between types. Only casts between floats have a gradient, which is cast to the input's type. */
#include "graph/op.h"

static bool is_whole(dtype t)
{
    return t != DT_F32 && t != DT_BF16;
}

static const char *cast_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    dtype to = n->attr.cast;
    bool half = x->type == DT_BF16 || to == DT_BF16, whole = is_whole(x->type) || is_whole(to);
    if (x->type == DT_I64 || to == DT_I64 || (half && whole))
        return op_say(g, "%s to %s; float32, int32 and uint8 are cast, and float32 and bfloat16", dtype_name(x->type),
                      dtype_name(to));
    op_out(n, 0, to, x->rank, x->dim);
    return NULL;
}

static void cast_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_cast(g, dy[0], n->in[0]->type);
}
const op_def op_def_cast = {
    .name = "cast", .infer = cast_infer, .grad = cast_grad, .required = 1, .types = "*", .rescales = true};

tensor *op_cast(graph *g, tensor *x, dtype to)
{
    return op_node1(g, OP_cast, 1, &x, &(op_attr){.cast = to});
}
