/* Simplifies borders once for both of their sides, band by band: from one point where more than two edges meet to the
 * next, or to the band's end. */
#include "geo/outline/simplify.h"

#include <math.h>
#include <string.h>

enum {
    PIECE = 2048,         /* points that are simplified at once, so that time stays in proportion */
    BAND_POINTS = 1 << 20 /* a band of this many points ends early */
};

typedef struct segment {
    outline_point a, b;
} segment;

typedef struct simplifier {
    point_map map;
    size_t points;
    VEC(uint32_t) strands; /* of this band */
    VEC(uint32_t) borders; /* the first half of each */
    point_list line;       /* a border */
    uint8_t *keep;         /* [keep_cap] of its points */
    size_t keep_cap;
    double metric[4];
    /* Borders between two points that are one segment already: a second one would lie upon it. A hash table. */
    segment *taken;
    size_t n_taken, taken_cap;
} simplifier;

cseg_status simplify_begin(outline *o, cseg_error *err)
{
    simplifier *s = o->simplifier = ARENA_NEW(o->mem, simplifier);
    if (!s)
        return fail_memory(err);
    s->map.words = (size_t)o->o.w / 64 + 1;
    s->map.bits = mem_alloc((BAND + 1) * s->map.words * sizeof(uint64_t));
    return s->map.bits ? CSEG_OK : fail_memory(err);
}

void simplify_free(simplifier *s)
{
    if (!s)
        return;
    mem_free(s->map.bits);
    mem_free(s->line.at);
    mem_free(s->keep);
    mem_free(s->taken);
}

void simplify_see_point(outline *o, outline_point at)
{
    map_set(&o->simplifier->map, at);
    o->simplifier->points++;
}

void simplify_see_strand(outline *o, uint32_t id)
{
    if (!vec_push(o->mem, &o->simplifier->strands, id))
        o->failed = true;
}

/* ---- segments that are taken ---- */

static bool same(outline_point a, outline_point b)
{
    return a.x == b.x && a.y == b.y;
}

static size_t segment_slot(const simplifier *s, segment g)
{
    uint64_t key = ((uint64_t)(uint32_t)g.a.x << 32 | (uint32_t)g.a.y) * UINT64_C(0x9e3779b97f4a7c15) ^
                   ((uint64_t)(uint32_t)g.b.x << 32 | (uint32_t)g.b.y) * UINT64_C(0xc2b2ae3d27d4eb4f);
    size_t i = (size_t)(key >> 24) & (s->taken_cap - 1);
    for (; s->taken[i].a.x >= 0; i = (i + 1) & (s->taken_cap - 1))
        if (same(s->taken[i].a, g.a) && same(s->taken[i].b, g.b))
            break;
    return i;
}

static bool taken_grow(simplifier *s, size_t cap)
{
    segment *old = s->taken;
    size_t n = s->taken_cap;
    segment *to = mem_alloc_raw(cap * sizeof *to);
    if (!to)
        return false;
    for (size_t i = 0; i < cap; i++)
        to[i].a.x = -1;
    s->taken = to;
    s->taken_cap = cap;
    for (size_t i = 0; i < n; i++)
        if (old[i].a.x >= 0)
            to[segment_slot(s, old[i])] = old[i];
    mem_free(old);
    return true;
}

/* *is_new: no other border has this segment. */
static bool take_segment(simplifier *s, outline_point a, outline_point b, bool *is_new)
{
    segment g = a.y < b.y || (a.y == b.y && a.x < b.x) ? (segment){a, b} : (segment){b, a};
    if (2 * s->n_taken >= s->taken_cap && !taken_grow(s, s->taken_cap ? 2 * s->taken_cap : 1024))
        return false;
    segment *at = &s->taken[segment_slot(s, g)];
    *is_new = at->a.x < 0;
    s->n_taken += *is_new;
    *at = g;
    return true;
}

