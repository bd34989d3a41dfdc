/* Inner loops, compiled once for each instruction set from body.h; simd_choose picks at run time by CPUID.
 *
 * Per-channel coefficients come `width` long for rows of `width` floats: callers with few channels repeat the
 * coefficients and take several pixels as one row, so that 18 channels do not end in a scalar tail (see widen.h). */
#ifndef SIMD_SIMD_H
#define SIMD_SIMD_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/cpu/simd/loss.h"
#include "backend/cpu/simd/pool.h"
#include "backend/cpu/simd/winograd.h"

typedef struct simd_table {
    const char *name; /* "generic", "avx2", "avx512" */
    /* y = x * s + b [+ r], then ReLU if relu. r may be NULL; y may be x or r. */
    void (*affine)(const float *x, const float *s, const float *b, const float *r, float *y, int64_t rows,
                   int64_t width, bool relu);
    /* sum += x */
    void (*sum_rows)(const float *x, float *sum, int64_t rows, int64_t width);
    /* m2 += (x - mean)^2 */
    void (*deviation_rows)(const float *x, const float *mean, float *m2, int64_t rows, int64_t width);
    /* g = y > 0 ? dy : 0 (y NULL: g = dy); sum_dy += g; sum_dyx += g * (x - mean) */
    void (*norm_grad_sums)(const float *x, const float *dy, const float *y, const float *mean, float *sum_dy,
                           float *sum_dyx, int64_t rows, int64_t width);
    /* dx = s * g - a - (x - mean) * k, g as above; dr (may be NULL) = g. dx may be dy. */
    void (*norm_grad_apply)(const float *x, const float *dy, const float *y, const float *mean, const float *s,
                            const float *a, const float *k, float *dx, float *dr, int64_t rows, int64_t width);
    void (*add)(const float *a, const float *b, float *y, int64_t n);
    /* y = a + b [+ c [+ d]], from left to right, then ReLU if relu. c and d may be NULL; y may be any of them. */
    void (*add_some)(const float *a, const float *b, const float *c, const float *d, float *y, int64_t n, bool relu);
    void (*sub)(const float *a, const float *b, float *y, int64_t n);
    void (*mul)(const float *a, const float *b, float *y, int64_t n);
    void (*relu)(const float *x, float *y, int64_t n);
    void (*relu_grad)(const float *y, const float *dy, float *dx, int64_t n); /* dx = y > 0 ? dy : 0 */
    void (*scale)(const float *x, float alpha, float beta, float *y, int64_t n);
    /* y = wa * a + wb * b */
    void (*mix)(const float *a, float wa, const float *b, float wb, float *y, int64_t n);
    void (*axpy)(float alpha, const float *x, float *y, int64_t n); /* y += alpha * x */
    /* Rows of pixels with c channels: y[i] = [base[i] +] (1 - w[i]) * x[i0[i]] + w[i] * x[i1[i]], n pixels. base may be
     * NULL, or y. */
    void (*interpolate)(const float *x, const int32_t *i0, const int32_t *i1, const float *w, const float *base,
                        float *y, int64_t n, int64_t c);
    /* Its transpose: x[i0[i]] += (1 - w[i]) * y[i]; x[i1[i]] += w[i] * y[i]. */
    void (*interpolate_grad)(const float *y, const int32_t *i0, const int32_t *i1, const float *w, float *x, int64_t n,
                             int64_t c);
    /* bfloat16 to float32 and back: to nearest, ties to even, NaNs stay NaNs. */
    void (*widen)(const uint16_t *x, float *y, int64_t n);
    void (*narrow)(const float *x, uint16_t *y, int64_t n);
    /* As many multiply-adds as the instruction set can do in `rounds` rounds; returns their number, each counting two.
     */
    double (*multiply_adds)(int64_t rounds);
    const loss_table *loss;
    const pool_table *pool;
    const winograd_table *winograd;
} simd_table;

/* The best one, or the one that the environment's CSEG_ISA names if this machine can run it. */
const simd_table *simd_choose(void);
/* All that this machine can run, best first, NULL at the end: for tests. */
const simd_table *const *simd_all(void);

#endif
