/* Reads the windows of a scene in the order in which they are segmented; some of them ahead, on a thread of its own.
 *
 *     window_reader *r;
 *     window_slot *s;
 *     window_order order = {.y = {1024, 512, 384}, .x = {1024, 512, 384}};
 *     predict_scene scene = {.h = 1024, .w = 1024, .c = 3};
 *     TRY(window_reader_open(&order, &scene, 1, &r, err));
 *     TRY(window_reader_take(r, &s, err));
 *     window_reader_give(r, s);
 *     window_reader_close(r);
 */
#ifndef ENGINE_INFER_WINDOW_READER_H
#define ENGINE_INFER_WINDOW_READER_H

#include "engine/infer/predict_internal.h"
#include "engine/infer/slide_grid.h"

typedef struct window_reader window_reader;

/* Strip after strip, in each row after row, from left to right. */
typedef struct window_order {
    slide_axis y, x;
    const slide_strip *strips;
    int64_t n_strips;
    int64_t strip, row; /* the first to be read */
} window_order;

typedef struct window_slot {
    int64_t row, column; /* of the windows */
    int64_t y, x, h, w;
    bool skip;   /* nothing but nodata: no values were read */
    float *data; /* [h, w, c] */
} window_slot;

/* held: slots that are taken at a time, at most; scene->ahead others are filled meanwhile. What the order and the scene
 * point at must outlive *out. */
cseg_status window_reader_open(const window_order *order, const predict_scene *scene, int held, window_reader **out,
                               cseg_error *err);
/* The next window, which is the caller's until it gives it back. Its error if it could not be read. */
cseg_status window_reader_take(window_reader *r, window_slot **out, cseg_error *err);
void window_reader_give(window_reader *r, window_slot *s); /* in the order in which they were taken */
/* Waits for the window that is being read. NULL is fine. */
void window_reader_close(window_reader *r);

#endif
