/* The loops of deform.h for one instruction set. */
#include <math.h>

#include "backend/cpu/simd/deform.h"
#include "backend/cpu/simd/lanes.h"
#include "graph/ops/point_corners.h"

#define DEFORM_INLINE static inline __attribute__((always_inline)) void
enum { DEFORM_VECS = 4 };

/* The four pixels around a place, row by row; those beyond the map are -1. */
typedef struct SIMD_NAME(deform_place) {
    float right, below; /* how far it lies behind the first of them, from 0 to 1 */
    int64_t pixel[4];
} SIMD_NAME(deform_place);

static inline SIMD_NAME(deform_place)
    SIMD_NAME(deform_place_at)(const deform_level *l, const float *at, const float *offset)
{
    float w = (float)l->w, h = (float)l->h;
    float x = point_position(at[0] + offset[0] / w, l->w, false), left = floorf(x);
    float y = point_position(at[1] + offset[1] / h, l->h, false), top = floorf(y);
    SIMD_NAME(deform_place) p = {x - left, y - top, {-1, -1, -1, -1}};
    if (!(left >= -1 && left < w && top >= -1 && top < h)) /* a NaN too */
        return p;
    int64_t first = l->first + (int64_t)top * l->w + (int64_t)left;
    for (int k = 0; k < 4; k++) {
        float row = top + (float)(k / 2), col = left + (float)(k % 2);
        if (row >= 0 && row < h && col >= 0 && col < w)
            p.pixel[k] = first + k / 2 * l->w + k % 2;
    }
    return p;
}

static inline void SIMD_NAME(deform_weights)(const SIMD_NAME(deform_place) * p, float weight[4])
{
    float left = 1 - p->right, above = 1 - p->below;
    weight[0] = above * left;
    weight[1] = above * p->right;
    weight[2] = p->below * left;
    weight[3] = p->below * p->right;
}

/* What a head of a query reads: elements of the value, and how much of each. */
typedef struct SIMD_NAME(deform_reads) {
    int64_t n;
    int64_t at[4 * DEFORM_PLACES];
    float weight[4 * DEFORM_PLACES];
} SIMD_NAME(deform_reads);

static void SIMD_NAME(deform_collect)(const deform_sizes *s, const float *at, const float *offset, const float *share,
                                      SIMD_NAME(deform_reads) * r)
{
    r->n = 0;
    for (int64_t i = 0; i < s->levels * s->points; i++) {
        SIMD_NAME(deform_place) p = SIMD_NAME(deform_place_at)(&s->level[i / s->points], at, offset + 2 * i);
        float weight[4];
        SIMD_NAME(deform_weights)(&p, weight);
        for (int k = 0; k < 4; k++) {
            r->at[r->n] = p.pixel[k] * s->step;
            r->weight[r->n] = weight[k] * share[i];
            r->n += p.pixel[k] >= 0;
        }
    }
}

/* `nv` vectors of channels from c on, with n channels in each. */
DEFORM_INLINE SIMD_NAME(deform_sum)(const SIMD_NAME(deform_reads) * r, const void *value, bool half, void *y,
                                    bool half_y, int64_t c, int nv, int64_t n)
{
    vec sum[DEFORM_VECS];
    for (int v = 0; v < nv; v++)
        sum[v] = vec_zero();
    for (int64_t i = 0; i < r->n; i++) {
        vec weight = vec_set(r->weight[i]);
        for (int v = 0; v < nv; v++)
            sum[v] = vec_fma(weight, vec_load_map(value, half, r->at[i] + c + v * VEC, n), sum[v]);
    }
    for (int v = 0; v < nv; v++)
        vec_store_map(y, half_y, c + v * VEC, sum[v], n);
}

