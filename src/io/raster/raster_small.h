/* Reads a raster of any size into a picture of few pixels, with memory that does not grow with the raster: the mean of
 * what lies under each pixel of the picture, or the value that most of it has.
 *
 *     raster *r;
 *     image small = {0};
 *     float *cover = ARENA_ARRAY(mem, 768 * 1024, float);
 *     TRY(raster_open(path, mem, &r, err));
 *     TRY(image_new(768, 1024, 3, IMAGE_F32, &small, err));
 *     TRY(raster_read_mean(r, NULL, &small, cover, err));
 */
#ifndef IO_RASTER_RASTER_SMALL_H
#define IO_RASTER_RASTER_SMALL_H

#include "io/raster/raster.h"

/* into [h,w,c] f32: the mean over the area of each pixel, exact also where the sizes do not divide and where the
 * picture is larger than the raster; 0 where there is no data. bands: c zero-based numbers, or NULL for the first c; a
 * raster of one band with a palette gives its colours (c == 3, bands NULL). cover [h,w]: the share of the area that has
 * data, 0 to
 * 1. Overviews are used if they are not smaller than the picture and know where there are data, as the raster does;
 * else the raster is read once, by rows. CSEG_SHAPE: a band that is not there. */
cseg_status raster_read_mean(raster *r, const int *bands, image *into, float *cover, cseg_error *err);

/* What a raster of class ids holds. */
typedef struct raster_ids {
    size_t n;
    int32_t *id;     /* rising */
    int64_t *pixels; /* of each, those without data left out */
    double *area;    /* of each, by the ruler; 0 without one */
    int64_t holes;   /* pixels without data */
} raster_ids;

/* What columns [from, to) of row y measure, in units of the caller's. */
typedef struct raster_ruler {
    double (*area)(const void *arg, int64_t y, int64_t from, int64_t to);
    const void *arg;
} raster_ruler;

/* Where the picture of raster_read_ids has no data. */
#define RASTER_NO_ID INT32_MIN

/* into [h,w] i32 of the first band: the value that most of the area of each pixel has (the smallest of equals), or
 * RASTER_NO_ID where that is no data. Always reads the raster itself, and counts all its pixels: overviews of ids are
 * often means, which are no ids. If the raster says nothing of nodata, 255 is that, or 65535 if it has 16 bits and
 * more. ruler may be NULL. *found lives in `mem`. CSEG_DATA: not integers, or more than RASTER_MOST_IDS different ones,
 * so not a map of classes. */
enum { RASTER_MOST_IDS = 1024 };
cseg_status raster_read_ids(raster *r, const raster_ruler *ruler, image *into, raster_ids *found, arena *mem,
                            cseg_error *err);

#endif
