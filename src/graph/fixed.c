#include "graph/fixed.h"

#include "graph/op.h"

typedef struct finder {
    const graph *g;
    bool *constant, *costly; /* by tensor id: follows from fixed leaves; has a convolution or a product behind it */
    bool *in_fixed, *in_each_run; /* by tensor id: who reads it */
    bool *fixed;
} finder;

bool graph_leaf_is_fixed(const graph *g, const tensor *t)
{
    if (t->role == TENSOR_PARAM)
        return !g->train || (t->param->role == PARAM_TRAINED && !t->param->requires_grad);
    return t->role == TENSOR_CONST;
}

static void look_behind(finder *f, const node *n)
{
    bool constant = !n->has_effect && !(f->g->train && n->is_grad), costly = op_define(n->op)->multiply_adds != NULL;
    for (int k = 0; k < n->n_in; k++) {
        const tensor *t = n->in[k];
        if (!t)
            continue;
        constant &= t->role == TENSOR_TEMP ? f->constant[t->id] : graph_leaf_is_fixed(f->g, t);
        costly |= f->costly[t->id];
    }
    for (int k = 0; k < n->n_out; k++) {
        f->constant[n->out[k]->id] = constant;
        f->costly[n->out[k]->id] = constant && costly;
    }
}

/* All readers have been decided. */
static void decide(finder *f, const node *n)
{
    bool constant = n->n_out > 0, costly = !f->g->train, in_fixed = false, in_each_run = false;
    for (int k = 0; k < n->n_out; k++) {
        int id = n->out[k]->id;
        constant &= f->constant[id];
        costly |= f->costly[id];
        in_fixed |= f->in_fixed[id];
        in_each_run |= f->in_each_run[id];
    }
    bool fixed = constant && (costly || (in_fixed && !in_each_run));
    for (int k = 0; k < n->n_out; k++)
        f->fixed[n->out[k]->id] = fixed;
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k])
            (fixed ? f->in_fixed : f->in_each_run)[n->in[k]->id] = true;
}

bool *graph_fixed(const graph *g, arena *mem)
{
    size_t n = g->tensors.n + 1;
    finder f = {.g = g,
                .constant = ARENA_ARRAY(mem, n, bool),
                .costly = ARENA_ARRAY(mem, n, bool),
                .in_fixed = ARENA_ARRAY(mem, n, bool),
                .in_each_run = ARENA_ARRAY(mem, n, bool),
                .fixed = ARENA_ARRAY(mem, n, bool)};
    if (!f.constant || !f.costly || !f.in_fixed || !f.in_each_run || !f.fixed)
        return NULL;
    for (size_t i = 0; i < g->nodes.n; i++)
        look_behind(&f, g->nodes.at[i]);
    for (size_t i = 0; i < g->outputs.n; i++)
        f.in_each_run[g->outputs.at[i].value->id] = true;
    for (size_t i = g->nodes.n; i-- > 0;)
        decide(&f, g->nodes.at[i]);
    return f.fixed;
}
