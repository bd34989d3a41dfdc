/* What the files of geo/stats.h share. */
#ifndef GEO_STATS_INTERNAL_H
#define GEO_STATS_INTERNAL_H

#include <pthread.h>

#include "geo/stats.h"
#include "io/image/image_quantile.h"
#include "io/raster/raster.h"

typedef struct stats_span {
    int64_t y, x, h, w;
} stats_span;

/* One scene and its windows. */
typedef struct stats_place {
    const char *path, *mask;
    int64_t h, w, win_h, win_w, across, first, n; /* windows, numbered through all scenes */
    image_nodata nodata;
} stats_place;

/* What one thread has open, and room for a window. */
typedef struct stats_reader {
    arena *mem;
    const stats_place *of;
    raster *scene, *mask;
    image pixels, labels;
    uint8_t *holes, *skip, *none;
    int64_t room;
} stats_reader;

/* Sums of one window. */
typedef struct stats_sums {
    stats_moments *band;  /* [bands] */
    stats_moments *class; /* [STATS_CLASSES][bands] or NULL */
    int64_t *nodata;      /* [bands] */
    int64_t labels[STATS_CLASSES];
    int64_t pixels;
} stats_sums;

typedef struct stats_job {
    const stats_options *o;
    arena *mem;
    stats_report *out;
    stats_place *places;
    image_quantile **q; /* [bands] */
    pthread_mutex_t *lock;
    int n_locks;
    int threads, pass;
    int64_t total, chosen; /* windows; those that are read */
    stats_sums *sums;      /* of the windows in work */
    /* the windows in work: numbers among the chosen ones */
    int64_t begin, end, next;
    pthread_mutex_t claim;
    cseg_status status; /* of the first window that failed */
    int64_t failed;
    cseg_error error;
} stats_job;

/* Types of up to 16 bits, all of whose values are counted. */
bool stats_is_counted(image_type t);
/* Adds b to a. */
void stats_join(stats_moments *a, const stats_moments *b);
/* Reads a window, the `number`-th one, and puts its sums into *to and the job's counts. */
cseg_status stats_window(stats_job *j, stats_reader *r, const stats_place *p, stats_span at, int64_t number,
                         stats_sums *to, cseg_error *err);
void stats_reader_close(stats_reader *r);

#endif
