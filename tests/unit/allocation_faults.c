/* The tests with out_of_memory.h are linked so that every call that allocates, arenas' too, comes here (--wrap): an
 * arena asks the system for a block now and then only, and whoever takes memory from it has to bear that there is none.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "out_of_memory.h"

static atomic_long count, fails;
static atomic_bool alone_fails;

void allocation_fails(long n, bool alone)
{
    atomic_store(&count, 0);
    atomic_store(&alone_fails, alone);
    atomic_store(&fails, n);
}

long allocations_counted(void)
{
    return atomic_load(&count);
}

static bool must_fail(void)
{
    long n = atomic_fetch_add(&count, 1) + 1, at = atomic_load(&fails);
    return at > 0 && (atomic_load(&alone_fails) ? n == at : n >= at);
}

/* The name's own function, and the one that its callers reach. */
#define WRAPPED(type, name, ...)                                                                                       \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(void *, mem_alloc, size_t n)
{
    return must_fail() ? NULL : __real_mem_alloc(n);
}

WRAPPED(void *, mem_alloc_raw, size_t n)
{
    return must_fail() ? NULL : __real_mem_alloc_raw(n);
}

WRAPPED(arena *, arena_new, void)
{
    return must_fail() ? NULL : __real_arena_new();
}

WRAPPED(void *, arena_alloc, arena *a, size_t n)
{
    return must_fail() ? NULL : __real_arena_alloc(a, n);
}

WRAPPED(void *, arena_array, arena *a, size_t n, size_t size)
{
    return must_fail() ? NULL : __real_arena_array(a, n, size);
}

WRAPPED(char *, arena_strdup, arena *a, const char *s)
{
    return must_fail() ? NULL : __real_arena_strdup(a, s);
}

WRAPPED(char *, arena_strndup, arena *a, const char *s, size_t n)
{
    return must_fail() ? NULL : __real_arena_strndup(a, s, n);
}

WRAPPED(void *, arena_grow, arena *a, void *old, size_t used, size_t *cap, size_t want, size_t size)
{
    return want > *cap && must_fail() ? NULL : __real_arena_grow(a, old, used, cap, want, size);
}

WRAPPED(bool, vec_reserve_, arena *a, void **at, size_t n, size_t *cap, size_t want, size_t size)
{
    return !must_fail() && __real_vec_reserve_(a, at, n, cap, want, size);
}

WRAPPED(bool, arena_defer, arena *a, void (*fn)(void *), void *arg)
{
    if (!must_fail())
        return __real_arena_defer(a, fn, arg);
    fn(arg);
    return false;
}

char *__real_arena_strdup(arena *a, const char *s);
char *__wrap_arena_printf(arena *a, const char *fmt, ...) CSEG_PRINTF(2, 3);
char *__wrap_arena_printf(arena *a, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    if (must_fail())
        return NULL;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    char *kept = __real_arena_strdup(a, text);
    free(text);
    return kept;
}
