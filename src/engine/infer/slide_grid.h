/* Where windows lie along an axis, and what each of them weighs there. MMSegmentation's places: one stride apart, the
 * last one moved back to end where the image ends. */
#ifndef ENGINE_INFER_SLIDE_GRID_H
#define ENGINE_INFER_SLIDE_GRID_H

#include "engine/infer/predict.h"

typedef struct slide_axis {
    int64_t size, crop, stride;
} slide_axis;

int64_t slide_count(const slide_axis *a);
int64_t slide_start(const slide_axis *a, int64_t i);
int64_t slide_width(const slide_axis *a); /* of each window: the crop, or all there is */

/* The weights of windows [first, last) and their sums. */
typedef struct slide_weights {
    float *of;  /* [last - first][slide_width]; NULL: all weigh 1 */
    float *sum; /* [size]: of these windows at each position; 0 where none lies */
    int64_t first, width;
} slide_weights;
/* views: that are added for each window. Given back with slide_weights_release. CSEG_MEMORY alone. */
cseg_status slide_weights_init(slide_weights *w, const slide_axis *a, predict_blend blend, int64_t first, int64_t last,
                               int views, cseg_error *err);
void slide_weights_release(slide_weights *w);
/* Of window i; NULL: 1 everywhere. */
const float *slide_weights_at(const slide_weights *w, int64_t i);

#endif
