/* What the files of io/raster/raster.h share. Nothing outside src/io includes it. */
#ifndef IO_RASTER_RASTER_TYPES_H
#define IO_RASTER_RASTER_TYPES_H

#include <gdal.h>

#include "io/raster/raster.h"

struct raster {
    GDALDatasetH set;
    const char *name;
    arena *mem;
    char *memory; /* the /vsimem name of a raster in memory, or NULL */
    raster_info info;
    int *band;    /* GDAL's numbers, from 1, of the bands that info tells of */
    int alpha;    /* GDAL's number of the band that is alpha, told of or not; 0: none */
    bool has_rpc; /* raster_describe_rpc was called */
};

/* Makes a raster of what GDAL has open, and owns it, also after an error. Call it between gdal_begin and gdal_end. */
cseg_status raster_of_dataset(GDALDatasetH set, const char *name, arena *mem, raster **out, cseg_error *err);

GDALDataType raster_gdal_type(image_type t);

/* A raster without a file, closed when `mem` goes; raster_open_as gives it one, and describes it. options: GDAL's, or
 * NULL. */
cseg_status raster_new(const char *name, arena *mem, raster **out, cseg_error *err);
cseg_status raster_open_as(raster *r, const char *path, const char *const *drivers, const char *const *options,
                           arena *mem, cseg_error *err);
/* *out: the smallest overview of at least h x w pixels, opened as a raster of its own that lives in `mem`; `r` itself
 * if there is none, or none that tells where there are data as `r` does. */
cseg_status raster_open_overview(raster *r, int64_t h, int64_t w, arena *mem, raster **out, cseg_error *err);

/* Reads transform, projection and ground control points; not the RPCs. Call it between gdal_begin and gdal_end. */
cseg_status raster_place_read(GDALDatasetH set, arena *mem, raster_place *out, cseg_error *err);
/* Fills info.categories from the file's metadata CLASS_n, category names or attribute table. Between gdal_begin and
 * gdal_end. */
cseg_status raster_categories_read(raster *r, arena *mem, cseg_error *err);
bool raster_place_write(GDALDatasetH set, const raster_place *place);
/* Everything of a spec but sizes and types. Call it between gdal_begin and gdal_end. */
bool raster_spec_write(GDALDatasetH set, const raster_spec *s);
cseg_status raster_spec_check(const char *path, const raster_spec *s, cseg_error *err);
/* Writes what a mask's numbers mean where GDAL and its users look for it, beside the mask: FILE.aux.xml. */
cseg_status raster_classes_write(const char *path, const char *const *classes, int n, cseg_error *err);

/* The transform of a raster's columns and rows, also where it is the plane that fits its ground control points best,
 * and the system (WKT, or "") that it leads to. False: there is none. Between gdal_begin and gdal_end. */
bool raster_transform_of(const raster_info *i, double transform[6], const char **projection);
/* False: the transform has no inverse. */
bool raster_invert(const double *t, double out[6]);

#endif
