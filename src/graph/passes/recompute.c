/* Recomputes results of the forward pass in the backward pass instead of keeping them (Chen et al. 2016,
 * arXiv:1604.06174): a clone of the node that made them is put before the first step that needs it.
 *
 * Two kinds of results are not kept. First, everything inside a block under with_cp (node.checkpoint): it is recomputed
 * from the block's inputs. Second, results that cost one pass over memory, such as batch norm + ReLU from the
 * convolution's output, which the norm's gradient needs anyway: these are dropped one after another, cheapest first, as
 * long as the peak falls. Clones run the same kernels on the same values, so no bit of a result changes. Statistics are
 * taken once (batch_norm_apply), and dropout's masks are functions of the node's salt. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/fixed.h"
#include "graph/op.h"
#include "graph/passes/rewrite.h"

/* Limit of the recursion: clones that depend on each other. */
enum { CHAIN_MAX = 64 };
/* The peak must fall by at least this share of a dropped tensor's bytes; else recomputing is not worth its cost. */
enum { GAIN_SHARE = 4 };

/* A position in the order of execution: a node or its clone. */
typedef struct slot {
    node *n;
    bool clone;
} slot;

typedef struct recompute {
    graph *g;
    size_t n;     /* number of tensors in the graph at the start; the clone of tensor i has id n + i */
    bool *output; /* by tensor id, as the next four: the caller reads it */
    bool *fixed;  /* it is kept from run to run */
    bool *read;   /* the backward pass reads it */
    bool *keep;   /* kept until the backward pass no longer needs it */
    bool *cloned; /* by id of the first output: the order has a clone of the node */
    tensor **clone;
    slot *order;
    size_t n_order;
    bool too_deep;
    int *root, *first, *last; /* by tensor id, clones too: the owner of the memory, and the slots of its lifetime */
    int64_t *change;          /* by slot: change of the bytes that are alive */
} recompute;

/* The cost of a choice of kept tensors. */
typedef struct estimate {
    int64_t peak; /* the most bytes alive at once */
    int64_t cost; /* bytes that clones read and write */
} estimate;

typedef struct candidate {
    tensor *t;
    double cost; /* bytes read and written for each byte that is no longer kept */
} candidate;

static bool is_cheap(const node *n)
{
    return op_define(n->op)->cheap;
}

static bool is_forward(const recompute *r, const tensor *t)
{
    return t && t->role == TENSOR_TEMP && (size_t)t->id < r->n && !t->from->is_grad && !op_param_of(t);
}

/* Returns whether t is read by its maker's remake: it is small, and always kept. */
static bool is_statistic(const tensor *t)
{
    return op_define(t->from->op)->remake && t->from_index > 0;
}

static bool can_be_cloned(const node *n)
{
    return op_define(n->op)->remake || !n->has_effect;
}

/* Finds results of blocks: nodes outside the block read them, or none does. */
static void find_block_results(const recompute *r, bool *result)
{
    for (size_t i = 0; i < r->g->nodes.n; i++) {
        const node *n = r->g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            if (is_forward(r, n->in[k]) && !n->is_grad && n->in[k]->from->checkpoint != n->checkpoint)
                result[n->in[k]->id] = true;
    }
}

static bool init(recompute *r, graph *g)
{
    arena *mem = g->mem;
    size_t n = g->tensors.n, slots = 2 * g->nodes.n + 1;
    *r = (recompute){.g = g,
                     .n = n,
                     .output = ARENA_ARRAY(mem, n, bool),
                     .fixed = graph_fixed(g, mem),
                     .read = ARENA_ARRAY(mem, n, bool),
                     .keep = ARENA_ARRAY(mem, n, bool),
                     .cloned = ARENA_ARRAY(mem, n, bool),
                     .clone = ARENA_ARRAY(mem, n, tensor *),
                     .order = ARENA_ARRAY(mem, slots, slot),
                     .root = ARENA_ARRAY(mem, 2 * n, int),
                     .first = ARENA_ARRAY(mem, 2 * n, int),
                     .last = ARENA_ARRAY(mem, 2 * n, int),
                     .change = ARENA_ARRAY(mem, slots + 1, int64_t)};
    bool *result = ARENA_ARRAY(mem, n, bool);
    if (!r->output || !r->fixed || !r->read || !r->keep || !r->cloned || !r->clone || !r->order || !r->root ||
        !r->first || !r->last || !r->change || !result)
        return false;
    for (size_t i = 0; i < g->outputs.n; i++)
        r->output[g->outputs.at[i].value->id] = true;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; g->nodes.at[i]->is_grad && k < g->nodes.at[i]->n_in; k++)
            if (g->nodes.at[i]->in[k])
                r->read[g->nodes.at[i]->in[k]->id] = true;
    find_block_results(r, result);
    for (size_t i = 0; i < n; i++) {
        const tensor *t = g->tensors.at[i];
        r->keep[i] = true;
        if (!is_forward(r, t) || r->output[i] || r->fixed[i] || is_statistic(t) || !can_be_cloned(t->from))
            continue;
        if (t->from->checkpoint)
            r->keep[i] = result[i];
        else
            r->keep[i] = r->read[i] || !is_cheap(t->from);
    }
    return true;
}

