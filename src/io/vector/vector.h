/* Writes polygons with attributes: GeoPackage, GeoJSON or Shapefile, by the ending of the path.
 *
 *     vector_field fields[] = {{"class", VECTOR_TEXT}};
 *     vector_spec spec = {.layer = "water", .projection = "", .fields = fields, .n_fields = 1};
 *     vector_writer *w;
 *     TRY(vector_create("water.gpkg", &spec, mem, &w, err));
 *     TRY(vector_ring(w, (double[]){0, 9, 9}, (double[]){0, 0, 9}, 3, true, err));
 *     TRY(vector_shape(w, (vector_value[]){{.text = "water"}}, err));
 *     TRY(vector_commit(w, err));
 *
 * What is there under the path stays until vector_commit; then all of the new is. A writer is used by one thread. */
#ifndef IO_VECTOR_VECTOR_H
#define IO_VECTOR_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct vector_writer vector_writer;

typedef enum { VECTOR_INT, VECTOR_REAL, VECTOR_TEXT, VECTOR_DATE } vector_type;
typedef struct vector_field {
    const char *name; /* at most 10 bytes: a Shapefile's have no more */
    vector_type type;
} vector_field;
typedef struct vector_value {
    bool is_null;
    int64_t number;   /* VECTOR_INT */
    double real;      /* VECTOR_REAL */
    const char *text; /* VECTOR_TEXT, UTF-8; VECTOR_DATE, "YYYY-MM-DD" */
} vector_value;

typedef struct vector_spec {
    const char *layer;
    const char *projection; /* WKT; "": none */
    const vector_field *fields;
    int n_fields;
    bool multi;      /* shapes of several polygons */
    double smallest; /* what GeoJSON's decimals must tell apart, in units of the coordinates; they are degrees there if
                        a coordinate system is known */
} vector_spec;

/* CSEG_USAGE: the ending is not .gpkg, .geojson, .json or .shp. */
cseg_status vector_check_path(const char *path, cseg_error *err);
/* Whether coordinates are written in degrees, whatever they are in the scene: GeoJSON. */
bool vector_is_geographic(const char *path);
/* The files that will be written: `path`, and for a Shapefile those beside it. NULL at the end; NULL: out of memory. */
char **vector_paths(const char *path, arena *mem);

/* GeoJSON is RFC 7946: longitude and latitude of WGS 84, to which coordinates are transformed; without a coordinate
 * system they stay what they are. CSEG_IO, CSEG_UNSUPPORTED: a system that cannot be written or transformed. */
cseg_status vector_create(const char *path, const vector_spec *spec, arena *mem, vector_writer **out, cseg_error *err);
/* Adds a ring of n points, the first not repeated. outer: it begins a polygon of the shape that comes next, and runs
 * counter-clockwise; else it is a hole of the polygon before it, clockwise. */
cseg_status vector_ring(vector_writer *w, const double *x, const double *y, size_t n, bool outer, cseg_error *err);
/* Writes the shape of these rings. values [n_fields]. */
cseg_status vector_shape(vector_writer *w, const vector_value *values, cseg_error *err);
/* Syncs the files and gives them their names. */
cseg_status vector_commit(vector_writer *w, cseg_error *err);
void vector_abort(vector_writer *w); /* harmless after a commit; done when `mem` goes */

#endif
