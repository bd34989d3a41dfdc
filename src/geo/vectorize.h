/* Makes polygons of a mask, as a map layer.
 *
 *     vectorize_options how = {.source = {.mask = "map.tif"}, .out = "map.gpkg", .min_area = 100.0};
 *     vectorize_report report;
 *     TRY(vectorize(&how, &report, err));
 */
#ifndef GEO_VECTORIZE_H
#define GEO_VECTORIZE_H

#include "geo/mask_rows.h"

typedef struct vectorize_options {
    mask_source source;
    const char *out;            /* .gpkg, .geojson, .json, .shp */
    const char *const *classes; /* n_classes numbers or names: only these are written; 0: all */
    int n_classes;
    double min_area;      /* m2; smaller shapes are dropped */
    double simplify;      /* m; 0: polygons follow the pixels */
    bool diagonal;        /* pixels that touch at a corner belong together (8-connectivity) */
    const char *dates[2]; /* of a change, as attributes date_1 and date_2; NULL: none */
} vectorize_options;

typedef struct vectorize_report {
    int64_t shapes, pixels; /* written */
    int64_t dropped, dropped_pixels;
    int64_t other; /* pixels of classes that were not asked for, or without data */
} vectorize_report;

/* Reads rows and never the whole mask: memory grows with its width and with the outlines that one row cuts. Attributes:
 * class_id, class (its name), area_m2, pixels, confidence (the mean, 0 to 1; if there is one), date_1, date_2. Areas
 * count the pixels, whatever was simplified. Without a coordinate system, min_area and simplify are in units of the
 * coordinates, and area_m2 is null. report may be NULL. CSEG_USAGE: an ending or a class that is not known, or `out` is
 * an input; CSEG_INTERRUPTED: as the progress says; then nothing is written. */
cseg_status vectorize(const vectorize_options *options, vectorize_report *report, cseg_error *err);

#endif
