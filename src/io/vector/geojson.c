#include "io/vector/geojson.h"

#include <math.h>
#include <string.h>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "base/text.h"

typedef struct json_ring {
    size_t from, n;
    bool outer;
} json_ring;

struct geojson {
    FILE *out;
    const char *path;
    const vector_field *fields;
    int n_fields;
    OGRCoordinateTransformationH turn; /* to WGS 84; NULL: coordinates stay */
    int digits;
    double scale;
    double *x, *y, *u, *v; /* [cap]: as they came, and in WGS 84 */
    size_t n, cap;
    arena *mem;
    VEC(json_ring) rings;
    bool any;
};

static OGRCoordinateTransformationH transformation(const char *wkt)
{
    OGRCoordinateTransformationH turn = NULL;
    OGRSpatialReferenceH from = OSRNewSpatialReference(NULL), to = OSRNewSpatialReference(NULL);
    char *text = (char *)wkt;
    if (from && to && OSRImportFromWkt(from, &text) == OGRERR_NONE && OSRImportFromEPSG(to, 4326) == OGRERR_NONE) {
        OSRSetAxisMappingStrategy(from, OAMS_TRADITIONAL_GIS_ORDER);
        OSRSetAxisMappingStrategy(to, OAMS_TRADITIONAL_GIS_ORDER);
        turn = OCTNewCoordinateTransformation(from, to);
    }
    OSRDestroySpatialReference(from);
    OSRDestroySpatialReference(to);
    return turn;
}

cseg_status geojson_begin(FILE *out, const char *path, const vector_spec *spec, const gdal_scope *scope, arena *mem,
                          geojson **to, cseg_error *err)
{
    geojson *g = ARENA_NEW(mem, geojson);
    vector_field *fields = ARENA_ARRAY(mem, (size_t)spec->n_fields + 1, vector_field);
    strbuf b = {.mem = mem};
    text_add_json(&b, spec->layer, strlen(spec->layer), false);
    if (!g || !fields || b.failed)
        return fail_memory(err);
    memcpy(fields, spec->fields, (size_t)spec->n_fields * sizeof *fields);
    double need = spec->smallest > 0.0 ? ceil(2.0 - log10(spec->smallest)) : 7.0;
    *g = (geojson){.out = out,
                   .path = path,
                   .fields = fields,
                   .n_fields = spec->n_fields,
                   .digits = need < 7.0    ? 7
                             : need > 15.0 ? 15
                                           : (int)need,
                   .mem = mem};
    g->scale = pow(10.0, g->digits);
    *to = g;
    if (*spec->projection && !(g->turn = transformation(spec->projection)))
        return gdal_fail(scope, CSEG_UNSUPPORTED, path, "transform the mask's coordinate system to WGS 84", err);
    fprintf(out, "{\n\"type\": \"FeatureCollection\",\n\"name\": %s,\n\"features\": [", b.text);
    return CSEG_OK;
}

static bool reserve(geojson *g, size_t more)
{
    if (more <= g->cap - g->n)
        return true;
    size_t cap = g->cap ? g->cap : 1024;
    while (cap - g->n < more)
        cap *= 2;
    double **all[] = {&g->x, &g->y, &g->u, &g->v};
    for (int i = 0; i < 4; i++) {
        double *to = mem_alloc_raw(cap * sizeof *to);
        if (!to)
            return false;
        if (g->n)
            memcpy(to, *all[i], g->n * sizeof *to);
        mem_free(*all[i]);
        *all[i] = to;
    }
    g->cap = cap;
    return true;
}

cseg_status geojson_ring(geojson *g, const double *x, const double *y, size_t n, bool outer, cseg_error *err)
{
    json_ring r = {g->n, n, outer};
    if (!reserve(g, n) || !vec_push(g->mem, &g->rings, r))
        return fail_memory(err);
    memcpy(g->x + g->n, x, n * sizeof *x);
    memcpy(g->y + g->n, y, n * sizeof *y);
    g->n += n;
    return CSEG_OK;
}

static void print_number(geojson *g, double v)
{
    char text[40], *at = text + sizeof text;
    double scaled = rint(v * g->scale);
    if (!(fabs(scaled) < 9e18)) {
        fprintf(g->out, "%.17g", v);
        return;
    }
    uint64_t all = (uint64_t)fabs(scaled);
    int left = g->digits;
    while (left > 0 && all % 10 == 0) {
        all /= 10;
        left--;
    }
    for (int i = 0; i < left; i++, all /= 10)
        *--at = (char)('0' + all % 10);
    if (left)
        *--at = '.';
    do {
        *--at = (char)('0' + all % 10);
        all /= 10;
    } while (all);
    if (scaled < 0.0)
        *--at = '-';
    fwrite(at, 1, (size_t)(text + sizeof text - at), g->out);
}

static void print_point(geojson *g, size_t i)
{
    putc('[', g->out);
    print_number(g, g->u[i]);
    putc(',', g->out);
    print_number(g, g->v[i]);
    putc(']', g->out);
}

