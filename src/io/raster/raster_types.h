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

/* Reads transform, projection and ground control points; not the RPCs. Call it between gdal_begin and gdal_end. */
cseg_status raster_place_read(GDALDatasetH set, arena *mem, raster_place *out, cseg_error *err);
bool raster_place_write(GDALDatasetH set, const raster_place *place);
/* Everything of a spec but sizes and types. Call it between gdal_begin and gdal_end. */
bool raster_spec_write(GDALDatasetH set, const raster_spec *s);
cseg_status raster_spec_check(const char *path, const raster_spec *s, cseg_error *err);
/* Writes what a mask's numbers mean where GDAL and its users look for it, beside the mask: FILE.aux.xml. */
cseg_status raster_classes_write(const char *path, const char *const *classes, int n, cseg_error *err);

#endif
