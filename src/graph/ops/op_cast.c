/* Casts between float32 and bfloat16. The gradient has the input's type. */
#include "graph/op.h"

static const char *cast_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    dtype to = n->attr.cast;
    if ((x->type != DT_F32 && x->type != DT_BF16) || (to != DT_F32 && to != DT_BF16))
        return op_say(g, "%s to %s; only float32 and bfloat16 are cast", dtype_name(x->type), dtype_name(to));
    op_out(n, 0, to, x->rank, x->dim);
    return NULL;
}

static void cast_grad(graph *g, node *n, tensor *dy, tensor **din)
{
    din[0] = op_cast(g, dy, n->in[0]->type);
}
const op_def op_def_cast = {
    .name = "cast", .infer = cast_infer, .grad = cast_grad, .required = 1, .types = "*", .rescales = true};

tensor *op_cast(graph *g, tensor *x, dtype to)
{
    return op_node1(g, OP_cast, 1, &x, &(op_attr){.cast = to});
}
