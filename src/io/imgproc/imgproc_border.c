/* Padding and dilation. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "io/imgproc/imgproc.h"

static void put(image_type t, void *p, int64_t i, double v)
{
    if (t == IMAGE_F32) {
        ((float *)p)[i] = (float)v;
        return;
    }
    double low = t == IMAGE_I16 ? -32768 : t == IMAGE_I32 ? -2147483648.0 : 0;
    double high = t == IMAGE_U8 ? 255 : t == IMAGE_U16 ? 65535 : t == IMAGE_I16 ? 32767 : 2147483647.0;
    v = nearbyint(v);
    v = v < low ? low : v > high ? high : v;
    switch (t) {
    case IMAGE_U8:
        ((uint8_t *)p)[i] = (uint8_t)v;
        break;
    case IMAGE_U16:
        ((uint16_t *)p)[i] = (uint16_t)v;
        break;
    case IMAGE_I16:
        ((int16_t *)p)[i] = (int16_t)v;
        break;
    default:
        ((int32_t *)p)[i] = (int32_t)v;
        break;
    }
}

/* Which of n samples stands at place i >= n. */
static int64_t border_index(int64_t i, int64_t n, border_kind kind)
{
    if (kind == BORDER_EDGE || n == 1)
        return i < n ? i : n - 1;
    int64_t period = kind == BORDER_REFLECT ? 2 * n - 2 : 2 * n;
    i %= period;
    return i < n ? i : kind == BORDER_REFLECT ? period - i : period - 1 - i;
}

static void pad_row(const image *src, int64_t y, border_kind kind, const char *fill, image *out)
{
    size_t pixel = (size_t)src->c * image_type_size(src->type);
    int64_t copied = src->w < out->w ? src->w : out->w;
    char *to = image_at(out, y, 0);
    if (kind == BORDER_CONSTANT) {
        bool inside = y < src->h;
        if (inside)
            memcpy(to, image_at(src, y, 0), (size_t)copied * pixel);
        for (int64_t x = inside ? copied : 0; x < out->w; x++)
            memcpy(to + (size_t)x * pixel, fill, pixel);
        return;
    }
    int64_t sy = border_index(y, src->h, kind);
    memcpy(to, image_at(src, sy, 0), (size_t)copied * pixel);
    for (int64_t x = copied; x < out->w; x++)
        memcpy(to + (size_t)x * pixel, image_at(src, sy, border_index(x, src->w, kind)), pixel);
}

cseg_status imgproc_pad(const image *src, int64_t h, int64_t w, border_kind kind, const double *with, image *out,
                        cseg_error *err)
{
    *out = (image){0};
    char *fill = mem_alloc((size_t)src->c * sizeof(double));
    if (!fill)
        return fail_memory(err);
    for (int64_t k = 0; k < src->c && with; k++)
        put(src->type, fill, k, with[k]);
    cseg_status status = imgproc_new(h > src->h ? h : src->h, w > src->w ? w : src->w, src->c, src->type, out, err);
    for (int64_t y = 0; y < out->h; y++)
        pad_row(src, y, kind, fill, out);
    mem_free(fill);
    return status;
}

cseg_status imgproc_dilate(const image *src, int size, image *out, cseg_error *err)
{
    image across = {0};
    *out = (image){0};
    cseg_status status = imgproc_new(src->h, src->w, 1, IMAGE_U8, &across, err);
    if (status == CSEG_OK)
        status = imgproc_new(src->h, src->w, 1, IMAGE_U8, out, err);
    int before = size / 2;
    for (int64_t y = 0; y < out->h; y++)
        for (int64_t x = 0; x < out->w; x++) {
            uint8_t most = 0;
            for (int64_t i = x - before; i < x - before + size; i++)
                if (i >= 0 && i<out->w && * image_u8(src, y, i)> most)
                    most = *image_u8(src, y, i);
            *image_u8(&across, y, x) = most;
        }
    for (int64_t y = 0; y < out->h; y++)
        for (int64_t x = 0; x < out->w; x++) {
            uint8_t most = 0;
            for (int64_t i = y - before; i < y - before + size; i++)
                if (i >= 0 && i<out->h && * image_u8(&across, i, x)> most)
                    most = *image_u8(&across, i, x);
            *image_u8(out, y, x) = most;
        }
    image_release(&across);
    return status;
}
