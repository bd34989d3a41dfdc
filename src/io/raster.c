#include "io/raster.h"

#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include <cpl_vsi.h>
#include <gdal.h>

#include "base/file.h"
#include "base/str.h"
#include "io/gdal_scope.h"
#include "io/raster_types.h"

struct raster {
    GDALDatasetH set;
    const char *name;
    char *memory; /* the /vsimem name of a raster in memory, or NULL */
    raster_info info;
};

GDALDataType raster_gdal_type(image_type t)
{
    static const GDALDataType type[IMAGE_TYPES] = {GDT_Byte, GDT_UInt16, GDT_Int16, GDT_Int32, GDT_Float32};
    return type[t];
}

/* The smallest type here that holds a file's samples; 64-bit and unsigned 32-bit ones become float, as nearest. */
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

static image_type wider(image_type a, image_type b)
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

static cseg_status describe_palette(raster *r, arena *mem, cseg_error *err)
{
    raster_info *i = &r->info;
    GDALColorTableH table = GDALGetRasterColorTable(GDALGetRasterBand(r->set, 1));
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
        GDALRasterBandH band = GDALGetRasterBand(r->set, b + 1);
        GDALDataType t = GDALGetRasterDataType(band);
        if (GDALDataTypeIsComplex(t))
            return fail(err, CSEG_UNSUPPORTED, "%s: band %d holds complex numbers (%s), which are no image", r->name, b,
                        GDALGetDataTypeName(t));
        i->type = b ? wider(i->type, type_of(t)) : type_of(t);
        if (!(i->names[b] = arena_strdup(mem, GDALGetDescription(band))))
            return fail_memory(err);
    }
    return CSEG_OK;
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
    TRY(describe_bands(r, mem, err));
    GDALRasterBandH first = GDALGetRasterBand(r->set, 1);
    i->stored = GDALGetDataTypeName(GDALGetRasterDataType(first));
    i->driver = GDALGetDriverShortName(GDALGetDatasetDriver(r->set));
    i->place.has_transform = GDALGetGeoTransform(r->set, i->place.transform) == CE_None;
    const char *wkt = GDALGetProjectionRef(r->set);
    if (!(i->place.projection = arena_strdup(mem, wkt ? wkt : "")))
        return fail_memory(err);
    int has = 0;
    double nodata = GDALGetRasterNoDataValue(first, &has);
    i->has_nodata = has;
    i->nodata = has ? nodata : 0;
    int bw, bh;
    GDALGetBlockSize(first, &bw, &bh);
    i->block_w = bw;
    i->block_h = bh;
    return describe_palette(r, mem, err);
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

static cseg_status open_as(raster *r, const char *path, const char *const *drivers, arena *mem, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    r->set = GDALOpenEx(path, GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, drivers, NULL, NULL);
    if (!r->set)
        status = fail(err, CSEG_CORRUPT, "%s: no image or raster that can be read: %s", r->name,
                      scope.text[0] ? scope.text : "unknown format");
    else
        status = describe(r, mem, err);
    gdal_end(&scope);
    return status;
}

static cseg_status raster_new(const char *name, arena *mem, raster **out, cseg_error *err)
{
    raster *r = ARENA_NEW(mem, raster);
    if (!r || !(r->name = arena_strdup(mem, name)) || !arena_defer(mem, close_later, r))
        return fail_memory(err);
    *out = r;
    return CSEG_OK;
}

cseg_status raster_open(const char *path, arena *mem, raster **out, cseg_error *err)
{
    raster *r;
    TRY(raster_new(path, mem, &r, err));
    /* "/vsizip/..." and "NETCDF:file:name" are no files, yet GDAL opens them. */
    if (!file_exists(path) && !str_starts(path, "/vsi") && !strchr(path, ':'))
        return fail(err, CSEG_NOT_FOUND, "%s: no such file", path);
    TRY(open_as(r, path, NULL, mem, err));
    *out = r;
    return CSEG_OK;
}

cseg_status raster_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, raster **out, cseg_error *err)
{
    /* Only formats that are whole in one file: others could name files or addresses of their own choice. */
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
    TRY(open_as(r, r->memory, drivers, mem, err));
    *out = r;
    return CSEG_OK;
}

const raster_info *raster_describe(const raster *r)
{
    return &r->info;
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
        map[k] = (int)b + 1;
    }
    int size = (int)image_type_size(into->type);
    CPLErr result = GDALDatasetRasterIOEx(r->set, GF_Read, (int)x, (int)y, (int)into->w, (int)into->h, into->data,
                                          (int)into->w, (int)into->h, raster_gdal_type(into->type), (int)into->c, map,
                                          size * into->c, image_row_bytes(into), size, NULL);
    /* GDAL takes tiles whose places in the file it cannot read for empty ones: it complains, and succeeds. */
    if (result != CE_None || scope.text[0])
        status = gdal_fail(&scope, CSEG_CORRUPT, r->name, "read its pixels (truncated or damaged?)", err);
done:
    gdal_end(&scope);
    mem_free(map);
    return status;
}
