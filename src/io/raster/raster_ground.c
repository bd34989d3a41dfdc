#include "io/raster/raster_ground.h"

#include <math.h>
#include <string.h>

#include <gdal.h>
#include <ogr_srs_api.h>

#include "io/raster/gdal_scope.h"
#include "io/raster/raster_grid.h"
#include "io/raster/raster_types.h"

/* x is east and y north, longitude first, whatever the system itself says: as transforms of rasters have it. */
static OGRSpatialReferenceH system_of(const char *wkt)
{
    char *p = (char *)wkt;
    OGRSpatialReferenceH s = *wkt ? OSRNewSpatialReference(NULL) : NULL;
    if (s && OSRImportFromWkt(s, &p) != OGRERR_NONE) {
        OSRDestroySpatialReference(s);
        s = NULL;
    }
    if (s)
        OSRSetAxisMappingStrategy(s, OAMS_TRADITIONAL_GIS_ORDER);
    return s;
}

bool raster_ground_transform(const raster_info *i, double t[6], bool *degrees)
{
    const char *wkt;
    gdal_scope scope;
    *degrees = false;
    gdal_begin(&scope);
    bool known = raster_transform_of(i, t, &wkt);
    OGRSpatialReferenceH s = known ? system_of(wkt) : NULL;
    if (s) {
        *degrees = OSRIsGeographic(s);
        OSRDestroySpatialReference(s);
    }
    gdal_end(&scope);
    return known;
}

double raster_north(const raster_info *i)
{
    double t[6], m[6];
    const char *wkt;
    gdal_scope scope;
    gdal_begin(&scope);
    bool known = raster_transform_of(i, t, &wkt) && *wkt && raster_invert(t, m);
    gdal_end(&scope);
    return known ? atan2(m[2], -m[5]) : NAN;
}

cseg_status raster_system_name(const raster_info *i, arena *mem, const char **out, cseg_error *err)
{
    double t[6];
    char text[200] = "";
    const char *wkt;
    gdal_scope scope;
    gdal_begin(&scope);
    if (raster_transform_of(i, t, &wkt) && *wkt)
        raster_describe_system(wkt, text, sizeof text);
    gdal_end(&scope);
    *out = arena_strdup(mem, text);
    return *out ? CSEG_OK : fail_memory(err);
}

static bool to_lonlat(const raster_info *i, const double *t, OGRCoordinateTransformationH to, int n, double *lonlat)
{
    for (int row = 0; row <= n; row++)
        for (int col = 0; col <= n; col++, lonlat += 2) {
            double c = (double)i->w * col / n, r = (double)i->h * row / n;
            lonlat[0] = t[0] + t[1] * c + t[2] * r;
            lonlat[1] = t[3] + t[4] * c + t[5] * r;
            if (!OCTTransform(to, 1, &lonlat[0], &lonlat[1], NULL) || !isfinite(lonlat[0]) || !isfinite(lonlat[1]))
                return false;
        }
    return true;
}

bool raster_lonlat_grid(const raster_info *i, int n, double *lonlat)
{
    double t[6];
    const char *wkt;
    bool known = false;
    gdal_scope scope;
    gdal_begin(&scope);
    OGRSpatialReferenceH from = raster_transform_of(i, t, &wkt) ? system_of(wkt) : NULL,
                         wgs84 = OSRNewSpatialReference(NULL);
    if (from && OSRImportFromEPSG(wgs84, 4326) == OGRERR_NONE) {
        OSRSetAxisMappingStrategy(wgs84, OAMS_TRADITIONAL_GIS_ORDER);
        OGRCoordinateTransformationH to = OCTNewCoordinateTransformation(from, wgs84);
        if (to) {
            known = to_lonlat(i, t, to, n, lonlat);
            OCTDestroyCoordinateTransformation(to);
        }
    }
    if (from)
        OSRDestroySpatialReference(from);
    OSRDestroySpatialReference(wgs84);
    gdal_end(&scope);
    return known;
}
