/* Reads the rings and lines of vector files into the columns and rows of a raster. */
#include <math.h>
#include <string.h>

#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_ground.h"
#include "io/raster/raster_source.h"
#include "io/raster/raster_types.h"

typedef struct bringer {
    const char *path, *wkt;
    double to_pixels[6];
    outline_fn *fn;
    void *arg;
    double *room; /* [cap][2] */
    size_t cap;
    int64_t given, lost; /* geometries */
} bringer;

static cseg_status give_line(bringer *b, OGRGeometryH line, cseg_error *err)
{
    int n = OGR_G_GetPointCount(line);
    if (n < 2)
        return CSEG_OK;
    if ((size_t)n > b->cap) {
        mem_free(b->room);
        b->cap = 0;
        if (!(b->room = mem_alloc_raw((size_t)n * 2 * sizeof *b->room)))
            return fail_memory(err);
        b->cap = (size_t)n;
    }
    const double *m = b->to_pixels;
    for (int i = 0; i < n; i++) {
        double x = OGR_G_GetX(line, i), y = OGR_G_GetY(line, i);
        b->room[2 * i] = m[0] + m[1] * x + m[2] * y;
        b->room[2 * i + 1] = m[3] + m[4] * x + m[5] * y;
    }
    b->fn(b->arg, b->room, (size_t)n);
    return CSEG_OK;
}

/* GDAL bounds how deep geometries lie in each other. */
static cseg_status give_geometry(bringer *b, OGRGeometryH g, cseg_error *err)
{
    int parts = OGR_G_GetGeometryCount(g);
    if (!parts)
        return wkbFlatten(OGR_G_GetGeometryType(g)) == wkbLineString ? give_line(b, g, err) : CSEG_OK;
    for (int i = 0; i < parts; i++)
        TRY(give_geometry(b, OGR_G_GetGeometryRef(g, i), err));
    return CSEG_OK;
}

static cseg_status give_feature(bringer *b, OGRFeatureH f, OGRCoordinateTransformationH to, cseg_error *err)
{
    OGRGeometryH g = OGR_F_GetGeometryRef(f);
    if (!g)
        return CSEG_OK;
    /* Arcs become lines; what is one already is copied. */
    g = OGR_G_GetLinearGeometry(g, 0, NULL);
    if (!g)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    if (to && OGR_G_Transform(g, to) != OGRERR_NONE) {
        b->lost++;
    } else {
        b->given++;
        status = give_geometry(b, g, err);
    }
    OGR_G_DestroyGeometry(g);
    return status;
}

static cseg_status give_features(bringer *b, OGRLayerH layer, OGRCoordinateTransformationH to, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    OGRFeatureH f;
    OGR_L_ResetReading(layer);
    while (status == CSEG_OK && (f = OGR_L_GetNextFeature(layer))) {
        status = give_feature(b, f, to, err);
        OGR_F_Destroy(f);
    }
    return status;
}

static cseg_status give_layer(bringer *b, OGRLayerH layer, cseg_error *err)
{
    OGRSpatialReferenceH from = OGR_L_GetSpatialRef(layer), target = NULL;
    OGRCoordinateTransformationH to = NULL;
    cseg_status status = CSEG_OK;
    if (from && *b->wkt) {
        char *p = (char *)b->wkt;
        target = OSRNewSpatialReference(NULL);
        from = OSRClone(from);
        OSRSetAxisMappingStrategy(from, OAMS_TRADITIONAL_GIS_ORDER);
        if (OSRImportFromWkt(target, &p) == OGRERR_NONE) {
            OSRSetAxisMappingStrategy(target, OAMS_TRADITIONAL_GIS_ORDER);
            to = OCTNewCoordinateTransformation(from, target);
        }
        if (!to)
            status = fail(err, CSEG_DATA, "%s: its coordinate system cannot be brought to the scene's", b->path);
        OSRDestroySpatialReference(from);
    }
    if (status == CSEG_OK)
        status = give_features(b, layer, to, err);
    if (to)
        OCTDestroyCoordinateTransformation(to);
    if (target)
        OSRDestroySpatialReference(target);
    return status;
}

static cseg_status give_all(bringer *b, const gdal_scope *scope, cseg_error *err)
{
    gdal_register_vectors();
    GDALDatasetH set = GDALOpenEx(b->path, GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                                  gdal_vector_drivers(), NULL, NULL);
    cseg_status status = CSEG_OK;
    if (!set)
        return fail(err, CSEG_CORRUPT, "%s: no GeoPackage, GeoJSON, Shapefile or FlatGeobuf that can be read: %s",
                    b->path, scope->text[0] ? scope->text : "unknown format");
    for (int i = 0; status == CSEG_OK && i < GDALDatasetGetLayerCount(set); i++)
        status = give_layer(b, GDALDatasetGetLayer(set, i), err);
    GDALClose(set);
    if (status == CSEG_OK && b->lost && !b->given)
        return fail(err, CSEG_DATA, "%s: none of its %lld geometries can be brought to the scene's coordinate system",
                    b->path, (long long)b->lost);
    if (status == CSEG_OK && scope->text[0] && !b->lost)
        return gdal_fail(scope, CSEG_CORRUPT, b->path, "read its geometries", err);
    return status;
}

cseg_status raster_outlines(const char *path, const char *raster_name, const raster_info *i, outline_fn *fn, void *arg,
                            cseg_error *err)
{
    double t[6];
    bringer b = {.path = path, .fn = fn, .arg = arg};
    cseg_status status;
    gdal_scope scope;
    TRY(file_check(path, err));
    if (raster_source_has_prefix(path))
        return fail(err, CSEG_UNSUPPORTED, "%s: a vector file is named by its path, as ./%s", path, path);
    gdal_begin(&scope);
    if (raster_transform_of(i, t, &b.wkt) && raster_invert(t, b.to_pixels))
        status = give_all(&b, &scope, err);
    else
        status =
            fail(err, CSEG_DATA, "%s says no place on the earth, so %s cannot be drawn over it", raster_name, path);
    gdal_end(&scope);
    mem_free(b.room);
    return status;
}
