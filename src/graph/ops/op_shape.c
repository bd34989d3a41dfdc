/* Joining, cutting, reshaping, repeating and summing axes. */
#include "graph/op.h"

static const char *concat_infer(graph *g, node *n)
{
    const tensor *first = n->in[0];
    int axis = n->attr.axis.axis;
    if (axis < 0 || axis >= first->rank)
        return "there is no such axis";
    int64_t dim[TENSOR_MAX_RANK];
    for (int i = 0; i < first->rank; i++)
        dim[i] = first->dim[i];
    for (int k = 1; k < n->n_in; k++) {
        const tensor *t = n->in[k];
        if (!t || t->type != first->type)
            return "a part is missing or of another type";
        for (int i = 0; i < first->rank; i++)
            if (t->rank != first->rank || (i != axis && t->dim[i] != first->dim[i]))
                return op_mismatch(g, "parts that do not fit", first, t);
        dim[axis] += t->dim[axis];
    }
    op_out(n, 0, first->type, first->rank, dim);
    return NULL;
}

static void concat_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    int axis = n->attr.axis.axis;
    int64_t at = 0;
    for (int k = 0; k < n->n_in; k++) {
        if (op_wants(n, k))
            din[k] = op_slice(g, dy[0], axis, at, n->in[k]->dim[axis]);
        at += n->in[k]->dim[axis];
    }
}
const op_def op_def_concat = {
    .name = "concat", .infer = concat_infer, .grad = concat_grad, .required = 1, .types = "*", .cheap = true};

tensor *op_concat(graph *g, tensor *const *x, int n, int axis)
{
    if (n < 1)
        return graph_fail(g, CSEG_SHAPE, "concat of nothing");
    if (!op_given(g, "concat", x[0]) || n == 1)
        return x[0];
    op_attr a = {.axis = {.axis = axis < 0 ? axis + x[0]->rank : axis}};
    return op_node1(g, OP_concat, n, x, &a);
}

static const char *slice_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    const axis_attr *a = &n->attr.axis;
    char text[96];
    if (a->axis < 0 || a->axis >= x->rank || a->start < 0 || a->size < 1 || a->start > x->dim[a->axis] - a->size)
        return op_say(g, "%lld from %lld on axis %d is not within %s", (long long)a->size, (long long)a->start, a->axis,
                      tensor_shape_text(x, text));
    op_out(n, 0, x->type, x->rank, x->dim);
    n->out[0]->dim[a->axis] = a->size;
    return NULL;
}

static void slice_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = n->attr;
    a.axis.rank = n->in[0]->rank;
    for (int i = 0; i < a.axis.rank; i++)
        a.axis.dim[i] = n->in[0]->dim[i];
    din[0] = op_node1(g, OP_slice_grad, 1, dy, &a);
}
/* Elements outside of the slice are not read. */
static double slice_bytes_read(const node *n)
{
    return (double)tensor_bytes(n->out[0]);
}

const op_def op_def_slice = {.name = "slice",
                             .infer = slice_infer,
                             .grad = slice_grad,
                             .required = 1,
                             .types = "*",
                             .bytes_read = slice_bytes_read,
                             .cheap = true};

static const char *to_attr_shape(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, n->in[0]->type, n->attr.axis.rank, n->attr.axis.dim);
    return NULL;
}
const op_def op_def_slice_grad = {.name = "slice_grad", .infer = to_attr_shape, .required = 1, .types = "*"};

tensor *op_slice(graph *g, tensor *x, int axis, int64_t start, int64_t size)
{
    if (!op_given(g, "slice", x))
        return NULL;
    op_attr a = {.axis = {.axis = axis < 0 ? axis + x->rank : axis, .start = start, .size = size}};
    return op_node1(g, OP_slice, 1, &x, &a);
}

static void reshape_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_reshape(g, dy[0], n->in[0]->rank, n->in[0]->dim);
}
const op_def op_def_reshape = {.name = "reshape",
                               .infer = to_attr_shape,
                               .grad = reshape_grad,
                               .required = 1,
                               .types = "*",
                               .cheap = true,
                               .same_memory = true};