static bool is_dropped(const recompute *r, const tensor *t)
{
    return is_forward(r, t) && !r->keep[t->id];
}

static void place(recompute *r, node *n, bool clone, int depth);

/* Makes sure that the clone of a tensor that is not kept comes before the node that reads it. */
static void want(recompute *r, const tensor *t, int depth)
{
    if (!is_dropped(r, t) || r->cloned[t->from->out[0]->id])
        return;
    if (depth > CHAIN_MAX) {
        r->too_deep = true;
        return;
    }
    r->cloned[t->from->out[0]->id] = true;
    place(r, t->from, true, depth + 1);
}

static void place(recompute *r, node *n, bool clone, int depth)
{
    for (int k = 0; k < n->n_in; k++)
        want(r, n->in[k], depth);
    r->order[r->n_order++] = (slot){n, clone};
}

static void arrange(recompute *r)
{
    r->n_order = 0;
    r->too_deep = false;
    memset(r->cloned, 0, r->n * sizeof *r->cloned);
    for (size_t i = 0; i < r->g->nodes.n; i++) {
        node *n = r->g->nodes.at[i];
        if (n->is_grad)
            place(r, n, false, 0);
        else
            r->order[r->n_order++] = (slot){n, false};
    }
}

/* Number of results; a remake only has the first one. */
static int results(const slot *s)
{
    return s->clone && op_define(s->n->op)->remake ? 1 : s->n->n_out;
}

/* Returns the id under which the slot reads t. */
static int read_as(const recompute *r, const slot *s, const tensor *t)
{
    return (s->clone || s->n->is_grad) && is_dropped(r, t) ? t->id + (int)r->n : t->id;
}

static int64_t bytes_if_temp(const tensor *t)
{
    return t && t->role == TENSOR_TEMP && !op_param_of(t) ? (int64_t)tensor_bytes(t) : 0;
}

static void note_lives(recompute *r, const slot *s, int at, estimate *e)
{
    const node *n = s->n;
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] && n->in[k]->role == TENSOR_TEMP) {
            r->last[r->root[read_as(r, s, n->in[k])]] = at;
            e->cost += s->clone ? bytes_if_temp(n->in[k]) : 0;
        }
    bool same = op_define(n->op)->same_memory && n->in[0]->role == TENSOR_TEMP;
    for (int k = 0; k < results(s); k++) {
        int id = n->out[k]->id + (s->clone ? (int)r->n : 0);
        r->root[id] = same ? r->root[read_as(r, s, n->in[0])] : id;
        r->first[id] = at;
        r->last[r->root[id]] = !s->clone && r->output[id] ? (int)r->n_order - 1 : at;
        e->cost += s->clone && !same ? bytes_if_temp(n->out[k]) : 0;
    }
}

/* Estimates a choice. Gradients of parameters are outside of the plan's memory. Results in place are not considered:
 * they reduce each step of the backward pass by about the same. */
static estimate evaluate(recompute *r)
{
    estimate e = {0};
    arrange(r);
    for (size_t i = 0; i < r->n_order; i++)
        note_lives(r, &r->order[i], (int)i, &e);
    memset(r->change, 0, (r->n_order + 1) * sizeof *r->change);
    for (size_t i = 0; i < r->n_order; i++) {
        const slot *s = &r->order[i];
        for (int k = 0; k < results(s); k++) {
            const tensor *t = s->n->out[k];
            int id = t->id + (s->clone ? (int)r->n : 0);
            if (r->root[id] != id || (s->n->is_grad && r->output[t->id]))
                continue;
            r->change[r->first[id]] += bytes_if_temp(t);
            r->change[r->last[id] + 1] -= bytes_if_temp(t);
        }
    }
    int64_t now = 0;
    for (size_t i = 0; i < r->n_order; i++) {
        now += r->change[i];
        e.peak = now > e.peak ? now : e.peak;
    }
    return e;
}

