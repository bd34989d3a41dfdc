/* Decides what GDAL may open. Nothing outside src/io includes it. */
#ifndef IO_RASTER_RASTER_SOURCE_H
#define IO_RASTER_RASTER_SOURCE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Examines a path, the file's first bytes, and the files beside it that GDAL would read too, and says which drivers may
 * open it (NULL: any, gdal_allow_remote). Allowed are local regular files of formats that name neither addresses nor
 * other files, such files within a local .zip, .tar or .gz (/vsizip/...), and a VRT that is named *.vrt and whose parts
 * are such files. Neither a file's content nor its name ever allows more. `wanted` is the path for GDAL.
 * CSEG_NOT_FOUND; CSEG_IO: not a regular file; CSEG_UNSUPPORTED: names other files or addresses. */
cseg_status raster_source_check(const char *path, arena *mem, const char **wanted, const char *const **drivers,
                                cseg_error *err);

/* Whether a colon stands before the first slash: "netcdf:x", "http://x". GDAL may take such a name for something else
 * than a file, even if there is a file of that name. */
bool raster_source_has_prefix(const char *path);
/* The state of the check of VRTs within VRTs. Each file is checked once. Its parts are counted as often as they are
 * named, because they are read as often: a few small files, each of which names the next a hundred times, would take
 * longer to read than anybody can wait. */
typedef struct raster_vrts {
    int depth;     /* VRTs around the present one */
    int height;    /* VRTs inside each other within the present one */
    int64_t parts; /* of the present one, until now */
    struct raster_known *known;
    arena *mem;
} raster_vrts;
/* A part of a VRT. */
cseg_status raster_source_check_part(const char *path, raster_vrts *around, cseg_error *err);
/* Checks the VRT's own text. CSEG_UNSUPPORTED also if it is nested too deeply, or has too many parts. */
cseg_status raster_vrt_check(const char *path, raster_vrts *around, cseg_error *err);

#endif
