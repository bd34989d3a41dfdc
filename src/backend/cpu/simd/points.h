/* The inner loops of points between the pixels of maps, by blocks of points (graph/ops/point_corners.h says which
 * pixels a point reads), and the keys by which points are chosen.
 *
 *     points_attr how = {0};
 *     point_block b;
 *     const points_table *t = (const points_table *)data; // one of simd_table's
 *     t->corners(&how, h, w, v, 8, &b);
 *     t->sample(&b, v, 1, 8, v);
 */
#ifndef SIMD_POINTS_H
#define SIMD_POINTS_H

#include <stdint.h>

#include "graph/tensor.h"

enum { POINT_BLOCK = 256 };

/* The corners of up to POINT_BLOCK points. Those beyond the map have weight 0 and pixel 0. Pixels of weight 0 count for
 * nothing, whatever they hold. */
typedef struct point_block {
    int32_t pixel[4][POINT_BLOCK];
    float weight[4][POINT_BLOCK];
} point_block;

typedef struct points_table {
    /* xy [n,2], n at most POINT_BLOCK, in a map of h x w pixels. */
    void (*corners)(const points_attr *a, int64_t h, int64_t w, const float *xy, int64_t n, point_block *b);
    /* y [n,channels] of x [h*w,channels]. */
    void (*sample)(const point_block *b, const float *x, int64_t channels, int64_t n, float *y);
    /* Adds to the first `lanes` of each pixel's `channels` in dx what those of dy [n,channels] give, point by point. */
    void (*add)(const point_block *b, const float *dy, int64_t channels, int64_t lanes, int64_t n, float *dx);
    /* y [n]: how much of each point is label `of`. */
    void (*hits)(const point_block *b, const int32_t *label, int32_t of, int64_t n, float *y);
    void (*keys)(const float *x, int64_t n, uint32_t *key); /* float_key of each number */
} points_table;

#endif
