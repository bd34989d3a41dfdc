/* What the files of geo/outline share. Nothing outside of this folder includes it. */
#ifndef GEO_OUTLINE_INTERNAL_H
#define GEO_OUTLINE_INTERNAL_H

#include "geo/outline/outline.h"

#define NONE UINT32_MAX

/* Items of one size, called by numbers: they grow in pages, and what is given back is used again. */
typedef struct pool {
    size_t size; /* of an item, at least that of its number */
    void **pages;
    size_t n_pages, cap;
    uint32_t used, freed; /* items ever in use; the first that was given back */
} pool;
enum { PAGE_BITS = 10 };

static inline void *pool_at(const pool *p, uint32_t id)
{
    return (char *)p->pages[id >> PAGE_BITS] + (id & ((1u << PAGE_BITS) - 1)) * p->size;
}
/* Not zeroed. NONE: out of memory, or 2^31 are in use. */
uint32_t pool_take(pool *p, arena *mem);
void pool_give(pool *p, uint32_t id);

/* Edges of pixels in a row, with the same two parts at their sides; it grows at its tip. Half 2*s of strand s runs from
 * its origin to its tip, half 2*s + 1 runs back; each has one part at its left, and is of its outline. */
typedef struct strand {
    uint32_t next[2];     /* the half that follows around the same part */
    uint32_t sibling[2];  /* another half of the same part, in no order; NONE */
    uint32_t n;           /* points: the origin, corners, the tip */
    uint32_t first, last; /* chunks of points beyond the first INLINE */
    unsigned flags;
    outline_point at[3];
} strand;
enum { INLINE = 3, CHUNK = 7 };
typedef struct chunk {
    uint32_t next, pad;
    outline_point at[CHUNK];
} chunk;
/* flags, for the origin; shifted by one, for the tip */
enum {
    FIXED = 1, /* more than two edges meet there, or it stays for another reason: simplifying keeps it */
    CROSS = 4, /* four edges meet there: a ring can touch itself */
    DONE = 16, /* of a half: it is of no part, or its part is given out */
    SIMPLE = 64
};

/* Pixels of one label that are connected by their sides. */
typedef struct part {
    uint32_t parent; /* itself, unless it turned out to be the same as another */
    int32_t label, last_row;
    uint32_t head, tail; /* halves of its outline */
    int64_t pixels, scored;
    uint64_t score;
    double area;
    uint32_t group, before, after; /* of its open parts; closed ones are linked by `after` */
} part;
/* Parts that touch at corners; used if these belong together. */
typedef struct group {
    uint32_t open, n_open, closed, closed_last;
} group;

/* Pixels of one label in a row. The first begins at -1 and the last ends at w + 1: there is nothing outside. */
typedef struct run {
    int32_t from, label;
    uint32_t part, tip; /* the strand that comes down at its left end */
} run;
typedef struct run_list {
    run *at;
    size_t n, cap;
} run_list;

/* Heap memory that is used again and again. */
typedef struct point_list {
    outline_point *at;
    size_t n, cap;
} point_list;
bool points_reserve(point_list *l, size_t more);

typedef struct ring_span {
    size_t from, n;
    bool outer;
} ring_span;

struct crossing {
    outline_point at;
    uint64_t walk;
    size_t index;
};

struct simplifier;

struct outline {
    outline_options o;
    arena *mem;
    int32_t y; /* rows that have come */
    run_list above, below;
    pool strands, chunks, parts, groups;
    VEC(uint32_t) aliases;  /* parts that became others in this row */
    VEC(uint32_t) finished; /* parts or groups that no row will add to */
    point_list walk, out;   /* a ring as it is walked; the finished ones of a shape */
    VEC(ring_span) spans;
    VEC(outline_ring) rings;
    struct crossing *slots; /* a hash table of the corners in the walk where four edges meet */
    size_t n_slots, n_crossings;
    uint64_t walks;                /* slots of earlier walks are empty */
    struct simplifier *simplifier; /* NULL: no tolerance */
    int64_t dropped, dropped_pixels;
    bool failed; /* memory ran out where no status could be given */
};

static inline strand *strand_at(const outline *o, uint32_t id)
{
    return pool_at(&o->strands, id);
}
static inline part *part_at(const outline *o, uint32_t id)
{
    return pool_at(&o->parts, id);
}
static inline group *group_at(const outline *o, uint32_t id)
{
    return pool_at(&o->groups, id);
}

/* strands.c. They set o->failed. left, right: the parts beside it as it grows. */
uint32_t strand_new(outline *o, outline_point origin, uint32_t left, uint32_t right);
void strand_add(outline *o, uint32_t s, outline_point to);
outline_point strand_tip(const outline *o, uint32_t s);
void strand_free(outline *o, uint32_t s);
/* Puts the strand's points behind those of `l`, from the origin to the tip. */
bool strand_read(const outline *o, uint32_t s, point_list *l);
/* Replaces the points; n 0: it has none, and lies within an edge of another. */
void strand_replace(outline *o, uint32_t s, const outline_point *at, size_t n);
static inline void half_link(outline *o, uint32_t half, uint32_t next)
{
    strand_at(o, half >> 1)->next[half & 1] = next;
}

/* parts.c */
uint32_t part_find(const outline *o, uint32_t id);
void part_add_half(outline *o, uint32_t part, uint32_t half);
/* Says which runs of `below` belong to which parts, and which parts have ended with `above`. */
cseg_status parts_assign(outline *o, const uint8_t *scores, cseg_error *err);
cseg_status parts_close(outline *o, cseg_error *err);

/* trace.c: the edges between `above` and `below`, on row o->y of corners. */
cseg_status trace_row(outline *o, cseg_error *err);

/* rings.c: gives out all that is finished. */
cseg_status rings_emit(outline *o, cseg_error *err);

/* simplify.c */
cseg_status simplify_begin(outline *o, cseg_error *err);
void simplify_free(struct simplifier *s);
void simplify_see_point(outline *o, outline_point at);
void simplify_see_strand(outline *o, uint32_t s);
/* Simplifies the band of rows that ends with row o->y, if it is time. */
cseg_status simplify_row(outline *o, bool *ended, cseg_error *err);

#endif
