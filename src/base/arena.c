#define _GNU_SOURCE
#include "base/arena.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FIRST_BLOCK = 16 * 1024, LARGEST_BLOCK = 4 * 1024 * 1024, HUGE_PAGE = 2 * 1024 * 1024 };

typedef struct block {
    struct block *next;
    size_t size, used;
    _Alignas(64) char data[];
} block;

typedef struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *arg;
} deferred;

struct arena {
    block *head;
    deferred *deferred;
    size_t held;
};

static atomic_long fail_countdown;

void mem_fail_at(long n)
{
    atomic_store(&fail_countdown, n);
}

static bool must_fail(void)
{
    long n = atomic_load(&fail_countdown);
    if (n == 0)
        return false;
    if (n == 1)
        return true;
    atomic_store(&fail_countdown, n > 0 ? n - 1 : n + 1);
    return n == -1;
}

/* Asks for huge pages where whole ones lie in large memory: maps and weights are read from end to end, and miss the
 * processor's table of pages less then. Only a wish: what the system says to it does not matter. */
static void prefer_huge_pages(char *p, size_t n)
{
#ifdef MADV_HUGEPAGE
    size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (n >= before + HUGE_PAGE)
        (void)madvise(p + before, (n - before) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#else
    (void)p;
    (void)n;
#endif
}

void *mem_alloc_raw(size_t n)
{
    if (must_fail() || n > PTRDIFF_MAX - 64)
        return NULL;
    size_t rounded = (n + 63) / 64 * 64;
    char *p = aligned_alloc(64, rounded ? rounded : 64);
    if (p)
        prefer_huge_pages(p, n);
    return p;
}

void *mem_alloc(size_t n)
{
    void *p = mem_alloc_raw(n);
    if (p)
        memset(p, 0, n ? n : 64);
    return p;
}

void mem_free(void *p)
{
    free(p);
}

arena *arena_new(void)
{
    return mem_alloc(sizeof(arena));
}

static void run_deferred(arena *a)
{
    while (a->deferred) {
        deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

void arena_free(arena *a)
{
    if (!a)
        return;
    run_deferred(a);
    for (block *b = a->head; b;) {
        block *next = b->next;
        mem_free(b);
        b = next;
    }
    mem_free(a);
}

void arena_reset(arena *a)
{
    run_deferred(a);
    block *keep = NULL;
    for (block *b = a->head; b;) {
        block *next = b->next;
        if (!next)
            keep = b;
        else
            mem_free(b);
        b = next;
    }
    a->head = keep;
    a->held = keep ? keep->size : 0;
    if (keep) {
        memset(keep->data, 0, keep->used);
        keep->used = 0;
    }
}

void *arena_alloc(arena *a, size_t n)
{
    if (n > PTRDIFF_MAX / 2)
        return NULL;
    size_t align = n >= 64 ? 64 : 16;
    block *b = a->head;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (!b || at > b->size || n > b->size - at) {
        size_t size = b ? b->size * 2 : FIRST_BLOCK;
        if (size > LARGEST_BLOCK)
            size = LARGEST_BLOCK;
        if (size < n)
            size = n;
        b = mem_alloc(sizeof *b + size);
        if (!b)
            return NULL;
        b->size = size;
        b->next = a->head;
        a->head = b;
        a->held += size;
        at = 0;
    }
    b->used = at + n;
    return b->data + at;
}

void *arena_array(arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(a, n);
}

char *arena_strndup(arena *a, const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;
    if (p)
        memcpy(p, s, n);
    return p;
}

char *arena_strdup(arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void *arena_grow(arena *a, void *old, size_t used, size_t *cap, size_t want, size_t size)
{
    if (want <= *cap)
        return old;
    size_t more = *cap ? *cap * 2 : 8;
    if (more < want)
        more = want;
    void *p = arena_array(a, more, size);
    if (!p)
        return NULL;
    if (used)
        memcpy(p, old, used * size);
    *cap = more;
    return p;
}

bool vec_reserve_(arena *a, void **at, size_t n, size_t *cap, size_t want, size_t size)
{
    void *p = arena_grow(a, *at, n, cap, want, size);
    if (!p)
        return false;
    *at = p;
    return true;
}

bool arena_defer(arena *a, void (*fn)(void *), void *arg)
{
    deferred *d = ARENA_NEW(a, deferred);
    if (!d) {
        fn(arg);
        return false;
    }
    *d = (deferred){.next = a->deferred, .fn = fn, .arg = arg};
    a->deferred = d;
    return true;
}

size_t arena_bytes(const arena *a)
{
    return a->held;
}
