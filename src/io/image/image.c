#include "io/image/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"
#include "io/file_map.h"
#include "io/image/image_codec.h"

image_type image_type_wider(image_type a, image_type b)
{
    if (a == b)
        return a;
    if (a > b) {
        image_type t = a;
        a = b;
        b = t;
    }
    return a == IMAGE_U16 && b == IMAGE_I16 ? IMAGE_I32 : b;
}

size_t image_type_size(image_type t)
{
    static const size_t size[IMAGE_TYPES] = {1, 2, 2, 4, 4};
    return size[t];
}

const char *image_type_name(image_type t)
{
    static const char *const name[IMAGE_TYPES] = {"uint8", "uint16", "int16", "int32", "float32"};
    return name[t];
}

int64_t image_row_bytes(const image *m)
{
    return m->w * m->c * (int64_t)image_type_size(m->type);
}

size_t image_bytes(const image *m)
{
    return (size_t)(m->h * image_row_bytes(m));
}

cseg_status image_check_size(int64_t h, int64_t w, int64_t c, image_type t, const char *name, cseg_error *err)
{
    if (h < 1 || w < 1 || c < 1)
        return fail(err, CSEG_SHAPE, "%s: an image of %lld x %lld pixels with %lld channels has no pixels", name,
                    (long long)w, (long long)h, (long long)c);
    /* 10^6 * 10^6 * 4096 * 4 < 2^63: none of the products below can overflow once the sides are in bounds. */
    if (h > IMAGE_MAX_SIDE || w > IMAGE_MAX_SIDE || c > IMAGE_MAX_CHANNELS ||
        h * w * c * (int64_t)image_type_size(t) > IMAGE_MAX_BYTES)
        return fail(err, CSEG_SHAPE,
                    "%s: an image of %lld x %lld pixels with %lld channels is larger than one piece "
                    "of memory should be; read it by windows",
                    name, (long long)w, (long long)h, (long long)c);
    return CSEG_OK;
}

cseg_status image_new(int64_t h, int64_t w, int64_t c, image_type t, image *out, cseg_error *err)
{
    *out = (image){0};
    TRY(image_check_size(h, w, c, t, "image", err));
    image m = {.h = h, .w = w, .c = c, .type = t};
    m.data = mem_alloc(image_bytes(&m));
    if (!m.data)
        return fail_memory(err);
    *out = m;
    return CSEG_OK;
}

/* A file's bytes, with its name behind them. */
struct image_coded {
    image_flags flags;
    size_t n;
    uint8_t bytes[];
};

static struct image_coded *coded_new(size_t n, const char *name, image_flags flags)
{
    size_t length = strlen(name) + 1;
    if (n > SIZE_MAX / 2)
        return NULL;
    struct image_coded *c = mem_alloc_raw(sizeof *c + n + length);
    if (!c)
        return NULL;
    c->flags = flags;
    c->n = n;
    memcpy(c->bytes + n, name, length);
    return c;
}

static const char *coded_name(const struct image_coded *c)
{
    return (const char *)c->bytes + c->n;
}

void image_release(image *m)
{
    if (!m)
        return;
    mem_free(m->data);
    mem_free(m->coded);
    *m = (image){0};
}

cseg_status image_copy(const image *from, image *out, cseg_error *err)
{
    if (from->coded) {
        *out = (image){0};
        struct image_coded *c = coded_new(from->coded->n, coded_name(from->coded), from->coded->flags);
        if (!c)
            return fail_memory(err);
        memcpy(c->bytes, from->coded->bytes, c->n);
        *out = *from;
        out->coded = c;
        return CSEG_OK;
    }
    TRY(image_new(from->h, from->w, from->c, from->type, out, err));
    memcpy(out->data, from->data, image_bytes(from));
    return CSEG_OK;
}

static double sample_get(const void *data, image_type t, int64_t i)
{
    switch (t) {
    case IMAGE_U8:
        return ((const uint8_t *)data)[i];
    case IMAGE_U16:
        return ((const uint16_t *)data)[i];
    case IMAGE_I16:
        return ((const int16_t *)data)[i];
    case IMAGE_I32:
        return ((const int32_t *)data)[i];
    default:
        return (double)((const float *)data)[i];
    }
}

