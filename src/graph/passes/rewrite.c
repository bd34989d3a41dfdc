#include "graph/passes/rewrite.h"

#include <string.h>

bool rewrite_count(rewrite *r, graph *g)
{
    r->g = g;
    r->n = g->tensors.n;
    r->uses = ARENA_ARRAY(g->mem, r->n, int);
    r->reader = ARENA_ARRAY(g->mem, r->n, node *);
    if (!r->uses || !r->reader)
        return false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        node *n = g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k]) {
                r->uses[n->in[k]->id]++;
                r->reader[n->in[k]->id] = n;
            }
    }
    for (size_t i = 0; i < g->outputs.n; i++) {
        r->uses[g->outputs.at[i].value->id]++;
        r->reader[g->outputs.at[i].value->id] = NULL;
    }
    return true;
}

node *rewrite_maker(const rewrite *r, const tensor *t, op_kind op)
{
    if (!t || !t->from || t->from->op != op || (size_t)t->id >= r->n || r->uses[t->id] != 1)
        return NULL;
    return t->from;
}

node *rewrite_conv(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_conv2d);
    return n ? n : rewrite_maker(r, t, OP_conv_transpose2d);
}

void rewrite_replace(graph *g, tensor *old, tensor *now)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        node *n = g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] == old)
                n->in[k] = now;
    }
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.at[i].value == old)
            g->outputs.at[i].value = now;
}

/* Depth-first search with an explicit stack, since graphs are as deep as networks. */
typedef struct visit {
    node *n;
    int at, next; /* its position in g->nodes; the next input to visit */
} visit;

typedef struct sorting {
    graph *g;
    char *done;    /* by position in g->nodes: 1 on the stack, 2 placed */
    int *position; /* by tensor id: position of its maker */
    visit *stack;
    node **order;
    size_t placed;
} sorting;

/* Places the node at that position, after all nodes that it needs. */
static void place(sorting *s, int root)
{
    size_t depth = 0;
    if (s->done[root])
        return;
    s->stack[depth++] = (visit){s->g->nodes.at[root], root, 0};
    s->done[root] = 1;
    while (depth) {
        visit *v = &s->stack[depth - 1];
        if (v->next == v->n->n_in) {
            s->order[s->placed++] = v->n;
            s->done[v->at] = 2;
            depth--;
            continue;
        }
        tensor *t = v->n->in[v->next++];
        int at = t && t->from ? s->position[t->id] : -1;
        if (at >= 0 && !s->done[at]) {
            s->done[at] = 1;
            s->stack[depth++] = (visit){t->from, at, 0};
        }
    }
}

static bool is_output(const graph *g, const node *n)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.at[i].value->from == n)
            return true;
    return false;
}

bool rewrite_sort(graph *g)
{
    size_t n = g->nodes.n;
    sorting s = {.g = g,
                 .done = ARENA_ARRAY(g->mem, n + 1, char),
                 .position = ARENA_ARRAY(g->mem, g->tensors.n + 1, int),
                 .stack = ARENA_ARRAY(g->mem, n + 1, visit),
                 .order = ARENA_ARRAY(g->mem, n + 1, node *)};
    if (!s.done || !s.position || !s.stack || !s.order)
        return false;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < g->nodes.at[i]->n_out; k++)
            if (g->nodes.at[i]->out[k])
                s.position[g->nodes.at[i]->out[k]->id] = (int)i;
    for (size_t i = 0; i < n; i++)
        if (g->nodes.at[i]->has_effect || is_output(g, g->nodes.at[i]))
            place(&s, (int)i);
    if (s.placed)
        memcpy(g->nodes.at, s.order, s.placed * sizeof *s.order);
    g->nodes.n = s.placed;
    return true;
}
