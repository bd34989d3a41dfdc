/* Computes distances to the borders between classes, and weights from them.
 *
 *     const uint8_t label[6] = {0, 0, 1, 0, 0, 1};
 *     float weight[6];
 *     TRY(border_weight(label, 2, 3, 255, 10, 5, weight, err));
 */
#ifndef GEO_DISTANCE_H
#define GEO_DISTANCE_H

#include <stdint.h>

#include "base/error.h"

/* distance [h,w]: pixels from each pixel to the nearest one that has a neighbour (of four) of another class, exactly;
 * 1e9 if there is no border. `ignore` is not a class: it makes no borders. label [h,w]. */
cseg_status border_distance(const uint8_t *label, int64_t h, int64_t w, int ignore, float *distance, cseg_error *err);

/* weight [h,w] = 1 + gain * exp(-d^2 / (2 width^2)), as U-Net weighs borders (Ronneberger et al. 2015); 0 where label
 * is `ignore`. */
cseg_status border_weight(const uint8_t *label, int64_t h, int64_t w, int ignore, double gain, double width,
                          float *weight, cseg_error *err);

#endif
