/* Tells where a raster has data, by all that GDAL knows of it. */
#include <math.h>
#include <string.h>

#include "io/raster/gdal_scope.h"
#include "io/raster/raster_types.h"

/* How one band says where it has no data. */
typedef struct band_voice {
    enum { VOICE_NONE, VOICE_VALUE, VOICE_MASK } how;
    bool has_nodata;
    double nodata;
} band_voice;

typedef struct span {
    int64_t y, x, h, w;
} span;

/* A nodata value that the type cannot hold marks nothing. */
#define KEEP_EQUAL(type)                                                                                               \
    do {                                                                                                               \
        const type *at = m->data, value = (type)v->nodata;                                                             \
        for (int64_t i = 0; i < n; i++)                                                                                \
            empty[i] &= at[i] == value;                                                                                \
    } while (0)

static bool holds(image_type t, double v)
{
    static const double low[] = {0, 0, INT16_MIN, INT32_MIN}, high[] = {UINT8_MAX, UINT16_MAX, INT16_MAX, INT32_MAX};
    return t == IMAGE_F32 || (v >= low[t] && v <= high[t] && v == floor(v));
}

/* Keeps in `empty` only the pixels whose sample says that there is no data. */
static void keep_holes(const band_voice *v, const image *m, uint8_t *empty, int64_t n)
{
    if (m->type != IMAGE_F32 && (!v->has_nodata || !holds(m->type, v->nodata))) {
        memset(empty, 0, (size_t)n);
        return;
    }
    switch (m->type) {
    case IMAGE_U8:
        KEEP_EQUAL(uint8_t);
        break;
    case IMAGE_U16:
        KEEP_EQUAL(uint16_t);
        break;
    case IMAGE_I16:
        KEEP_EQUAL(int16_t);
        break;
    case IMAGE_I32:
        KEEP_EQUAL(int32_t);
        break;
    default: {
        const float *at = m->data, value = v->has_nodata ? (float)v->nodata : NAN;
        for (int64_t i = 0; i < n; i++)
            empty[i] &= isnan(at[i]) || at[i] == value;
    }
    }
}

static band_voice voice_of(const raster *r, int64_t b)
{
    GDALRasterBandH band = GDALGetRasterBand(r->set, r->band[b]);
    band_voice v = {.how = VOICE_NONE};
    int has = 0, flags = GDALGetMaskFlags(band);
    v.nodata = GDALGetRasterNoDataValue(band, &has);
    v.has_nodata = has;
    if (r->band[b] == r->alpha)
        return v; /* alpha counts for all bands */
    if (v.has_nodata || r->info.type == IMAGE_F32)
        v.how = VOICE_VALUE;
    else if (flags == 0)
        v.how = VOICE_MASK;
    return v;
}

static cseg_status read_band(GDALRasterBandH band, const raster *r, span at, image *into, cseg_error *err)
{
    gdal_scope scope;
    gdal_begin(&scope);
    CPLErr result = GDALRasterIO(band, GF_Read, (int)at.x, (int)at.y, (int)at.w, (int)at.h, into->data, (int)at.w,
                                 (int)at.h, raster_gdal_type(into->type), 0, 0);
    cseg_status status = CSEG_OK;
    if (result != CE_None || scope.text[0])
        status = gdal_fail(&scope, CSEG_CORRUPT, r->name, "read its mask (truncated or damaged?)", err);
    gdal_end(&scope);
    return status;
}

/* A mask of bytes, 0 where there is no data. */
static cseg_status read_mask(GDALRasterBandH band, const raster *r, span at, uint8_t *to, cseg_error *err)
{
    image m = {.h = at.h, .w = at.w, .c = 1, .type = IMAGE_U8, .data = to};
    return read_band(band, r, at, &m, err);
}

/* Adds what holds for all bands: the dataset's mask, and alpha of any type. */
static cseg_status add_common(raster *r, span at, uint8_t *holes, image *room, cseg_error *err)
{
    GDALRasterBandH first = GDALGetRasterBand(r->set, 1);
    int64_t n = at.h * at.w;
    int flags = GDALGetMaskFlags(first);
    if (flags & GMF_PER_DATASET && !(flags & GMF_ALPHA)) {
        TRY(read_mask(GDALGetMaskBand(first), r, at, room->data, err));
        for (int64_t i = 0; i < n; i++)
            holes[i] |= ((const uint8_t *)room->data)[i] == 0;
    }
    if (!r->alpha)
        return CSEG_OK;
    TRY(read_band(GDALGetRasterBand(r->set, r->alpha), r, at, room, err));
    for (int64_t i = 0; i < n; i++)
        holes[i] |= image_get(room, i / at.w, i % at.w, 0) == 0.0;
    return CSEG_OK;
}

/* Keeps in `empty` only the pixels that this band has no data for either. */
static cseg_status ask_band(raster *r, int64_t b, const band_voice *v, span at, uint8_t *empty, image *room,
                            cseg_error *err)
{
    GDALRasterBandH band = GDALGetRasterBand(r->set, r->band[b]);
    int64_t n = at.h * at.w;
    if (v->how == VOICE_MASK) {
        TRY(read_mask(GDALGetMaskBand(band), r, at, room->data, err));
        for (int64_t i = 0; i < n; i++)
            empty[i] &= ((const uint8_t *)room->data)[i] == 0;
        return CSEG_OK;
    }
    TRY(read_band(band, r, at, room, err));
    keep_holes(v, room, empty, n);
    return CSEG_OK;
}

static cseg_status add_bands(raster *r, span at, uint8_t *holes, uint8_t *empty, image *room, cseg_error *err)
{
    int64_t n = at.h * at.w, asked = 0;
    memset(empty, 1, (size_t)n);
    for (int64_t b = 0; b < r->info.bands; b++) {
        band_voice v = voice_of(r, b);
        if (v.how == VOICE_NONE)
            continue;
        asked++;
        TRY(ask_band(r, b, &v, at, empty, room, err));
        if (!memchr(empty, 1, (size_t)n))
            return CSEG_OK;
    }
    for (int64_t i = 0; asked && i < n; i++)
        holes[i] |= empty[i];
    return CSEG_OK;
}

cseg_status raster_read_holes(raster *r, int64_t y, int64_t x, int64_t h, int64_t w, uint8_t *holes, int64_t *n,
                              cseg_error *err)
{
    const raster_info *i = &r->info;
    if (y < 0 || x < 0 || h < 1 || w < 1 || y > i->h - h || x > i->w - w)
        return fail(err, CSEG_SHAPE, "%s: a window of %lld x %lld at column %lld, row %lld does not lie within it",
                    r->name, (long long)w, (long long)h, (long long)x, (long long)y);
    cseg_status status = CSEG_OK;
    span at = {y, x, h, w};
    image room = {0};
    uint8_t *empty = mem_alloc_raw((size_t)(h * w));
    gdal_scope scope;
    gdal_begin(&scope);
    if (!empty) {
        status = fail_memory(err);
        goto done;
    }
    memset(holes, 0, (size_t)(h * w));
    TRY_DONE(image_new(h, w, 1, i->type, &room, err));
    TRY_DONE(add_common(r, at, holes, &room, err));
    TRY_DONE(add_bands(r, at, holes, empty, &room, err));
    if (n) {
        *n = 0;
        for (int64_t k = 0; k < h * w; k++)
            *n += holes[k];
    }
done:
    gdal_end(&scope);
    image_release(&room);
    mem_free(empty);
    return status;
}
