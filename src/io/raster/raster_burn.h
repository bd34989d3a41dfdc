/* Burns the features of a vector file into label maps on the grid of a raster, window by window.
 *
 *     raster *r;
 *     burner *houses;
 *     burn_options how = {.value = 1};
 *     TRY(raster_open("scene.tif", mem, &r, err));
 *     TRY(burner_open(path, &how, "scene.tif", raster_describe(r), mem, &houses, err));
 *     TRY(burner_read(houses, 0, 0, 512, 512, img, err));
 *
 * A burner is used by one thread at a time. */
#ifndef IO_RASTER_RASTER_BURN_H
#define IO_RASTER_RASTER_BURN_H

#include "io/raster/raster.h"

/* What a value of the attribute becomes. */
typedef struct burn_class {
    const char *text; /* the value, as text */
    int value;        /* 0 to 255; -1: these features are left out */
} burn_class;

typedef struct burn_options {
    const char *layer;     /* NULL: the file's only one */
    const char *attribute; /* NULL: every feature becomes `value` */
    const burn_class *classes;
    int n_classes;
    int value, background; /* background: where no feature is */
    bool all_touched;      /* all pixels that a feature touches; else those whose centre lies in it */
} burn_options;

typedef struct burner burner;

/* Opens a GeoPackage, GeoJSON, Shapefile or FlatGeobuf; `grid` is the raster's. Features are brought to its coordinate
 * system if both state theirs. What the options name must live as long as *out, which lives in `mem`. CSEG_CORRUPT,
 * CSEG_NOT_FOUND, CSEG_DATA: several layers and none named, no such layer or attribute, a raster that states no
 * transform; CSEG_UNSUPPORTED: coordinate systems that cannot be brought together. */
cseg_status burner_open(const char *path, const burn_options *how, const char *grid_name, const raster_info *grid,
                        arena *mem, burner **out, cseg_error *err);

/* *out: new, u8 [h,w]: what gdal_rasterize would burn, features over earlier ones. The window must lie within the grid.
 * CSEG_DATA: a feature whose attribute has a value that `classes` does not have. */
cseg_status burner_read(burner *b, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);

#endif
