/* Label maps at points between their pixels: as masks of classes, which are not written. */
#include "graph/op.h"

static const char *fits(graph *g, const tensor *label, const tensor *points, int64_t rows)
{
    bool fit = label->rank == 3 && points->rank == 3 && points->dim[2] == 2 && points->dim[0] == label->dim[0] * rows;
    return fit ? NULL : op_mismatch(g, "a label map and points", label, points);
}

static const char *point_classes_infer(graph *g, node *n)
{
    const tensor *points = n->in[1];
    const char *wrong = fits(g, n->in[0], points, 1);
    if (!wrong)
        op_out(n, 0, DT_F32, 3, (int64_t[]){points->dim[0], points->dim[1], n->attr.rank.k});
    return wrong;
}
const op_def op_def_point_classes = {
    .name = "point_classes", .infer = point_classes_infer, .required = 2, .types = "if"};

tensor *op_point_classes(graph *g, tensor *label, tensor *points, int64_t classes)
{
    op_attr a = {.rank = {.k = classes}};
    return op_node1(g, OP_point_classes, 2, (tensor *[]){label, points}, &a);
}

static const char *point_hits_infer(graph *g, node *n)
{
    const tensor *label = n->in[0], *class_of = n->in[1], *points = n->in[2];
    if (class_of->rank != 2 || label->rank != 3 || class_of->dim[0] != label->dim[0])
        return op_mismatch(g, "a label map and classes", label, class_of);
    const char *wrong = fits(g, label, points, class_of->dim[1]);
    if (!wrong)
        op_out(n, 0, DT_F32, 2, points->dim);
    return wrong;
}
const op_def op_def_point_hits = {.name = "point_hits", .infer = point_hits_infer, .required = 3, .types = "iif"};

tensor *op_point_hits(graph *g, tensor *label, tensor *class_of, tensor *points)
{
    return op_node1(g, OP_point_hits, 3, (tensor *[]){label, class_of, points}, NULL);
}
