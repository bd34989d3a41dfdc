/* Gives out finished parts: walks around them, and makes rings that do not touch themselves. */
#include <math.h>
#include <string.h>

#include "geo/outline/internal.h"

/* Twice the area; positive where the part lies at the left hand in a picture whose first row is on top. The sums wrap
 * around, the result does not: it is below 2^63. */
static int64_t double_area(const outline_point *p, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const outline_point *before = &p[i ? i - 1 : n - 1], *after = &p[i + 1 < n ? i + 1 : 0];
        sum += (uint64_t)((int64_t)p[i].x * ((int64_t)before->y - after->y));
    }
    return (int64_t)sum;
}

static bool on_line(outline_point a, outline_point b, outline_point c)
{
    return (int64_t)(b.x - a.x) * (c.y - b.y) == (int64_t)(b.y - a.y) * (c.x - b.x);
}

/* Puts a ring behind the shape's others, without the points on straight lines. */
static bool ring_add(outline *o, const outline_point *p, size_t n)
{
    bool keep = o->o.keep_nodes || o->simplifier;
    ring_span s = {.from = o->out.n, .outer = double_area(p, n) > 0};
    if (!points_reserve(&o->out, n))
        return false;
    outline_point *to = o->out.at + s.from;
    if (keep) {
        memcpy(to, p, n * sizeof *p);
        s.n = n;
    } else {
        size_t first = 0;
        while (first + 1 < n && on_line(p[first ? first - 1 : n - 1], p[first], p[first + 1]))
            first++;
        for (size_t i = 0; i < n; i++) {
            size_t k = first + i < n ? first + i : first + i - n, after = k + 1 < n ? k + 1 : 0;
            if (i == 0 || !on_line(to[s.n - 1], p[k], p[after]))
                to[s.n++] = p[k];
        }
    }
    o->out.n += s.n;
    return vec_push(o->mem, &o->spans, s);
}

static size_t slot_of(const outline *o, outline_point at)
{
    uint64_t key = (uint64_t)(uint32_t)at.x << 32 | (uint32_t)at.y;
    size_t i = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (o->n_slots - 1);
    for (; o->slots[i].walk == o->walks; i = (i + 1) & (o->n_slots - 1))
        if (o->slots[i].at.x == at.x && o->slots[i].at.y == at.y)
            break;
    return i;
}

static bool slots_grow(outline *o)
{
    struct crossing *old = o->slots;
    size_t n = o->n_slots;
    struct crossing *slots = mem_alloc((n ? 2 * n : 256) * sizeof *slots);
    if (!slots)
        return false;
    o->slots = slots;
    o->n_slots = n ? 2 * n : 256;
    for (size_t i = 0; i < n; i++)
        if (old[i].walk == o->walks)
            o->slots[slot_of(o, old[i].at)] = old[i];
    mem_free(old);
    return true;
}

/* Where a corner at which four edges meet comes a second time, what lies between is a ring of its own: a hole that
 * touches its polygon's border, or the border where a hole touches it. */
static bool cross(outline *o, outline_point at)
{
    point_list *w = &o->walk;
    if (2 * o->n_crossings >= o->n_slots && !slots_grow(o))
        return false;
    struct crossing *c = &o->slots[slot_of(o, at)];
    bool known = c->walk == o->walks;
    o->n_crossings += !known;
    /* What was taken out of the walk since is still among the slots. */
    if (known && c->index < w->n && w->at[c->index].x == at.x && w->at[c->index].y == at.y) {
        if (!ring_add(o, w->at + c->index, w->n - c->index))
            return false;
        w->n = c->index;
    }
    *c = (struct crossing){at, o->walks, w->n};
    return true;
}

/* Puts the points of a half behind the walk, without its last: with that the next half begins. */
static bool walk_half(outline *o, uint32_t half)
{
    strand *s = strand_at(o, half >> 1);
    point_list *w = &o->walk;
    bool back = half & 1;
    size_t from = w->n;
    if (!s->n)
        return true;
    if (s->flags & CROSS << back) {
        outline_point at = back ? strand_tip(o, half >> 1) : s->at[0];
        if (!cross(o, at))
            return false;
        from = w->n;
    }
    if (!strand_read(o, half >> 1, w))
        return false;
    if (back)
        for (size_t a = from, b = w->n - 1; a < b; a++, b--) {
            outline_point t = w->at[a];
            w->at[a] = w->at[b];
            w->at[b] = t;
        }
    w->n--;
    return true;
}

