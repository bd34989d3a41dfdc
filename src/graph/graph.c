/* NOTE: complete and in use; see op.h. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "graph/op.h"

size_t dtype_size(dtype t)
{
    static const size_t size[] = {[DT_F32] = 4, [DT_BF16] = 2, [DT_I32] = 4, [DT_I64] = 8, [DT_U8] = 1};
    return size[t];
}

const char *dtype_name(dtype t)
{
    static const char *const name[] = {
        [DT_F32] = "float32", [DT_BF16] = "bfloat16", [DT_I32] = "int32", [DT_I64] = "int64", [DT_U8] = "uint8"};
    return name[t];
}

int64_t tensor_count(const tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

size_t tensor_bytes(const tensor *t)
{
    return (size_t)tensor_count(t) * dtype_size(t->type);
}

const char *tensor_shape_text(const tensor *t, char out[static 96])
{
    int at = snprintf(out, 96, "[");
    for (int i = 0; i < t->rank && at < 90; i++)
        at += snprintf(out + at, 96 - (size_t)at, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
    if (at < 95)
        snprintf(out + at, 96 - (size_t)at, "]");
    return out;
}

graph *graph_new(bool train)
{
    arena *mem = arena_new();
    graph *g = mem ? ARENA_NEW(mem, graph) : NULL;
    if (!g) {
        arena_free(mem);
        return NULL;
    }
    g->mem = mem;
    g->train = train;
    return g;
}

void graph_free(graph *g)
{
    if (g)
        arena_free(g->mem);
}

cseg_status graph_status(const graph *g, cseg_error *err)
{
    if (g->error.code != CSEG_OK && err)
        *err = g->error;
    return g->error.code;
}

tensor *graph_fail(graph *g, cseg_status code, const char *fmt, ...)
{
    if (g->error.code != CSEG_OK)
        return NULL;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char *scope = g->scopes.n ? g->scopes.at[g->scopes.n - 1] : "";
    fail(&g->error, code, "%s%s%s", scope, *scope ? ": " : "", text);
    return NULL;
}

static tensor *no_memory(graph *g)
{
    if (g->error.code == CSEG_OK)
        fail_memory(&g->error);
    return NULL;
}

void graph_push_scope(graph *g, const char *full_name)
{
    if (!vec_push(g->mem, &g->scopes, full_name))
        no_memory(g);
}

void graph_pop_scope(graph *g)
{
    if (g->scopes.n)
        g->scopes.n--;
}

static tensor *new_tensor(graph *g, tensor_role role, dtype type, int rank, const int64_t *dim)
{
    if (rank < 0 || rank > TENSOR_MAX_RANK)
        return graph_fail(g, CSEG_SHAPE, "a tensor of rank %d; at most %d are possible", rank, TENSOR_MAX_RANK);
    tensor *t = ARENA_NEW(g->mem, tensor);
    if (!t || !vec_push(g->mem, &g->tensors, t))
        return no_memory(g);
    t->id = (int)g->tensors.n - 1;
    t->role = role;
    t->type = type;
    t->rank = rank;
    if (rank)
        memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    return t;
}

tensor *graph_input(graph *g, const char *name, dtype type, int rank, const int64_t *dim)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        if (strcmp(g->inputs.at[i]->name, name) == 0)
            return g->inputs.at[i];
    tensor *t = new_tensor(g, TENSOR_INPUT, type, rank, dim);
    if (!t)
        return NULL;
    t->name = arena_strdup(g->mem, name);
    return t->name && vec_push(g->mem, &g->inputs, t) ? t : no_memory(g);
}

tensor *graph_param(graph *g, param *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < g->params.n; i++)
        if (g->params.at[i]->param == p)
            return g->params.at[i];
    tensor *t = new_tensor(g, TENSOR_PARAM, p->type, p->rank, p->dim);
    if (!t || !vec_push(g->mem, &g->params, t))
        return no_memory(g);
    t->param = p;
    t->needs_grad = g->train && p->role == PARAM_TRAINED && p->requires_grad;
    return t;
}

tensor *graph_const(graph *g, dtype type, int rank, const int64_t *dim, const void *data)
{
    tensor *t = new_tensor(g, TENSOR_CONST, type, rank, dim);
    void *copy = t ? arena_alloc(g->mem, tensor_bytes(t)) : NULL;
    if (!copy)
        return no_memory(g);
    memcpy(copy, data, tensor_bytes(t));
    t->data = copy;
    return t;
}

void graph_add_output(graph *g, const char *name, tensor *t)
{
    if (!t)
        return;
    graph_output o = {.name = arena_strdup(g->mem, name), .value = t};
    if (!o.name || !vec_push(g->mem, &g->outputs, o))
        no_memory(g);
}

node *graph_add_node(graph *g, op_kind op, int n_in, tensor *const *in, int n_out, const op_attr *attr)
{
    if (g->error.code != CSEG_OK)
        return NULL;
    node *n = ARENA_NEW(g->mem, node);
    if (!n || !(n->in = ARENA_ARRAY(g->mem, (size_t)n_in + 1, tensor *)) ||
        !(n->out = ARENA_ARRAY(g->mem, (size_t)n_out + 1, tensor *))) {
        no_memory(g);
        return NULL;
    }
    n->op = op;
    n->n_in = n_in;
    n->n_out = n_out;
    if (attr)
        n->attr = *attr;
    n->scope = g->scopes.n ? g->scopes.at[g->scopes.n - 1] : NULL;
    bool needs = false;
    for (int i = 0; i < n_in; i++) {
        n->in[i] = in[i];
        needs |= in[i] && in[i]->needs_grad;
    }
    const op_def *def = op_define(op);
    for (int i = 0; i < n_out; i++) {
        tensor *t = new_tensor(g, TENSOR_TEMP, DT_F32, 0, NULL);
        if (!t)
            return NULL;
        t->from = n;
        t->from_index = i;
        t->needs_grad = needs && def->grad && i == 0;
        n->out[i] = t;
    }
    const char *wrong = def->infer(g, n);
    if (wrong) {
        graph_fail(g, CSEG_SHAPE, "%s: %s", def->name, wrong);
        return NULL;
    }
    if (!vec_push(g->mem, &g->nodes, n)) {
        no_memory(g);
        return NULL;
    }
    return n;
}

static const op_def *const defs[] = {
#define OP(name) [OP_##name] = &op_def_##name,
#include "graph/ops/list.h"
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

bool op_same_shape(const tensor *a, const tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

const char *op_mismatch(graph *g, const char *what, const tensor *a, const tensor *b)
{
    char ta[96], tb[96];
    const char *text =
        arena_printf(g->mem, "%s: shapes %s and %s", what, tensor_shape_text(a, ta), tensor_shape_text(b, tb));
    return text ? text : what;
}

tensor *op_node1(graph *g, op_kind op, int n_in, tensor *const *in, const op_attr *attr)
{
    node *n = graph_add_node(g, op, n_in, in, 1, attr);
    return n ? n->out[0] : NULL;
}

char *graph_text(const graph *g, arena *mem)
{
    strbuf b = {.mem = mem};
    char shape[96];
    for (size_t i = 0; i < g->nodes.n; i++) {
        const node *n = g->nodes.at[i];
        for (int k = 0; k < n->n_out; k++)
            strbuf_addf(&b, "%s%%%d%s", k ? ", " : "", n->out[k]->id, tensor_shape_text(n->out[k], shape));
        strbuf_addf(&b, " = %s(", op_name(n->op));
        for (int k = 0; k < n->n_in; k++) {
            const tensor *t = n->in[k];
            strbuf_add(&b, k ? ", " : "");
            if (!t)
                strbuf_add(&b, "-");
            else if (t->role == TENSOR_PARAM)
                strbuf_add(&b, t->param->name);
            else if (t->role == TENSOR_INPUT)
                strbuf_add(&b, t->name);
            else
                strbuf_addf(&b, "%%%d", t->id);
        }
        strbuf_addf(&b, ")  %s%s\n", n->scope ? n->scope : "", n->is_grad ? " (gradient)" : "");
    }
    return b.failed ? NULL : b.text ? b.text : arena_strdup(mem, "");
}