tensor *op_reshape(graph *g, tensor *x, int rank, const int64_t *dim)
{
    if (!op_given(g, "reshape", x))
        return NULL;
    if (rank < 0 || rank > TENSOR_MAX_RANK)
        return graph_fail(g, CSEG_SHAPE, "reshape: to %d axes; at most %d are possible", rank, TENSOR_MAX_RANK);
    op_attr a = {.axis = {.rank = rank}};
    int64_t known = 1, count = tensor_count(x);
    int open = -1;
    for (int i = 0; i < rank; i++) {
        a.axis.dim[i] = dim[i];
        if (dim[i] == -1 && open < 0)
            open = i;
        else /* 0, which divides nothing, if the product is too large */
            known = dim[i] < 1 || known > count / dim[i] ? 0 : known * dim[i];
    }
    if (open >= 0 && known > 0)
        a.axis.dim[open] = count / known;
    char text[96];
    if (known < 1 || (open < 0 ? known != count : count % known))
        return graph_fail(g, CSEG_SHAPE, "reshape: the %lld elements of %s do not fill the new shape", (long long)count,
                          tensor_shape_text(x, text));
    return op_node1(g, OP_reshape, 1, &x, &a);
}

static const char *transpose_infer(graph *g, node *n)
{
    (void)g;
    const tensor *x = n->in[0];
    uint32_t seen = 0;
    op_out(n, 0, x->type, x->rank, x->dim);
    for (int i = 0; i < x->rank; i++) {
        int p = n->attr.axis.perm[i];
        if (p < 0 || p >= x->rank || seen & 1u << p)
            return "the permutation does not name each axis once";
        seen |= 1u << p;
        n->out[0]->dim[i] = x->dim[p];
    }
    return NULL;
}

static void transpose_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    int back[TENSOR_MAX_RANK] = {0};
    for (int i = 0; i < n->in[0]->rank; i++)
        back[n->attr.axis.perm[i]] = i;
    din[0] = op_transpose(g, dy[0], back);
}
const op_def op_def_transpose = {
    .name = "transpose", .infer = transpose_infer, .grad = transpose_grad, .required = 1, .types = "*"};

tensor *op_transpose(graph *g, tensor *x, const int *perm)
{
    if (!op_given(g, "transpose", x))
        return NULL;
    op_attr a = {0};
    for (int i = 0; i < x->rank; i++)
        a.axis.perm[i] = perm[i];
    return op_node1(g, OP_transpose, 1, &x, &a);
}

static const char *broadcast_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    op_out(n, 0, x->type, x->rank, n->attr.axis.dim);
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] != 1 && x->dim[i] != n->attr.axis.dim[i])
            return op_mismatch(g, "a shape that cannot be repeated to another", x, n->out[0]);
    return NULL;
}

static void broadcast_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    uint32_t axes = 0;
    for (int i = 0; i < n->in[0]->rank; i++)
        if (n->in[0]->dim[i] != n->out[0]->dim[i])
            axes |= 1u << i;
    din[0] = axes ? op_reduce_sum(g, dy[0], axes, true) : dy[0];
}
const op_def op_def_broadcast = {
    .name = "broadcast", .infer = broadcast_infer, .grad = broadcast_grad, .required = 1, .types = "f"};

tensor *op_broadcast(graph *g, tensor *x, const int64_t *dim)
{
    if (!op_given(g, "broadcast", x))
        return NULL;
    op_attr a = {.axis = {.rank = x->rank}};
    for (int i = 0; i < x->rank; i++)
        a.axis.dim[i] = dim[i];
    return op_node1(g, OP_broadcast, 1, &x, &a);
}

static const char *reduce_infer(graph *g, node *n)
{
    (void)g;
    const tensor *x = n->in[0];
    int64_t dim[TENSOR_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        bool gone = n->attr.axis.axes >> i & 1;
        if (!gone)
            dim[rank++] = x->dim[i];
        else if (n->attr.axis.keep)
            dim[rank++] = 1;
    }
    op_out(n, 0, DT_F32, rank, dim);
    return NULL;
}

static void reduce_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    const tensor *x = n->in[0];
    int64_t kept[TENSOR_MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        kept[i] = n->attr.axis.axes >> i & 1 ? 1 : x->dim[i];
    din[0] = op_broadcast(g, op_reshape(g, dy[0], x->rank, kept), x->dim);
}
const op_def op_def_reduce_sum = {
    .name = "reduce_sum", .infer = reduce_infer, .grad = reduce_grad, .required = 1, .types = "f"};

tensor *op_reduce_sum(graph *g, tensor *x, uint32_t axes, bool keep)
{
    op_attr a = {.axis = {.axes = axes, .keep = keep}};
    return op_node1(g, OP_reduce_sum, 1, &x, &a);
}

tensor *op_reduce_mean(graph *g, tensor *x, uint32_t axes, bool keep)
{
    int64_t n = 1;
    for (int i = 0; x && i < x->rank; i++)
        if (axes >> i & 1)
            n *= x->dim[i];
    return op_scale(g, op_reduce_sum(g, x, axes, keep), (float)(1.0 / (double)n), 0);
}
