/* Pools, and the points of strands. */
#include <string.h>

#include "geo/outline/internal.h"

uint32_t pool_take(pool *p, arena *mem)
{
    if (p->freed) { /* its number plus one, so that a zeroed pool has none */
        uint32_t id = p->freed - 1;
        memcpy(&p->freed, pool_at(p, id), sizeof p->freed);
        return id;
    }
    if (p->used >= UINT32_C(1) << 31)
        return NONE;
    if (p->used >> PAGE_BITS >= p->n_pages) {
        if (p->n_pages == p->cap) {
            void **pages = arena_grow(mem, p->pages, p->n_pages, &p->cap, p->n_pages + 1, sizeof *pages);
            if (!pages)
                return NONE;
            p->pages = pages;
        }
        void *page = arena_array(mem, (size_t)1 << PAGE_BITS, p->size);
        if (!page)
            return NONE;
        p->pages[p->n_pages++] = page;
    }
    return p->used++;
}

void pool_give(pool *p, uint32_t id)
{
    memcpy(pool_at(p, id), &p->freed, sizeof p->freed);
    p->freed = id + 1;
}

bool points_reserve(point_list *l, size_t more)
{
    if (more <= l->cap - l->n)
        return true;
    size_t cap = l->cap ? l->cap : 512;
    while (cap - l->n < more)
        cap *= 2;
    outline_point *at = mem_alloc_raw(cap * sizeof *at);
    if (!at)
        return false;
    if (l->n)
        memcpy(at, l->at, l->n * sizeof *at);
    mem_free(l->at);
    l->at = at;
    l->cap = cap;
    return true;
}

/* Where point i of a strand is, if that is in its last chunk or within the strand itself. */
static outline_point *late_point(const outline *o, strand *s, uint32_t i)
{
    if (i < INLINE)
        return &s->at[i];
    return &((chunk *)pool_at(&o->chunks, s->last))->at[(i - INLINE) % CHUNK];
}

static bool add_chunk(outline *o, strand *s)
{
    uint32_t id = pool_take(&o->chunks, o->mem);
    if (id == NONE)
        return false;
    ((chunk *)pool_at(&o->chunks, id))->next = NONE;
    if (s->last == NONE)
        s->first = id;
    else
        ((chunk *)pool_at(&o->chunks, s->last))->next = id;
    s->last = id;
    return true;
}

static void put_point(outline *o, strand *s, outline_point to)
{
    if (s->n >= INLINE && (s->n - INLINE) % CHUNK == 0 && !add_chunk(o, s)) {
        o->failed = true;
        return;
    }
    *late_point(o, s, s->n++) = to;
}

static void free_chunks(outline *o, strand *s)
{
    for (uint32_t c = s->first, next; c != NONE; c = next) {
        next = ((chunk *)pool_at(&o->chunks, c))->next;
        pool_give(&o->chunks, c);
    }
    s->first = s->last = NONE;
}

uint32_t strand_new(outline *o, outline_point origin, uint32_t left, uint32_t right)
{
    uint32_t id = pool_take(&o->strands, o->mem);
    if (id == NONE) {
        o->failed = true;
        return NONE;
    }
    strand *s = strand_at(o, id);
    *s = (strand){.next = {NONE, NONE}, .sibling = {NONE, NONE}, .first = NONE, .last = NONE};
    put_point(o, s, origin);
    part_add_half(o, left, id << 1);
    part_add_half(o, right, id << 1 | 1);
    if (o->simplifier) {
        simplify_see_point(o, origin);
        simplify_see_strand(o, id);
    }
    return id;
}

void strand_add(outline *o, uint32_t id, outline_point to)
{
    put_point(o, strand_at(o, id), to);
    if (o->simplifier)
        simplify_see_point(o, to);
}

outline_point strand_tip(const outline *o, uint32_t id)
{
    strand *s = strand_at(o, id);
    return *late_point(o, s, s->n - 1);
}

void strand_free(outline *o, uint32_t id)
{
    free_chunks(o, strand_at(o, id));
    pool_give(&o->strands, id);
}

bool strand_read(const outline *o, uint32_t id, point_list *l)
{
    const strand *s = strand_at(o, id);
    if (!points_reserve(l, s->n))
        return false;
    uint32_t n = s->n < INLINE ? s->n : INLINE, left = s->n - n;
    memcpy(l->at + l->n, s->at, n * sizeof *s->at);
    l->n += n;
    for (uint32_t c = s->first; left; left -= n) {
        const chunk *k = pool_at(&o->chunks, c);
        n = left < CHUNK ? left : CHUNK;
        memcpy(l->at + l->n, k->at, n * sizeof *k->at);
        l->n += n;
        c = k->next;
    }
    return true;
}

void strand_replace(outline *o, uint32_t id, const outline_point *at, size_t n)
{
    strand *s = strand_at(o, id);
    free_chunks(o, s);
    s->n = 0;
    for (size_t i = 0; i < n; i++)
        put_point(o, s, at[i]);
}
