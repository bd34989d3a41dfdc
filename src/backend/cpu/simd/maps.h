/* Inner loops over maps, each of which may be float32 or bfloat16.
 *
 *     const map_table *maps = simd_choose()->maps;
 *     map a = map_of_floats(v), rest = map_from(a, 64);
 *     maps->relu(a, a, n);
 *
 * A loop widens bfloat16 in registers, computes in float32, and rounds results to the nearest as it stores them. If all
 * maps of a call have one type, a loop made for that type runs. */
#ifndef SIMD_MAPS_H
#define SIMD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/simd/simd.h"

typedef struct map {
    void *at; /* NULL: there is none */
    bool half;
    size_t size; /* of an element */
} map;

/* The map from element i on. */
static inline map map_from(map m, int64_t i)
{
    if (m.at)
        m.at = (char *)m.at + (size_t)i * m.size;
    return m;
}

/* What takes a map to read does not write into it. */
static inline map map_of_floats(const float *at)
{
    return (map){(float *)at, false, sizeof *at};
}

/* Batch norm's gradient, of rows of `width` elements. What has a number for each channel is `width` long (see simd.h).
 * The gradient behind the ReLU is g = dy where the ReLU let its input through, else 0: where y > 0, or, if there is no
 * y but `shift`, where x * s + shift > 0. Without both there was no ReLU: g = dy. */
typedef struct norm_grad {
    map x, dy, y, dx, dr;
    const float *mean, *s, *shift, *a, *k;
} norm_grad;

struct map_table {
    /* y = x * s + b [+ r], then ReLU if relu. r may be none; y may be x or r. s, b: `width` long. */
    void (*affine)(map x, const float *s, const float *b, map r, map y, int64_t rows, int64_t width, bool relu);
    /* sum += x */
    void (*sum_rows)(map x, float *sum, int64_t rows, int64_t width);
    /* sum += x - shift, squares += (x - shift)^2 */
    void (*moments)(map x, const float *shift, float *sum, float *squares, int64_t rows, int64_t width);
    /* sum_dy += g; sum_dyx += g * (x - mean), from x, dy, y, mean, s and shift */
    void (*norm_grad_sums)(const norm_grad *n, float *sum_dy, float *sum_dyx, int64_t rows, int64_t width);
    /* dx = s * g - a - (x - mean) * k; dr (may be none) = g. dx may be dy. */
    void (*norm_grad_apply)(const norm_grad *n, int64_t rows, int64_t width);
    /* y = a + b [+ c [+ d]], from left to right, then ReLU if relu. c and d may be none; y may be any of them. */
    void (*add_some)(map a, map b, map c, map d, map y, int64_t n, bool relu);
    void (*add)(map a, map b, map y, int64_t n);
    void (*sub)(map a, map b, map y, int64_t n);
    void (*mul)(map a, map b, map y, int64_t n);
    void (*relu)(map x, map y, int64_t n);
    void (*relu_grad)(map y, map dy, map dx, int64_t n);             /* dx = y > 0 ? dy : 0 */
    void (*scale)(map x, float alpha, float beta, map y, int64_t n); /* y = alpha * x + beta */
    /* y = wa * a + wb * b */
    void (*mix)(map a, float wa, map b, float wb, float *y, int64_t n);
    void (*axpy)(float alpha, map x, float *y, int64_t n); /* y += alpha * x */
    /* Rows of pixels with c channels: y[i] = [base[i] +] (1 - w[i]) * x[i0[i]] + w[i] * x[i1[i]], n pixels. base may be
     * none, or y. */
    void (*interpolate)(map x, const int32_t *i0, const int32_t *i1, const float *w, map base, map y, int64_t n,
                        int64_t c);
};

#endif
