/* Reads a mask of class numbers, and the confidence beside it, row by row.
 *
 *     mask_rows *m;
 *     int32_t *labels;
 *     const uint8_t *scores;
 *     TRY(mask_rows_open(&(mask_source){.mask = "map.tif"}, mem, &m, err));
 *     while (mask_rows_left(m))
 *         TRY(mask_rows_next(m, &labels, &scores, err));
 */
#ifndef GEO_MASK_ROWS_H
#define GEO_MASK_ROWS_H

#include "io/raster/raster.h"

/* The most classes that a mask can have. */
enum { MASK_CLASSES = 65536 };
/* A score of this much is certainty; 255: none. */
enum { SCORE_MOST = 250, SCORE_NONE = 255 };

typedef struct mask_source {
    const char *mask;
    const char *confidence;   /* u8: probability times 250, 255: none; NULL: there is none */
    const char *const *names; /* n_names of the classes; NULL: those in the file, if it has some */
    int n_names;
    bool force; /* use a confidence that lies elsewhere, with a warning */
    /* May be NULL. Called now and then with the number of rows that are done; another status than CSEG_OK ends it. */
    cseg_status (*progress)(void *arg, int64_t done, int64_t all, cseg_error *err);
    void *arg;
} mask_source;

typedef struct mask_rows mask_rows;

/* Closed when `mem` goes. CSEG_DATA: not one band of whole numbers; CSEG_SHAPE: the confidence is of another size. */
cseg_status mask_rows_open(const mask_source *source, arena *mem, mask_rows **out, cseg_error *err);
const raster_info *mask_rows_info(const mask_rows *m);
int64_t mask_rows_left(const mask_rows *m);
/* labels [w]: -1 where there are no data, by what the file says of itself; one that says nothing means 255 (65535 if it
 * has 16 bits and more). They may be changed. scores [w], or NULL without a confidence. CSEG_DATA: a number above 65535
 * or below 0. */
cseg_status mask_rows_next(mask_rows *m, int32_t **labels, const uint8_t **scores, cseg_error *err);
/* The name of a class, harmless to show; NULL: it has none. n: how many have a name. */
const char *mask_rows_name(const mask_rows *m, int64_t id);
int mask_rows_names(const mask_rows *m);

#endif
