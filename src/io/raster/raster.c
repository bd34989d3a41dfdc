#define _GNU_SOURCE /* struct stat64, by which GDAL tells of files */
#include "io/raster/raster.h"

#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "io/image/image_watch.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_source.h"
#include "io/raster/raster_types.h"

GDALDataType raster_gdal_type(image_type t)
{
    static const GDALDataType type[IMAGE_TYPES] = {GDT_Byte, GDT_UInt16, GDT_Int16, GDT_Int32, GDT_Float32};
    return type[t];
}

/* The smallest type here that holds a file's samples; 64-bit and unsigned 32-bit ones become float, as the nearest. */
static image_type type_of(GDALDataType t)
{
    switch (t) {
    case GDT_Byte:
        return IMAGE_U8;
    case GDT_UInt16:
        return IMAGE_U16;
    case GDT_Int16:
        return IMAGE_I16;
    case GDT_Int32:
        return IMAGE_I32;
    default:
        return strcmp(GDALGetDataTypeName(t), "Int8") == 0 ? IMAGE_I16 : IMAGE_F32;
    }
}

static GDALRasterBandH band_at(const raster *r, int64_t b)
{
    return GDALGetRasterBand(r->set, r->band[b]);
}

static cseg_status describe_palette(raster *r, arena *mem, cseg_error *err)
{
    raster_info *i = &r->info;
    i->palette = NULL;
    i->palette_n = 0;
    GDALColorTableH table = GDALGetRasterColorTable(band_at(r, 0));
    int n = table ? GDALGetColorEntryCount(table) : 0;
    if (n <= 0)
        return CSEG_OK;
    uint8_t *palette = ARENA_ARRAY(mem, (size_t)n * 3, uint8_t);
    if (!palette)
        return fail_memory(err);
    for (int k = 0; k < n; k++) {
        GDALColorEntry c;
        if (!GDALGetColorEntryAsRGB(table, k, &c))
            return CSEG_OK;
        palette[3 * k] = (uint8_t)c.c1;
        palette[3 * k + 1] = (uint8_t)c.c2;
        palette[3 * k + 2] = (uint8_t)c.c3;
    }
    i->palette = palette;
    i->palette_n = n;
    return CSEG_OK;
}

