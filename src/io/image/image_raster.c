/* Reads any format that GDAL opens as an image, with the meaning of cv2.imread's flags. */
#include "io/image/image_codec.h"

/* One or two bands are gray (with alpha) or, with a palette, its indices; more begin with red, green, blue. */
typedef struct colour_source {
    const image *all; /* u8 or u16; 1 or 3 channels */
    const uint8_t *palette;
    int palette_n;
} colour_source;

/* Converts 16 bits to 8 as OpenCV does for TIFF: gray loses its low byte, colours are rounded. */
static int to_8_bit(const image *m, int64_t i)
{
    if (m->type == IMAGE_U8)
        return ((const uint8_t *)m->data)[i];
    int v = ((const uint16_t *)m->data)[i];
    return m->c == 1 ? v >> 8 : (v + 128) / 257;
}

static void colour_at(const colour_source *s, int64_t pixel, int rgb[static 3])
{
    const image *m = s->all;
    if (s->palette) {
        int i = ((const uint8_t *)m->data)[pixel];
        for (int k = 0; k < 3; k++)
            rgb[k] = i < s->palette_n ? s->palette[3 * i + k] : 0;
    } else {
        for (int k = 0; k < 3; k++)
            rgb[k] = to_8_bit(m, pixel * m->c + (m->c == 1 ? 0 : k));
    }
}

static void reduce(const colour_source *s, image_flags flags, image *out)
{
    uint8_t *to = out->data;
    int red = flags & IMAGE_RGB ? 0 : 2;
    for (int64_t i = 0, n = out->h * out->w; i < n; i++, to += out->c) {
        int v[3];
        colour_at(s, i, v);
        if (out->c == 1) { /* OpenCV's integer weights; gray input stays as it is */
            to[0] = (uint8_t)((v[0] * 4899 + v[1] * 9617 + v[2] * 1868 + (1 << 13)) >> 14);
        } else {
            to[red] = (uint8_t)v[0];
            to[1] = (uint8_t)v[1];
            to[2 - red] = (uint8_t)v[2];
        }
    }
}

/* The window's place in the raster, and its size. */
typedef struct window {
    int64_t y, x, h, w;
} window;

static cseg_status read_reduced(raster *r, const char *name, window at, image_flags flags, image *out, cseg_error *err)
{
    const raster_info *info = raster_describe(r);
    if (info->type != IMAGE_U8 && info->type != IMAGE_U16)
        return fail(err, CSEG_UNSUPPORTED,
                    "%s: holds %s samples, which do not become 8-bit colours by themselves; "
                    "load it with color_type='unchanged' and scale it (Rerange, Normalize)",
                    name, info->stored);
    cseg_status status = CSEG_OK;
    image all = {0};
    colour_source s = {&all, info->type == IMAGE_U8 ? info->palette : NULL, info->palette_n};
    TRY_DONE(image_new(at.h, at.w, info->bands < 3 ? 1 : 3, info->type, &all, err));
    TRY_DONE(raster_read(r, at.y, at.x, NULL, &all, err));
    TRY_DONE(image_new(at.h, at.w, flags & IMAGE_GRAYSCALE ? 1 : 3, IMAGE_U8, out, err));
    reduce(&s, flags, out);
done:
    image_release(&all);
    return status;
}

static bool keeps_bands(const raster_info *info, image_flags flags)
{
    bool palette = info->palette && info->bands == 1 && info->type == IMAGE_U8;
    return flags & IMAGE_UNCHANGED && (!palette || flags & IMAGE_PILLOW);
}

static cseg_status read_window(raster *r, const char *name, window at, image_flags flags, image *out, cseg_error *err)
{
    const raster_info *info = raster_describe(r);
    if (!keeps_bands(info, flags))
        return read_reduced(r, name, at, flags, out, err);
    cseg_status status = CSEG_OK;
    TRY_DONE(image_new(at.h, at.w, info->bands, info->type, out, err));
    TRY_DONE(raster_read(r, at.y, at.x, NULL, out, err));
    /* Three or four bands are colours to cv2; five and more are bands. */
    if (!(flags & IMAGE_RGB) && (out->c == 3 || out->c == 4))
        image_swap_red_blue(out);
done:
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

cseg_status raster_read_as(raster *r, const char *name, int64_t y, int64_t x, int64_t h, int64_t w, image_flags flags,
                           image *out, cseg_error *err)
{
    return read_window(r, name, (window){y, x, h, w}, flags, out, err);
}

cseg_status image_raster_decode(raster *r, const char *name, image_flags flags, bool header_only, image *out,
                                cseg_error *err)
{
    const raster_info *info = raster_describe(r);
    bool all_bands = keeps_bands(info, flags);
    int64_t c = all_bands ? info->bands : flags & IMAGE_GRAYSCALE ? 1 : 3;
    image_type t = all_bands ? info->type : IMAGE_U8;
    TRY(image_check_size(info->h, info->w, c, t, name, err));
    if (header_only) {
        *out = (image){.h = info->h, .w = info->w, .c = c, .type = t};
        return CSEG_OK;
    }
    return read_window(r, name, (window){0, 0, info->h, info->w}, flags, out, err);
}

static cseg_status open_bands(const char *path, const int64_t *bands, size_t n, arena *mem, raster **r, cseg_error *err)
{
    TRY(raster_open(path, mem, r, err));
    return raster_select(*r, bands, n, err);
}

cseg_status image_read_bands(const char *path, const int64_t *bands, size_t n, image_flags flags, image *out,
                             cseg_error *err)
{
    raster *r;
    if (n == 0)
        return image_read(path, flags, out, err);
    *out = (image){0};
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = open_bands(path, bands, n, mem, &r, err);
    if (status == CSEG_OK)
        status = image_raster_decode(r, path, flags, false, out, err);
    arena_free(mem);
    return status;
}

cseg_status image_describe_bands(const char *path, const int64_t *bands, size_t n, image_facts *out, cseg_error *err)
{
    raster *r;
    if (n == 0)
        return image_describe(path, out, err);
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    *out = (image_facts){0};
    cseg_status status = open_bands(path, bands, n, mem, &r, err);
    if (status == CSEG_OK)
        *out = (image_facts){.bands = raster_describe(r)->bands, .type = raster_describe(r)->type};
    arena_free(mem);
    return status;
}

cseg_status image_nodata_read(const char *path, image_nodata *out, cseg_error *err)
{
    raster *r;
    *out = (image_nodata){0};
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    cseg_status status = raster_open(path, mem, &r, err);
    if (status == CSEG_OK) {
        const raster_info *info = raster_describe(r);
        *out = (image_nodata){.known = info->has_nodata, .whole = info->type == IMAGE_U8, .value = info->nodata};
    }
    arena_free(mem);
    return status == CSEG_NO_MEMORY ? status : CSEG_OK;
}
