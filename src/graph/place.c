/* Lays tensors out in one arena by lifetime: each gets the lowest offset at which it does not overlap a tensor that is
 * alive at the same time.
 *
 * Tensors that are alive at the steps with the most memory are placed first, the largest of them before others (greedy
 * by breadth, as in Pisarchyk and Lee 2020). So there are no gaps where they would matter: the arena of a training step
 * of HRNet or ResNet is as large as the tensors that live at its peak; with the largest of all first it would take 3 %
 * more. Tensors that may share memory (a reshape, an operation in place) are one buffer from the start. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"
#include "graph/plan_internal.h"

typedef struct layout {
    plan *p;
    int *buffer_of; /* by tensor id; -1: none */
    plan_buffer *buffers;
    size_t n;
    int *last_use; /* by tensor id */
    bool *lasting; /* by tensor id: every run reads it, not only runs that make fixed results */
} layout;

static size_t rounded(size_t n)
{
    return (n + 63) / 64 * 64;
}

static void find_last_uses(layout *l)
{
    const plan *p = l->p;
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        for (int k = 0; k < s->node->n_in; k++) {
            const tensor *t = s->node->in[k];
            if (!t)
                continue;
            l->last_use[t->id] = (int)i;
            l->lasting[t->id] |= !s->fixed && !(s->kernel && k < 32 && s->kernel->read_when_stale >> k & 1);
        }
    }
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        l->last_use[p->graph->outputs.at[i].value->id] = (int)p->n_steps;
        l->lasting[p->graph->outputs.at[i].value->id] = true;
    }
}

static plan_buffer *new_buffer(layout *l, const tensor *t, int at)
{
    plan_buffer *b = &l->buffers[l->n];
    *b = (plan_buffer){.root = t->id, .first = at, .last = at, .bytes = rounded(tensor_bytes(t))};
    l->buffer_of[t->id] = (int)l->n++;
    return b;
}

/* Returns the buffer that output 0 of the step may take over from an input, or NULL. */
static plan_buffer *taken_over(layout *l, const step *s, int at)
{
    const node *n = s->node;
    int k = s->kernel ? s->kernel->in_place : 0;
    const tensor *t = k >= 0 && k < n->n_in ? n->in[k] : NULL;
    if (!t || t->role != TENSOR_TEMP || l->buffer_of[t->id] < 0)
        return NULL;
    plan_buffer *b = &l->buffers[l->buffer_of[t->id]];
    if (!s->kernel)
        return b; /* a reshape */
    if (s->fixed && !l->p->fixed[b->root])
        return NULL; /* which other runs write again */
    /* No later step may read it, under any of its names, and this step may read it only once. */
    if (b->fixed || b->external || b->last > at || rounded(tensor_bytes(n->out[0])) > b->bytes ||
        t->type != n->out[0]->type)
        return NULL;
    for (int j = 0; j < n->n_in; j++)
        if (j != k && n->in[j] && l->buffer_of[n->in[j]->id] == l->buffer_of[t->id])
            return NULL;
    return b;
}

static void extend(plan_buffer *b, int last)
{
    if (last > b->last)
        b->last = last;
}

static void make_buffers(layout *l)
{
    plan *p = l->p;
    for (size_t i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        for (int k = 0; k < s->node->n_out; k++) {
            const tensor *t = s->node->out[k];
            if (op_param_of(t))
                continue;
            plan_buffer *b = k == 0 ? taken_over(l, s, (int)i) : NULL;
            if (b)
                l->buffer_of[t->id] = (int)(b - l->buffers);
            else
                b = new_buffer(l, t, (int)i);
            b->fixed |= s->fixed && l->lasting[t->id];
            extend(b, l->last_use[t->id]);
        }
    }
}

/* Whether the buffer in which t lies holds nothing else, but for the same values under other shapes. */
static bool is_alone(const plan_buffer *b, const tensor *t)
{
    while (t->id != b->root && op_does_nothing(t->from))
        t = t->from->in[0];
    return t->id == b->root;
}

/* Writes a gradient directly to its parameter if the buffer holds nothing else. */
static void place_gradients(layout *l)
{
    plan *p = l->p;
    for (size_t i = 0; i < p->graph->outputs.n; i++) {
        const graph_output *o = &p->graph->outputs.at[i];
        int at = o->grad_of && o->value->role == TENSOR_TEMP ? l->buffer_of[o->value->id] : -1;
        if (at < 0 || !o->grad_of->grad)
            continue;
        plan_buffer *b = &l->buffers[at];
        if (is_alone(b, o->value) && !b->external && !b->fixed &&
            tensor_bytes(o->value) == (size_t)o->grad_of->count * sizeof(float))
            b->external = o->grad_of->grad;
    }
}