static double clamp_round(double v, double low, double high)
{
    if (isnan(v))
        return 0;
    return rint(v < low ? low : v > high ? high : v);
}

static void sample_set(void *data, image_type t, int64_t i, double v)
{
    switch (t) {
    case IMAGE_U8:
        ((uint8_t *)data)[i] = (uint8_t)clamp_round(v, 0, UINT8_MAX);
        break;
    case IMAGE_U16:
        ((uint16_t *)data)[i] = (uint16_t)clamp_round(v, 0, UINT16_MAX);
        break;
    case IMAGE_I16:
        ((int16_t *)data)[i] = (int16_t)clamp_round(v, INT16_MIN, INT16_MAX);
        break;
    case IMAGE_I32:
        ((int32_t *)data)[i] = (int32_t)clamp_round(v, INT32_MIN, INT32_MAX);
        break;
    default:
        ((float *)data)[i] = (float)v;
    }
}

double image_get(const image *m, int64_t y, int64_t x, int64_t c)
{
    return sample_get(m->data, m->type, (y * m->w + x) * m->c + c);
}

cseg_status image_convert(const image *from, image_type t, image *out, cseg_error *err)
{
    TRY(image_new(from->h, from->w, from->c, t, out, err));
    int64_t n = from->h * from->w * from->c;
    if (from->type == t) {
        memcpy(out->data, from->data, image_bytes(from));
    } else if (from->type == IMAGE_U8 && t == IMAGE_F32) {
        const uint8_t *a = from->data;
        float *b = out->data;
        for (int64_t i = 0; i < n; i++)
            b[i] = a[i];
    } else {
        for (int64_t i = 0; i < n; i++)
            sample_set(out->data, t, i, sample_get(from->data, from->type, i));
    }
    return CSEG_OK;
}

void image_swap_red_blue(image *m)
{
    if (m->c < 3)
        return;
    size_t size = image_type_size(m->type), step = size * (size_t)m->c;
    char *p = m->data;
    for (int64_t i = 0, n = m->h * m->w; i < n; i++, p += step) {
        char t[sizeof(float)];
        memcpy(t, p, size);
        memcpy(p, p + 2 * size, size);
        memcpy(p + 2 * size, t, size);
    }
}

static bool is_jpeg(const uint8_t *b, size_t n)
{
    return n >= 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff;
}

