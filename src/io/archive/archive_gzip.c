#include <string.h>

#include <zlib.h>

#include "io/archive/archive.h"

bool archive_is_gzip(const uint8_t *bytes, size_t n)
{
    return n >= 3 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8;
}

/* A buffer outside of the arena, doubled as it fills: a gzip file does not say reliably how long its content is. */
typedef struct growing {
    uint8_t *at;
    size_t n, cap, most;
} growing;

static bool grow(growing *g)
{
    size_t cap = g->cap ? 2 * g->cap : (size_t)1 << 20;
    cap = cap > g->most ? g->most : cap;
    uint8_t *to = mem_alloc_raw(cap);
    if (!to)
        return false;
    if (g->n)
        memcpy(to, g->at, g->n);
    mem_free(g->at);
    g->at = to;
    g->cap = cap;
    return true;
}

static cseg_status inflate_all(z_stream *s, size_t left, growing *g, const char *name, cseg_error *err)
{
    for (;;) {
        if (g->n == g->cap && g->cap == g->most)
            return fail(err, CSEG_CORRUPT, "%s: would unpack to more than %zu bytes", name, g->most);
        if (g->n == g->cap && !grow(g))
            return fail_memory(err);
        if (s->avail_in == 0) {
            s->avail_in = left > (1u << 30) ? 1u << 30 : (uInt)left;
            left -= s->avail_in;
        }
        size_t room = g->cap - g->n;
        s->next_out = g->at + g->n;
        s->avail_out = room > (1u << 30) ? 1u << 30 : (uInt)room;
        uInt before = s->avail_out;
        int result = inflate(s, Z_NO_FLUSH);
        g->n += before - s->avail_out;
        bool more = s->avail_in || left;
        if (result == Z_STREAM_END && (!more || *s->next_in != 0x1f)) /* zeros may follow */
            return CSEG_OK;
        if (result == Z_STREAM_END && inflateReset(s) == Z_OK)
            continue;
        if (result != Z_OK && !(result == Z_BUF_ERROR && s->avail_out == 0))
            return fail(err, CSEG_CORRUPT, "%s: damaged or truncated gzip data: %s", name,
                        s->msg ? s->msg : "they end too early");
    }
}

cseg_status archive_gunzip(const uint8_t *bytes, size_t n, const char *name, size_t most, arena *mem,
                           const uint8_t **out, size_t *out_n, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    growing g = {.most = most};
    z_stream s = {.next_in = (Bytef *)bytes};
    if (inflateInit2(&s, MAX_WBITS + 16) != Z_OK)
        return fail_memory(err);
    TRY_DONE(inflate_all(&s, n, &g, name, err));
    if (!arena_defer(mem, mem_free, g.at)) {
        g.at = NULL; /* freed by the failed call */
        status = fail_memory(err);
        goto done;
    }
    *out = g.at;
    *out_n = g.n;
    g.at = NULL;
done:
    mem_free(g.at);
    inflateEnd(&s);
    return status;
}
