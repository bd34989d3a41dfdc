#include "geo/ground.h"

#include <math.h>
#include <string.h>

#include "base/log.h"

static cseg_status take_place(const raster_info *info, const char *name, ground *out, cseg_error *err)
{
    const raster_place *p = &info->place;
    out->projection = "";
    if (p->has_transform) {
        memcpy(out->transform, p->transform, sizeof out->transform);
        out->projection = p->projection ? p->projection : "";
        out->is_placed = true;
        return CSEG_OK;
    }
    memcpy(out->transform, (const double[6]){0, 1, 0, 0, 0, 1}, sizeof out->transform);
    if (!p->n_gcps) {
        log_warn_once(
            "%s: does not say where it lies; coordinates are columns and rows of pixels, and no area in m2 is "
            "known",
            name);
        return CSEG_OK;
    }
    TRY(raster_place_fit(p, true, out->transform, &out->is_placed, err));
    if (out->is_placed) {
        out->projection = p->gcp_projection ? p->gcp_projection : "";
        return CSEG_OK;
    }
    log_warn_once("%s: lies where its ground control points say, and no plane goes through them: coordinates are "
                  "columns and rows of pixels; warp it first (gdalwarp)",
                  name);
    memcpy(out->transform, (const double[6]){0, 1, 0, 0, 0, 1}, sizeof out->transform);
    return CSEG_OK;
}

cseg_status ground_of(const raster_info *info, const char *name, ground *out, cseg_error *err)
{
    raster_units units;
    *out = (ground){.kind = GROUND_UNKNOWN};
    TRY(take_place(info, name, out, err));
    const double *t = out->transform;
    if (!isfinite(t[0] + t[1] + t[2] + t[3] + t[4] + t[5]) || t[1] * t[5] == t[2] * t[4])
        return fail(err, CSEG_DATA, "%s: its geotransform makes pixels without an area", name);
    if (!out->is_placed)
        return CSEG_OK;
    TRY(raster_units_of(out->projection, &units, err));
    if (units.kind == UNITS_NONE) {
        log_warn_once("%s: has no coordinate system whose unit of length is known; no area in m2 is known", name);
        return CSEG_OK;
    }
    if (units.kind == UNITS_PLANE) {
        out->kind = GROUND_PLANE;
        out->metre = units.metre;
        if (units.is_mercator)
            log_warn_once("%s: its coordinates are Mercator's, where areas grow towards the poles (four times at 60 "
                          "degrees); for true ones give the scene in another system, such as UTM",
                          name);
        return CSEG_OK;
    }
    out->kind = GROUND_GLOBE;
    out->axis = units.axis;
    out->flat = units.flattening * (2.0 - units.flattening);
    out->radian = units.radian;
    return CSEG_OK;
}

static double within_poles(double latitude)
{
    static const double pole = 1.57079632679489661923;
    return latitude > pole ? pole : latitude < -pole ? -pole : latitude;
}

/* The area between the equator and a parallel, for one radian of longitude (Snyder, Map Projections, 1987, 3-12). */
static double zone(const ground *g, double latitude)
{
    double s = sin(within_poles(latitude)), e = sqrt(g->flat);
    double q = e < 1e-9 ? 2.0 * s : (1.0 - g->flat) * (s / (1.0 - g->flat * s * s) + atanh(e * s) / e);
    return g->axis * g->axis * q / 2.0;
}

/* m2 of one square radian at a latitude: the product of the two radii of curvature and the cosine. */
static double density(const ground *g, double latitude)
{
    double s = sin(within_poles(latitude)), d = 1.0 - g->flat * s * s;
    return g->axis * g->axis * (1.0 - g->flat) * cos(within_poles(latitude)) / (d * d);
}

static double globe_area(const ground *g, int64_t y, int64_t from, int64_t to)
{
    const double *t = g->transform;
    double n = (double)(to - from), r = g->radian;
    if (t[2] == 0.0 && t[4] == 0.0) {
        double top = t[3] + t[5] * (double)y, bottom = t[3] + t[5] * (double)(y + 1);
        return fabs(n * t[1] * r * (zone(g, top * r) - zone(g, bottom * r)));
    }
    /* Gauss-Legendre over the middle line of the run. */
    static const double at[3] = {0.1127016653792583, 0.5, 0.8872983346207417},
                        weight[3] = {5.0 / 18, 8.0 / 18, 5.0 / 18};
    double sum = 0.0;
    for (int i = 0; i < 3; i++)
        sum += weight[i] * density(g, r * (t[3] + t[4] * ((double)from + at[i] * n) + t[5] * ((double)y + 0.5)));
    return fabs(n * r * r * (t[1] * t[5] - t[2] * t[4])) * sum;
}

double ground_run_area(const ground *g, int64_t y, int64_t from, int64_t to)
{
    const double *t = g->transform;
    if (g->kind == GROUND_GLOBE)
        return globe_area(g, y, from, to);
    if (g->kind == GROUND_PLANE)
        return (double)(to - from) * fabs(t[1] * t[5] - t[2] * t[4]) * g->metre * g->metre;
    return NAN;
}

void ground_metric(const ground *g, double y, double x, double m[4])
{
    const double *t = g->transform;
    double east = 1.0, north = 1.0;
    if (g->kind == GROUND_PLANE) {
        east = north = g->metre;
    } else if (g->kind == GROUND_GLOBE) {
        double latitude = within_poles(g->radian * (t[3] + t[4] * x + t[5] * y)), s = sin(latitude);
        double d = 1.0 - g->flat * s * s;
        north = g->radian * g->axis * (1.0 - g->flat) / (d * sqrt(d));
        east = g->radian * g->axis * cos(latitude) / sqrt(d);
    }
    m[0] = east * t[1];
    m[1] = east * t[2];
    m[2] = north * t[4];
    m[3] = north * t[5];
}
