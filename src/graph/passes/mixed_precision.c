/* Decides which maps are stored as bfloat16. Such maps take half of the memory and traffic, and are operands of bf16
 * convolutions. */
#include <string.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/passes/passes.h"

typedef struct mixing {
    graph *g;
    const backend *b;
    size_t n;      /* number of tensors before the pass */
    int *root;     /* by tensor id: the first tensor of those that share its memory, which must have one type */
    bool *wide;    /* by root: stays float32 */
    int *readers;  /* by tensor id */
    int *others;   /* by tensor id: readers that do more than pass it on to a tensor that stays float32 */
    tensor **twin; /* by tensor id: the same values in the other type */
} mixing;

static bool is_map(const tensor *t)
{
    return t->role == TENSOR_TEMP && t->type == DT_F32 && t->rank >= 3;
}

static port port_of(const mixing *m, const node *n, bool is_output, int k)
{
    const tensor *t = is_output ? n->out[k] : n->in[k];
    return t->type == DT_F32 || t->type == DT_BF16 ? m->b->port_of(m->b, n, is_output, k) : PORT_F32;
}

static bool *wide(const mixing *m, const tensor *t)
{
    return &m->wide[m->root[t->id]];
}

static void find_roots(mixing *m)
{
    for (size_t i = 0; i < m->n; i++)
        m->root[i] = (int)i;
    for (size_t i = 0; i < m->g->nodes.n; i++) {
        const node *n = m->g->nodes.at[i];
        if (op_define(n->op)->same_memory)
            m->root[n->out[0]->id] = m->root[n->in[0]->id];
    }
}

static void find_bound(mixing *m)
{
    const graph *g = m->g;
    for (size_t i = 0; i < m->n; i++)
        if (!is_map(g->tensors.at[i]))
            *wide(m, g->tensors.at[i]) = true;
    for (size_t i = 0; i < g->outputs.n; i++)
        *wide(m, g->outputs.at[i].value) = true;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const node *n = g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] && port_of(m, n, false, k) == PORT_F32)
                *wide(m, n->in[k]) = true;
        for (int k = 0; k < n->n_out; k++)
            if (port_of(m, n, true, k) == PORT_F32)
                *wide(m, n->out[k]) = true;
    }
}

static bool all_wide(const mixing *m, const node *n)
{
    for (int k = 0; k < n->n_out; k++)
        if (!*wide(m, n->out[k]))
            return false;
    return true;
}

/* A map that is only resized, joined or summed into a tensor that stays float32 (logits) stays float32 too. Goes from
 * the end, so that readers are decided before makers. */
static void spread_wide(mixing *m)
{
    for (size_t i = m->g->nodes.n; i-- > 0;) {
        const node *n = m->g->nodes.at[i];
        for (int k = 0; k < n->n_out; k++)
            if (m->readers[n->out[k]->id] && !m->others[n->out[k]->id])
                *wide(m, n->out[k]) = true;
        bool handed = !op_define(n->op)->rescales && all_wide(m, n);
        for (int k = 0; k < n->n_in; k++) {
            if (!n->in[k])
                continue;
            m->readers[n->in[k]->id]++;
            m->others[n->in[k]->id] += !(handed && port_of(m, n, false, k) == PORT_EITHER);
        }
    }
}

static void set_types(const mixing *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!*wide(m, m->g->tensors.at[i]))
            m->g->tensors.at[i]->type = DT_BF16;
}

static node *add_cast(const mixing *m, const node *beside, tensor *x, dtype to)
{
    node *n = graph_add_node(m->g, OP_cast, 1, &x, 1, &(op_attr){.cast = to});
    if (n) {
        n->scope = beside->scope;
        n->is_grad = beside->is_grad;
    }
    return n;
}

static bool cast_inputs(mixing *m, node *n)
{
    for (int k = 0; k < n->n_in; k++) {
        tensor *t = n->in[k];
        port p = t ? port_of(m, n, false, k) : PORT_EITHER;
        dtype to = p == PORT_BF16 ? DT_BF16 : DT_F32;
        if (p == PORT_EITHER || t->type == to || (t->type != DT_F32 && t->type != DT_BF16))
            continue;
        if (!m->twin[t->id]) {
            node *cast = add_cast(m, n, t, to);
            if (!cast)
                return false;
            m->twin[t->id] = cast->out[0];
        }
        n->in[k] = m->twin[t->id];
    }
    return true;
}

/* For a kernel that only writes bfloat16, where the tensor stays float32: gives the kernel an output of its own, and
 * casts that to the old one. */
static bool cast_outputs(mixing *m, node *n)
{
    for (int k = 0; k < n->n_out; k++) {
        tensor *t = n->out[k];
        if (t->type != DT_F32 || port_of(m, n, true, k) != PORT_BF16)
            continue;
        node *cast = add_cast(m, n, t, DT_BF16);
        if (!cast)
            return false;
        tensor *made = cast->out[0];
        made->from = n;
        made->from_index = k;
        n->out[k] = made;
        cast->in[0] = made;
        cast->out[0] = t;
        cast->attr.cast = DT_F32;
        t->from = cast;
        t->from_index = 0;
        m->twin[t->id] = made;
    }
    return true;
}

/* Rebuilds the list of nodes, in order, each with the casts that it needs. */
static bool add_casts(mixing *m)
{
    graph *g = m->g;
    size_t n = g->nodes.n;
    node **before = ARENA_ARRAY(g->mem, n + 1, node *);
    if (!before)
        return false;
    memcpy(before, g->nodes.at, n * sizeof *before);
    g->nodes.n = 0;
    for (size_t i = 0; i < n; i++)
        if (!cast_inputs(m, before[i]) || !vec_push(g->mem, &g->nodes, before[i]) || !cast_outputs(m, before[i]))
            return false;
    return true;
}

cseg_status graph_bf16(graph *g, const backend *b, cseg_error *err)
{
    TRY(graph_status(g, err));
    if (g->mixed)
        return CSEG_OK;
    size_t n = g->tensors.n;
    mixing m = {.g = g,
                .b = b,
                .n = n,
                .root = ARENA_ARRAY(g->mem, n + 1, int),
                .wide = ARENA_ARRAY(g->mem, n + 1, bool),
                .readers = ARENA_ARRAY(g->mem, n + 1, int),
                .others = ARENA_ARRAY(g->mem, n + 1, int),
                .twin = ARENA_ARRAY(g->mem, n + 1, tensor *)};
    if (!m.root || !m.wide || !m.readers || !m.others || !m.twin)
        return fail_memory(err);
    find_roots(&m);
    find_bound(&m);
    spread_wide(&m);
    set_types(&m);
    g->mixed = true;
    if (!add_casts(&m) && g->error.code == CSEG_OK)
        return fail_memory(err);
    return graph_status(g, err);
}
