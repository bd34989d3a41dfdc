#include "io/image.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"
#include "io/file_map.h"
#include "io/image_codec.h"

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

void image_release(image *m)
{
    if (!m)
        return;
    mem_free(m->data);
    *m = (image){0};
}

cseg_status image_copy(const image *from, image *out, cseg_error *err)
{
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

/* JPEG and PNG are decoded from memory; GDAL opens the path itself, for the files that lie beside some rasters. */
static cseg_status read(const char *path, image_flags flags, bool header_only, image *out, cseg_error *err)
{
    *out = (image){0};
    uint8_t first[8];
    FILE *f = fopen(path, "rbe");
    if (!f)
        return fail_errno(err, path, "open");
    size_t got = fread(first, 1, sizeof first, f);
    bool broken = ferror(f);
    fclose(f);
    if (broken)
        return file_is_dir(path) ? fail(err, CSEG_IO, "%s: is a folder, not an image", path)
                                 : fail_errno(err, path, "read");
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    if (got == 0 || is_jpeg(first, got) || is_png(first, got)) {
        const uint8_t *bytes = NULL;
        char *copy;
        size_t n = 0;
        if (header_only) { /* only its first pages are ever read */
            TRY_DONE(file_map(path, mem, &bytes, &n, err));
        } else {
            TRY_DONE(file_read(path, 0, mem, &copy, &n, err));
            bytes = (const uint8_t *)copy;
        }
        TRY_DONE(decode(bytes, n, path, flags, header_only, out, err));
    } else {
        raster *r;
        TRY_DONE(raster_open(path, mem, &r, err));
        TRY_DONE(image_raster_decode(r, path, flags, header_only, out, err));
    }
done:
    arena_free(mem);
    return status;
}

cseg_status image_read(const char *path, image_flags flags, image *out, cseg_error *err)
{
    return read(path, flags, false, out, err);
}

cseg_status image_probe(const char *path, image_flags flags, int64_t *h, int64_t *w, int64_t *c, cseg_error *err)
{
    image m;
    TRY(read(path, flags, true, &m, err));
    *h = m.h;
    *w = m.w;
    *c = m.c;
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

cseg_status image_write(const char *path, const image *m, const image_save *how, cseg_error *err)
{
    static const image_save plain;
    bool png = ends_with_any(path, ".png", ".png"), jpeg = ends_with_any(path, ".jpg", ".jpeg");
    if (!png && !jpeg)
        return fail(err, CSEG_USAGE, "%s: images are written as .png, .jpg or .jpeg", path);
    how = how ? how : &plain;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    file_replace f = {0};
    TRY_DONE(file_replace_open(&f, path, mem, err));
    TRY_DONE((png ? image_png_encode : image_jpeg_encode)(m, how, f.out, path, err));
    TRY_DONE(file_replace_commit(&f, err));
done:
    file_replace_abort(&f);
    arena_free(mem);
    return status;
}
