/* Inner loops, compiled once for each instruction set from body.h. simd_choose picks a set at run time by CPUID.
 *
 *     const simd_table *simd = simd_choose();
 *     uint16_t half[16];
 *     simd->narrow(v, half, 16);
 *     simd->widen(half, v, 16);
 *
 * Arrays of per-channel coefficients have `width` numbers for rows of `width` floats. A caller with few channels
 * repeats the coefficients and takes several pixels as one row, so that 18 channels do not end in a scalar tail (see
 * widen.h). */
#ifndef SIMD_SIMD_H
#define SIMD_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/cpu/simd/attention.h"
#include "backend/cpu/simd/attention_half.h"
#include "backend/cpu/simd/deform.h"
#include "backend/cpu/simd/dropout.h"
#include "backend/cpu/simd/loss.h"
#include "backend/cpu/simd/masks.h"
#include "backend/cpu/simd/points.h"
#include "backend/cpu/simd/pool.h"
#include "backend/cpu/simd/winograd_kernels.h"

typedef struct map_table map_table;               /* maps.h */
typedef struct layer_norm_table layer_norm_table; /* layer_norm.h */
typedef struct depthwise_table depthwise_table;   /* depthwise_kernels.h */
typedef struct unary_table unary_table;           /* unary.h */

typedef struct simd_table {
    const char *name; /* "generic", "avx2", "avx512" */
    /* The transpose of maps.h's interpolate: x[i0[i]] += (1 - w[i]) * y[i]; x[i1[i]] += w[i] * y[i]. */
    void (*interpolate_grad)(const float *y, const int32_t *i0, const int32_t *i1, const float *w, float *x, int64_t n,
                             int64_t c);
    /* Convert bfloat16 to float32 and back: to nearest, ties to even; NaNs stay NaNs. */
    void (*widen)(const uint16_t *x, float *y, int64_t n);
    void (*narrow)(const float *x, uint16_t *y, int64_t n);
    /* Transposes elements of `size` bytes (1, 2, 4 or 8): y[j * y_step + i] = x[i * x_step + j] for i < rows and
     * j < columns. */
    void (*transpose)(const void *x, int64_t x_step, void *y, int64_t y_step, int64_t rows, int64_t columns,
                      size_t size);
    /* Runs as many multiply-adds as the instruction set can do in `rounds` rounds; returns their number, each counted
     * as two. */
    double (*multiply_adds)(int64_t rounds);
    const map_table *maps;
    /* Batch norm with fixed statistics: dx = s * dy; sum_dy += dy; sum_dyx += dy * (x - mean). dx, or both sums, may be
     * NULL: they are then not computed. dx may be dy. */
    void (*norm_fixed_grad)(const void *x, bool half_x, const void *dy, bool half_dy, const float *mean, const float *s,
                            void *dx, bool half_dx, float *sum_dy, float *sum_dyx, int64_t rows, int64_t width);
    const depthwise_table *depthwise;
    const dropout_table *dropout;
    const layer_norm_table *layer_norm;
    const loss_table *loss;
    const masks_table *masks;
    const points_table *points;
    const pool_table *pool;
    const unary_table *unary;
    const winograd_table *winograd;
    const winograd_strided_table *winograd_strided;
    const attention_table *attention;
    const deform_table *deform;
} simd_table;

/* Returns the best table, or the one that the environment variable CSEG_ISA names if this machine can run it. */
const simd_table *simd_choose(void);
/* Returns all tables that this machine can run, best first, NULL at the end: for tests. */
const simd_table *const *simd_all(void);
/* Returns the table whose vectors are half as long, on a processor that computes those of `t` in two halves (Zen 4);
 * else `t`. */
const simd_table *simd_halved(const simd_table *t);

#endif
