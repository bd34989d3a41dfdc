/* The pixels that a point between them reads, and how much of each, as torch's grid_sample with zeros beyond the map.
 *
 *     points_attr how = {.align_corners = true};
 *     point_corners c = point_corners_of(&how, (float[]){0.3f, 0.7f}, 24, 32);
 *     for (int i = 0; i < c.n; i++)
 *         printf("%g of pixel %lld\n", (double)c.weight[i], (long long)c.pixel[i]);
 */
#ifndef OPS_POINT_CORNERS_H
#define OPS_POINT_CORNERS_H

#include <math.h>

#include "graph/tensor.h"

typedef struct point_corners {
    int n; /* those inside of the map */
    int64_t pixel[4];
    float weight[4];
} point_corners;

/* In pixels, from the middle of the first one. mmcv maps points to -1 ... 1, torch maps these to pixels; it rounds
 * after each step, and nearest pixels depend on that. */
static inline float point_position(float at, int64_t size, bool align_corners)
{
    float grid = at * 2.0f - 1.0f;
    return align_corners ? (grid + 1) * ((float)(size - 1) / 2) : (grid + 1) * ((float)size / 2) - 0.5f;
}

static inline void point_add_corner(point_corners *c, float row, float col, float weight, int64_t h, int64_t w)
{
    if (!(row >= 0 && row < (float)h && col >= 0 && col < (float)w))
        return;
    c->pixel[c->n] = (int64_t)row * w + (int64_t)col;
    c->weight[c->n++] = weight;
}

/* xy: a point's two numbers. A NaN reads nothing. */
static inline point_corners point_corners_of(const points_attr *a, const float *xy, int64_t h, int64_t w)
{
    point_corners c = {0};
    float x = point_position(xy[0], w, a->align_corners), y = point_position(xy[1], h, a->align_corners);
    if (a->nearest) {
        point_add_corner(&c, nearbyintf(y), nearbyintf(x), 1, h, w);
        return c;
    }
    float left = floorf(x), top = floorf(y), right = x - left, below = y - top;
    point_add_corner(&c, top, left, (1 - below) * (1 - right), h, w);
    point_add_corner(&c, top, left + 1, (1 - below) * right, h, w);
    point_add_corner(&c, top + 1, left, below * (1 - right), h, w);
    point_add_corner(&c, top + 1, left + 1, below * right, h, w);
    return c;
}

#endif