static cseg_status describe_bands(raster *r, arena *mem, cseg_error *err)
{
    raster_info *i = &r->info;
    i->names = ARENA_ARRAY(mem, (size_t)i->bands, const char *);
    if (!i->names)
        return fail_memory(err);
    for (int b = 0; b < i->bands; b++) {
        GDALRasterBandH band = band_at(r, b);
        GDALDataType t = GDALGetRasterDataType(band);
        if (GDALDataTypeIsComplex(t))
            return fail(err, CSEG_UNSUPPORTED, "%s: band %d holds complex numbers (%s), which are no image", r->name,
                        r->band[b], GDALGetDataTypeName(t));
        i->type = b ? image_type_wider(i->type, type_of(t)) : type_of(t);
        if (!(i->names[b] = arena_strdup(mem, GDALGetDescription(band))))
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* All that depends on which bands are taken. */
static cseg_status describe_selected(raster *r, arena *mem, cseg_error *err)
{
    raster_info *i = &r->info;
    TRY(describe_bands(r, mem, err));
    GDALRasterBandH first = band_at(r, 0);
    i->stored = GDALGetDataTypeName(GDALGetRasterDataType(first));
    i->has_alpha = i->bands > 1 && r->band[i->bands - 1] == r->alpha;
    int has = 0;
    double nodata = GDALGetRasterNoDataValue(first, &has);
    i->has_nodata = has;
    i->nodata = has ? nodata : 0;
    TRY(raster_categories_read(r, mem, err));
    return describe_palette(r, mem, err);
}

static cseg_status describe(raster *r, arena *mem, cseg_error *err)
{
    raster_info *i = &r->info;
    i->h = GDALGetRasterYSize(r->set);
    i->w = GDALGetRasterXSize(r->set);
    i->bands = GDALGetRasterCount(r->set);
    if (i->bands < 1 || i->h < 1 || i->w < 1)
        return fail(err, CSEG_UNSUPPORTED,
                    "%s: holds no raster band itself (a container of several? name one of its "
                    "subdatasets, as gdalinfo lists them)",
                    r->name);
    int last = (int)i->bands;
    bool alpha = last > 1 && GDALGetRasterColorInterpretation(GDALGetRasterBand(r->set, last)) == GCI_AlphaBand;
    r->alpha = alpha ? last : 0;
    r->band = ARENA_ARRAY(mem, (size_t)i->bands, int);
    if (!r->band)
        return fail_memory(err);
    for (int b = 0; b < last; b++)
        r->band[b] = b + 1;
    i->driver = GDALGetDriverShortName(GDALGetDatasetDriver(r->set));
    TRY(raster_place_read(r->set, mem, &i->place, err));
    int bw, bh;
    GDALGetBlockSize(GDALGetRasterBand(r->set, 1), &bw, &bh);
    i->block_w = bw;
    i->block_h = bh;
    return describe_selected(r, mem, err);
}

cseg_status raster_select(raster *r, const int64_t *bands, size_t n, cseg_error *err)
{
    int64_t all = r->info.bands;
    if (n < 1 || n > (size_t)IMAGE_MAX_CHANNELS)
        return fail(err, CSEG_SHAPE, "%s: 1 to %lld bands can be taken, not %zu", r->name,
                    (long long)IMAGE_MAX_CHANNELS, n);
    int *band = ARENA_ARRAY(r->mem, n, int);
    if (!band)
        return fail_memory(err);
    for (size_t k = 0; k < n; k++) {
        if (bands[k] < 1 || bands[k] > all)
            return fail(err, CSEG_SHAPE, "%s: there is no band %lld; it has %lld, from 1 to %lld", r->name,
                        (long long)bands[k], (long long)all, (long long)all);
        band[k] = r->band[bands[k] - 1];
    }
    gdal_scope scope;
    gdal_begin(&scope);
    r->band = band;
    r->info.bands = (int64_t)n;
    cseg_status status = describe_selected(r, r->mem, err);
    gdal_end(&scope);
    return status;
}

void raster_close(raster *r)
{
    if (!r)
        return;
    gdal_scope scope;
    gdal_begin(&scope);
    if (r->set)
        GDALClose(r->set);
    if (r->memory)
        VSIUnlink(r->memory);
    r->set = NULL;
    r->memory = NULL;
    gdal_end(&scope);
}

static void close_later(void *r)
{
    raster_close(r);
}

/* Refuses what a file can name besides itself and GDAL would open later, by any driver. */
static cseg_status check_opened(raster *r, cseg_error *err)
{
    const char *overview = GDALGetMetadataItem(r->set, "OVERVIEW_FILE", "OVERVIEWS");
    if (gdal_remote_allowed())
        return CSEG_OK;
    if (overview)
        return fail(err, CSEG_UNSUPPORTED, "%s: names '%.200s' as its overview; --allow-remote opens it", r->name,
                    overview);
    const char *driver = GDALGetDriverShortName(GDALGetDatasetDriver(r->set));
    if (strcmp(driver, "HFA") != 0)
        return CSEG_OK;
    /* Erdas files may keep their pixels in others. */
    cseg_status status = CSEG_OK;
    const char *base = path_base(r->name);
    char **files = GDALGetFileList(r->set);
    for (char **f = files; f && *f && status == CSEG_OK; f++)
        if (strncmp(*f, r->name, (size_t)(base - r->name)) != 0 || strchr(*f + (base - r->name), '/'))
            status = fail(err, CSEG_UNSUPPORTED, "%s: names '%.200s', in another folder; --allow-remote opens it",
                          r->name, *f);
    CSLDestroy(files);
    return status;
}

cseg_status raster_open_as(raster *r, const char *path, const char *const *drivers, const char *const *options,
                           arena *mem, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    r->set = GDALOpenEx(path, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, drivers, options, NULL);
    if (!r->set)
        status = fail(err, CSEG_CORRUPT, "%s: no image or raster that can be read: %s", r->name,
                      scope.text[0] ? scope.text : "unknown format");
    else
        status = check_opened(r, err);
    if (status == CSEG_OK)
        status = describe(r, mem, err);
    gdal_end(&scope);
    return status;
}

/* Allocates nothing for a header that claims more pixels than its file can hold by any compression. Blocks that are
 * missing (sparse files) or all of one value still cost some bytes each. */
static cseg_status check_claim(const raster *r, const char *path, cseg_error *err)
{
    static const struct {
        const char *driver;
        double ratio; /* the most bytes of pixels that a byte of the file can hold */
    } limits[] = {{"GTiff", 1 << 18}, {"PNG", 8256}, {"GIF", 8192}, {"BIGGIF", 8192},
                  {"BMP", 256},       {"PNM", 8},    {"ENVI", 8},   {"TGA", 512}};
    const raster_info *i = &r->info;
    double pixels = (double)i->h * (double)i->w * (double)i->bands;
    VSIStatBufL st;
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        if (strcmp(limits[k].driver, i->driver) != 0 || VSIStatL(path, &st) != 0)
            continue;
        if (pixels * (double)image_type_size(i->type) > ((double)st.st_size + 64) * limits[k].ratio)
            return fail(err, CSEG_CORRUPT,
                        "%s: truncated or damaged: %lld x %lld pixels of %lld bands cannot be in its %lld bytes",
                        r->name, (long long)i->w, (long long)i->h, (long long)i->bands, (long long)st.st_size);
    }
    return CSEG_OK;
}

cseg_status raster_new(const char *name, arena *mem, raster **out, cseg_error *err)
{
    raster *r = ARENA_NEW(mem, raster);
    if (!r || !(r->name = arena_strdup(mem, name)) || !arena_defer(mem, close_later, r))
        return fail_memory(err);
    r->mem = mem;
    *out = r;
    return CSEG_OK;
}

cseg_status raster_of_dataset(GDALDatasetH set, const char *name, arena *mem, raster **out, cseg_error *err)
{
    raster *r;
    cseg_status status = raster_new(name, mem, &r, err);
    if (status != CSEG_OK) {
        GDALClose(set);
        return status;
    }
    r->set = set;
    TRY(describe(r, mem, err));
    *out = r;
    return CSEG_OK;
}

void raster_allow_remote(void)
{
    gdal_allow_remote();
}

cseg_status raster_open(const char *path, arena *mem, raster **out, cseg_error *err)
{
    raster *r;
    const char *wanted;
    const char *const *drivers;
    gdal_scope scope;
    gdal_begin(&scope);
    cseg_status status = raster_source_check(path, mem, &wanted, &drivers, err);
    gdal_end(&scope);
    if (status != CSEG_OK)
        return status;
    TRY(raster_new(path, mem, &r, err));
    TRY(raster_open_as(r, wanted, drivers, NULL, mem, err));
    TRY(check_claim(r, wanted, err));
    *out = r;
    return CSEG_OK;
}

cseg_status raster_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, raster **out, cseg_error *err)
{
    /* Only formats that are whole in one file: others could name files or addresses of their choice. */
    static const char *const drivers[] = {"GTiff", "PNG", "JPEG", "BMP", "GIF", "WEBP", "JP2OpenJPEG", "PNM", NULL};
    static atomic_ulong serial;
    raster *r;
    TRY(raster_new(name, mem, &r, err));
    r->memory = arena_printf(mem, "/vsimem/cseg/%lu", atomic_fetch_add(&serial, 1));
    if (!r->memory)
        return fail_memory(err);
    VSILFILE *f = VSIFileFromMemBuffer(r->memory, (GByte *)bytes, n, FALSE);
    if (!f)
        return fail_memory(err);
    VSIFCloseL(f);
    TRY(raster_open_as(r, r->memory, drivers, NULL, mem, err));
    TRY(check_claim(r, r->memory, err));
    *out = r;
    return CSEG_OK;
}

