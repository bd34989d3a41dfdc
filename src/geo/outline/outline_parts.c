/* Which pixels belong together: runs of a row join the parts of the row above. */
#include <limits.h>
#include <math.h>

#include "geo/outline/internal.h"

enum { CLOSED = INT_MAX }; /* a last row */

uint32_t part_find(const outline *o, uint32_t id)
{
    if (id == NONE)
        return NONE;
    for (part *p = part_at(o, id); p->parent != id; p = part_at(o, id)) {
        p->parent = part_at(o, p->parent)->parent;
        id = p->parent;
    }
    return id;
}

void part_add_half(outline *o, uint32_t id, uint32_t half)
{
    strand *s = strand_at(o, half >> 1);
    if (id == NONE) {
        s->flags |= DONE << (half & 1);
        return;
    }
    part *p = part_at(o, id);
    s->sibling[half & 1] = p->head;
    if (p->head == NONE)
        p->tail = half;
    p->head = half;
}

/* ---- groups: parts that touch at corners ---- */

static void open_add(outline *o, uint32_t group_id, uint32_t part_id)
{
    group *g = group_at(o, group_id);
    part *p = part_at(o, part_id);
    p->group = group_id;
    p->before = NONE;
    p->after = g->open;
    if (g->open != NONE)
        part_at(o, g->open)->before = part_id;
    g->open = part_id;
    g->n_open++;
}

static void open_remove(outline *o, uint32_t part_id)
{
    part *p = part_at(o, part_id);
    group *g = group_at(o, p->group);
    if (p->before == NONE)
        g->open = p->after;
    else
        part_at(o, p->before)->after = p->after;
    if (p->after != NONE)
        part_at(o, p->after)->before = p->before;
    g->n_open--;
}

static void join_groups(outline *o, uint32_t a, uint32_t b)
{
    if (a == b)
        return;
    if (group_at(o, a)->n_open < group_at(o, b)->n_open) {
        uint32_t t = a;
        a = b;
        b = t;
    }
    group *to = group_at(o, a), *from = group_at(o, b);
    for (uint32_t p = from->open, next; p != NONE; p = next) {
        next = part_at(o, p)->after;
        open_add(o, a, p);
    }
    if (from->closed != NONE) {
        part_at(o, from->closed_last)->after = to->closed;
        if (to->closed == NONE)
            to->closed_last = from->closed_last;
        to->closed = from->closed;
    }
    pool_give(&o->groups, b);
}

/* ---- parts ---- */

static uint32_t part_new(outline *o, int32_t label)
{
    uint32_t id = pool_take(&o->parts, o->mem);
    if (id == NONE)
        return NONE;
    *part_at(o, id) = (part){.parent = id, .label = label, .head = NONE, .tail = NONE, .group = NONE};
    if (!o->o.diagonal)
        return id;
    uint32_t g = pool_take(&o->groups, o->mem);
    if (g == NONE)
        return NONE;
    *group_at(o, g) = (group){.open = NONE, .closed = NONE};
    open_add(o, g, id);
    return id;
}

static bool join(outline *o, uint32_t a, uint32_t b)
{
    a = part_find(o, a);
    b = part_find(o, b);
    if (a == b)
        return true;
    if (o->o.diagonal) {
        join_groups(o, part_at(o, a)->group, part_at(o, b)->group);
        open_remove(o, b);
    }
    part *p = part_at(o, a), *q = part_at(o, b);
    if (q->head != NONE) {
        if (p->head == NONE)
            p->head = q->head;
        else
            strand_at(o, p->tail >> 1)->sibling[p->tail & 1] = q->head;
        p->tail = q->tail;
    }
    p->pixels += q->pixels;
    p->scored += q->scored;
    p->score += q->score;
    p->area += q->area;
    q->parent = a;
    return vec_push(o->mem, &o->aliases, b);
}

static int32_t run_end(const run_list *l, size_t i, int64_t w)
{
    return i + 1 < l->n ? l->at[i + 1].from : (int32_t)w + 1;
}

static bool connect_run(outline *o, run *r, int32_t end, size_t *from)
{
    const run_list *above = &o->above;
    while (run_end(above, *from, o->o.w) <= r->from)
        ++*from;
    for (size_t i = *from; i < above->n && above->at[i].from < end; i++) {
        if (above->at[i].label != r->label)
            continue;
        if (r->part == NONE)
            r->part = part_find(o, above->at[i].part);
        else if (!join(o, r->part, above->at[i].part))
            return false;
    }
    if (r->part == NONE)
        r->part = part_new(o, r->label);
    return r->part != NONE;
}

/* Joins the groups of runs that touch a run above with a corner only. */
static void connect_corners(outline *o)
{
    const run_list *above = &o->above, *below = &o->below;
    for (size_t i = 0, j = 0; i < below->n; i++) {
        const run *r = &below->at[i];
        int32_t end = run_end(below, i, o->o.w);
        if (r->label < 0)
            continue;
        while (run_end(above, j, o->o.w) < r->from)
            j++;
        for (size_t k = j; k < above->n && above->at[k].from <= end; k++)
            if (above->at[k].label == r->label)
                join_groups(o, part_at(o, part_find(o, r->part))->group,
                            part_at(o, part_find(o, above->at[k].part))->group);
    }
}

static void count(outline *o, part *p, int32_t from, int32_t to, const uint8_t *scores)
{
    p->pixels += to - from;
    p->area += ground_run_area(o->o.ground, o->y, from, to);
    if (!scores)
        return;
    uint64_t sum = 0;
    int64_t n = 0;
    for (int32_t x = from; x < to; x++) {
        bool known = scores[x] != 255;
        sum += known ? scores[x] : 0;
        n += known;
    }
    p->score += sum;
    p->scored += n;
}

cseg_status parts_assign(outline *o, const uint8_t *scores, cseg_error *err)
{
    run_list *below = &o->below;
    size_t at = 0;
    for (size_t i = 0; i < below->n; i++)
        if (below->at[i].label >= 0 && !connect_run(o, &below->at[i], run_end(below, i, o->o.w), &at))
            return fail_memory(err);
    if (o->o.diagonal)
        connect_corners(o);
    for (size_t i = 0; i < o->above.n; i++)
        o->above.at[i].part = part_find(o, o->above.at[i].part);
    for (size_t i = 0; i < below->n; i++) {
        run *r = &below->at[i];
        if (r->label < 0)
            continue;
        r->part = part_find(o, r->part);
        part *p = part_at(o, r->part);
        p->last_row = o->y;
        count(o, p, r->from, run_end(below, i, o->o.w), scores);
    }
    for (size_t i = 0; i < o->aliases.n; i++) /* no run names them any more */
        pool_give(&o->parts, o->aliases.at[i]);
    o->aliases.n = 0;
    return CSEG_OK;
}

cseg_status parts_close(outline *o, cseg_error *err)
{
    for (size_t i = 0; i < o->above.n; i++) {
        uint32_t id = o->above.at[i].part;
        part *p = id == NONE ? NULL : part_at(o, id);
        if (!p || p->last_row == o->y || p->last_row == CLOSED)
            continue;
        p->last_row = CLOSED;
        uint32_t done = id;
        if (o->o.diagonal) {
            group *g = group_at(o, p->group);
            open_remove(o, id);
            p->after = g->closed;
            if (g->closed == NONE)
                g->closed_last = id;
            g->closed = id;
            done = g->n_open ? NONE : p->group;
        }
        if (done != NONE && !vec_push(o->mem, &o->finished, done))
            return fail_memory(err);
    }
    return CSEG_OK;
}
