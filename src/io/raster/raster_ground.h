/* What a raster's place means on the ground: names of coordinate systems, longitude and latitude, outlines of
 * polygons in its pixels; when it was taken.
 *
 *     raster *r;
 *     TRY(raster_open(path, mem, &r, err));
 *     double north = raster_north(raster_describe(r));
 */
#ifndef IO_RASTER_RASTER_GROUND_H
#define IO_RASTER_RASTER_GROUND_H

#include "io/raster/raster.h"

/* The transform from columns and rows (raster_place.transform), also where it is fitted to ground control points;
 * degrees: x and y are longitude and latitude. False: the raster says no place. */
bool raster_ground_transform(const raster_info *i, double t[6], bool *degrees);
/* Where north is in the raster, from up clockwise, in radians; NaN: not known. */
double raster_north(const raster_info *i);
/* "WGS 84 / UTM zone 18N (EPSG:32618)"; "" if none is known. *out lives in `mem`. */
cseg_status raster_system_name(const raster_info *i, arena *mem, const char **out, cseg_error *err);

/* When the raster was taken, by its metadata, in what form it has there ("2026-07-01 12:30:00"); "" if nothing is said.
 * *out lives in `mem`. */
cseg_status raster_date(raster *r, arena *mem, const char **out, cseg_error *err);

/* lonlat [n+1][n+1][2]: longitude and latitude (WGS 84, degrees) at n+1 rows and columns spread evenly over the raster,
 * its corners included. False: not known, or not everywhere. */
bool raster_lonlat_grid(const raster_info *i, int n, double *lonlat);

/* Reads a vector file (GeoPackage, GeoJSON, Shapefile, FlatGeobuf) and gives each ring and line, brought to the
 * raster's coordinate system and then to its columns and rows: xy [n][2]. A raster without a coordinate system takes
 * coordinates as they are. CSEG_NOT_FOUND, CSEG_CORRUPT; CSEG_DATA: the raster says no place, or nothing can be brought
 * there. */
typedef void outline_fn(void *arg, const double *xy, size_t n);
cseg_status raster_outlines(const char *path, const char *raster_name, const raster_info *i, outline_fn *fn, void *arg,
                            cseg_error *err);

#endif