/* Forgets all but those that lie along the last row: a border of the next band may end where they do. */
static bool forget_segments(simplifier *s, int32_t row)
{
    size_t n = 0;
    for (size_t i = 0; i < s->taken_cap; i++)
        if (s->taken[i].a.x >= 0 && s->taken[i].a.y == row && s->taken[i].b.y == row)
            s->taken[n++] = s->taken[i]; /* n <= i */
    segment *kept = n ? mem_alloc_raw(n * sizeof *kept) : NULL;
    if (n && !kept)
        return false;
    if (n)
        memcpy(kept, s->taken, n * sizeof *kept);
    for (size_t i = 0; i < s->taken_cap; i++)
        s->taken[i].a.x = -1;
    s->n_taken = n;
    for (size_t i = 0; i < n; i++)
        s->taken[segment_slot(s, kept[i])] = kept[i];
    mem_free(kept);
    return true;
}

/* ---- one border ---- */

/* The squared distance in m2 of p from the segment a b. */
static double distance2(const double *m, outline_point a, outline_point b, outline_point p)
{
    double u = b.x - a.x, v = b.y - a.y, s = p.x - a.x, t = p.y - a.y;
    double ex = m[0] * u + m[1] * v, ey = m[2] * u + m[3] * v, px = m[0] * s + m[1] * t, py = m[2] * s + m[3] * t;
    double length = ex * ex + ey * ey, along = length > 0.0 ? (px * ex + py * ey) / length : 0.0;
    along = along < 0.0 ? 0.0 : along > 1.0 ? 1.0 : along;
    px -= along * ex;
    py -= along * ey;
    return px * px + py * py;
}

/* The point between a and b that lies furthest from their segment. */
static size_t furthest(const simplifier *s, size_t a, size_t b, double *most)
{
    const outline_point *p = s->line.at;
    size_t k = a + 1;
    *most = -1.0;
    for (size_t i = a + 1; i < b; i++) {
        double d = distance2(s->metric, p[a], p[b], p[i]);
        if (d > *most) {
            *most = d;
            k = i;
        }
    }
    return k;
}

static bool may_go(const outline *o, size_t a, size_t b, double most)
{
    const simplifier *s = o->simplifier;
    const outline_point *p = s->line.at + a;
    size_t n = b - a + 1;
    if (!(most <= o->o.tolerance * o->o.tolerance))
        return false;
    return map_count_box(&s->map, p, n) == (int64_t)n || map_count_hull(&s->map, p, n) == (int64_t)n;
}

/* Marks the points between a and b that stay (Douglas and Peucker). Both ends stay. */
static void thin(outline *o, size_t a, size_t b)
{
    simplifier *s = o->simplifier;
    /* The left part is done at once, the right one later: at most as many wait as there are halvings by the shorter. */
    while (b > a + 1) {
        double most;
        size_t k = furthest(s, a, b, &most);
        if (may_go(o, a, b, most))
            return;
        s->keep[k] = 1;
        if (k - a < b - k) {
            thin(o, a, k);
            a = k;
        } else {
            thin(o, k, b);
            b = k;
        }
    }
}

/* Twice the signed area of a, b, c. */
static int64_t turn(outline_point a, outline_point b, outline_point c)
{
    return (int64_t)(b.x - a.x) * (c.y - a.y) - (int64_t)(b.y - a.y) * (c.x - a.x);
}

/* A border may not lie upon another's segment from a to b. The two enclose something, for the border does not cross
 * that segment: the point that stays is the furthest one on this side, else what is enclosed would be turned inside
 * out. */
static size_t furthest_inside(const simplifier *s, size_t a, size_t b)
{
    const outline_point *p = s->line.at;
    int64_t enclosed = 0, most = 0;
    size_t k = a + 1;
    for (size_t i = a + 1; i < b; i++)
        enclosed += turn(p[a], p[i], p[i + 1]);
    for (size_t i = a + 1; i < b; i++) {
        int64_t t = turn(p[a], p[i], p[b]);
        t = enclosed < 0 ? -t : t;
        if (t > most) {
            most = t;
            k = i;
        }
    }
    return k;
}