static bool walk_ring(outline *o, uint32_t first)
{
    uint32_t half = first;
    o->walk.n = o->n_crossings = 0;
    o->walks++;
    do {
        strand *s = strand_at(o, half >> 1);
        s->flags |= DONE << (half & 1);
        if (!walk_half(o, half))
            return false;
        half = s->next[half & 1];
    } while (half != first);
    return o->walk.n == 0 || ring_add(o, o->walk.at, o->walk.n);
}

static bool walk_part(outline *o, const part *p)
{
    size_t from = o->spans.n;
    for (uint32_t h = p->head; h != NONE; h = strand_at(o, h >> 1)->sibling[h & 1])
        if (!(strand_at(o, h >> 1)->flags & DONE << (h & 1)) && !walk_ring(o, h))
            return false;
    for (size_t i = from; i < o->spans.n; i++)
        if (o->spans.at[i].outer) { /* there is one: it goes first */
            ring_span t = o->spans.at[i];
            memmove(&o->spans.at[from + 1], &o->spans.at[from], (i - from) * sizeof t);
            o->spans.at[from] = t;
            break;
        }
    return true;
}

/* Gives back what no other part needs. */
static void release_part(outline *o, uint32_t id)
{
    const part *p = part_at(o, id);
    for (uint32_t h = p->head, next; h != NONE; h = next) {
        strand *s = strand_at(o, h >> 1);
        next = s->sibling[h & 1];
        s->flags |= DONE << (h & 1);
        if ((s->flags & (DONE | DONE << 1)) == (DONE | DONE << 1))
            strand_free(o, h >> 1);
    }
    pool_give(&o->parts, id);
}

static void add_counts(outline_shape *to, const part *p)
{
    to->label = p->label;
    to->pixels += p->pixels;
    to->area += p->area;
    to->score += p->score;
    to->scored += p->scored;
}

static bool is_small(const outline *o, const outline_shape *s)
{
    const double *t = o->o.ground->transform;
    double area = isnan(s->area) ? (double)s->pixels * fabs(t[1] * t[5] - t[2] * t[4]) : s->area;
    return o->o.min_area > 0.0 && area < o->o.min_area;
}

/* `id` is the first of the parts; the others are linked to it by `after`. */
static cseg_status emit_shape(outline *o, uint32_t id, cseg_error *err)
{
    outline_shape shape = {0};
    cseg_status status = CSEG_OK;
    o->out.n = o->spans.n = o->rings.n = 0;
    for (uint32_t p = id; p != NONE; p = part_at(o, p)->after)
        add_counts(&shape, part_at(o, p));
    if (is_small(o, &shape)) {
        o->dropped++;
        o->dropped_pixels += shape.pixels;
    } else {
        for (uint32_t p = id; p != NONE; p = part_at(o, p)->after)
            if (!walk_part(o, part_at(o, p)))
                return fail_memory(err);
        for (size_t i = 0; i < o->spans.n; i++) {
            ring_span s = o->spans.at[i];
            outline_ring r = {o->out.at + s.from, s.n, s.outer};
            if (!vec_push(o->mem, &o->rings, r))
                return fail_memory(err);
        }
        shape.rings = o->rings.at;
        shape.n_rings = o->rings.n;
        status = o->o.emit(o->o.arg, &shape, err);
    }
    for (uint32_t p = id, next; p != NONE; p = next) {
        next = part_at(o, p)->after;
        release_part(o, p);
    }
    return status;
}

cseg_status rings_emit(outline *o, cseg_error *err)
{
    for (size_t i = 0; i < o->finished.n; i++) {
        uint32_t id = o->finished.at[i];
        if (o->o.diagonal) {
            uint32_t group_id = id;
            id = group_at(o, group_id)->closed;
            pool_give(&o->groups, group_id);
        } else {
            part_at(o, id)->after = NONE;
        }
        TRY(emit_shape(o, id, err));
    }
    o->finished.n = 0;
    return CSEG_OK;
}
