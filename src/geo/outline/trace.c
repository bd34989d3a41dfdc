/* Strings the edges between two rows of pixels together. At a corner of pixels
 *
 *     a | b      a, b: parts of the row above, left and right
 *     --+--      c, d: parts of the row below
 *     c | d
 *
 * strands arrive from above and from the left, and others leave downwards and to the right. Who walks around a part
 * with the part at the left hand, and arrives by one edge, leaves by the next one clockwise. */
#include <limits.h>

#include "geo/outline/internal.h"

typedef struct corner {
    outline_point at;
    run *a, *b, *c, *d;
    bool up, right, down, left; /* edges that meet here */
} corner;

static bool is_rim(const outline *o, const corner *v)
{
    return (v->at.x == 0 || v->at.x == o->o.w) && (v->at.y == 0 || v->at.y == o->o.h);
}

/* All strands that meet here begin or end. */
static void joint(outline *o, corner *v, int edges, uint32_t *level)
{
    uint32_t arrive[4], leave[4];
    int n = 0;
    unsigned flags = (edges > 2 || is_rim(o, v) ? FIXED : 0) | (edges == 4 ? CROSS : 0);
    uint32_t old[2] = {v->up ? v->b->tip : NONE, v->left ? *level : NONE};
    for (int i = 0; i < 2; i++)
        if (old[i] != NONE) {
            strand_add(o, old[i], v->at);
            strand_at(o, old[i])->flags |= flags << 1;
        }
    uint32_t right = v->right ? strand_new(o, v->at, v->b->part, v->d->part) : NONE;
    uint32_t down = v->down ? strand_new(o, v->at, v->d->part, v->c->part) : NONE;
    if (o->failed)
        return;
    const struct {
        uint32_t s;
        unsigned arriving; /* which half arrives */
    } clockwise[4] = {{old[0], 0}, {right, 1}, {down, 1}, {old[1], 0}};
    for (int i = 0; i < 4; i++) {
        uint32_t s = clockwise[i].s;
        if (s == NONE)
            continue;
        arrive[n] = s << 1 | clockwise[i].arriving;
        leave[n] = arrive[n] ^ 1;
        n++;
        if (clockwise[i].arriving)
            strand_at(o, s)->flags |= flags;
    }
    for (int i = 0; i < n; i++)
        half_link(o, arrive[i], leave[(i + 1) % n]);
    *level = right;
    if (v->down)
        v->d->tip = down;
}

/* *level: the strand that comes from the left, and then that which goes to the right; NONE. */
static void pass_corner(outline *o, corner *v, uint32_t *level)
{
    int edges = v->up + v->right + v->down + v->left;
    if (edges > 2 || v->up == v->left || is_rim(o, v)) {
        joint(o, v, edges, level);
        return;
    }
    /* One strand arrives, and goes on. */
    uint32_t s = v->up ? v->b->tip : *level;
    if (v->up != v->down)
        strand_add(o, s, v->at);
    *level = v->right ? s : NONE;
    if (v->down)
        v->d->tip = s;
}

cseg_status trace_row(outline *o, cseg_error *err)
{
    run_list *above = &o->above, *below = &o->below;
    uint32_t level = NONE;
    for (size_t i = 0, j = 0; i + 1 < above->n || j + 1 < below->n;) {
        int32_t x = i + 1 < above->n ? above->at[i + 1].from : INT_MAX;
        int32_t z = j + 1 < below->n ? below->at[j + 1].from : INT_MAX;
        corner v = {.at = {x < z ? x : z, o->y}, .up = x <= z, .down = z <= x, .a = &above->at[i], .c = &below->at[j]};
        i += v.up;
        j += v.down;
        v.b = &above->at[i];
        v.d = &below->at[j];
        v.left = v.a->label != v.c->label;
        v.right = v.b->label != v.d->label;
        pass_corner(o, &v, &level);
        if (o->failed)
            return fail_memory(err);
    }
    return CSEG_OK;
}
