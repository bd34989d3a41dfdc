/* Measures how much ground each class of a mask covers.
 *
 *     area_report report;
 *     TRY(area_measure(&(mask_source){.mask = "map.tif"}, mem, &report, err));
 *     TRY(area_write_csv("map.csv", &report, mem, err));
 */
#ifndef GEO_AREA_H
#define GEO_AREA_H

#include "geo/mask_rows.h"

typedef struct area_class {
    int64_t id;
    const char *name; /* NULL: it has none */
    int64_t pixels;
    double m2;         /* NaN: not known */
    double share;      /* of the pixels with data, 0 to 1 */
    double confidence; /* the mean, 0 to 1; NaN: not known */
} area_class;

typedef struct area_report {
    const char *mask;
    int64_t h, w;
    const area_class *classes; /* n_classes, by id: those with pixels and those with a name */
    int n_classes;
    area_class all, nodata; /* all: every pixel with data */
    bool has_confidence, has_area;
    const char *projection; /* WKT; "": none */
} area_report;

/* Reads rows and never the whole mask. On a globe (longitude and latitude) the area is the ellipsoid's, in projections
 * that of the plane. `out` lives in `mem`. Errors as mask_rows_open and mask_rows_next. */
cseg_status area_measure(const mask_source *source, arena *mem, area_report *out, cseg_error *err);

/* One object: "mask", "height", "width", "classes": [{"id", "name", "pixels", "m2", "ha", "share", "confidence"}],
 * "all" and "nodata" with the same figures. What is not known is null. */
cseg_status area_write_json(const char *path, const area_report *report, arena *mem, cseg_error *err);
/* A line of names, a line a class, and one for nodata, without a class's number; "id,class,pixels,m2,ha,share" and
 * ",confidence" if there is one. What is not known is empty. */
cseg_status area_write_csv(const char *path, const area_report *report, arena *mem, cseg_error *err);

#endif