static void print_rings(geojson *g)
{
    int polygons = 0;
    for (size_t i = 0; i < g->rings.n; i++)
        polygons += g->rings.at[i].outer;
    fprintf(g->out, "{\"type\":\"%s\",\"coordinates\":[", polygons > 1 ? "MultiPolygon" : "Polygon");
    for (size_t i = 0; i < g->rings.n; i++) {
        json_ring r = g->rings.at[i];
        if (i)
            fputs(!r.outer ? "," : "],", g->out);
        if (polygons > 1 && r.outer)
            putc('[', g->out);
        putc('[', g->out);
        for (size_t k = 0; k < r.n; k++) {
            print_point(g, r.from + k);
            putc(',', g->out);
        }
        print_point(g, r.from);
        putc(']', g->out);
    }
    fputs(polygons > 1 ? "]]}" : "]}", g->out);
}

/* RFC 7946, 3.1.9: what crosses the 180th meridian is cut there. GDAL does that. */
static cseg_status print_cut(geojson *g, const gdal_scope *scope, cseg_error *err)
{
    OGRGeometryH all = OGR_G_CreateGeometry(wkbMultiPolygon), polygon = NULL;
    for (size_t i = 0; i < g->rings.n; i++) {
        json_ring r = g->rings.at[i];
        OGRGeometryH ring = OGR_G_CreateGeometry(wkbLinearRing);
        for (size_t k = 0; k <= r.n; k++)
            OGR_G_AddPoint_2D(ring, g->x[r.from + k % r.n], g->y[r.from + k % r.n]);
        if (r.outer) {
            if (polygon)
                OGR_G_AddGeometryDirectly(all, polygon);
            polygon = OGR_G_CreateGeometry(wkbPolygon);
        }
        OGR_G_AddGeometryDirectly(polygon, ring);
    }
    OGR_G_AddGeometryDirectly(all, polygon);
    char *how[] = {"WRAPDATELINE=YES", NULL}, digits[40];
    snprintf(digits, sizeof digits, "COORDINATE_PRECISION=%d", g->digits);
    char *print[] = {digits, NULL};
    OGRGeomTransformerH t = OGR_GeomTransformer_Create(g->turn, how);
    OGRGeometryH cut = t ? OGR_GeomTransformer_Transform(t, all) : NULL;
    char *text = cut ? OGR_G_ExportToJsonEx(cut, print) : NULL;
    if (text)
        fputs(text, g->out);
    cseg_status status =
        text ? CSEG_OK : gdal_fail(scope, CSEG_UNSUPPORTED, g->path, "cut a polygon at the 180th meridian", err);
    CPLFree(text);
    OGR_G_DestroyGeometry(cut);
    OGR_G_DestroyGeometry(all);
    if (t)
        OGR_GeomTransformer_Destroy(t);
    return status;
}

static bool crosses_date_line(const geojson *g)
{
    for (size_t i = 0; i < g->rings.n; i++) {
        json_ring r = g->rings.at[i];
        for (size_t k = 0; k < r.n; k++) {
            double here = g->u[r.from + k], before = g->u[r.from + (k ? k : r.n) - 1];
            if (fabs(here) > 180.0 + 1e-9 || fabs(here - before) > 180.0)
                return true;
        }
    }
    return false;
}

static void print_value(geojson *g, const vector_field *f, const vector_value *v)
{
    char real[32];
    text_print_json(g->out, f->name);
    fputs(": ", g->out);
    if (v->is_null) {
        fputs("null", g->out);
    } else if (f->type == VECTOR_INT) {
        fprintf(g->out, "%lld", (long long)v->number);
    } else if (f->type == VECTOR_REAL) {
        str_double(v->real, real);
        fputs(isfinite(v->real) ? real : "null", g->out);
    } else {
        text_print_json(g->out, v->text);
    }
}

cseg_status geojson_shape(geojson *g, const vector_value *values, const gdal_scope *scope, cseg_error *err)
{
    memcpy(g->u, g->x, g->n * sizeof *g->u);
    memcpy(g->v, g->y, g->n * sizeof *g->v);
    for (size_t i = 0, n; g->turn && i < g->n; i += n) {
        n = g->n - i < 1 << 20 ? g->n - i : 1 << 20;
        if (!OCTTransform(g->turn, (int)n, g->u + i, g->v + i, NULL))
            return gdal_fail(scope, CSEG_UNSUPPORTED, g->path, "transform a polygon to WGS 84", err);
    }
    fprintf(g->out, "%s\n{\"type\": \"Feature\", \"properties\": {", g->any ? "," : "");
    g->any = true;
    for (int i = 0; i < g->n_fields; i++) {
        if (i)
            fputs(", ", g->out);
        print_value(g, &g->fields[i], &values[i]);
    }
    fputs("}, \"geometry\": ", g->out);
    cseg_status status = CSEG_OK;
    if (g->turn && crosses_date_line(g))
        status = print_cut(g, scope, err);
    else
        print_rings(g);
    putc('}', g->out);
    g->n = g->rings.n = 0;
    return status;
}

void geojson_end(geojson *g)
{
    fputs("\n]\n}\n", g->out);
}

void geojson_free(geojson *g)
{
    if (!g)
        return;
    if (g->turn)
        OCTDestroyCoordinateTransformation(g->turn);
    g->turn = NULL;
    double **all[] = {&g->x, &g->y, &g->u, &g->v};
    for (int i = 0; i < 4; i++) {
        mem_free(*all[i]);
        *all[i] = NULL;
    }
    g->n = g->cap = 0;
}