static bool is_png(const uint8_t *b, size_t n)
{
    return n >= 8 && memcmp(b, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static cseg_status decode(const void *bytes, size_t n, const char *name, image_flags flags, bool header_only,
                          image *out, cseg_error *err)
{
    *out = (image){0};
    image_bytes_in in = {bytes, n, name};
    if (n == 0)
        return fail(err, CSEG_CORRUPT, "%s: is empty", name);
    if (is_jpeg(bytes, n))
        return image_jpeg_decode(&in, flags, header_only, out, err);
    if (is_png(bytes, n))
        return image_png_decode(&in, flags, header_only, out, err);
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    raster *r;
    TRY_DONE(raster_open_bytes(bytes, n, name, mem, &r, err));
    TRY_DONE(image_raster_decode(r, name, flags, header_only, out, err));
done:
    arena_free(mem);
    return status;
}

cseg_status image_decode(const void *bytes, size_t n, const char *name, image_flags flags, image *out, cseg_error *err)
{
    return decode(bytes, n, name, flags, false, out, err);
}

/* ---- files ---- */

static cseg_status read_bytes(FILE *f, const char *path, int64_t size, image_flags flags, struct image_coded **out,
                              cseg_error *err)
{
    *out = NULL;
    rewind(f);
    struct image_coded *c = coded_new((size_t)size, path, flags);
    if (!c)
        return fail_memory(err);
    if (fread(c->bytes, 1, c->n, f) == c->n) {
        *out = c;
        return CSEG_OK;
    }
    cseg_status status =
        ferror(f) ? fail_errno(err, path, "read") : fail(err, CSEG_IO, "%s: became shorter while it was read", path);
    mem_free(c);
    return status;
}

/* The last bytes of a whole JPEG; some programs put zeros behind them. */
static bool ends_as_jpeg(const uint8_t *b, size_t n)
{
    while (n > 2 && b[n - 1] == 0)
        n--;
    return n > 2 && b[n - 2] == 0xff && b[n - 1] == 0xd9;
}

/* Takes ownership of c: keeps it in *out, or decodes all of it. */
static cseg_status decode_or_keep(struct image_coded *c, image_flags flags, image *out, cseg_error *err)
{
    image_bytes_in in = {c->bytes, c->n, coded_name(c)};
    if (is_jpeg(c->bytes, c->n) && ends_as_jpeg(c->bytes, c->n) && image_jpeg_has_parts(&in, flags, out)) {
        out->coded = c;
        return CSEG_OK;
    }
    cseg_status status = image_decode(c->bytes, c->n, in.name, flags, out, err);
    mem_free(c);
    return status;
}

typedef enum { READ_HEADER, READ_ALL, READ_LATER } read_how;

static cseg_status read_raster(const char *path, image_flags flags, bool header_only, image *out, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    raster *r;
    TRY_DONE(raster_open(path, mem, &r, err));
    TRY_DONE(image_raster_decode(r, path, flags, header_only, out, err));
done:
    arena_free(mem);
    return status;
}

/* Maps the file, but touches only the first pages of the map, which hold the header. */
static cseg_status read_header(const char *path, image_flags flags, image *out, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    const uint8_t *bytes = NULL;
    size_t n = 0;
    TRY_DONE(file_map(path, mem, &bytes, &n, err));
    TRY_DONE(decode(bytes, n, path, flags, true, out, err));
done:
    arena_free(mem);
    return status;
}

/* JPEG and PNG are decoded from memory. GDAL opens the path itself, because some rasters have further files beside
 * them. */
static cseg_status read(const char *path, image_flags flags, read_how how, image *out, cseg_error *err)
{
    *out = (image){0};
    uint8_t first[8];
    cseg_status status = CSEG_OK;
    struct image_coded *c = NULL;
    FILE *f;
    int64_t size;
    if ((str_starts(path, "/vsi") || strchr(path, ':')) &&
        !file_exists(path)) /* within an archive, or part of a file */
        return read_raster(path, flags, how == READ_HEADER, out, err);
    TRY(file_open_stream(path, &f, &size, err));
    setvbuf(f, NULL, _IONBF, 0); /* what is read next is all of it */
    size_t got = fread(first, 1, sizeof first, f);
    bool ours = got == 0 || is_jpeg(first, got) || is_png(first, got);
    if (ferror(f))
        status = fail_errno(err, path, "read");
    else if (ours && how != READ_HEADER)
        status = read_bytes(f, path, size, flags, &c, err);
    fclose(f);
    if (status != CSEG_OK)
        return status;
    if (!ours)
        return read_raster(path, flags, how == READ_HEADER, out, err);
    if (how == READ_HEADER)
        return read_header(path, flags, out, err);
    if (how == READ_LATER)
        return decode_or_keep(c, flags, out, err);
    status = decode(c->bytes, c->n, path, flags, false, out, err);
    mem_free(c);
    return status;
}

cseg_status image_read(const char *path, image_flags flags, image *out, cseg_error *err)
{
    return read(path, flags, READ_ALL, out, err);
}

cseg_status image_read_later(const char *path, image_flags flags, image *out, cseg_error *err)
{
    return read(path, flags, READ_LATER, out, err);
}

cseg_status image_decode_part(const image *m, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    *out = (image){0};
    if (!m->coded)
        return fail(err, CSEG_USAGE, "an image that is decoded already has no parts to decode");
    const char *name = coded_name(m->coded);
    if (y < 0 || x < 0 || h < 1 || w < 1 || y > m->h - h || x > m->w - w)
        return fail(err, CSEG_USAGE, "%s: a part of %lld x %lld at (%lld, %lld) does not lie in %lld x %lld", name,
                    (long long)h, (long long)w, (long long)y, (long long)x, (long long)m->h, (long long)m->w);
    *out = (image){.h = m->h, .w = m->w, .c = m->c, .type = m->type};
    out->data = mem_alloc_raw(image_bytes(m));
    if (!out->data)
        return fail_memory(err);
    image_bytes_in in = {m->coded->bytes, m->coded->n, name};
    cseg_status status = image_jpeg_decode_part(&in, m->coded->flags, &(image_window){y, x, h, w}, out, err);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

cseg_status image_probe(const char *path, image_flags flags, int64_t *h, int64_t *w, int64_t *c, cseg_error *err)
{
    image m;
    TRY(read(path, flags, READ_HEADER, &m, err));
    *h = m.h;
    *w = m.w;
    *c = m.c;
    return CSEG_OK;
}

cseg_status image_probe_bytes(const void *bytes, size_t n, const char *name, image_flags flags, int64_t *h, int64_t *w,
                              int64_t *c, cseg_error *err)
{
    image m;
    TRY(decode(bytes, n, name, flags, true, &m, err));
    *h = m.h;
    *w = m.w;
    *c = m.c;
    return CSEG_OK;
}

cseg_status image_describe(const char *path, image_facts *out, cseg_error *err)
{
    image raw, colours;
    uint8_t first[8];
    *out = (image_facts){0};
    TRY(read(path, IMAGE_UNCHANGED | IMAGE_PILLOW, READ_HEADER, &raw, err));
    TRY(read(path, IMAGE_UNCHANGED, READ_HEADER, &colours, err));
    FILE *f = fopen(path, "rbe");
    size_t got = f ? fread(first, 1, sizeof first, f) : 0;
    if (f)
        fclose(f);
    bool png = is_png(first, got);
    *out = (image_facts){.bands = raw.c,
                         .type = raw.type,
                         .palette = raw.c == 1 && colours.c > 1,
                         .alpha = png && raw.c % 2 == 0,
                         .picture = png || is_jpeg(first, got)};
    return CSEG_OK;
}

static bool ends_with_any(const char *path, const char *a, const char *b)
{
    char ext[8];
    const char *e = path_ext(path);
    size_t n = strlen(e);
    if (n >= sizeof ext)
        return false;
    for (size_t i = 0; i <= n; i++)
        ext[i] = (char)(e[i] >= 'A' && e[i] <= 'Z' ? e[i] + 32 : e[i]);
    return strcmp(ext, a) == 0 || strcmp(ext, b) == 0;
}

/* By the ending of its name. */
static cseg_status encode(const char *name, const image *m, const image_save *how, FILE *out, cseg_error *err)
{
    static const image_save plain;
    bool png = ends_with_any(name, ".png", ".png"), jpeg = ends_with_any(name, ".jpg", ".jpeg");
    if (!png && !jpeg)
        return fail(err, CSEG_USAGE, "%s: images are written as .png, .jpg or .jpeg", name);
    return (png ? image_png_encode : image_jpeg_encode)(m, how ? how : &plain, out, name, err);
}

cseg_status image_encode(const char *name, const image *m, const image_save *how, void **bytes, size_t *n,
                         cseg_error *err)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    if (!out)
        return fail_memory(err);
    cseg_status status = encode(name, m, how, out, err);
    bool whole = !ferror(out);
    whole = fclose(out) == 0 && whole;
    if (status == CSEG_OK && !whole)
        status = fail_memory(err);
    if (status != CSEG_OK)
        free(text);
    *bytes = status == CSEG_OK ? text : NULL;
    return status;
}

cseg_status image_write(const char *path, const image *m, const image_save *how, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    file_replace f = {0};
    TRY_DONE(file_replace_open(&f, path, mem, err));
    TRY_DONE(encode(path, m, how, f.out, err));
    TRY_DONE(file_replace_commit(&f, err));
done:
    file_replace_abort(&f);
    arena_free(mem);
    return status;
}
