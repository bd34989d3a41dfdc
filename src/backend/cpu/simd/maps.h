/* Inner loops over maps, each of which may be float32 or bfloat16.
 *
 *     const map_table *maps = simd_choose()->maps;
 *     map a = map_of_floats(v), rest = map_from(a, 64);
 *     maps->relu(a, a, n);
 *
 * Loops widen bfloat16 in registers, compute in float32, and round to nearest as they store. If all maps of a call have
 * the same type, a loop compiled for that type runs. */
#ifndef SIMD_MAPS_H
#define SIMD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/simd/simd.h"

typedef struct map {
    void *at; /* NULL: no map */
    bool half;
    size_t size; /* bytes of an element */
} map;

/* Returns the map that begins at element i. */
static inline map map_from(map m, int64_t i)
{
    if (m.at)
        m.at = (char *)m.at + (size_t)i * m.size;
    return m;
}

/* A map over float32 memory. Functions that only read a map do not write to it. */
static inline map map_of_floats(const float *at)
{
    return (map){(float *)at, false, sizeof *at};
}

/* Batch norm's gradient, in rows of `width` elements. Arrays with a number for each channel are `width` long (see
 * simd.h). The gradient before the ReLU is g = dy where the ReLU let its input pass, else 0: where y > 0, or, if there
 * is no y but `shift`, where x * s + shift > 0. Without y and shift there is no ReLU: g = dy. */
typedef struct norm_grad {
    map x, dy, y, dx, dr;
    const float *mean, *s, *shift, *a, *k;
} norm_grad;

struct map_table {
    /* y = x * s + b [+ r], then ReLU if relu. r may have no memory; y may be x or r. s, b: `width` long. */
    void (*affine)(map x, const float *s, const float *b, map r, map y, int64_t rows, int64_t width, bool relu);
    /* y = (x - mean) * s + b, then ReLU if relu. y may be x. mean, s, b: `width` long. */
    void (*normalise)(map x, const float *mean, const float *s, const float *b, map y, int64_t rows, int64_t width,
                      bool relu);
    /* y = x > 0 ? x : slope * x; y may be x. slope: `width` long. */
    void (*prelu)(map x, const float *slope, map y, int64_t rows, int64_t width);
    /* dx = x > 0 ? dy : slope * dy; sum += x > 0 ? 0 : x * dy. dx may be dy, or have no memory. */
    void (*prelu_grad)(map x, const float *slope, map dy, map dx, float *sum, int64_t rows, int64_t width);
    /* sum += x */
    void (*sum_rows)(map x, float *sum, int64_t rows, int64_t width);
    /* sum += x - shift, squares += (x - shift)^2 */
    void (*moments)(map x, const float *shift, float *sum, float *squares, int64_t rows, int64_t width);
    /* sum_dy += g; sum_dyx += g * (x - mean), from x, dy, y, mean, s and shift */
    void (*norm_grad_sums)(const norm_grad *n, float *sum_dy, float *sum_dyx, int64_t rows, int64_t width);
    /* dx = s * g - a - (x - mean) * k; dr (may have no memory) = g. dx may be dy. */
    void (*norm_grad_apply)(const norm_grad *n, int64_t rows, int64_t width);
    /* y = a + b [+ c [+ d]], from left to right, then ReLU if relu. c and d may have no memory; y may be any of the
     * inputs. */
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
    /* Rows of pixels with c channels: y[i] = [base[i] +] (1 - w[i]) * x[i0[i]] + w[i] * x[i1[i]], n pixels. base may
     * have no memory, or be y. */
    void (*interpolate)(map x, const int32_t *i0, const int32_t *i1, const float *w, map base, map y, int64_t n,
                        int64_t c);
};

#endif
