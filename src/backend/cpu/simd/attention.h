/* The inner loops of attention, on tiles [rows][width] of the products of queries and keys. `width` is a multiple of
 * 16; `ld` floats lie between rows. */
#ifndef SIMD_ATTENTION_H
#define SIMD_ATTENTION_H

#include <stdint.h>

typedef struct attention_table {
    /* One step of a softmax along rows that come in tiles: raises most[i] to the row's largest product, turns the row
     * into exp(product - most[i]), sets keep[i] to what earlier tiles are worth now, exp(old most - most[i]), and
     * sum[i] to keep[i] * sum[i] + the row's sum. A NaN makes the sum NaN. */
    void (*weigh)(float *s, int64_t ld, int64_t rows, int64_t width, float *most, float *sum, float *keep);
    /* s = exp(s - of_row[i]), or exp(s - of_column[j]) if of_row is NULL; the differences are at most about 0. */
    void (*share)(float *s, int64_t ld, int64_t rows, int64_t width, const float *of_row, const float *of_column);
    /* p = p * (d - of_row[i]), or p * (d - of_column[j]) if of_row is NULL. */
    void (*slope)(float *p, const float *d, int64_t ld, int64_t rows, int64_t width, const float *of_row,
                  const float *of_column);
    /* x[i][..] *= by[i] */
    void (*scale)(float *x, int64_t ld, int64_t rows, int64_t width, const float *by);
} attention_table;

#endif