static bool thin_piece(outline *o, size_t a, size_t b)
{
    simplifier *s = o->simplifier;
    bool is_new;
    if (b == a + 1)
        return true; /* taken before */
    thin(o, a, b);
    if (memchr(s->keep + a + 1, 1, b - a - 1))
        return true;
    if (!take_segment(s, s->line.at[a], s->line.at[b], &is_new))
        return false;
    if (!is_new)
        s->keep[furthest_inside(s, a, b)] = 1;
    return true;
}

/* What is done with each piece of a border. */
typedef bool piece_do(outline *o, size_t a, size_t b);

/* A border that ends where it begins is cut at its furthest point; long ones are cut by length. */
static bool each_piece(outline *o, piece_do *each)
{
    simplifier *s = o->simplifier;
    const outline_point *p = s->line.at;
    size_t n = s->line.n, cut = n - 1;
    double most;
    if (same(p[0], p[n - 1]))
        cut = furthest(s, 0, n - 1, &most);
    for (size_t a = 0, b; a + 1 < n; a = b) {
        size_t end = a < cut ? cut : n - 1;
        b = end - a > PIECE ? a + PIECE : end;
        s->keep[a] = s->keep[b] = 1;
        if (!each(o, a, b))
            return false;
    }
    return true;
}

static bool take_straight(outline *o, size_t a, size_t b)
{
    bool is_new;
    return b > a + 1 || take_segment(o->simplifier, o->simplifier->line.at[a], o->simplifier->line.at[b], &is_new);
}

/* ---- all borders of a band ---- */

static bool ends_at_fixed(const outline *o, uint32_t half)
{
    return strand_at(o, half >> 1)->flags & FIXED << !(half & 1);
}

/* The half with which the border that strand `id` is of begins. */
static uint32_t border_begin(const outline *o, uint32_t id)
{
    uint32_t half = id << 1 | 1;
    while (!ends_at_fixed(o, half)) {
        half = strand_at(o, half >> 1)->next[half & 1];
        if (half == (id << 1 | 1))
            break; /* round and round */
    }
    return half ^ 1;
}

/* Reads the border into s->line, and returns its last half; NONE: out of memory. */
static uint32_t border_read(outline *o, uint32_t first)
{
    simplifier *s = o->simplifier;
    uint32_t half = first;
    s->line.n = 0;
    for (;;) {
        size_t from = s->line.n;
        if (!strand_read(o, half >> 1, &s->line))
            return NONE;
        if (half & 1)
            for (size_t a = from, b = s->line.n - 1; a < b; a++, b--) {
                outline_point t = s->line.at[a];
                s->line.at[a] = s->line.at[b];
                s->line.at[b] = t;
            }
        uint32_t next = strand_at(o, half >> 1)->next[half & 1];
        if (ends_at_fixed(o, half) || next == first)
            break;
        s->line.n--; /* the next strand begins with it */
        half = next;
    }
    if (s->line.n > s->keep_cap) {
        mem_free(s->keep);
        s->keep = mem_alloc_raw(2 * s->line.n);
        s->keep_cap = s->keep ? 2 * s->line.n : 0;
        if (!s->keep)
            return NONE;
    }
    memset(s->keep, 0, s->line.n);
    return half;
}

/* All points go to the border's first strand. */
static void border_write(outline *o, uint32_t first, uint32_t last)
{
    simplifier *s = o->simplifier;
    size_t n = 0;
    for (size_t i = 0; i < s->line.n; i++)
        if (s->keep[i])
            s->line.at[n++] = s->line.at[i];
    unsigned end = strand_at(o, last >> 1)->flags >> !(last & 1) & (FIXED | CROSS);
    for (uint32_t h = first, next;; h = next) {
        next = strand_at(o, h >> 1)->next[h & 1];
        if (h != first)
            strand_replace(o, h >> 1, NULL, 0);
        if (h == last)
            break;
    }
    if (first & 1)
        for (size_t a = 0, b = n - 1; a < b; a++, b--) {
            outline_point t = s->line.at[a];
            s->line.at[a] = s->line.at[b];
            s->line.at[b] = t;
        }
    strand_replace(o, first >> 1, s->line.at, n);
    strand *to = strand_at(o, first >> 1);
    to->flags = (to->flags & ~(unsigned)((FIXED | CROSS) << !(first & 1))) | end << !(first & 1);
}

