/* Grids of rasters, as they are compared. Nothing outside src/io includes it. */
#ifndef IO_RASTER_RASTER_GRID_H
#define IO_RASTER_RASTER_GRID_H

#include "io/raster/raster.h"

/* In pixels, at the corners: coordinates that were written with few digits differ by less. */
#define RASTER_GRID_TOLERANCE 0.25

typedef struct raster_grid {
    enum { GRID_NONE, GRID_TRANSFORM, GRID_RPC } kind;
    double transform[6];
    const char *projection;
} raster_grid;

/* These call GDAL: between gdal_begin and gdal_end. */
raster_grid raster_grid_of(const raster_place *p);
void raster_grid_at(const double *t, double col, double row, double *x, double *y);
/* False if they certainly differ. A system that is not stated, or that nobody can read, differs from none. */
bool raster_same_system(const char *wkt_a, const char *wkt_b);
void raster_describe_system(const char *wkt, char *to, size_t n);

#endif
