/* The loops of points.h for one instruction set. Those of one channel are bound by gathering pixels, which lie in the
 * cache. Both results of a condition are computed before one is chosen: else gcc does not vectorise. */
#include <math.h>

#include "backend/cpu/float_key.h"
#include "backend/cpu/simd/lanes.h"
#include "backend/cpu/simd/points.h"

#define POINTS_INLINE static inline __attribute__((always_inline))

/* What point_position computes for either meaning of 0 and 1, without a condition. */
typedef struct SIMD_NAME(point_axis) {
    float size, scale, shift;
} SIMD_NAME(point_axis);

static SIMD_NAME(point_axis) SIMD_NAME(point_axis_of)(int64_t size, bool align_corners)
{
    return (SIMD_NAME(point_axis)){(float)size, (float)(align_corners ? size - 1 : size) / 2, align_corners ? 0 : 0.5f};
}

POINTS_INLINE float SIMD_NAME(point_at)(SIMD_NAME(point_axis) a, float at)
{
    return (at * 2.0f - 1.0f + 1) * a.scale - a.shift;
}

POINTS_INLINE void SIMD_NAME(point_corner)(point_block *b, int k, int64_t i, float row, float col, float weight,
                                           SIMD_NAME(point_axis) v, SIMD_NAME(point_axis) u)
{
    int inside = (row >= 0) & (row < v.size) & (col >= 0) & (col < u.size); /* not with a NaN */
    int32_t y = (int32_t)(inside ? row : 0), x = (int32_t)(inside ? col : 0);
    b->pixel[k][i] = y * (int32_t)u.size + x;
    b->weight[k][i] = inside ? weight : 0;
}

static void SIMD_NAME(nearest_pixels)(SIMD_NAME(point_axis) v, SIMD_NAME(point_axis) u, const float *xy, int64_t n,
                                      point_block *b)
{
    memset(b, 0, sizeof *b);
    for (int64_t i = 0; i < n; i++) {
        float x = nearbyintf(SIMD_NAME(point_at)(u, xy[2 * i])), y = nearbyintf(SIMD_NAME(point_at)(v, xy[2 * i + 1]));
        SIMD_NAME(point_corner)(b, 0, i, y, x, 1, v, u);
    }
}

static void SIMD_NAME(point_corners)(const points_attr *a, int64_t h, int64_t w, const float *restrict xy, int64_t n,
                                     point_block *restrict b)
{
    const SIMD_NAME(point_axis) v = SIMD_NAME(point_axis_of)(h, a->align_corners),
                                u = SIMD_NAME(point_axis_of)(w, a->align_corners);
    if (a->nearest) {
        SIMD_NAME(nearest_pixels)(v, u, xy, n, b);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float x = SIMD_NAME(point_at)(u, xy[2 * i]), y = SIMD_NAME(point_at)(v, xy[2 * i + 1]);
        float left = floorf(x), top = floorf(y), right = x - left, below = y - top;
        SIMD_NAME(point_corner)(b, 0, i, top, left, (1 - below) * (1 - right), v, u);
        SIMD_NAME(point_corner)(b, 1, i, top, left + 1, (1 - below) * right, v, u);
        SIMD_NAME(point_corner)(b, 2, i, top + 1, left, below * (1 - right), v, u);
        SIMD_NAME(point_corner)(b, 3, i, top + 1, left + 1, below * right, v, u);
    }
}

static void SIMD_NAME(sample_numbers)(const point_block *restrict b, const float *restrict x, int64_t n,
                                      float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < 4; k++) {
            float weight = b->weight[k][i], part = weight * x[b->pixel[k][i]];
            sum += weight != 0 ? part : 0;
        }
        y[i] = sum;
    }
}

/* Gives the corners of a point that count, as places in memory; returns their number. */
POINTS_INLINE int SIMD_NAME(point_reads)(const point_block *b, int64_t i, int64_t channels, int64_t at[4],
                                         float weight[4])
{
    int count = 0;
    for (int k = 0; k < 4; k++) {
        at[count] = b->pixel[k][i] * channels;
        weight[count] = b->weight[k][i];
        count += weight[count] != 0;
    }
    return count;
}

static void SIMD_NAME(point_sample)(const point_block *b, const float *x, int64_t channels, int64_t n, float *y)
{
    if (channels == 1) {
        SIMD_NAME(sample_numbers)(b, x, n, y);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at[4];
        float weight[4];
        int count = SIMD_NAME(point_reads)(b, i, channels, at, weight);
        for (int64_t c = 0; c < channels; c += VEC) {
            vec sum = vec_zero();
            for (int k = 0; k < count; k++)
                sum = vec_fma(vec_set(weight[k]), vec_load_map(x, false, at[k] + c, channels - c), sum);
            vec_store_map(y, false, i * channels + c, sum, channels - c);
        }
    }
}

static void SIMD_NAME(point_add)(const point_block *b, const float *dy, int64_t channels, int64_t lanes, int64_t n,
                                 float *dx)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at[4];
        float weight[4];
        int count = SIMD_NAME(point_reads)(b, i, channels, at, weight);
        for (int k = 0; k < count; k++)
            for (int64_t c = 0; c < lanes; c += VEC) {
                vec g = vec_load_map(dy, false, i * channels + c, lanes - c), was;
                was = vec_load_map(dx, false, at[k] + c, lanes - c);
                vec_store_map(dx, false, at[k] + c, vec_fma(vec_set(weight[k]), g, was), lanes - c);
            }
    }
}

static void SIMD_NAME(point_add_lanes)(const point_block *b, const float *dy, int64_t channels, int64_t lanes,
                                       int64_t n, float *dx)
{
    if (lanes > 1) {
        SIMD_NAME(point_add)(b, dy, channels, lanes, n, dx);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++)
            if (b->weight[k][i] != 0)
                dx[b->pixel[k][i] * channels] += b->weight[k][i] * dy[i * channels];
}

static void SIMD_NAME(point_hits)(const point_block *restrict b, const int32_t *restrict label, int32_t of, int64_t n,
                                  float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < 4; k++)
            sum += label[b->pixel[k][i]] == of ? b->weight[k][i] : 0;
        y[i] = sum;
    }
}

static void SIMD_NAME(point_keys)(const float *restrict x, int64_t n, uint32_t *restrict key)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        key[i] = float_key(x[i]);
}

static const points_table SIMD_NAME(points) = {
    .corners = SIMD_NAME(point_corners),
    .sample = SIMD_NAME(point_sample),
    .add = SIMD_NAME(point_add_lanes),
    .hits = SIMD_NAME(point_hits),
    .keys = SIMD_NAME(point_keys),
};
