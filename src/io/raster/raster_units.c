/* In what a coordinate system measures. */
#include <string.h>

#include <ogr_srs_api.h>

#include "base/str.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster.h"

static void read_plane(OGRSpatialReferenceH s, raster_units *out)
{
    char *unit = NULL;
    double metre = OSRGetLinearUnits(s, &unit);
    const char *projection = OSRGetAttrValue(s, "PROJECTION", 0);
    if (!(metre > 0.0) || (OSRIsLocal(s) && (!unit || strcmp(unit, "unknown") == 0)))
        return;
    out->kind = UNITS_PLANE;
    out->metre = metre;
    out->is_mercator = projection && str_starts(projection, "Mercator_");
}

static void read_globe(OGRSpatialReferenceH s, raster_units *out)
{
    OGRErr axis_known = OGRERR_NONE, shape_known = OGRERR_NONE;
    double axis = OSRGetSemiMajor(s, &axis_known), inverse = OSRGetInvFlattening(s, &shape_known);
    double radian = OSRGetAngularUnits(s, NULL);
    if (axis_known != OGRERR_NONE || shape_known != OGRERR_NONE || !(axis > 0.0) || !(radian > 0.0) ||
        !(inverse == 0.0 || inverse > 1.0))
        return;
    out->kind = UNITS_GLOBE;
    out->axis = axis;
    out->flattening = inverse > 0.0 ? 1.0 / inverse : 0.0;
    out->radian = radian;
}

cseg_status raster_units_of(const char *wkt, raster_units *out, cseg_error *err)
{
    *out = (raster_units){.kind = UNITS_NONE};
    if (!wkt || !*wkt)
        return CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    OGRSpatialReferenceH s = OSRNewSpatialReference(NULL);
    char *text = (char *)wkt;
    if (s && OSRImportFromWkt(s, &text) == OGRERR_NONE) {
        if (OSRIsGeographic(s))
            read_globe(s, out);
        else if (OSRIsProjected(s) || OSRIsLocal(s))
            read_plane(s, out);
    }
    bool made = s != NULL;
    if (made)
        OSRDestroySpatialReference(s);
    gdal_end(&scope);
    return made ? CSEG_OK : fail_memory(err);
}
