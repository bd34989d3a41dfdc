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

int graph_push_checkpoint(graph *g, bool on)
{
    int outer = g->checkpoint;
    if (on && !outer)
        g->checkpoint = ++g->checkpoints;
    return outer;
}

void graph_pop_checkpoint(graph *g, int outer)
{
    g->checkpoint = outer;
}

/* Returns whether dims are positive and not so large that a size in bytes could overflow. */
static bool possible_size(int rank, const int64_t *dim)
{
    int64_t most = INT64_C(1) << 44;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > most)
            return false;
        most /= dim[i];
    }
    return true;
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
    char text[96];
    if (possible_size(rank, t->dim))
        return t;
    return graph_fail(g, CSEG_SHAPE, "a tensor %s is empty or too large", tensor_shape_text(t, text));
}

/* Checks that an input which is asked for again has the same type and shape. */
static tensor *same_input(graph *g, tensor *t, dtype type, int rank, const int64_t *dim)
{
    tensor wanted = {.type = type, .rank = rank};
    char had[96], wants[96];
    memcpy(wanted.dim, dim, (size_t)(rank < TENSOR_MAX_RANK ? rank : TENSOR_MAX_RANK) * sizeof *dim);
    if (t->type == type && op_same_shape(t, &wanted))
        return t;
    return graph_fail(g, CSEG_SHAPE, "input '%s' is asked for as %s %s and as %s %s", t->name, dtype_name(t->type),
                      tensor_shape_text(t, had), dtype_name(type), tensor_shape_text(&wanted, wants));
}

tensor *graph_input(graph *g, const char *name, dtype type, int rank, const int64_t *dim)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        if (strcmp(g->inputs.at[i]->name, name) == 0)
            return same_input(g, g->inputs.at[i], type, rank, dim);
    tensor *t = new_tensor(g, TENSOR_INPUT, type, rank, dim);
    if (!t)
        return NULL;
    t->name = arena_strdup(g->mem, name);
    return t->name && vec_push(g->mem, &g->inputs, t) ? t : no_memory(g);
}

tensor *graph_param(graph *g, param *p)
{
    if (!p)
        return graph_fail(g, CSEG_SHAPE, "a parameter is missing");
    for (size_t i = 0; i < g->params.n; i++)
        if (g->params.at[i]->param == p)
            return g->params.at[i]->now ? g->params.at[i]->now : g->params.at[i];
    tensor *t = new_tensor(g, TENSOR_PARAM, p->type, p->rank, p->dim);
    if (!t || !vec_push(g->mem, &g->params, t))
        return no_memory(g); /* keeps an error of new_tensor */
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

/* Checks number and types of the inputs, before the op's own rule looks at them. Returns NULL, or what is wrong. */
static const char *check_inputs(graph *g, const op_def *def, const node *n)
{
    static const char letter[] = {[DT_F32] = 'f', [DT_BF16] = 'b', [DT_I32] = 'i', [DT_I64] = 'l', [DT_U8] = 'u'};
    const char *type = def->types;
    for (int i = 0; i < n->n_in || i < def->required; i++) {
        const tensor *t = i < n->n_in ? n->in[i] : NULL;
        if (!t && i < def->required)
            return op_say(g, "input %d is missing", i);
        if (t && *type != '*' && *type != letter[t->type])
            return op_say(g, "input %d is %s", i, dtype_name(t->type));
        if (type[1])
            type++;
    }
    return NULL;
}

static const char *check_outputs(graph *g, const node *n)
{
    char text[96];
    for (int i = 0; i < n->n_out; i++)
        if (!possible_size(n->out[i]->rank, n->out[i]->dim))
            return op_say(g, "the result %s is empty or too large", tensor_shape_text(n->out[i], text));
    return NULL;
}

static bool make_outputs(graph *g, node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        tensor *t = new_tensor(g, TENSOR_TEMP, DT_F32, 0, NULL);
        if (!t)
            return false;
        t->from = n;
        t->from_index = i;
        n->out[i] = t;
    }
    return true;
}

static bool is_float(const tensor *t)
{
    return t->type == DT_F32 || t->type == DT_BF16;
}

/* Marks outputs that need a gradient, after the rule has run: only floats have gradients. */
static void mark_gradients(const op_def *def, node *n)
{
    bool needs = false;
    for (int i = 0; i < n->n_in && def->grad; i++)
        needs |= n->in[i] && n->in[i]->needs_grad;
    for (int i = 0; i < n->n_out; i++)
        n->out[i]->needs_grad = needs && (i == 0 || def->all_outputs) && is_float(n->out[i]);
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
    n->checkpoint = g->checkpoint;
    for (int i = 0; i < n_in; i++)
        n->in[i] = in[i];
    const op_def *def = op_define(op);
    const char *wrong = check_inputs(g, def, n);
    if (!wrong && !make_outputs(g, n))
        return NULL;
    if (!wrong)
        wrong = def->infer(g, n);
    if (!wrong)
        wrong = check_outputs(g, n);
    if (wrong) {
        graph_fail(g, CSEG_SHAPE, "%s: %s", def->name, wrong);
        return NULL;
    }
    mark_gradients(def, n);
    if (!vec_push(g->mem, &g->nodes, n)) {
        no_memory(g);
        return NULL;
    }
    return n;
}
