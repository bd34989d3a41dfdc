/* Statistics of the bands of scenes, read window by window: scenes of any size, in memory that does not grow with them.
 *
 *     const char *paths[] = {"scene.tif"};
 *     const double percentiles[] = {2, 98};
 *     stats_options how = {.percentiles = percentiles, .n_percentiles = 2};
 *     stats_report report;
 *     TRY(stats_run(paths, 1, &how, mem, &report, err));
 *     printf("%g\n", report.band[0].all.mean);
 *
 * All numbers are those of the pixels themselves, never of overviews, and the same for any number of threads. Of types
 * of up to 16 bits mean and deviation come from exact counts of all values; of others from double sums of windows,
 * joined as Chan et al. (1979) do. Percentiles are exact for every type; those of 32-bit types read the scenes twice.
 * Types that are wider than float32 are read as float32. */
#ifndef GEO_STATS_H
#define GEO_STATS_H

#include "base/arena.h"
#include "io/image/image.h"

enum { STATS_PERCENTILES = 16, STATS_CLASSES = 256 };

typedef struct stats_options {
    const int64_t *bands; /* from 1; n_bands 0: all */
    size_t n_bands;
    const double *percentiles; /* from 0 to 100, at most STATS_PERCENTILES */
    size_t n_percentiles;
    int64_t sample; /* windows that are read, spread evenly over all of them; 0: all */
    int threads;    /* 0: one for each processor */
    /* One a scene, of its size, u8, one band: statistics of each class too. NULL: none. */
    const char *const *masks;
    bool force; /* masks that lie elsewhere than their scene are used, with a warning */
    cseg_status (*progress)(void *arg, int64_t done, int64_t all, cseg_error *err); /* may be NULL; windows */
    void *arg;
} stats_options;

/* Of samples with data; n 0: the others mean nothing. */
typedef struct stats_moments {
    int64_t n;
    double min, max, mean;
    double m2; /* sum of the squared distances from the mean */
} stats_moments;
double stats_deviation(const stats_moments *m); /* of all samples: divided by n */

typedef struct stats_band {
    const char *name; /* the first scene's description of the band; "" where none */
    stats_moments all;
    int64_t nodata;            /* samples without data: see stats_run */
    const double *percentiles; /* in the order of the options */
} stats_band;

typedef struct stats_report {
    size_t scenes;
    int64_t bands, pixels;         /* pixels read, with and without data */
    int64_t windows, windows_all;  /* read, and in all */
    image_type type;               /* the smallest that holds the samples of all scenes */
    stats_band *band;              /* [bands] */
    stats_moments *by_class;       /* [STATS_CLASSES][bands]; NULL: there are no masks */
    int64_t labels[STATS_CLASSES]; /* pixels of each class, with and without data */
} stats_report;

/* A sample has no data if its pixel has none (raster_read_holes), if it is not finite, or if it is the file's nodata
 * value; of 8 bits, where each value is also a colour, the last only if all bands of the pixel are. *out is in `mem`.
 * CSEG_DATA: scenes of different numbers of bands, a mask that does not fit; else the errors of reading. */
cseg_status stats_run(const char *const *paths, size_t n, const stats_options *options, arena *mem, stats_report *out,
                      cseg_error *err);

#endif
