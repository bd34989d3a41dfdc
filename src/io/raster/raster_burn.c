#include "io/raster/raster_burn.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include <cpl_vsi.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "base/log.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_source.h"
#include "io/raster/raster_types.h"

struct burner {
    const char *path, *grid_name;
    burn_options how;
    int64_t h, w; /* of the grid */
    double transform[6];
    GDALDatasetH file;
    OGRLayerH layer;
    OGRCoordinateTransformationH to_grid, from_grid; /* NULL: one system for both */
    int field;                                       /* of the attribute; -1: none */
    /* The window that features are burnt into, a raster in memory; made anew for another size. */
    GDALDatasetH window;
    const char *window_name;
    int64_t window_h, window_w;
};

static void close_window(burner *b)
{
    if (!b->window)
        return;
    GDALClose(b->window);
    VSIUnlink(b->window_name);
    b->window = NULL;
}

static void close_later(void *arg)
{
    burner *b = arg;
    gdal_scope scope;
    gdal_begin(&scope);
    close_window(b);
    if (b->to_grid)
        OCTDestroyCoordinateTransformation(b->to_grid);
    if (b->from_grid)
        OCTDestroyCoordinateTransformation(b->from_grid);
    if (b->file)
        GDALClose(b->file);
    gdal_end(&scope);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static cseg_status open_layer(burner *b, const gdal_scope *scope, cseg_error *err)
{
    gdal_register_vectors();
    b->file = GDALOpenEx(b->path, GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, gdal_vector_drivers(),
                         NULL, NULL);
    if (!b->file)
        return fail(err, CSEG_CORRUPT, "%s: no GeoPackage, GeoJSON, Shapefile or FlatGeobuf that can be read: %s",
                    b->path, scope->text[0] ? scope->text : "unknown format");
    int n = GDALDatasetGetLayerCount(b->file);
    if (b->how.layer)
        b->layer = GDALDatasetGetLayerByName(b->file, b->how.layer);
    else if (n == 1)
        b->layer = GDALDatasetGetLayer(b->file, 0);
    else
        return fail(err, CSEG_DATA, "%s has %d layers: name one of them (layer)", b->path, n);
    if (!b->layer)
        return fail(err, CSEG_DATA, "%s has no layer '%s'; its first is '%s'", b->path, b->how.layer,
                    n > 0 ? OGR_L_GetName(GDALDatasetGetLayer(b->file, 0)) : "");
    b->field = -1;
    if (!b->how.attribute)
        return CSEG_OK;
    OGRFeatureDefnH about = OGR_L_GetLayerDefn(b->layer);
    b->field = OGR_FD_GetFieldIndex(about, b->how.attribute);
    if (b->field < 0)
        return fail(err, CSEG_DATA, "%s: its features have no attribute '%s'; the first that they have is '%s'",
                    b->path, b->how.attribute,
                    OGR_FD_GetFieldCount(about) ? OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(about, 0)) : "(none)");
    return CSEG_OK;
}

/* How features come to the grid's system, and windows to that of the features. */
static cseg_status join_systems(burner *b, const char *wkt, cseg_error *err)
{
    OGRSpatialReferenceH from = OGR_L_GetSpatialRef(b->layer);
    if (!from || !wkt || !*wkt) {
        if (from || (wkt && *wkt))
            log_warn_once("%s states no coordinate system, %s does: their coordinates are taken to be of one",
                          from ? b->grid_name : b->path, from ? b->path : b->grid_name);
        return CSEG_OK;
    }
    OGRSpatialReferenceH to = OSRNewSpatialReference(wkt);
    from = OSRClone(from);
    if (to && from) {
        OSRSetAxisMappingStrategy(from, OAMS_TRADITIONAL_GIS_ORDER);
        OSRSetAxisMappingStrategy(to, OAMS_TRADITIONAL_GIS_ORDER);
    }
    bool same = to && from && OSRIsSame(from, to);
    if (to && from && !same) {
        b->to_grid = OCTNewCoordinateTransformation(from, to);
        b->from_grid = OCTNewCoordinateTransformation(to, from);
    }
    if (to)
        OSRDestroySpatialReference(to);
    if (from)
        OSRDestroySpatialReference(from);
    return same || (b->to_grid && b->from_grid)
               ? CSEG_OK
               : fail(err, CSEG_UNSUPPORTED, "%s: its coordinate system cannot be brought to that of %s", b->path,
                      b->grid_name);
}

