/* How much ground a pixel covers: areas and lengths in metres, by a raster's coordinate system.
 *
 *     ground g;
 *     raster_info info = {.w = 512, .h = 512};
 *     TRY(ground_of(&info, "mask.tif", &g, err));
 *     double m2 = ground_run_area(&g, 0, 0, info.w);
 */
#ifndef GEO_GROUND_H
#define GEO_GROUND_H

#include "io/raster/raster.h"

typedef struct ground {
    enum {
        GROUND_UNKNOWN, /* no coordinate system, or one without a unit of length: areas are NaN */
        GROUND_PLANE,   /* a projected or local system: pixels are equal parallelograms */
        GROUND_GLOBE    /* longitude and latitude: pixels are pieces of an ellipsoid */
    } kind;
    double transform[6];       /* of pixels, as GDAL has it; columns and rows if nothing is known of the place */
    bool is_placed;            /* the transform is known */
    const char *projection;    /* WKT, "" where none; lives as long as the raster */
    double metre;              /* of one unit; GROUND_PLANE */
    double axis, flat, radian; /* GROUND_GLOBE: semi-major axis in metres, eccentricity squared, radians of one unit */
} ground;

/* Takes the place of `info`: its transform, or the plane through its ground control points if they lie on one. Gives a
 * warning if the place or the unit of length is not known, and if areas in its projection are far from true ones. */
cseg_status ground_of(const raster_info *info, const char *name, ground *out, cseg_error *err);

/* The area in m2 of columns [from, to) of row y; NaN if unknown. On a globe it is that of the ellipsoid's surface:
 * exact where rows run along parallels, else by a quadrature. */
double ground_run_area(const ground *g, int64_t y, int64_t from, int64_t to);

/* What a step of a column and of a row is in metres, at (y, x): east = m[0]*dx + m[1]*dy, north = m[2]*dx + m[3]*dy. In
 * units of the coordinates if nothing is known of metres. */
void ground_metric(const ground *g, double y, double x, double m[4]);

#endif
