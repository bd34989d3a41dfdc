#include "io/volume/matlab.h"

#include <math.h>
#include <string.h>

#include <zlib.h>

/* MAT-File Format, MathWorks: a header of 128 bytes, then elements with a tag (type, bytes), padded to 8 bytes. */
enum { HEAD_BYTES = 128, AT_ENDIAN = 126 };
enum { T_I8 = 1, T_U8, T_I16, T_U16, T_I32, T_U32, T_F32, T_F64 = 9, T_I64 = 12, T_U64, T_MATRIX, T_PACKED };
enum { CLASS_STRUCT = 2, CLASS_OBJECT = 3, CLASS_F64 = 6, CLASS_U64 = 15 };

/* The most bytes that a variable may unpack to. */
static const size_t MOST = (size_t)1 << 30;

typedef struct element {
    unsigned type;
    const uint8_t *bytes;
    size_t n;
} element;

/* Reads elements one after another. */
typedef struct reader {
    const uint8_t *at, *end, *start;
    const char *path;
    bool big;
} reader;

static uint64_t get(const uint8_t *p, int bytes, bool big)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[big ? i : bytes - 1 - i];
    return v;
}

static cseg_status bad(const reader *r, const char *what, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: damaged or truncated MATLAB file: %s (byte %zu of a variable)", r->path, what,
                (size_t)(r->at - r->start));
}

static cseg_status next(reader *r, element *e, cseg_error *err)
{
    size_t left = (size_t)(r->end - r->at);
    if (left < 8)
        return bad(r, "it ends where an element should begin", err);
    uint32_t word = (uint32_t)get(r->at, 4, r->big);
    if (word >> 16) { /* up to 4 bytes lie within the tag */
        *e = (element){word & 0xffff, r->at + 4, word >> 16};
        if (e->n > 4)
            return bad(r, "a short element is too long", err);
        r->at += 8;
        return CSEG_OK;
    }
    *e = (element){word, r->at + 8, get(r->at + 4, 4, r->big)};
    if (e->n > left - 8)
        return bad(r, "an element is longer than what holds it", err);
    size_t padded = e->type == T_PACKED ? e->n : (e->n + 7) / 8 * 8;
    r->at += 8 + (padded > left - 8 ? left - 8 : padded);
    return CSEG_OK;
}

static reader read_value(const matlab_value *v)
{
    return (reader){v->bytes, v->bytes + v->n, v->bytes, v->path, v->big};
}

/* What stands before a matrix's content. */
typedef struct head {
    int class;
    int64_t rows, columns, count; /* of two dimensions; count of all */
    const char *name;
    size_t name_n;
} head;

static cseg_status read_head(reader *r, head *h, cseg_error *err)
{
    element flags, sizes, name;
    TRY(next(r, &flags, err));
    if (flags.type != T_U32 || flags.n != 8)
        return bad(r, "a matrix has no flags", err);
    TRY(next(r, &sizes, err));
    TRY(next(r, &name, err));
    if (sizes.type != T_I32 || sizes.n < 8 || sizes.n % 4 || name.type != T_I8)
        return bad(r, "a matrix has no sizes or no name", err);
    *h = (head){.class = (int)(get(flags.bytes, 4, r->big) & 0xff),
                .count = 1,
                .name = (const char *)name.bytes,
                .name_n = name.n};
    int64_t size[2] = {0};
    for (size_t i = 0; i < sizes.n / 4; i++) {
        int64_t v = (int32_t)get(sizes.bytes + 4 * i, 4, r->big);
        if (v < 0 || (v && h->count > (INT64_C(1) << 40) / v))
            return bad(r, "a matrix has impossible sizes", err);
        h->count *= v;
        if (i < 2)
            size[i] = v;
    }
    h->rows = size[0];
    h->columns = size[1];
    return CSEG_OK;
}

static cseg_status unpack(const reader *r, const element *e, arena *mem, element *out, cseg_error *err)
{
    uint8_t first[8] = {0};
    z_stream s = {.next_in = (Bytef *)e->bytes, .avail_in = (uInt)e->n, .next_out = first, .avail_out = sizeof first};
    if (inflateInit(&s) != Z_OK)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    int result = inflate(&s, Z_SYNC_FLUSH);
    unsigned type = (unsigned)get(first, 4, r->big);
    size_t n = s.avail_out ? 0 : get(first + 4, 4, r->big);
    if ((result != Z_OK && result != Z_STREAM_END) || s.avail_out || n > MOST || n / 1032 > e->n) {
        status = bad(r, "a packed variable cannot be unpacked", err);
        goto done;
    }
    uint8_t *to = arena_alloc(mem, n + 1);
    if (!to) {
        status = fail_memory(err);
        goto done;
    }
    s.next_out = to;
    s.avail_out = (uInt)n;
    result = n ? inflate(&s, Z_SYNC_FLUSH) : Z_OK;
    bool whole = (result == Z_OK || result == Z_STREAM_END) && !s.avail_out;
    s.next_out = first;
    s.avail_out = sizeof first;
    if (whole && result == Z_OK) /* the checksum lies behind the last byte */
        whole = inflate(&s, Z_SYNC_FLUSH) != Z_DATA_ERROR;
    if (!whole)
        status = bad(r, "a packed variable cannot be unpacked", err);
    *out = (element){type, to, n};
done:
    inflateEnd(&s);
    return status;
}

