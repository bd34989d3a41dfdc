/* Whether two rasters that are used pixel by pixel lie at the same place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gdal.h>
#include <ogr_srs_api.h>

#include "base/log.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_grid.h"
#include "io/raster/raster_types.h"

/* Represents ground control points by the plane that fits them best; different planes mean different points. */
raster_grid raster_grid_of(const raster_place *p)
{
    bool fits = false;
    raster_grid g = {.kind = GRID_NONE, .projection = p->projection ? p->projection : ""};
    if (p->has_transform) {
        g.kind = GRID_TRANSFORM;
        memcpy(g.transform, p->transform, sizeof g.transform);
    } else if (p->n_gcps >= 3 && raster_place_fit(p, false, g.transform, &fits, NULL) == CSEG_OK && fits) {
        g.kind = GRID_TRANSFORM;
        g.projection = p->gcp_projection ? p->gcp_projection : "";
    } else if (p->rpc) {
        g.kind = GRID_RPC;
    }
    return g;
}

void raster_grid_at(const double *t, double col, double row, double *x, double *y)
{
    *x = t[0] + t[1] * col + t[2] * row;
    *y = t[3] + t[4] * col + t[5] * row;
}

/* The largest distance of a corner of `b` from that of `a`, in pixels of `a`. */
static double corners_apart(const double *a, const double *b, double w, double h)
{
    double det = a[1] * a[5] - a[2] * a[4], most = 0;
    if (det == 0.0 || !isfinite(det))
        return memcmp(a, b, 6 * sizeof *a) == 0 ? 0 : INFINITY;
    for (int i = 0; i < 4; i++) {
        double col = i & 1 ? w : 0, row = i & 2 ? h : 0, x, y, u, v;
        raster_grid_at(a, col, row, &x, &y);
        raster_grid_at(b, col, row, &u, &v);
        double dx = u - x, dy = v - y;
        double d = hypot((a[5] * dx - a[2] * dy) / det, (a[1] * dy - a[4] * dx) / det);
        if (!(d <= most))
            most = d;
    }
    return isfinite(most) ? most : INFINITY;
}

/* False if they certainly differ. A system that is not stated, or that nobody can read, differs from none. */
bool raster_same_system(const char *a, const char *b)
{
    if (!*a || !*b || strcmp(a, b) == 0)
        return true;
    static const char *const options[] = {"CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS",
                                          "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES", NULL};
    OGRSpatialReferenceH x = OSRNewSpatialReference(NULL), y = OSRNewSpatialReference(NULL);
    char *p = (char *)a, *q = (char *)b;
    bool same = true;
    if (OSRImportFromWkt(x, &p) == OGRERR_NONE && OSRImportFromWkt(y, &q) == OGRERR_NONE && !OSRIsLocal(x) &&
        !OSRIsLocal(y))
        same = OSRIsSameEx(x, y, options);
    OSRDestroySpatialReference(x);
    OSRDestroySpatialReference(y);
    return same;
}

bool raster_transform_of(const raster_info *i, double transform[6], const char **projection)
{
    raster_grid g = raster_grid_of(&i->place);
    if (g.kind != GRID_TRANSFORM)
        return false;
    memcpy(transform, g.transform, sizeof g.transform);
    *projection = g.projection;
    return true;
}

void raster_describe_system(const char *wkt, char *to, size_t n)
{
    OGRSpatialReferenceH s = OSRNewSpatialReference(NULL);
    char *p = (char *)wkt;
    const char *name = NULL, *code = NULL;
    if (*wkt && OSRImportFromWkt(s, &p) == OGRERR_NONE) {
        name = OSRGetName(s);
        code = OSRGetAuthorityCode(s, NULL);
    }
    snprintf(to, n, "%s%s%s%s",
             name   ? name
             : *wkt ? "a system of its own"
                    : "an unknown coordinate system",
             code ? " (EPSG:" : "", code ? code : "", code ? ")" : "");
    OSRDestroySpatialReference(s);
}

static void describe(const raster_info *i, const raster_grid *g, char to[static 300])
{
    if (g->kind == GRID_TRANSFORM) {
        char system[120];
        double x, y, u, v;
        raster_grid_at(g->transform, 0, 0, &x, &y);
        raster_grid_at(g->transform, (double)i->w, (double)i->h, &u, &v);
        raster_describe_system(g->projection, system, sizeof system);
        snprintf(to, 300, "from (%.10g, %.10g) to (%.10g, %.10g) in %s, pixels of %.6g x %.6g", x, y, u, v, system,
                 hypot(g->transform[1], g->transform[4]), hypot(g->transform[2], g->transform[5]));
    } else {
        snprintf(to, 300,
                 g->kind == GRID_RPC ? "where its rational polynomials (RPC) say" : "nowhere: it says no place");
    }
}

static const char *rpc_value(const char *const *rpc, const char *item)
{
    size_t n = strcspn(item, "=") + 1;
    for (; *rpc; rpc++)
        if (strncmp(*rpc, item, n) == 0)
            return *rpc + n;
    return NULL;
}

/* Compares value by value: "LINE_NUM_COEFF" holds twenty, and "1" equals "1.0". */
static bool same_numbers(const char *a, const char *b)
{
    while (*a || *b) {
        char *x, *y;
        double u = strtod(a, &x), v = strtod(b, &y);
        if (x == a || y == b)
            return strcmp(a + strspn(a, " "), b + strspn(b, " ")) == 0;
        if (fabs(u - v) > 1e-9 * fmax(fabs(u), fabs(v)))
            return false;
        a = x;
        b = y;
    }
    return true;
}