static cseg_status open_all(burner *b, const raster_info *grid, cseg_error *err)
{
    gdal_scope scope;
    gdal_begin(&scope);
    cseg_status status = open_layer(b, &scope, err);
    if (status == CSEG_OK)
        status = join_systems(b, grid->place.projection, err);
    gdal_end(&scope);
    return status;
}

cseg_status burner_open(const char *path, const burn_options *how, const char *grid_name, const raster_info *grid,
                        arena *mem, burner **out, cseg_error *err)
{
    static atomic_ulong serial;
    TRY(file_check(path, err));
    if (raster_source_has_prefix(path))
        return fail(err, CSEG_UNSUPPORTED, "%s: a vector file is named by its path, as ./%s", path, path);
    if (!grid->place.has_transform)
        return fail(err, CSEG_DATA, "%s states no place on the earth by a transform, so that %s cannot be burnt on it",
                    grid_name, path);
    burner *b = ARENA_NEW(mem, burner);
    if (!b || !(b->path = arena_strdup(mem, path)) || !(b->grid_name = arena_strdup(mem, grid_name)) ||
        !(b->window_name = arena_printf(mem, "/vsimem/cseg/burnt-%lu.tif", atomic_fetch_add(&serial, 1))) ||
        !arena_defer(mem, close_later, b))
        return fail_memory(err);
    b->how = *how;
    b->h = grid->h;
    b->w = grid->w;
    memcpy(b->transform, grid->place.transform, sizeof b->transform);
    TRY(open_all(b, grid, err));
    *out = b;
    return CSEG_OK;
}

/* ---- burning --------------------------------------------------------------------------------------------------- */

/* The window, all background, at its place. */
static cseg_status begin_window(burner *b, int64_t y, int64_t x, int64_t h, int64_t w, const gdal_scope *scope,
                                cseg_error *err)
{
    const double *t = b->transform;
    double here[6] = {t[0] + (double)x * t[1] + (double)y * t[2], t[1], t[2],
                      t[3] + (double)x * t[4] + (double)y * t[5], t[4], t[5]};
    if (b->window && (b->window_h != h || b->window_w != w))
        close_window(b);
    if (!b->window) {
        b->window = GDALCreate(GDALGetDriverByName("GTiff"), b->window_name, (int)w, (int)h, 1, GDT_Byte, NULL);
        b->window_h = h;
        b->window_w = w;
    }
    if (!b->window || GDALFillRaster(GDALGetRasterBand(b->window, 1), b->how.background, 0) != CE_None ||
        GDALSetGeoTransform(b->window, here) != CE_None)
        return gdal_fail(scope, CSEG_NO_MEMORY, b->path, "make room for its features", err);
    return CSEG_OK;
}

/* Lets the layer give features near the window alone. */
static void filter(burner *b, int64_t y, int64_t x, int64_t h, int64_t w, gdal_scope *scope)
{
    const double *t = b->transform;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        double col = (double)(i & 1 ? x + w + 1 : x - 1), row = (double)(i & 2 ? y + h + 1 : y - 1);
        double at[2] = {t[0] + t[1] * col + t[2] * row, t[3] + t[4] * col + t[5] * row};
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], at[k]);
            high[k] = fmax(high[k], at[k]);
        }
    }
    if (b->from_grid &&
        !OCTTransformBounds(b->from_grid, low[0], low[1], high[0], high[1], &low[0], &low[1], &high[0], &high[1], 21)) {
        scope->text[0] = 0;
        OGR_L_SetSpatialFilter(b->layer, NULL); /* all of them, then */
        return;
    }
    /* Between the points that are transformed the border may bulge a little. */
    double wide = (high[0] - low[0]) / 64, tall = (high[1] - low[1]) / 64;
    if (b->from_grid)
        OGR_L_SetSpatialFilterRect(b->layer, low[0] - wide, low[1] - tall, high[0] + wide, high[1] + tall);
    else
        OGR_L_SetSpatialFilterRect(b->layer, low[0], low[1], high[0], high[1]);
}