DEFORM_INLINE SIMD_NAME(deform_sums)(const deform_sizes *s, const SIMD_NAME(deform_reads) * r, const void *value,
                                     bool half, void *y)
{
    int64_t c = 0;
    for (; c + DEFORM_VECS * VEC <= s->d; c += DEFORM_VECS * VEC)
        SIMD_NAME(deform_sum)(r, value, half, y, s->half_y, c, DEFORM_VECS, VEC);
    for (; c + 2 * VEC <= s->d; c += 2 * VEC)
        SIMD_NAME(deform_sum)(r, value, half, y, s->half_y, c, 2, VEC);
    for (; c + VEC <= s->d; c += VEC)
        SIMD_NAME(deform_sum)(r, value, half, y, s->half_y, c, 1, VEC);
    if (c < s->d)
        SIMD_NAME(deform_sum)(r, value, half, y, s->half_y, c, 1, s->d - c);
}

static void SIMD_NAME(deform_forward)(const deform_sizes *s, const void *value, const float *at, const float *offset,
                                      const float *share, void *y)
{
    SIMD_NAME(deform_reads) r;
    SIMD_NAME(deform_collect)(s, at, offset, share, &r);
    if (s->half)
        SIMD_NAME(deform_sums)(s, &r, value, true, y);
    else
        SIMD_NAME(deform_sums)(s, &r, value, false, y);
}

/* Returns dy * value at a pixel, and adds weight * dy to dvalue there. */
static inline __attribute__((always_inline)) float SIMD_NAME(deform_pixel)(int64_t d, const void *value, bool half,
                                                                           const void *dy, bool half_y, float *dvalue,
                                                                           int64_t at, float weight)
{
    vec dot = vec_zero(), by = vec_set(weight);
    int64_t c = 0;
    for (; c + VEC <= d; c += VEC) {
        vec g = vec_load_map(dy, half_y, c, VEC);
        dot = vec_fma(g, vec_load_map(value, half, at + c, VEC), dot);
        vec_store(dvalue + at + c, vec_fma(by, g, vec_load(dvalue + at + c)));
    }
    if (c < d) {
        vec g = vec_load_map(dy, half_y, c, d - c);
        dot = vec_fma(g, vec_load_map(value, half, at + c, d - c), dot);
        vec_store_n(dvalue + at + c, vec_fma(by, g, vec_load_n(dvalue + at + c, d - c)), d - c);
    }
    return vec_total(dot);
}

DEFORM_INLINE SIMD_NAME(deform_grads)(const deform_sizes *s, const void *value, bool half, const float *at,
                                      const float *offset, const float *share, const void *dy, bool half_y,
                                      float *dvalue, float *doffset, float *dshare)
{
    for (int64_t i = 0; i < s->levels * s->points; i++) {
        const deform_level *l = &s->level[i / s->points];
        SIMD_NAME(deform_place) p = SIMD_NAME(deform_place_at)(l, at, offset + 2 * i);
        float weight[4], dot[4] = {0};
        SIMD_NAME(deform_weights)(&p, weight);
        for (int k = 0; k < 4; k++)
            if (p.pixel[k] >= 0)
                dot[k] = SIMD_NAME(deform_pixel)(s->d, value, half, dy, half_y, dvalue, p.pixel[k] * s->step,
                                                 weight[k] * share[i]);
        float right = (1 - p.below) * (dot[1] - dot[0]) + p.below * (dot[3] - dot[2]);
        float down = (1 - p.right) * (dot[2] - dot[0]) + p.right * (dot[3] - dot[1]);
        doffset[2 * i] = share[i] * right;
        doffset[2 * i + 1] = share[i] * down;
        dshare[i] = weight[0] * dot[0] + weight[1] * dot[1] + weight[2] * dot[2] + weight[3] * dot[3];
    }
}

static void SIMD_NAME(deform_grad)(const deform_sizes *s, const void *value, const float *at, const float *offset,
                                   const float *share, const void *dy, float *dvalue, float *doffset, float *dshare)
{
    if (s->half || s->half_y)
        SIMD_NAME(deform_grads)(s, value, s->half, at, offset, share, dy, s->half_y, dvalue, doffset, dshare);
    else
        SIMD_NAME(deform_grads)(s, value, false, at, offset, share, dy, false, dvalue, doffset, dshare);
}

static const deform_table SIMD_NAME(deform) = {.forward = SIMD_NAME(deform_forward), .grad = SIMD_NAME(deform_grad)};