static int by_pressure(const void *a, const void *b)
{
    const plan_buffer *x = *(plan_buffer *const *)a, *y = *(plan_buffer *const *)b;
    if (x->pressure != y->pressure)
        return x->pressure < y->pressure ? 1 : -1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->root - y->root;
}

static int by_offset(const void *a, const void *b)
{
    const plan_buffer *x = *(plan_buffer *const *)a, *y = *(plan_buffer *const *)b;
    return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : x->root - y->root;
}

/* Finds the lowest gap among the buffers (sorted by offset) that are placed and alive at the same time. */
static void place_one(plan_buffer *b, plan_buffer **placed, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const plan_buffer *o = placed[i];
        if (o->last < b->first || o->first > b->last)
            continue;
        if (o->offset >= at + b->bytes)
            break;
        if (o->offset + o->bytes > at)
            at = o->offset + o->bytes;
    }
    b->offset = at;
}

static cseg_status find_pressures(const plan *p, plan_buffer **all, size_t n, cseg_error *err)
{
    size_t *live = ARENA_ARRAY(p->mem, p->n_steps + 1, size_t); /* bytes by step; outputs outlive the last */
    if (!live)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        for (int k = all[i]->first; k <= all[i]->last; k++)
            live[k] += all[i]->bytes;
    for (size_t i = 0; i < n; i++)
        for (int k = all[i]->first; k <= all[i]->last; k++)
            all[i]->pressure = live[k] > all[i]->pressure ? live[k] : all[i]->pressure;
    return CSEG_OK;
}

static cseg_status lay_out(layout *l, cseg_error *err)
{
    plan *p = l->p;
    plan_buffer **order = ARENA_ARRAY(p->mem, l->n + 1, plan_buffer *),
                **placed = ARENA_ARRAY(p->mem, l->n + 1, plan_buffer *);
    if (!order || !placed)
        return fail_memory(err);
    size_t n = 0, done = 0;
    for (size_t i = 0; i < l->n; i++) {
        plan_buffer *b = &l->buffers[i];
        if (b->external)
            continue;
        if (b->fixed) {
            b->offset = p->fixed_bytes;
            p->fixed_bytes += b->bytes;
            continue;
        }
        order[n++] = b;
    }
    TRY(find_pressures(p, order, n, err));
    qsort(order, n, sizeof *order, by_pressure);
    for (size_t i = 0; i < n; i++) {
        place_one(order[i], placed, done);
        size_t to = done++;
        while (to > 0 && by_offset(&placed[to - 1], &order[i]) > 0) {
            placed[to] = placed[to - 1];
            to--;
        }
        placed[to] = order[i];
        if (order[i]->offset + order[i]->bytes > p->bytes)
            p->bytes = order[i]->offset + order[i]->bytes;
    }
    return CSEG_OK;
}

cseg_status plan_place(plan *p, cseg_error *err)
{
    const graph *g = p->graph;
    size_t n = g->tensors.n + 1;
    layout l = {.p = p,
                .buffer_of = ARENA_ARRAY(p->mem, n, int),
                .buffers = ARENA_ARRAY(p->mem, n, plan_buffer),
                .last_use = ARENA_ARRAY(p->mem, n, int),
                .lasting = ARENA_ARRAY(p->mem, n, bool)};
    p->place = ARENA_ARRAY(p->mem, n, place);
    if (!l.buffer_of || !l.buffers || !l.last_use || !l.lasting || !p->place)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        l.buffer_of[i] = -1;
    find_last_uses(&l);
    make_buffers(&l);
    place_gradients(&l);
    for (size_t i = 0; i < g->inputs.n; i++) {
        const tensor *t = g->inputs.at[i];
        p->place[t->id] = (place){.buffer = -1, .offset = p->fixed_bytes, .fixed = true};
        p->fixed_bytes += rounded(tensor_bytes(t));
    }
    /* Constants are in the graph, whose memory is the host's. */
    for (size_t i = 0; i < g->tensors.n && !p->backend->memory->of_host; i++)
        if (g->tensors.at[i]->role == TENSOR_CONST) {
            p->place[i] = (place){.buffer = -1, .offset = p->fixed_bytes, .fixed = true};
            p->fixed_bytes += rounded(tensor_bytes(g->tensors.at[i]));
        }
    p->buffers = l.buffers;
    p->n_buffers = l.n;
    TRY(lay_out(&l, err));
    for (size_t i = 0; i < g->tensors.n; i++) {
        int at = l.buffer_of[i];
        if (g->tensors.at[i]->role == TENSOR_TEMP)
            p->place[i].same = op_param_of(g->tensors.at[i]);
        if (at < 0 || g->tensors.at[i]->role != TENSOR_TEMP)
            continue;
        const plan_buffer *b = &l.buffers[at];
        p->place[i] = (place){.buffer = at, .offset = b->offset, .fixed = b->fixed, .external = b->external};
    }
    return CSEG_OK;
}
