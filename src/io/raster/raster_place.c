/* Reads, writes and moves the place of a raster. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "base/str.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_types.h"

static const char *text_of(arena *mem, const char *text)
{
    return arena_strdup(mem, text ? text : "");
}

static cseg_status read_gcps(GDALDatasetH set, arena *mem, raster_place *out, cseg_error *err)
{
    int n = GDALGetGCPCount(set);
    const GDAL_GCP *from = n > 0 ? GDALGetGCPs(set) : NULL;
    if (!from)
        return CSEG_OK;
    raster_gcp *to = ARENA_ARRAY(mem, (size_t)n, raster_gcp);
    if (!to)
        return fail_memory(err);
    for (int i = 0; i < n; i++) {
        to[i] = (raster_gcp){text_of(mem, from[i].pszId),
                             text_of(mem, from[i].pszInfo),
                             from[i].dfGCPPixel,
                             from[i].dfGCPLine,
                             from[i].dfGCPX,
                             from[i].dfGCPY,
                             from[i].dfGCPZ};
        if (!to[i].id || !to[i].info)
            return fail_memory(err);
    }
    out->gcps = to;
    out->n_gcps = n;
    return CSEG_OK;
}

cseg_status raster_place_read(GDALDatasetH set, arena *mem, raster_place *out, cseg_error *err)
{
    *out = (raster_place){0};
    out->has_transform = GDALGetGeoTransform(set, out->transform) == CE_None;
    out->projection = text_of(mem, GDALGetProjectionRef(set));
    TRY(read_gcps(set, mem, out, err));
    out->gcp_projection = text_of(mem, out->n_gcps ? GDALGetGCPProjection(set) : NULL);
    out->area_or_point = text_of(mem, GDALGetMetadataItem(set, GDALMD_AREA_OR_POINT, NULL));
    return out->projection && out->gcp_projection && out->area_or_point ? CSEG_OK : fail_memory(err);
}

cseg_status raster_describe_rpc(raster *r, cseg_error *err)
{
    if (r->has_rpc)
        return CSEG_OK;
    cseg_status status = CSEG_OK;
    gdal_scope scope;
    gdal_begin(&scope);
    char **from = GDALGetMetadata(r->set, "RPC");
    int n = CSLCount(from);
    if (n > 0) {
        const char **to = ARENA_ARRAY(r->mem, (size_t)n + 1, const char *);
        for (int i = 0; to && i < n; i++)
            if (!(to[i] = arena_strdup(r->mem, from[i])))
                to = NULL;
        r->info.place.rpc = to;
        status = to ? CSEG_OK : fail_memory(err);
    }
    r->has_rpc = status == CSEG_OK;
    gdal_end(&scope);
    return status;
}

int raster_orientation(const raster *r)
{
    gdal_scope scope;
    if (strcmp(r->info.driver, "JPEG") != 0 || r->info.place.has_transform || r->info.place.n_gcps)
        return 1;
    gdal_begin(&scope);
    const char *text = GDALGetMetadataItem(r->set, "EXIF_Orientation", NULL);
    int o = text ? atoi(text) : 1;
    gdal_end(&scope);
    return o >= 1 && o <= 8 ? o : 1;
}

static bool write_gcps(GDALDatasetH set, const raster_place *p)
{
    GDAL_GCP *to = calloc((size_t)p->n_gcps, sizeof *to);
    if (!to)
        return false;
    for (int i = 0; i < p->n_gcps; i++) {
        const raster_gcp *g = &p->gcps[i];
        to[i] = (GDAL_GCP){(char *)g->id, (char *)g->info, g->pixel, g->line, g->x, g->y, g->z};
    }
    bool good = GDALSetGCPs(set, p->n_gcps, to, p->gcp_projection ? p->gcp_projection : "") == CE_None;
    free(to);
    return good;
}

cseg_status raster_place_fit(const raster_place *p, bool exact, double transform[6], bool *fits, cseg_error *err)
{
    *fits = false;
    if (p->n_gcps < 1)
        return CSEG_OK;
    GDAL_GCP *g = mem_alloc((size_t)p->n_gcps * sizeof *g);
    if (!g)
        return fail_memory(err);
    for (int i = 0; i < p->n_gcps; i++)
        g[i] = (GDAL_GCP){"", "", p->gcps[i].pixel, p->gcps[i].line, p->gcps[i].x, p->gcps[i].y, p->gcps[i].z};
    *fits = GDALGCPsToGeoTransform(p->n_gcps, g, transform, !exact);
    mem_free(g);
    return CSEG_OK;
}

/* A GeoTIFF holds a transform or ground control points, not both. */
bool raster_place_write(GDALDatasetH set, const raster_place *p)
{
    bool good = true;
    bool points = p->n_gcps && !p->has_transform;
    /* This comes first, because the transform is stored by the middle of pixels if samples are points. Not with control
     * points: some versions of GDAL move them by half a pixel when they write them, and again when they read them. */
    if (p->area_or_point && *p->area_or_point && !points)
        good = GDALSetMetadataItem(set, GDALMD_AREA_OR_POINT, p->area_or_point, NULL) == CE_None;
    if (p->has_transform)
        good = good && GDALSetGeoTransform(set, (double *)p->transform) == CE_None;
    if (p->projection && *p->projection)
        good = good && GDALSetProjection(set, p->projection) == CE_None;
    if (points)
        good = good && write_gcps(set, p);
    if (p->rpc)
        good = good && GDALSetMetadata(set, (char **)p->rpc, "RPC") == CE_None;
    return good;
}

/* "LINE_OFF=12.5" for a window that begins `by` lines further down. */
static const char *moved(const char *item, const char *key, int64_t by, arena *mem)
{
    size_t n = strlen(key);
    if (strncmp(item, key, n) != 0 || item[n] != '=')
        return item;
    return arena_printf(mem, "%s=%.15g", key, strtod(item + n + 1, NULL) - (double)by);
}

cseg_status raster_place_shift(const raster_place *p, int64_t y, int64_t x, arena *mem, raster_place *out,
                               cseg_error *err)
{
    *out = *p;
    double *g = out->transform;
    g[0] += g[1] * (double)x + g[2] * (double)y;
    g[3] += g[4] * (double)x + g[5] * (double)y;
    if (p->n_gcps) {
        raster_gcp *to = ARENA_ARRAY(mem, (size_t)p->n_gcps, raster_gcp);
        if (!to)
            return fail_memory(err);
        for (int i = 0; i < p->n_gcps; i++) {
            to[i] = p->gcps[i];
            to[i].pixel -= (double)x;
            to[i].line -= (double)y;
        }
        out->gcps = to;
    }
    size_t n = 0;
    while (p->rpc && p->rpc[n])
        n++;
    if (n) {
        const char **to = ARENA_ARRAY(mem, n + 1, const char *);
        for (size_t i = 0; to && i < n; i++)
            if (!(to[i] = moved(moved(p->rpc[i], "LINE_OFF", y, mem), "SAMP_OFF", x, mem)))
                to = NULL;
        if (!to)
            return fail_memory(err);
        out->rpc = to;
    }
    return CSEG_OK;
}
