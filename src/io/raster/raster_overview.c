/* Opens the overviews of a raster. */
#include <stdio.h>

#include "io/raster/gdal_scope.h"
#include "io/raster/raster_types.h"

/* -1: none. */
static int choose_level(GDALDatasetH set, int64_t h, int64_t w)
{
    GDALRasterBandH first = GDALGetRasterBand(set, 1);
    int best = -1;
    int64_t fewest = 0;
    for (int i = 0, n = GDALGetOverviewCount(first); i < n; i++) {
        GDALRasterBandH o = GDALGetOverview(first, i);
        int64_t oh = o ? GDALGetRasterBandYSize(o) : 0, ow = o ? GDALGetRasterBandXSize(o) : 0;
        if (oh >= h && ow >= w && (best < 0 || oh * ow < fewest)) {
            best = i;
            fewest = oh * ow;
        }
    }
    return best;
}

/* Overviews without the mask that the raster has would show what is not there. */
static bool says_the_same(GDALDatasetH a, GDALDatasetH b)
{
    if (GDALGetRasterCount(a) != GDALGetRasterCount(b))
        return false;
    for (int i = 1; i <= GDALGetRasterCount(a); i++) {
        GDALRasterBandH x = GDALGetRasterBand(a, i), y = GDALGetRasterBand(b, i);
        if (GDALGetMaskFlags(x) != GDALGetMaskFlags(y) || GDALGetRasterDataType(x) != GDALGetRasterDataType(y))
            return false;
        GDALRasterBandH mask = GDALGetMaskBand(y);
        if (mask && GDALGetRasterBandYSize(mask) != GDALGetRasterBandYSize(y))
            return false;
    }
    return true;
}

/* The same bands in the same order as `r` gives. */
static cseg_status select_bands(const raster *r, raster *level, cseg_error *err)
{
    int64_t *bands = mem_alloc((size_t)r->info.bands * sizeof *bands);
    if (!bands)
        return fail_memory(err);
    for (int64_t b = 0; b < r->info.bands; b++)
        bands[b] = r->band[b];
    cseg_status status = raster_select(level, bands, (size_t)r->info.bands, err);
    mem_free(bands);
    return status;
}

cseg_status raster_open_overview(raster *r, int64_t h, int64_t w, arena *mem, raster **out, cseg_error *err)
{
    char option[40];
    const char *const options[] = {option, NULL};
    raster *level;
    gdal_scope scope;
    *out = r;
    gdal_begin(&scope);
    int chosen = choose_level(r->set, h, w);
    const char *const drivers[] = {GDALGetDriverShortName(GDALGetDatasetDriver(r->set)), NULL};
    const char *path = GDALGetDescription(r->set);
    gdal_end(&scope);
    if (chosen < 0)
        return CSEG_OK;
    snprintf(option, sizeof option, "OVERVIEW_LEVEL=%d", chosen);
    TRY(raster_new(r->name, mem, &level, err));
    cseg_status status = raster_open_as(level, path, drivers, options, mem, err);
    if (status == CSEG_NO_MEMORY)
        return status;
    gdal_begin(&scope);
    /* What has no file, as a raster that warps, cannot be opened again. */
    bool same = status == CSEG_OK && says_the_same(r->set, level->set);
    gdal_end(&scope);
    if (!same)
        return CSEG_OK;
    TRY(select_bands(r, level, err));
    *out = level;
    return CSEG_OK;
}
