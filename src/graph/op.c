/* The table of ops, and what their rules share. */
#include "graph/op.h"

#include <stdarg.h>
#include <stdio.h>

static const op_def *const defs[] = {
#define OP(name) [OP_##name] = &op_def_##name,
#include "graph/ops/op_list.h"
#undef OP
};

const op_def *op_define(op_kind op)
{
    return defs[op];
}

const char *op_name(op_kind op)
{
    return defs[op]->name;
}

void op_out(node *n, int i, dtype type, int rank, const int64_t *dim)
{
    tensor *t = n->out[i];
    t->type = type;
    t->rank = rank;
    for (int k = 0; k < rank; k++)
        t->dim[k] = dim[k];
}

void op_out_like(node *n, int i, const tensor *t)
{
    op_out(n, i, DT_F32, t->rank, t->dim);
}

const char *op_like_first(graph *g, node *n)
{
    (void)g;
    op_out_like(n, 0, n->in[0]);
    return NULL;
}

bool op_does_nothing(const node *n)
{
    return op_define(n->op)->same_memory && (n->in[0]->role == TENSOR_TEMP || n->in[0]->role == TENSOR_PARAM);
}

const tensor *op_param_of(const tensor *t)
{
    while (t->role == TENSOR_TEMP && op_does_nothing(t->from))
        t = t->from->in[0];
    return t->role == TENSOR_PARAM ? t : NULL;
}

bool op_same_shape(const tensor *a, const tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *op_repeated_shape(graph *g, const node *n, int count, int64_t dim[TENSOR_MAX_RANK])
{
    const tensor *first = n->in[0];
    for (int i = 0; i < first->rank; i++)
        dim[i] = first->dim[i];
    for (int k = 1; k < count; k++) {
        const tensor *t = n->in[k];
        if (t->rank != first->rank)
            return op_mismatch(g, "operands of different rank", first, t);
        for (int i = 0; i < t->rank; i++) {
            if (t->dim[i] != dim[i] && t->dim[i] != 1 && dim[i] != 1)
                return op_mismatch(g, "operands that do not fit", first, t);
            dim[i] = dim[i] == 1 ? t->dim[i] : dim[i];
        }
    }
    return NULL;
}

tensor *op_unrepeat(graph *g, tensor *d, const tensor *to)
{
    uint32_t axes = 0;
    for (int i = 0; d && i < to->rank; i++)
        if (to->dim[i] == 1 && d->dim[i] != 1)
            axes |= 1u << i;
    return axes ? op_reduce_sum(g, d, axes, true) : d;
}

const char *op_say(graph *g, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *kept = arena_strdup(g->mem, text);
    return kept ? kept : "out of memory";
}

const char *op_mismatch(graph *g, const char *what, const tensor *a, const tensor *b)
{
    char ta[96], tb[96];
    return op_say(g, "%s: shapes %s and %s", what, tensor_shape_text(a, ta), tensor_shape_text(b, tb));
}

tensor *op_node1(graph *g, op_kind op, int n_in, tensor *const *in, const op_attr *attr)
{
    node *n = graph_add_node(g, op, n_in, in, 1, attr);
    return n ? n->out[0] : NULL;
}

bool op_given(graph *g, const char *op, const tensor *t)
{
    if (!t)
        graph_fail(g, CSEG_SHAPE, "%s: its input is missing", op);
    return t != NULL;
}