static cseg_status open_file(const uint8_t *bytes, size_t n, const char *path, reader *r, cseg_error *err)
{
    static const char hdf5[] = "MATLAB 7.3";
    if (n >= sizeof hdf5 && (memcmp(bytes, hdf5, sizeof hdf5 - 1) == 0 || memcmp(bytes, "\x89HDF", 4) == 0))
        return fail(err, CSEG_UNSUPPORTED, "%s: is a MATLAB file of version 7.3; save it with -v7", path);
    if (n < HEAD_BYTES || (memcmp(bytes + AT_ENDIAN, "IM", 2) != 0 && memcmp(bytes + AT_ENDIAN, "MI", 2) != 0))
        return fail(err, CSEG_CORRUPT, "%s: is no MATLAB file of version 5, or is damaged (%zu bytes)", path, n);
    *r = (reader){bytes + HEAD_BYTES, bytes + n, bytes, path, bytes[AT_ENDIAN] == 'M'};
    return CSEG_OK;
}

cseg_status matlab_find(const void *bytes, size_t n, const char *path, const char *name, arena *mem, matlab_value *out,
                        cseg_error *err)
{
    reader r;
    TRY(open_file(bytes, n, path, &r, err));
    while (r.at < r.end) {
        element e;
        TRY(next(&r, &e, err));
        if (e.type == T_PACKED)
            TRY(unpack(&r, &e, mem, &e, err));
        if (e.type != T_MATRIX)
            return bad(&r, "a variable is no matrix", err);
        head h;
        *out = (matlab_value){e.bytes, e.n, path, r.big};
        reader inner = read_value(out);
        TRY(read_head(&inner, &h, err));
        if (h.name_n == strlen(name) && memcmp(h.name, name, h.name_n) == 0)
            return CSEG_OK;
    }
    return fail(err, CSEG_NOT_FOUND, "%s: has no variable '%s'", path, name);
}

cseg_status matlab_field(const matlab_value *s, const char *name, matlab_value *out, cseg_error *err)
{
    reader r = read_value(s);
    head h;
    element length, names, skipped;
    TRY(read_head(&r, &h, err));
    if ((h.class != CLASS_STRUCT && h.class != CLASS_OBJECT) || h.count < 1)
        return fail(err, CSEG_CORRUPT, "%s: is no struct, and has no field '%s'", s->path, name);
    if (h.class == CLASS_OBJECT)
        TRY(next(&r, &skipped, err));
    TRY(next(&r, &length, err));
    TRY(next(&r, &names, err));
    size_t each = length.n == 4 ? get(length.bytes, 4, r.big) : 0;
    if (each == 0)
        return bad(&r, "a struct's names have no length", err);
    for (size_t i = 0; i < names.n / each; i++) {
        const char *own = (const char *)names.bytes + i * each;
        TRY(next(&r, &skipped, err));
        if (strnlen(own, each) == strlen(name) && memcmp(own, name, strlen(name)) == 0) {
            *out = (matlab_value){skipped.bytes, skipped.n, s->path, s->big};
            return skipped.type == T_MATRIX ? CSEG_OK : bad(&r, "a field is no matrix", err);
        }
    }
    return fail(err, CSEG_NOT_FOUND, "%s: has no field '%s'", s->path, name);
}

static int bytes_of(unsigned type)
{
    static const uint8_t bytes[] = {[T_I8] = 1,  [T_U8] = 1,  [T_I16] = 2, [T_U16] = 2, [T_I32] = 4,
                                    [T_U32] = 4, [T_F32] = 4, [T_F64] = 8, [T_I64] = 8, [T_U64] = 8};
    return type < sizeof bytes ? bytes[type] : 0;
}

static uint8_t from_double(double v)
{
    return v > -1e15 && v < 1e15 ? (uint8_t)(int64_t)v : 0;
}

/* The low byte of an integer is the integer modulo 256. */
static uint8_t number_at(const uint8_t *p, unsigned type, bool big)
{
    uint64_t raw = get(p, bytes_of(type), big);
    if (type == T_F32) {
        uint32_t low = (uint32_t)raw;
        float v;
        memcpy(&v, &low, sizeof v);
        return from_double((double)v);
    }
    if (type == T_F64) {
        double v;
        memcpy(&v, &raw, sizeof v);
        return from_double(v);
    }
    return (uint8_t)raw;
}

cseg_status matlab_u8(const matlab_value *v, image *out, cseg_error *err)
{
    reader r = read_value(v);
    head h;
    element e;
    TRY(read_head(&r, &h, err));
    if (h.class < CLASS_F64 || h.class > CLASS_U64 || h.count != h.rows * h.columns)
        return fail(err, CSEG_CORRUPT, "%s: the mask is no matrix of numbers with rows and columns", v->path);
    TRY(next(&r, &e, err));
    int size = bytes_of(e.type);
    if (size == 0 || e.n / (size_t)size != (size_t)h.count)
        return bad(&r, "a matrix has not as many numbers as its sizes say", err);
    TRY(image_check_size(h.rows, h.columns, 1, IMAGE_U8, v->path, err));
    TRY(image_new(h.rows, h.columns, 1, IMAGE_U8, out, err));
    for (int64_t x = 0; x < h.columns; x++) /* columns first in the file */
        for (int64_t y = 0; y < h.rows; y++)
            *image_u8(out, y, x) = number_at(e.bytes + (x * h.rows + y) * size, e.type, r.big);
    return CSEG_OK;
}
