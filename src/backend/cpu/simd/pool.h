/* The inner loops of pooling in NHWC, a row of the map at a time. Taps are the positions within a window, counted
 * row by row. Maps are float32, or bfloat16 if `half` is set. */
#ifndef SIMD_POOL_H
#define SIMD_POOL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pool_axis {
    int64_t w, ow, c;            /* pixels of a row of x and of y, channels */
    int64_t kernel, stride, pad; /* along the row */
} pool_axis;

/* Rows of a map, [pixels, c] each, with the tap that begins where the row meets the window. */
typedef struct pool_row {
    const void *at;
    int64_t tap;
} pool_row;
typedef struct pool_rows {
    int64_t n;
    bool half;
    pool_row *row;
} pool_rows;

/* One row to read or to write. */
typedef struct pool_map {
    void *at;
    bool half;
} pool_map;

/* Neighbouring pixels of a row, or rows of a map: from ... to - 1. */
typedef struct pool_span {
    int64_t from, to;
} pool_span;

/* Sums over windows, of average pooling and of its gradient. */
typedef struct pool_sums {
    pool_map x;            /* the first row of the windows */
    int64_t rows, w, c;    /* rows of the windows; pixels of a row of x; channels */
    const pool_span *cols; /* for each pixel to write: its window's pixels of a row */
    const float *in_share; /* [rows, w]: what x is multiplied with; NULL: 1 */
    const float *share;    /* for each pixel to write: what the sum is multiplied with; NULL: 1 */
} pool_sums;

typedef struct pool_table {
    /* Computes pixels from ... to - 1 of a row of y, each the sum of its window. */
    void (*add)(const pool_sums *s, int64_t from, int64_t to, pool_map y);
    /* Computes a row of y from the rows of x that its windows cover. A NaN stays a NaN. */
    void (*most)(const pool_axis *a, const pool_rows *x, pool_map y);
    /* Gives tap[ow, c]: the first tap of each window whose element equals y, or -1. */
    void (*find)(const pool_axis *a, const pool_rows *x, pool_map y, float *tap);
    /* Computes a row of dx: each pixel's sum, in the order of windows, of the dy of the windows whose tap it is. dy:
     * the rows of windows that cover this row of x, from top to bottom; tap: what `find` gave for them. */
    void (*give)(const pool_axis *a, const pool_rows *dy, const float *const *tap, pool_map dx);
} pool_table;

#endif