const raster_info *raster_describe(const raster *r)
{
    return &r->info;
}

static int CPL_STDCALL on_progress(double part, const char *text, void *arg)
{
    (void)text;
    image_watch *w = arg;
    w->stopped = w->stopped || image_watch_row(w, (int64_t)(part * (double)w->rows));
    return !w->stopped;
}

cseg_status raster_read(raster *r, int64_t y, int64_t x, const int *bands, image *into, cseg_error *err)
{
    const raster_info *i = &r->info;
    if (y < 0 || x < 0 || into->h > i->h || into->w > i->w || y > i->h - into->h || x > i->w - into->w)
        return fail(err, CSEG_SHAPE,
                    "%s: a window of %lld x %lld at column %lld, row %lld does not lie within its "
                    "%lld x %lld pixels",
                    r->name, (long long)into->w, (long long)into->h, (long long)x, (long long)y, (long long)i->w,
                    (long long)i->h);
    int *map = mem_alloc((size_t)into->c * sizeof *map);
    if (!map)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    for (int64_t k = 0; k < into->c; k++) {
        int64_t b = bands ? bands[k] : k;
        if (b < 0 || b >= i->bands) {
            status = fail(err, CSEG_SHAPE, "%s: band %lld is asked for, it has bands 0 to %lld", r->name, (long long)b,
                          (long long)i->bands - 1);
            goto done;
        }
        map[k] = r->band[b];
    }
    int size = (int)image_type_size(into->type);
    image_watch watch;
    GDALRasterIOExtraArg extra;
    INIT_RASTERIO_EXTRA_ARG(extra);
    image_watch_begin(&watch, r->name, into->h, into->w, into->h);
    if (into->h == i->h && into->w == i->w) { /* windows have a progress of their own */
        extra.pfnProgress = on_progress;
        extra.pProgressData = &watch;
    }
    CPLErr result = GDALDatasetRasterIOEx(r->set, GF_Read, (int)x, (int)y, (int)into->w, (int)into->h, into->data,
                                          (int)into->w, (int)into->h, raster_gdal_type(into->type), (int)into->c, map,
                                          size * into->c, image_row_bytes(into), size, &extra);
    /* If GDAL cannot read the places of a file's tiles, it takes the tiles for empty: it complains, and succeeds. */
    if (watch.stopped)
        status = image_watch_fail(&watch, err);
    else if (result != CE_None || scope.text[0])
        status = gdal_fail(&scope, CSEG_CORRUPT, r->name, "read its pixels (truncated or damaged?)", err);
    else if (scope.doubt[0])
        log_warn_once("%s: was read, but GDAL has doubts about its pixels: %s", r->name, scope.doubt);
done:
    gdal_end(&scope);
    mem_free(map);
    return status;
}
