/* Points of maps: sampled between pixels, chosen by their value, taken and put back by their place. */
#include "graph/op.h"

static const char *sample_fits(graph *g, const tensor *map, const tensor *points)
{
    if (map->rank != 4)
        return "takes a map [N,H,W,C]";
    if (points->needs_grad)
        return "has no gradient of the points";
    bool fits = points->rank == 3 && points->dim[2] == 2 && points->dim[0] == map->dim[0];
    return fits ? NULL : op_mismatch(g, "a map and points", map, points);
}

static const char *point_sample_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *points = n->in[1];
    const char *wrong = sample_fits(g, x, points);
    if (!wrong)
        op_out(n, 0, DT_F32, 3, (int64_t[]){x->dim[0], points->dim[1], x->dim[3]});
    return wrong;
}

static void point_sample_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    for (int i = 0; i < 4; i++)
        a.points.x_dim[i] = n->in[0]->dim[i];
    din[0] = op_node1(g, OP_point_sample_grad, 2, (tensor *[]){dy[0], n->in[1]}, &a);
}
const op_def op_def_point_sample = {
    .name = "point_sample", .infer = point_sample_infer, .grad = point_sample_grad, .required = 2, .types = "f"};

static const char *point_sample_grad_infer(graph *g, node *n)
{
    op_out(n, 0, DT_F32, 4, n->attr.points.x_dim);
    return sample_fits(g, n->out[0], n->in[1]);
}
const op_def op_def_point_sample_grad = {
    .name = "point_sample_grad", .infer = point_sample_grad_infer, .required = 2, .types = "f"};

tensor *op_point_sample(graph *g, tensor *x, tensor *points, points_attr a)
{
    op_attr attr = {.points = a};
    return op_node1(g, OP_point_sample, 2, (tensor *[]){x, points}, &attr);
}

static const char *margin_infer(graph *g, node *n)
{
    (void)g;
    const tensor *x = n->in[0];
    if (x->rank < 1 || x->dim[x->rank - 1] < 2)
        return "needs two values along the last axis";
    op_out(n, 0, DT_F32, x->rank - 1, x->dim);
    return NULL;
}
const op_def op_def_margin = {.name = "margin", .infer = margin_infer, .required = 1, .types = "f"};

tensor *op_margin(graph *g, tensor *x)
{
    return op_node1(g, OP_margin, 1, &x, NULL);
}

static const char *top_places_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    int64_t k = n->attr.rank.k;
    if (x->rank != 2)
        return "takes rows [N,L]";
    if (k < 1 || k > x->dim[1] || x->dim[1] > INT32_MAX)
        return op_say(g, "cannot choose %lld of %lld places", (long long)k, (long long)x->dim[1]);
    op_out(n, 0, DT_I32, 2, (int64_t[]){x->dim[0], k});
    return NULL;
}
const op_def op_def_top_places = {.name = "top_places", .infer = top_places_infer, .required = 1, .types = "f"};

tensor *op_top_places(graph *g, tensor *x, int64_t k)
{
    op_attr a = {.rank = {.k = k}};
    return op_node1(g, OP_top_places, 1, &x, &a);
}

static const char *places_fit(graph *g, const tensor *x, const tensor *places)
{
    bool fit = x->rank == 3 && places->rank == 2 && x->dim[0] == places->dim[0] && places->dim[1] <= x->dim[1];
    return fit ? NULL : op_mismatch(g, "rows and places", x, places);
}

static const char *take_rows_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *places = n->in[1];
    const char *wrong = places_fit(g, x, places);
    if (!wrong)
        op_out(n, 0, DT_F32, 3, (int64_t[]){x->dim[0], places->dim[1], x->dim[2]});
    return wrong;
}

static void take_rows_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_put_rows(g, op_fill(g, 3, n->in[0]->dim, 0), dy[0], n->in[1]);
}
const op_def op_def_take_rows = {
    .name = "take_rows", .infer = take_rows_infer, .grad = take_rows_grad, .required = 2, .types = "fi"};

tensor *op_take_rows(graph *g, tensor *x, tensor *places)
{
    return op_node1(g, OP_take_rows, 2, (tensor *[]){x, places}, NULL);
}

static const char *put_rows_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *rows = n->in[1], *places = n->in[2];
    const char *wrong = places_fit(g, x, places);
    if (wrong)
        return wrong;
    if (rows->rank != 3 || rows->dim[0] != x->dim[0] || rows->dim[1] != places->dim[1] || rows->dim[2] != x->dim[2])
        return op_mismatch(g, "a map and rows", x, rows);
    return op_like_first(g, n);
}

static void put_rows_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *places = n->in[2];
    if (op_wants(n, 0))
        din[0] = op_put_rows(g, dy[0], op_fill(g, 3, n->in[1]->dim, 0), places);
    if (op_wants(n, 1))
        din[1] = op_take_rows(g, dy[0], places);
}
const op_def op_def_put_rows = {
    .name = "put_rows", .infer = put_rows_infer, .grad = put_rows_grad, .required = 3, .types = "ffi"};

tensor *op_put_rows(graph *g, tensor *x, tensor *rows, tensor *places)
{
    return op_node1(g, OP_put_rows, 3, (tensor *[]){x, rows, places}, NULL);
}
