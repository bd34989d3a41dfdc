#include "io/archive/zip.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* PKWARE's APPNOTE.TXT 6.3: 4.3.7 local header, 4.3.12 central directory, 4.3.14 to 4.3.16 the ends. */
enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    LARGEST_COMMENT = 65535,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED = 1, /* flag */
    EXTRA_ZIP64 = 1
};
static const uint32_t LOCAL_SIGN = 0x04034b50, CENTRAL_SIGN = 0x02014b50, END_SIGN = 0x06054b50,
                      END64_SIGN = 0x06064b50, LOCATOR_SIGN = 0x07064b50;

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

bool zip_is(const void *bytes, size_t n)
{
    return n >= 4 && get(bytes, 4) == LOCAL_SIGN;
}

static cseg_status bad(const zip_archive *z, uint64_t at, const char *what, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: damaged or truncated zip archive: %s (byte %llu of %zu)", z->path, what,
                (unsigned long long)at, z->n);
}

typedef struct directory {
    uint64_t at, size, count;
} directory;

/* The end record is the last thing in the file, except for a comment. */
static cseg_status find_end(const zip_archive *z, uint64_t *at, cseg_error *err)
{
    for (size_t back = END_BYTES; back <= z->n && back <= END_BYTES + LARGEST_COMMENT; back++) {
        const uint8_t *p = z->bytes + z->n - back;
        if (get(p, 4) == END_SIGN && get(p + 20, 2) == back - END_BYTES) {
            *at = z->n - back;
            return CSEG_OK;
        }
    }
    return bad(z, z->n, "its directory is missing, the file was not written to its end", err);
}

static cseg_status find_directory(const zip_archive *z, directory *d, cseg_error *err)
{
    uint64_t end = 0;
    TRY(find_end(z, &end, err));
    const uint8_t *p = z->bytes + end;
    *d = (directory){.at = get(p + 16, 4), .size = get(p + 12, 4), .count = get(p + 10, 2)};
    if (end >= LOCATOR_BYTES && get(p - LOCATOR_BYTES, 4) == LOCATOR_SIGN) {
        uint64_t at = get(p - LOCATOR_BYTES + 8, 8);
        if (at > z->n || z->n - at < END64_BYTES || get(z->bytes + at, 4) != END64_SIGN)
            return bad(z, end - LOCATOR_BYTES, "the zip64 end record is not where it should be", err);
        p = z->bytes + at;
        *d = (directory){.at = get(p + 48, 8), .size = get(p + 40, 8), .count = get(p + 32, 8)};
    }
    if (d->at > end || d->size > end - d->at || d->count > d->size / CENTRAL_BYTES)
        return bad(z, end, "the end record contradicts the file's size", err);
    return CSEG_OK;
}

/* Sizes and offset that do not fit 32 bits stand in the zip64 extra field, in this order. */
static void widen(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *local)
{
    while (n >= 4) {
        size_t id = get(extra, 2), len = get(extra + 2, 2);
        if (len > n - 4)
            return;
        if (id == EXTRA_ZIP64) {
            const uint8_t *p = extra + 4;
            uint64_t *field[] = {size, packed, local};
            for (int i = 0; i < 3; i++)
                if (*field[i] == UINT32_MAX && len >= 8) {
                    *field[i] = get(p, 8);
                    p += 8;
                    len -= 8;
                }
            return;
        }
        extra += 4 + len;
        n -= 4 + len;
    }
}

/* Checks an entry against its local header, which says where the data begin. Sizes and checksum may be missing there: a
 * program that writes without going back puts them behind the data. */
static cseg_status locate(const zip_archive *z, zip_entry *e, cseg_error *err)
{
    uint64_t local = e->local;
    if (local > z->n || z->n - local < LOCAL_BYTES || get(z->bytes + local, 4) != LOCAL_SIGN)
        return bad(z, local, "an entry's header is not where the directory says", err);
    const uint8_t *p = z->bytes + local;
    uint64_t name = get(p + 26, 2), head = LOCAL_BYTES + name + get(p + 28, 2);
    if (head > z->n - local || e->packed > z->n - local - head)
        return bad(z, local, "an entry is longer than the file", err);
    if (name != strlen(e->name) || memcmp(p + LOCAL_BYTES, e->name, name) != 0 ||
        get(p + 8, 2) != (e->deflated ? DEFLATED : STORED))
        return bad(z, local, "an entry's header says another thing than the directory", err);
    e->at = local + head;
    return CSEG_OK;
}

