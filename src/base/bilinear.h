/* Where the outputs of torch's bilinear interpolation come from, in its own arithmetic: positions in float32.
 *
 *     bilinear_source from = bilinear_source_at(bilinear_position(5, n, 2 * n, false, 0), n);
 *     float y = (1 - from.t) * v[from.low] + from.t * v[from.high];
 *     printf("%g\n", y);
 */
#ifndef BASE_BILINEAR_H
#define BASE_BILINEAR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bilinear_source {
    int32_t low, high; /* of [0, in); the same at the far border */
    float t;           /* 0 to 1: the share of high */
} bilinear_source;

/* Of output i in [0, out), along an axis of `in` inputs; not below 0. scale: the scale_factor that was given, 0: out /
 * in. With align_corners it is not read. */
float bilinear_position(int64_t i, int64_t in, int64_t out, bool align_corners, double scale);
bilinear_source bilinear_source_at(float position, int64_t in);

#endif
