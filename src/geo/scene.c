#include "geo/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cseg_status scene_open(const char *path, image_flags flags, arena *mem, scene *out, cseg_error *err)
{
    *out = (scene){.path = path, .flags = flags, .mem = mem};
    TRY(raster_open(path, mem, &out->r, err));
    out->info = raster_describe(out->r);
    return raster_describe_rpc(out->r, err);
}

cseg_status scene_select(scene *s, const int64_t *bands, size_t n, cseg_error *err)
{
    if (n == 0)
        return CSEG_OK;
    s->selected = true;
    return raster_select(s->r, bands, n, err);
}

cseg_status scene_align(scene *s, const scene *to, const pair_options *o, cseg_error *err)
{
    TRY(raster_pair_align(to->path, to->r, s->path, s->r, o, s->mem, &s->r, err));
    s->info = raster_describe(s->r);
    return CSEG_OK;
}

static void release_whole(void *m)
{
    image_release(m);
}

/* image_read has its own decoders for PNG and JPEG, and their pixels are not always GDAL's. */
static cseg_status decode_whole(scene *s, cseg_error *err)
{
    if (s->whole)
        return CSEG_OK;
    image *m = ARENA_NEW(s->mem, image);
    if (!m || !arena_defer(s->mem, release_whole, m))
        return fail_memory(err);
    TRY(image_read(s->path, s->flags, m, err));
    if (m->h != s->info->h || m->w != s->info->w)
        return fail(err, CSEG_SHAPE, "%s: the raster is %lld x %lld, the picture read from it %lld x %lld", s->path,
                    (long long)s->info->h, (long long)s->info->w, (long long)m->h, (long long)m->w);
    s->whole = m;
    return CSEG_OK;
}

cseg_status scene_read(scene *s, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    bool picture = strcmp(s->info->driver, "PNG") == 0 || strcmp(s->info->driver, "JPEG") == 0;
    if (!picture || s->selected) /* bands of any file are read by GDAL (image_read_bands) */
        return raster_read_as(s->r, s->path, y, x, h, w, s->flags, out, err);
    TRY(decode_whole(s, err));
    const image *m = s->whole;
    if (y < 0 || x < 0 || h > m->h - y || w > m->w - x)
        return fail(err, CSEG_SHAPE, "%s: a window of %lld x %lld does not lie within its %lld x %lld pixels", s->path,
                    (long long)h, (long long)w, (long long)m->h, (long long)m->w);
    TRY(image_new(h, w, m->c, m->type, out, err));
    for (int64_t i = 0; i < h; i++)
        memcpy(image_at(out, i, 0), image_at(m, y + i, x), (size_t)image_row_bytes(out));
    return CSEG_OK;
}

cseg_status scene_nodata(const scene *s, int64_t y, int64_t x, int64_t h, int64_t w, uint8_t *mask, int64_t *n,
                         cseg_error *err)
{
    return raster_read_holes(s->r, y, x, h, w, mask, n, err);
}

void scene_put_nodata(image *m, int64_t first, const uint8_t *holes, int64_t n)
{
    for (int64_t i = 0; i < n * m->c; i++) {
        int64_t at = first * m->c + i;
        if (!holes[i / m->c])
            continue;
        if (m->type == IMAGE_U8)
            ((uint8_t *)m->data)[at] = 255;
        else if (m->type == IMAGE_I32)
            ((int32_t *)m->data)[at] = 65535;
        else
            ((float *)m->data)[at] = NAN;
    }
}

cseg_status scene_make_room(image *labels, int64_t classes, cseg_error *err)
{
    if (labels->type != IMAGE_U8 || classes < 256)
        return CSEG_OK;
    image wide;
    TRY(image_convert(labels, IMAGE_I32, &wide, err));
    image_release(labels);
    *labels = wide;
    return CSEG_OK;
}

struct scene_mask {
    const scene *of;
    raster_writer *w;
    int64_t nodata;
    uint8_t *holes; /* room for a nodata mask */
    int64_t room;
};

static void free_holes(void *arg)
{
    scene_mask *m = arg;
    mem_free(m->holes);
    m->holes = NULL;
}

cseg_status scene_mask_create(const char *path, const scene *of, image_type type, const uint8_t *palette, int n,
                              arena *mem, scene_mask **out, cseg_error *err)
{
    scene_mask *m = ARENA_NEW(mem, scene_mask);
    if (!m || !arena_defer(mem, free_holes, m))
        return fail_memory(err);
    m->of = of;
    m->nodata = type == IMAGE_U8 ? 255 : 65535;
    *out = m;
    raster_spec spec = {.h = of->info->h,
                        .w = of->info->w,
                        .bands = 1,
                        .type = type,
                        .place = &of->info->place,
                        .has_nodata = true,
                        .nodata = (double)m->nodata};
    if (type == IMAGE_U8 && n > 0) {
        spec.palette = palette;
        spec.palette_n = n;
    }
    return raster_create(path, &spec, mem, &m->w, err);
}

cseg_status scene_mask_write(scene_mask *m, int64_t y, int64_t x, const image *labels, cseg_error *err)
{
    int64_t n = labels->h * labels->w, holes;
    if (n > m->room) {
        mem_free(m->holes);
        m->room = 0;
        m->holes = mem_alloc((size_t)n);
        if (!m->holes)
            return fail_memory(err);
        m->room = n;
    }
    TRY(scene_nodata(m->of, y, x, labels->h, labels->w, m->holes, &holes, err));
    if (!holes)
        return raster_write(m->w, y, x, 0, labels, err);
    image marked = {0};
    cseg_status status = image_copy(labels, &marked, err);
    if (status == CSEG_OK) {
        scene_put_nodata(&marked, 0, m->holes, n);
        status = raster_write(m->w, y, x, 0, &marked, err);
    }
    image_release(&marked);
    return status;
}

cseg_status scene_mask_commit(scene_mask *m, cseg_error *err)
{
    return raster_commit(m->w, err);
}