static int by_cost(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->cost < y->cost || x->cost > y->cost)
        return x->cost < y->cost ? -1 : 1;
    size_t m = tensor_bytes(x->t), n = tensor_bytes(y->t);
    return m != n ? (m < n ? 1 : -1) : x->t->id - y->t->id;
}

/* Lists results that are kept for the backward pass but cheap to recompute. */
static candidate *candidates(const recompute *r, size_t *n)
{
    candidate *all = ARENA_ARRAY(r->g->mem, r->n + 1, candidate);
    *n = 0;
    for (size_t i = 0; all && i < r->n; i++) {
        tensor *t = r->g->tensors.at[i];
        if (!is_forward(r, t) || r->output[i] || r->fixed[i] || !r->read[i] || is_statistic(t) || t->from->checkpoint ||
            !is_cheap(t->from) || !can_be_cloned(t->from))
            continue;
        int64_t traffic = bytes_if_temp(t);
        for (int k = 0; k < t->from->n_in; k++)
            traffic += bytes_if_temp(t->from->in[k]);
        all[(*n)++] = (candidate){t, (double)traffic / (double)tensor_bytes(t)};
    }
    if (all)
        qsort(all, *n, sizeof *all, by_cost);
    return all;
}

/* Drops results as long as that lowers the peak. Goes through the list again, because a result that is not alive at the
 * first peak may be alive at a later one. */
static bool choose(recompute *r)
{
    size_t n;
    candidate *all = candidates(r, &n);
    if (!all)
        return false;
    estimate best = evaluate(r);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            int id = all[i].t->id;
            if (!r->keep[id])
                continue;
            r->keep[id] = false;
            estimate e = evaluate(r);
            if (!r->too_deep && (best.peak - e.peak) * GAIN_SHARE >= (int64_t)tensor_bytes(all[i].t)) {
                best = e;
                more = true;
            } else {
                r->keep[id] = true;
            }
        }
    }
    return true;
}

static tensor *now_read(const recompute *r, tensor *t)
{
    return t && (size_t)t->id < r->n && r->clone[t->id] ? r->clone[t->id] : t;
}

static node *clone(recompute *r, node *n)
{
    const op_remake *remake = op_define(n->op)->remake;
    tensor **in = ARENA_ARRAY(r->g->mem, (size_t)n->n_in + 1, tensor *);
    if (!in)
        return NULL;
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    if (remake)
        remake->inputs(n, in);
    for (int k = 0; k < n->n_in; k++)
        in[k] = now_read(r, in[k]);
    node *c = graph_add_node(r->g, remake ? remake->op : n->op, n->n_in, in, remake ? 1 : n->n_out, &n->attr);
    if (!c)
        return NULL;
    c->scope = n->scope;
    c->is_grad = true;
    for (int k = 0; k < c->n_out; k++) {
        c->out[k]->type = n->out[k]->type;
        r->clone[n->out[k]->id] = c->out[k];
    }
    return c;
}

/* Makes the clones, and sorts the graph's nodes into the order. */
static bool rebuild(recompute *r)
{
    arrange(r);
    for (size_t i = 0; i < r->n_order; i++) {
        slot *s = &r->order[i];
        if (s->clone) {
            s->n = clone(r, s->n);
            if (!s->n)
                return false;
        } else {
            for (int k = 0; s->n->is_grad && k < s->n->n_in; k++)
                s->n->in[k] = now_read(r, s->n->in[k]);
        }
    }
    for (size_t i = 0; i < r->n_order; i++)
        r->g->nodes.at[i] = r->order[i].n;
    return true;
}

cseg_status pass_recompute(graph *g, cseg_error *err)
{
    recompute r;
    if (!init(&r, g) || !choose(&r) || (!rebuild(&r) && g->error.code == CSEG_OK))
        return fail_memory(err);
    return graph_status(g, err);
}