/* A strand that was born on the band's last row, and goes down from there, is of the next band. */
static bool is_next(const outline *o, uint32_t id)
{
    return strand_at(o, id)->n == 1;
}

/* The first n strands are this band's. */
static bool find_borders(outline *o, size_t n)
{
    simplifier *s = o->simplifier;
    s->borders.n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = s->strands.at[i];
        if (is_next(o, id) || strand_at(o, id)->flags & SIMPLE)
            continue;
        uint32_t first = border_begin(o, id), half = first;
        do {
            strand_at(o, half >> 1)->flags |= SIMPLE;
            if (ends_at_fixed(o, half))
                break;
            half = strand_at(o, half >> 1)->next[half & 1];
        } while (half != first);
        if (!vec_push(o->mem, &s->borders, first))
            return false;
    }
    return true;
}

static bool do_borders(outline *o, piece_do *each, bool write)
{
    simplifier *s = o->simplifier;
    for (size_t i = 0; i < s->borders.n; i++) {
        uint32_t first = s->borders.at[i], last = border_read(o, first);
        if (last == NONE || !each_piece(o, each))
            return false;
        if (write)
            border_write(o, first, last);
    }
    return !o->failed;
}

/* Ends the strands that come down, with a point that stays, and begins new ones there. */
static bool cut_strands(outline *o)
{
    for (size_t i = 1; i < o->below.n; i++) {
        run *r = &o->below.at[i];
        strand *s = strand_at(o, r->tip);
        outline_point at = {r->from, o->y};
        if (s->n == 1 && same(s->at[0], at)) {
            strand *twin = strand_at(o, s->next[1] >> 1);
            if (!(s->flags & FIXED)) /* born at a corner, with the one that goes to the right */
                twin->flags |= FIXED << (s->next[1] & 1);
            s->flags |= FIXED;
            continue;
        }
        if (!same(strand_tip(o, r->tip), at))
            strand_add(o, r->tip, at);
        uint32_t below = strand_new(o, at, r->part, r[-1].part);
        if (o->failed)
            return false;
        s->flags |= FIXED << 1;
        strand_at(o, below)->flags |= FIXED;
        half_link(o, r->tip << 1, below << 1);
        half_link(o, below << 1 | 1, r->tip << 1 | 1);
        r->tip = below;
    }
    return !o->failed;
}

static cseg_status end_band(outline *o, cseg_error *err)
{
    simplifier *s = o->simplifier;
    size_t n = s->strands.n, left = 0;
    if (!cut_strands(o))
        return fail_memory(err);
    bool good = find_borders(o, n);
    ground_metric(o->o.ground, 0.5 * ((double)s->map.top + o->y), 0.5 * (double)o->o.w, s->metric);
    if (!good || !do_borders(o, take_straight, false) || !do_borders(o, thin_piece, true) || !forget_segments(s, o->y))
        return fail_memory(err);
    for (size_t i = 0; i < s->strands.n; i++)
        if (i >= n || is_next(o, s->strands.at[i]))
            s->strands.at[left++] = s->strands.at[i];
    s->strands.n = left;
    uint64_t *last = s->map.bits + (size_t)(o->y - s->map.top) * s->map.words;
    memmove(s->map.bits, last, s->map.words * sizeof *last);
    memset(s->map.bits + s->map.words, 0, BAND * s->map.words * sizeof *last);
    s->map.top = o->y;
    s->points = 0;
    return CSEG_OK;
}

cseg_status simplify_row(outline *o, bool *ended, cseg_error *err)
{
    const simplifier *s = o->simplifier;
    *ended = o->y > s->map.top && (o->y == o->o.h || o->y - s->map.top == BAND || s->points >= BAND_POINTS);
    return *ended ? end_band(o, err) : CSEG_OK;
}
