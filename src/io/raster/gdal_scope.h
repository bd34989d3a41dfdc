/* Registers GDAL's drivers once and catches its messages. Nothing outside src/io includes it.
 *
 *     gdal_scope scope;
 *     gdal_begin(&scope);
 *     void *driver = gdal_writer("GPKG");
 *     gdal_end(&scope);
 *     if (!driver)
 *         return gdal_fail(&scope, CSEG_UNSUPPORTED, path, "write", err);
 */
#ifndef IO_RASTER_GDAL_SCOPE_H
#define IO_RASTER_GDAL_SCOPE_H

#include <stdbool.h>

#include "base/error.h"

/* Between gdal_begin and gdal_end, GDAL's first failure on this thread is kept in `text`, its first warning in `doubt`,
 * and nothing is printed. A warning that pixels were made up where a JPEG's data end counts as a failure. */
typedef struct gdal_scope {
    char text[1024], doubt[256];
} gdal_scope;

void gdal_begin(gdal_scope *s);
void gdal_end(gdal_scope *s);

/* Formats that name nothing but themselves; NULL at the end. Unless gdal_allow_remote was called before the first
 * gdal_begin, a process of cseg's own has only these, VRT and netCDF. */
const char *const *gdal_whole_drivers(void);
/* Formats of vectors that may be opened; NULL at the end. The second registers their drivers, which stay registered:
 * call it between gdal_begin and gdal_end, only if a vector file is to be opened. Rasters, and what lies beside them,
 * are opened with other drivers only, and are checked for it before (raster_source.h). */
const char *const *gdal_vector_drivers(void);
void gdal_register_vectors(void);
void gdal_allow_remote(void);
bool gdal_remote_allowed(void);

/* A GDALDriverH to write polygons with, GPKG or ESRI Shapefile; nothing can be opened by it. NULL: GDAL was built
 * without. */
void *gdal_writer(const char *name);

/* "PATH: cannot VERB: GDAL's reason" */
cseg_status gdal_fail(const gdal_scope *s, cseg_status code, const char *path, const char *verb, cseg_error *err);

#endif
