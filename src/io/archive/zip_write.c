#include <string.h>

#include <zlib.h>

#include "io/archive/zip.h"

enum {
    ALIGN = 64,
    LOCAL_BYTES = 30,
    END64_BYTES = 56,
    EXTRA_HEAD = 4,
    EXTRA_ZIP64 = 1,
    EXTRA_PADDING = 0x4246, /* "FB", as PyTorch names it */
    UTF8_NAMES = 0x800,
    VERSION = 45, /* that needed for zip64 */
    DATE = 0x21   /* 1980-01-01: equal content gives equal files */
};

typedef struct written {
    char *name;
    uint64_t size, local;
    uint32_t crc;
} written;

struct zip_writer {
    FILE *out;
    arena *mem;
    uint64_t at;
    VEC(written) entries;
};

/* Bytes of a record, laid down one field after another. */
typedef struct record {
    uint8_t bytes[256];
    size_t n;
} record;

static void put(record *r, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        r->bytes[r->n++] = (uint8_t)(v >> 8 * i);
}

static uint64_t clip(uint64_t v)
{
    return v < UINT32_MAX ? v : UINT32_MAX;
}

static void emit(zip_writer *w, const void *data, size_t n)
{
    if (n)
        fwrite(data, 1, n, w->out);
    w->at += n;
}

zip_writer *zip_writer_new(FILE *out, arena *mem)
{
    zip_writer *w = ARENA_NEW(mem, zip_writer);
    if (w) {
        w->out = out;
        w->mem = mem;
    }
    return w;
}

static void put_common(record *r, const written *e)
{
    put(r, VERSION, 2);
    put(r, UTF8_NAMES, 2);
    put(r, 0, 2); /* stored */
    put(r, 0, 2);
    put(r, DATE, 2);
    put(r, e->crc, 4);
    put(r, clip(e->size), 4);
    put(r, clip(e->size), 4);
    put(r, strlen(e->name), 2);
}

static void emit_local(zip_writer *w, const written *e)
{
    record r = {0};
    bool wide = e->size >= UINT32_MAX;
    size_t wide_bytes = wide ? EXTRA_HEAD + 16 : 0;
    uint64_t data = w->at + LOCAL_BYTES + strlen(e->name) + wide_bytes + EXTRA_HEAD;
    size_t padding = (size_t)((ALIGN - data % ALIGN) % ALIGN);
    put(&r, 0x04034b50, 4);
    put_common(&r, e);
    put(&r, wide_bytes + EXTRA_HEAD + padding, 2);
    emit(w, r.bytes, r.n);
    emit(w, e->name, strlen(e->name));
    r.n = 0;
    if (wide) {
        put(&r, EXTRA_ZIP64, 2);
        put(&r, 16, 2);
        put(&r, e->size, 8);
        put(&r, e->size, 8);
    }
    put(&r, EXTRA_PADDING, 2);
    put(&r, padding, 2);
    memset(r.bytes + r.n, 'Z', padding);
    emit(w, r.bytes, r.n + padding);
}

bool zip_add(zip_writer *w, const char *name, const void *data, size_t n)
{
    written e = {.name = arena_strdup(w->mem, name), .size = n, .local = w->at};
    e.crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, n);
    if (!e.name || !vec_push(w->mem, &w->entries, e))
        return false;
    emit_local(w, &e);
    emit(w, data, n);
    return true;
}

static void emit_central(zip_writer *w, const written *e)
{
    record r = {0};
    bool wide_size = e->size >= UINT32_MAX, wide_at = e->local >= UINT32_MAX;
    size_t extra = (wide_size ? 16 : 0) + (wide_at ? 8 : 0);
    put(&r, 0x02014b50, 4);
    put(&r, VERSION, 2);
    put_common(&r, e);
    put(&r, extra ? EXTRA_HEAD + extra : 0, 2);
    put(&r, 0, 2); /* comment */
    put(&r, 0, 2); /* disk */
    put(&r, 0, 2); /* attributes */
    put(&r, 0, 4);
    put(&r, clip(e->local), 4);
    emit(w, r.bytes, r.n);
    emit(w, e->name, strlen(e->name));
    r.n = 0;
    if (extra) {
        put(&r, EXTRA_ZIP64, 2);
        put(&r, extra, 2);
    }
    if (wide_size) {
        put(&r, e->size, 8);
        put(&r, e->size, 8);
    }
    if (wide_at)
        put(&r, e->local, 8);
    emit(w, r.bytes, r.n);
}

static void emit_end64(zip_writer *w, uint64_t begin, uint64_t end)
{
    record r = {0};
    put(&r, 0x06064b50, 4);
    put(&r, END64_BYTES - 12, 8); /* bytes that follow */
    put(&r, VERSION, 2);
    put(&r, VERSION, 2);
    put(&r, 0, 4);
    put(&r, 0, 4);
    put(&r, w->entries.n, 8);
    put(&r, w->entries.n, 8);
    put(&r, end - begin, 8);
    put(&r, begin, 8);
    put(&r, 0x07064b50, 4);
    put(&r, 0, 4);
    put(&r, end, 8);
    put(&r, 1, 4);
    emit(w, r.bytes, r.n);
}

void zip_finish(zip_writer *w)
{
    uint64_t begin = w->at;
    for (size_t i = 0; i < w->entries.n; i++)
        emit_central(w, &w->entries.at[i]);
    uint64_t end = w->at, n = w->entries.n;
    if (n >= UINT16_MAX || end >= UINT32_MAX)
        emit_end64(w, begin, end);
    record r = {0};
    put(&r, 0x06054b50, 4);
    put(&r, 0, 4);
    put(&r, n < UINT16_MAX ? n : UINT16_MAX, 2);
    put(&r, n < UINT16_MAX ? n : UINT16_MAX, 2);
    put(&r, clip(end - begin), 4);
    put(&r, clip(begin), 4);
    put(&r, 0, 2);
    emit(w, r.bytes, r.n);
}
