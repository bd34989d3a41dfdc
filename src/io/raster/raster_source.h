/* Decides what GDAL may open. Nothing outside src/io includes it. */
#ifndef IO_RASTER_RASTER_SOURCE_H
#define IO_RASTER_RASTER_SOURCE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Looks at a path, at the file's first bytes and at the files beside it that GDAL would read too, and says which
 * drivers may open it (NULL: any, gdal_allow_remote). Opened are local regular files of formats that name neither
 * addresses nor other files, the same within a local .zip, .tar or .gz (/vsizip/...), and a VRT that is named *.vrt and
 * whose parts are such files. What is in a file never widens that, whatever its name is.
 * `wanted` is the path for GDAL. CSEG_NOT_FOUND; CSEG_IO: not a regular file; CSEG_UNSUPPORTED: names others. */
cseg_status raster_source_check(const char *path, arena *mem, const char **wanted, const char *const **drivers,
                                cseg_error *err);

/* "netcdf:x", "http://x": what comes before the first slash has a colon. GDAL may take such a name for another thing
 * than a file even where there is a file of that name. */
bool raster_source_has_prefix(const char *path);
/* How far the look into VRTs of VRTs has come. A file is looked at once. Its parts are counted as often as they are
 * named, as they are read as often: a few small files, each of which names the next a hundred times, stand for more
 * reading than any time is enough for. */
typedef struct raster_vrts {
    int depth;     /* VRTs around the present one */
    int height;    /* VRTs inside each other within the present one */
    int64_t parts; /* of the present one, until now */
    struct raster_known *known;
    arena *mem;
} raster_vrts;
/* A part of a VRT. */
cseg_status raster_source_check_part(const char *path, raster_vrts *around, cseg_error *err);
/* The VRT's own text. CSEG_UNSUPPORTED also: too deep, or of too many parts. */
cseg_status raster_vrt_check(const char *path, raster_vrts *around, cseg_error *err);

#endif
