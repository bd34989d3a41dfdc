/* Watches a read that takes long: tells the user about it once a file, and lets the user stop it.
 *
 *     image_watch watch;
 *     image_watch_begin(&watch, path, h, w, h);
 *     if (image_watch_row(&watch, n))
 *         return image_watch_fail(&watch, err);
 */
#ifndef IO_IMAGE_IMAGE_WATCH_H
#define IO_IMAGE_IMAGE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Sets the question that is asked now and then while something large is read; if it answers true, the read ends with
 * CSEG_INTERRUPTED. For the whole process; NULL: nobody is asked. */
void image_watch_stop(bool (*stop)(void *arg), void *arg);

/* Sets after how many seconds the user is told and asked; 2 unless a test changes it. */
void image_watch_patience(double seconds);

/* One file that is read. */
typedef struct image_watch {
    const char *name;
    int64_t h, w, rows; /* rows of work: more than h if the picture is read several times */
    double began;       /* seconds of a clock; 0: not yet */
    int64_t next;       /* the row at which to look at the clock again */
    bool told;
    bool stopped; /* for callers that cannot stop at once */
} image_watch;

/* Begins to watch. A file of 100 million pixels and more is announced at once, others after two seconds, with the time
 * that is left. */
void image_watch_begin(image_watch *w, const char *name, int64_t height, int64_t width, int64_t rows);
/* After `done` rows. True: stop. */
bool image_watch_row(image_watch *w, int64_t done);
cseg_status image_watch_fail(const image_watch *w, cseg_error *err);

#endif
