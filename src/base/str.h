/* Strings: a buffer that grows in an arena, prefixes and suffixes, the nearest known name, the shortest decimal, a
 * hash.
 *
 *     strbuf b = {.mem = mem};
 *     strbuf_addf(&b, "%d classes", 19);
 *     if (b.failed)
 *         return fail_memory(err);
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* A text that grows in an arena. If memory runs out it stays as it was and `failed` is set: append freely, check once
 * at the end. `text` is always NUL-terminated, and NULL only before the first append. */
typedef struct strbuf {
    arena *mem;
    char *text;
    size_t n, cap;
    bool failed;
} strbuf;

void strbuf_add(strbuf *b, const char *s);
void strbuf_addn(strbuf *b, const char *s, size_t n);
void strbuf_addf(strbuf *b, const char *fmt, ...) CSEG_PRINTF(2, 3);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Damerau-Levenshtein distance, for "did you mean". */
int str_distance(const char *a, const char *b);
/* The nearest of `names` (n of them), or NULL if none is near enough to be what was meant. */
const char *str_nearest(const char *s, const char *const *names, size_t n);
/* The shortest decimal that reads back as the same double, as Python's repr() writes it ("1.0", "1e-05", "inf"). */
void str_double(double v, char out[static 32]);
/* Hashes. */
unsigned long long str_fnv1a64(const void *data, size_t n);

#endif
