#include <gdal.h>

#include "io/raster/raster.h"

void raster_limit_cache(int64_t bytes)
{
    GDALSetCacheMax64(bytes);
}