static cseg_status read_entry(const zip_archive *z, uint64_t at, uint64_t end, arena *mem, zip_entry *e, uint64_t *next,
                              cseg_error *err)
{
    if (end - at < CENTRAL_BYTES || get(z->bytes + at, 4) != CENTRAL_SIGN)
        return bad(z, at, "its directory is damaged", err);
    const uint8_t *p = z->bytes + at;
    uint64_t name = get(p + 28, 2), extra = get(p + 30, 2), comment = get(p + 32, 2);
    uint64_t method = get(p + 10, 2);
    if (name + extra + comment > end - at - CENTRAL_BYTES)
        return bad(z, at, "its directory is damaged", err);
    *e = (zip_entry){
        .local = get(p + 42, 4), .size = get(p + 24, 4), .packed = get(p + 20, 4), .crc = (uint32_t)get(p + 16, 4)};
    e->deflated = method == DEFLATED;
    e->name = arena_strndup(mem, (const char *)p + CENTRAL_BYTES, name);
    if (!e->name)
        return fail_memory(err);
    if (get(p + 8, 2) & ENCRYPTED || (method != STORED && method != DEFLATED))
        return fail(err, CSEG_UNSUPPORTED, "%s: entry '%.100s' is encrypted or packed in a way (%d) other than deflate",
                    z->path, e->name, (int)method);
    widen(p + CENTRAL_BYTES + name, extra, &e->size, &e->packed, &e->local);
    if (!e->deflated && e->size != e->packed)
        return bad(z, at, "an entry that is not packed has two sizes", err);
    *next = at + CENTRAL_BYTES + name + extra + comment;
    return locate(z, e, err);
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = (*(zip_entry *const *)a)->local, y = (*(zip_entry *const *)b)->local;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(zip_entry *const *)a)->name, (*(zip_entry *const *)b)->name);
}

/* Each byte belongs to one entry or to the directory, and each name to one entry. */
static cseg_status check_apart(zip_archive *z, uint64_t end, cseg_error *err)
{
    zip_entry **e = z->by_name;
    qsort(e, z->count, sizeof *e, by_place);
    for (size_t i = 0; i < z->count; i++)
        if (e[i]->at + e[i]->packed > (i + 1 < z->count ? e[i + 1]->local : end))
            return bad(z, e[i]->local, "entries overlap", err);
    qsort(e, z->count, sizeof *e, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (strcmp(e[i - 1]->name, e[i]->name) == 0)
            return bad(z, e[i]->local, "two entries have one name", err);
    return CSEG_OK;
}

cseg_status zip_open(const void *bytes, size_t n, const char *path, arena *mem, zip_archive *out, cseg_error *err)
{
    *out = (zip_archive){.path = path, .bytes = bytes, .n = n};
    directory d;
    TRY(find_directory(out, &d, err));
    out->entries = ARENA_ARRAY(mem, d.count, zip_entry);
    out->by_name = ARENA_ARRAY(mem, d.count, zip_entry *);
    if (!out->entries || !out->by_name)
        return fail_memory(err);
    uint64_t at = d.at, end = d.at + d.size;
    for (uint64_t i = 0; i < d.count; i++) {
        TRY(read_entry(out, at, end, mem, &out->entries[i], &at, err));
        out->by_name[i] = &out->entries[i];
    }
    out->count = d.count;
    return check_apart(out, d.at, err);
}

const zip_entry *zip_find(const zip_archive *z, const char *name)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, z->by_name[middle]->name);
        if (order == 0)
            return z->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static uint32_t crc_of(const uint8_t *p, uint64_t n)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), p, n);
}

static cseg_status unpack(const zip_archive *z, const zip_entry *e, uint64_t most, arena *mem, const uint8_t **out,
                          cseg_error *err)
{
    if (e->size > most)
        return fail(
            err, CSEG_CORRUPT,
            "%s: entry '%.100s' would unpack %llu bytes to %llu, more than what is asked of it can need (%llu). "
            "PyTorch packs nothing: save the checkpoint again with torch.save",
            z->path, e->name, (unsigned long long)e->packed, (unsigned long long)e->size, (unsigned long long)most);
    /* DEFLATE reaches at most 1032 to 1. */
    if (e->size / 1032 > e->packed || e->packed > UINT32_MAX || e->size > UINT32_MAX)
        return fail(err, CSEG_CORRUPT, "%s: entry '%.100s' cannot unpack to %llu bytes", z->path, e->name,
                    (unsigned long long)e->size);
    uint8_t *to = arena_alloc(mem, e->size);
    if (!to)
        return fail_memory(err);
    z_stream s = {.next_in = (Bytef *)(z->bytes + e->at),
                  .avail_in = (uInt)e->packed,
                  .next_out = to,
                  .avail_out = (uInt)e->size};
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
        return fail_memory(err);
    int result = inflate(&s, Z_FINISH);
    inflateEnd(&s);
    if (result != Z_STREAM_END || s.avail_out != 0)
        return fail(err, CSEG_CORRUPT, "%s: entry '%.100s' at byte %llu cannot be unpacked", z->path, e->name,
                    (unsigned long long)e->at);
    *out = to;
    return CSEG_OK;
}

cseg_status zip_bytes(const zip_archive *z, const zip_entry *e, uint64_t most, arena *mem, const uint8_t **out,
                      cseg_error *err)
{
    const uint8_t *p = z->bytes + e->at;
    if (e->deflated)
        TRY(unpack(z, e, most, mem, &p, err));
    /* 0: PyTorch was told not to compute it (set_crc32_options). */
    if (e->crc != 0 && crc_of(p, e->size) != e->crc)
        return fail(err, CSEG_CORRUPT, "%s: entry '%.100s' (%llu bytes at byte %llu) is damaged: its checksum differs",
                    z->path, e->name, (unsigned long long)e->size, (unsigned long long)e->at);
    *out = p;
    return CSEG_OK;
}
