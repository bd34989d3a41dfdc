/* Allocates memory by lifetime: all that is in an arena is freed together, nothing alone. Three lifetimes exist, each
 * with its arena: process, model, step. An arena belongs to one thread at a time.
 *
 *     arena *a = arena_new();
 *     double *row = a ? ARENA_ARRAY(a, 100, double) : NULL;
 *     arena_free(a);
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "cseg/error.h"

typedef struct arena arena;

arena *arena_new(void);     /* NULL when out of memory */
void arena_free(arena *a);  /* runs the deferred calls, newest first; NULL is fine */
void arena_reset(arena *a); /* as arena_free, but keeps the first block for new use */

/* Zeroed, aligned to 64 bytes if n >= 64, else to 16. NULL when out of memory. n == 0 gives a valid pointer. */
void *arena_alloc(arena *a, size_t n);
/* count * size with overflow checked. */
void *arena_array(arena *a, size_t count, size_t size);
char *arena_strdup(arena *a, const char *s);
char *arena_strndup(arena *a, const char *s, size_t n);
char *arena_printf(arena *a, const char *fmt, ...) CSEG_PRINTF(2, 3);
/* Grows an array that lives in the arena: a new place with the old content. `used` and `want` are counts.
 * Doubles; the old place stays until the arena goes. NULL when out of memory. */
void *arena_grow(arena *a, void *old, size_t used, size_t *cap, size_t want, size_t size);
/* Calls fn(arg) when the arena is freed or reset, to release what is not memory (files, handles). Calls fn(arg) at once
 * and returns false when out of memory. */
bool arena_defer(arena *a, void (*fn)(void *), void *arg);
size_t arena_bytes(const arena *a); /* held from the system */

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_array((a), (count), sizeof(type)))

/* A growable array that lives in an arena: VEC(int) v = {0}; if (!vec_push(a, &v, 3)) return fail_memory(err); */
#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *at;                                                                                                      \
        size_t n;                                                                                                      \
        size_t cap;                                                                                                    \
    }
#define vec_push(a, v, item)                                                                                           \
    (((v)->n < (v)->cap || vec_reserve_((a), (void **)&(v)->at, (v)->n, &(v)->cap, (v)->n + 1, sizeof *(v)->at))       \
         ? ((v)->at[(v)->n++] = (item), true)                                                                          \
         : false)
bool vec_reserve_(arena *a, void **at, size_t n, size_t *cap, size_t want, size_t size);

/* Heap memory, for blocks that outlive an arena or are too large for one. All allocation of the project goes through
 * these functions, so that a test can make the n-th one fail. Zeroed; aligned to 64 bytes. */
void *mem_alloc(size_t n);
void *mem_alloc_raw(size_t n); /* the same, not zeroed: for memory that is filled at once */
void mem_free(void *p);
void mem_fail_at(long n); /* tests: the n-th allocation from now on fails (1 = next), and all after it; 0 = none;
                             -n: that one alone */

#endif
