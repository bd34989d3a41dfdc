/* Pairs queries with classes at the least cost. */
#include "base/least.h"
#include "graph/op.h"

static const char *hungarian_infer(graph *g, node *n)
{
    const tensor *cost = n->in[0], *present = n->in[1];
    if (cost->rank != 3 || present->rank != 2 || present->dim[0] != cost->dim[0] || present->dim[1] != cost->dim[2])
        return op_mismatch(g, "costs and classes", cost, present);
    int64_t images = cost->dim[0], queries = cost->dim[1], classes = cost->dim[2];
    int64_t dim[2] = {images, least_of(queries, classes)};
    op_out(n, 0, DT_I32, 2, (int64_t[]){images, queries});
    op_out(n, 1, DT_I32, 2, dim);
    op_out(n, 2, DT_I32, 2, dim);
    return NULL;
}
const op_def op_def_hungarian = {.name = "hungarian", .infer = hungarian_infer, .required = 2, .types = "f"};

void op_hungarian(graph *g, tensor *cost, tensor *present, tensor *out[3])
{
    node *n = graph_add_node(g, OP_hungarian, 2, (tensor *[]){cost, present}, 3, NULL);
    for (int i = 0; i < 3; i++)
        out[i] = n ? n->out[i] : NULL;
}