/* What the feature is burnt as; -1: it is left out. */
static cseg_status value_of(const burner *b, OGRFeatureH f, int *out, cseg_error *err)
{
    *out = b->how.value;
    if (b->field < 0)
        return CSEG_OK;
    const char *text = OGR_F_IsFieldSetAndNotNull(f, b->field) ? OGR_F_GetFieldAsString(f, b->field) : "";
    for (int i = 0; i < b->how.n_classes; i++)
        if (strcmp(b->how.classes[i].text, text) == 0) {
            *out = b->how.classes[i].value;
            return CSEG_OK;
        }
    return fail(err, CSEG_DATA,
                "%s: feature %lld has %s='%.200s', for which there is no class: add it to classes (None leaves it out)",
                b->path, (long long)OGR_F_GetFID(f), b->how.attribute, text);
}

static cseg_status burn_feature(burner *b, OGRFeatureH f, const gdal_scope *scope, cseg_error *err)
{
    int value, band = 1;
    char touched[] = "ALL_TOUCHED=TRUE", *options[] = {b->how.all_touched ? touched : NULL, NULL};
    OGRGeometryH from = OGR_F_GetGeometryRef(f);
    TRY(value_of(b, f, &value, err));
    if (!from || value < 0)
        return CSEG_OK;
    OGRGeometryH g = OGR_G_GetLinearGeometry(from, 0, NULL); /* a copy; arcs are lines in it */
    if (!g)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    double burnt = value;
    if (b->to_grid && OGR_G_Transform(g, b->to_grid) != OGRERR_NONE)
        status = gdal_fail(scope, CSEG_DATA, b->path, "bring a feature to the scene's coordinate system", err);
    else if (GDALRasterizeGeometries(b->window, 1, &band, 1, &g, NULL, NULL, &burnt, options, NULL, NULL) != CE_None)
        status = gdal_fail(scope, CSEG_DATA, b->path, "burn a feature", err);
    OGR_G_DestroyGeometry(g);
    return status;
}

static cseg_status burn_all(burner *b, const gdal_scope *scope, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    OGRFeatureH f;
    OGR_L_ResetReading(b->layer);
    while (status == CSEG_OK && (f = OGR_L_GetNextFeature(b->layer))) {
        status = burn_feature(b, f, scope, err);
        OGR_F_Destroy(f);
    }
    if (status == CSEG_OK && scope->text[0])
        status = gdal_fail(scope, CSEG_CORRUPT, b->path, "read its features (truncated or damaged?)", err);
    return status;
}

cseg_status burner_read(burner *b, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    *out = (image){0};
    if (y < 0 || x < 0 || h < 1 || w < 1 || y > b->h - h || x > b->w - w)
        return fail(err, CSEG_SHAPE, "%s: a window of %lld x %lld at column %lld, row %lld does not lie within %s",
                    b->path, (long long)w, (long long)h, (long long)x, (long long)y, b->grid_name);
    TRY(image_new(h, w, 1, IMAGE_U8, out, err));
    gdal_scope scope;
    gdal_begin(&scope);
    filter(b, y, x, h, w, &scope);
    cseg_status status = begin_window(b, y, x, h, w, &scope, err);
    if (status == CSEG_OK)
        status = burn_all(b, &scope, err);
    if (status == CSEG_OK && GDALRasterIO(GDALGetRasterBand(b->window, 1), GF_Read, 0, 0, (int)w, (int)h, out->data,
                                          (int)w, (int)h, GDT_Byte, 0, 0) != CE_None)
        status = gdal_fail(&scope, CSEG_CORRUPT, b->path, "burn its features", err);
    gdal_end(&scope);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}
