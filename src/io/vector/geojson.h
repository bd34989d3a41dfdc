/* Writes GeoJSON (RFC 7946) as polygons come. Of its own, because GDAL's driver keeps an object for each number of a
 * polygon (gigabytes for one of a million points) and does not look whether its writes succeed. Nothing outside src/io
 * includes it. */
#ifndef IO_VECTOR_GEOJSON_H
#define IO_VECTOR_GEOJSON_H

#include <stdio.h>

#include "io/raster/gdal_scope.h"
#include "io/vector/vector.h"

typedef struct geojson geojson;

/* All of them are called between gdal_begin and gdal_end; errors of `out` stay in ferror(). The spec's fields must live
 * as long. CSEG_UNSUPPORTED: a coordinate system that cannot be transformed. */
cseg_status geojson_begin(FILE *out, const char *path, const vector_spec *spec, const gdal_scope *scope, arena *mem,
                          geojson **to, cseg_error *err);
cseg_status geojson_ring(geojson *g, const double *x, const double *y, size_t n, bool outer, cseg_error *err);
cseg_status geojson_shape(geojson *g, const vector_value *values, const gdal_scope *scope, cseg_error *err);
void geojson_end(geojson *g);
void geojson_free(geojson *g); /* NULL is fine */

#endif
