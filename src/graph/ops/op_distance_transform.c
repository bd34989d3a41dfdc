/* Distances inside of a label map's objects. */
#include "graph/op.h"

static const char *infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    op_out_like(n, 0, x);
    return x->rank == 3 ? NULL : op_say(g, "needs a label map [N,H,W]");
}
const op_def op_def_distance_transform = {.name = "distance_transform", .infer = infer, .required = 1, .types = "i"};

tensor *op_distance_transform(graph *g, tensor *label)
{
    return op_node1(g, OP_distance_transform, 1, &label, NULL);
}
