#include "io/archive/archive_tar.h"

#include <string.h>

/* POSIX.1-1988 (ustar) and GNU tar: blocks of 512 bytes, a header before each member. */
enum { BLOCK = 512, AT_SIZE = 124, AT_SUM = 148, AT_KIND = 156, AT_MAGIC = 257, AT_PREFIX = 345, LONGEST_NAME = 4096 };

/* A number in octal, or in base 256 if its first bit is set (GNU). */
static bool number(const uint8_t *p, int bytes, uint64_t *out)
{
    uint64_t v = 0;
    int i = 0;
    if (p[0] & 0x80) {
        for (i = 1; i < bytes; i++) {
            if (v >> 56)
                return false;
            v = v << 8 | p[i];
        }
        *out = v;
        return true;
    }
    while (i < bytes && p[i] == ' ')
        i++;
    for (; i < bytes && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    *out = v;
    return i == bytes || p[i] == ' ' || p[i] == 0;
}

/* The sum of the header's bytes, those of the sum itself taken for spaces. */
static bool sum_is_right(const uint8_t *p)
{
    uint64_t sum = 0, said;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : p[i];
    return number(p + AT_SUM, 8, &said) && sum == said;
}

bool archive_is_tar(const uint8_t *bytes, size_t n)
{
    return n >= BLOCK && bytes[0] != 0 && sum_is_right(bytes);
}

static bool is_blank(const uint8_t *p)
{
    for (int i = 0; i < BLOCK; i++)
        if (p[i])
            return false;
    return true;
}

static char *name_of(const uint8_t *p, const char *longer, arena *mem)
{
    const char *name = (const char *)p, *prefix = name + AT_PREFIX;
    int n = (int)strnlen(name, 100), before = (int)strnlen(prefix, 155);
    if (longer)
        return arena_strdup(mem, longer);
    if (memcmp(p + AT_MAGIC, "ustar\0", 6) == 0 && before)
        return arena_printf(mem, "%.*s/%.*s", before, prefix, n, name);
    return arena_strndup(mem, name, (size_t)n);
}

/* "path=" of a pax header: records "LENGTH KEY=VALUE\n". NULL: there is none. */
static const char *pax_path(const uint8_t *p, size_t n, arena *mem)
{
    const char *at = (const char *)p, *end = at + n;
    while (at < end) {
        size_t length = 0;
        const char *key = at;
        for (; key < end && *key >= '0' && *key <= '9' && length < n; key++)
            length = length * 10 + (size_t)(*key - '0');
        if (key >= end || *key != ' ' || length < (size_t)(key - at) + 2 || length > (size_t)(end - at))
            return NULL;
        key++;
        size_t left = length - (size_t)(key - at);
        if (left > 6 && memcmp(key, "path=", 5) == 0)
            return arena_strndup(mem, key + 5, left - 6);
        at += length;
    }
    return NULL;
}

static cseg_status bad(const archive *a, size_t at, const char *what, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: damaged or truncated tar archive: %s (byte %zu)", a->path, what, at);
}

cseg_status archive_list_tar(const uint8_t *bytes, size_t n, arena *mem, archive *out, cseg_error *err)
{
    VEC(archive_member) all = {0};
    const char *longer = NULL;
    size_t at = 0;
    for (; n - at >= BLOCK && !is_blank(bytes + at);) {
        const uint8_t *p = bytes + at;
        uint64_t size;
        if (!sum_is_right(p) || !number(p + AT_SIZE, 12, &size))
            return bad(out, at, "a header's checksum differs", err);
        if (size > n - at - BLOCK)
            return bad(out, at, "a member is longer than the file", err);
        int kind = p[AT_KIND];
        const uint8_t *data = p + BLOCK;
        if (kind == 'L' || kind == 'x') { /* the next member's name */
            if (kind == 'x')
                longer = pax_path(data, size, mem);
            else if (size <= LONGEST_NAME)
                longer = arena_strndup(mem, (const char *)data, strnlen((const char *)data, size));
        } else {
            char *name = name_of(p, longer, mem);
            if (!name)
                return fail_memory(err);
            while (name[0] == '.' && name[1] == '/')
                name += 2;
            archive_member m = {.name = name, .size = size, .at.bytes = data};
            if ((kind == '0' || kind == 0) && !vec_push(mem, &all, m))
                return fail_memory(err);
            longer = NULL;
        }
        size_t step = BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
        if (step > n - at)
            return bad(out, at, "it ends within a member", err);
        at += step;
    }
    if (n - at < BLOCK)
        return bad(out, at, "it has no end", err);
    out->members = all.at;
    out->n = all.n;
    return CSEG_OK;
}
