/* Masks from comparisons, and selection by masks. */
#include <math.h>

#include "graph/op.h"

static const char *compare_infer(graph *g, node *n)
{
    int64_t dim[TENSOR_MAX_RANK];
    const tensor *a = n->in[0], *b = n->in[1];
    if (a->type != b->type || (a->type != DT_F32 && a->type != DT_I32 && a->type != DT_U8))
        return op_say(g, "%s with %s; both float32, int32 or uint8 are compared", dtype_name(a->type),
                      dtype_name(b->type));
    const char *wrong = op_repeated_shape(g, n, 2, dim);
    if (!wrong)
        op_out(n, 0, DT_U8, a->rank, dim);
    return wrong;
}
const op_def op_def_compare = {.name = "compare", .infer = compare_infer, .required = 2, .types = "*"};

tensor *op_compare(graph *g, tensor *a, tensor *b, compare_kind kind)
{
    op_attr attr = {.compare = kind};
    return op_node1(g, OP_compare, 2, (tensor *[]){a, b}, &attr);
}

/* Compares with a number outside of int32: the result is the same for all of x. x compared with itself gives it. */
static tensor *compare_beyond(graph *g, tensor *x, compare_kind kind, bool above)
{
    bool less = kind == COMPARE_LT || kind == COMPARE_LE, more = kind == COMPARE_GT || kind == COMPARE_GE;
    bool is = kind == COMPARE_NE || (above ? less : more);
    return op_compare(g, x, x, is ? COMPARE_EQ : COMPARE_NE);
}

tensor *op_compare_to(graph *g, tensor *x, compare_kind kind, double v)
{
    static const int64_t ones[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    if (!op_given(g, "compare", x))
        return NULL;
    if (x->type == DT_F32)
        return op_compare(g, x, graph_const(g, DT_F32, x->rank, ones, &(float){(float)v}), kind);
    if (v != floor(v))
        return graph_fail(g, CSEG_SHAPE, "compare: %g with %s", v, dtype_name(x->type));
    if (x->type == DT_U8 && v >= 0 && v <= UINT8_MAX)
        return op_compare(g, x, graph_const(g, DT_U8, x->rank, ones, &(uint8_t){(uint8_t)v}), kind);
    if (x->type == DT_U8 || v < INT32_MIN || v > INT32_MAX)
        return compare_beyond(g, x, kind, v > 0);
    return op_compare(g, x, graph_const(g, DT_I32, x->rank, ones, &(int32_t){(int32_t)v}), kind);
}

/* mask, a, b */
static const char *where_infer(graph *g, node *n)
{
    int64_t dim[TENSOR_MAX_RANK];
    const tensor *a = n->in[1], *b = n->in[2];
    if (a->type != b->type || (a->type != DT_F32 && a->type != DT_I32 && a->type != DT_U8))
        return op_say(g, "%s or %s; it chooses among float32, int32 or uint8", dtype_name(a->type),
                      dtype_name(b->type));
    const char *wrong = op_repeated_shape(g, n, 3, dim);
    if (!wrong)
        op_out(n, 0, a->type, a->rank, dim);
    return wrong;
}

/* The input that was not chosen gets 0, also where its own gradient would be infinite. */
static void where_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    static const int64_t ones[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    tensor *none = op_fill(g, dy[0]->rank, ones, 0);
    if (op_wants(n, 1))
        din[1] = op_unrepeat(g, op_where(g, n->in[0], dy[0], none), n->in[1]);
    if (op_wants(n, 2))
        din[2] = op_unrepeat(g, op_where(g, n->in[0], none, dy[0]), n->in[2]);
}
const op_def op_def_where = {
    .name = "where", .infer = where_infer, .grad = where_grad, .required = 3, .types = "u*", .cheap = true};

tensor *op_where(graph *g, tensor *mask, tensor *a, tensor *b)
{
    return op_node1(g, OP_where, 3, (tensor *[]){mask, a, b}, NULL);
}

tensor *op_and(graph *g, tensor *a, tensor *b)
{
    return op_where(g, a, b, a); /* where a is 0, it is a itself */
}

tensor *op_or(graph *g, tensor *a, tensor *b)
{
    return op_where(g, a, a, b);
}

tensor *op_not(graph *g, tensor *a)
{
    return op_compare_to(g, a, COMPARE_EQ, 0);
}
