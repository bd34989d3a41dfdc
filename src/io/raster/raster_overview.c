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
    TRY(raster_open_as(level, path, drivers, options, mem, err));
    gdal_begin(&scope);
    if (says_the_same(r->set, level->set))
        *out = level;
    gdal_end(&scope);
    return CSEG_OK;
}