static bool same_rpc(const char *const *a, const char *const *b)
{
    for (; *a; a++) {
        const char *other = rpc_value(b, *a);
        if (other && strncmp(*a, "ERR_", 4) != 0 && !same_numbers(strchr(*a, '=') ? strchr(*a, '=') + 1 : "", other))
            return false;
    }
    return true;
}

place_relation raster_place_compare(const raster_info *a, const raster_info *b, place_difference *how)
{
    gdal_scope scope;
    gdal_begin(&scope);
    raster_grid x = raster_grid_of(&a->place), y = raster_grid_of(&b->place);
    place_relation relation = PLACE_SAME;
    if (x.kind == GRID_NONE && y.kind == GRID_NONE)
        relation = PLACE_NOWHERE;
    else if (x.kind != y.kind)
        relation = PLACE_UNKNOWN;
    else if (x.kind == GRID_RPC)
        relation = same_rpc(a->place.rpc, b->place.rpc) ? PLACE_SAME : PLACE_ELSEWHERE;
    else if (corners_apart(x.transform, y.transform, (double)a->w, (double)a->h) > RASTER_GRID_TOLERANCE ||
             !raster_same_system(x.projection, y.projection))
        relation = PLACE_ELSEWHERE;
    if (how) {
        describe(a, &x, how->a);
        describe(b, &y, how->b);
    }
    gdal_end(&scope);
    return relation;
}

cseg_status raster_same_place(const char *name_a, const raster_info *a, const char *name_b, const raster_info *b,
                              bool force, cseg_error *err)
{
    place_difference how;
    switch (raster_place_compare(a, b, &how)) {
    case PLACE_UNKNOWN:
        log_say(LOG_WARNING, "%s and %s cannot be compared by place, only by size: the one lies %s, the other %s",
                name_a, name_b, how.a, how.b);
        return CSEG_OK;
    case PLACE_ELSEWHERE:
        if (!force)
            return fail(err, CSEG_DATA,
                        "%s does not lie where %s lies: the one %s, the other %s; if they fit all the "
                        "same, --force goes on",
                        name_b, name_a, how.b, how.a);
        log_say(LOG_WARNING,
                "%s does not lie where %s lies, and is used all the same, as --force says: the one %s, the "
                "other %s",
                name_b, name_a, how.b, how.a);
        return CSEG_OK;
    default:
        return CSEG_OK;
    }
}

bool raster_invert(const double *t, double out[6])
{
    double det = t[1] * t[5] - t[2] * t[4];
    if (det == 0.0 || !isfinite(det))
        return false;
    out[1] = t[5] / det;
    out[2] = -t[2] / det;
    out[4] = -t[4] / det;
    out[5] = t[1] / det;
    out[0] = -(out[1] * t[0] + out[2] * t[3]);
    out[3] = -(out[4] * t[0] + out[5] * t[3]);
    return isfinite(out[0]) && isfinite(out[3]);
}

/* Whether the box around b's corners meets the raster of a. */
static bool meet(const raster_info *a, const raster_info *b, const double *b_to_a)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        double p[2];
        raster_grid_at(b_to_a, i & 1 ? (double)b->w : 0, i & 2 ? (double)b->h : 0, &p[0], &p[1]);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], p[k]);
            high[k] = fmax(high[k], p[k]);
        }
    }
    return low[0] < (double)a->w && low[1] < (double)a->h && high[0] > 0 && high[1] > 0;
}

cseg_status raster_place_onto(const char *name_a, const raster_info *a, const char *name_b, const raster_info *b,
                              double b_to_a[6], cseg_error *err)
{
    static const double same[6] = {0, 1, 0, 0, 0, 1};
    bool sizes = a->h == b->h && a->w == b->w;
    memcpy(b_to_a, same, sizeof same);
    if (sizes && raster_place_compare(a, b, NULL) != PLACE_ELSEWHERE)
        return raster_same_place(name_a, a, name_b, b, false, err);
    gdal_scope scope;
    gdal_begin(&scope);
    raster_grid x = raster_grid_of(&a->place), y = raster_grid_of(&b->place);
    double to_a[6];
    bool known = x.kind == GRID_TRANSFORM && y.kind == GRID_TRANSFORM && raster_invert(x.transform, to_a);
    bool systems = known && raster_same_system(x.projection, y.projection), over = false;
    place_difference how;
    describe(a, &x, how.a);
    describe(b, &y, how.b);
    gdal_end(&scope);
    if (systems) {
        const double *t = y.transform;
        raster_grid_at(to_a, t[0], t[3], &b_to_a[0], &b_to_a[3]);
        for (int k = 1; k <= 2; k++) {
            b_to_a[k] = to_a[1] * t[k] + to_a[2] * t[3 + k];
            b_to_a[3 + k] = to_a[4] * t[k] + to_a[5] * t[3 + k];
        }
        over = meet(a, b, b_to_a);
    }
    if (over)
        return CSEG_OK;
    if (!known && !sizes)
        return fail(err, CSEG_SHAPE,
                    "%s (%lld x %lld pixels) and %s (%lld x %lld) differ in size, and cannot be compared by place: "
                    "the one lies %s, the other %s",
                    name_a, (long long)a->w, (long long)a->h, name_b, (long long)b->w, (long long)b->h, how.a, how.b);
    return fail(err, CSEG_DATA, "%s does not lie where %s lies: the one %s, the other %s%s", name_b, name_a, how.b,
                how.a, known && !systems ? "; warp it to the other's coordinate system first (gdalwarp)" : "");
}
