/* The inner loops of attention, on tiles [rows][count] of the products of queries and keys. `ld` floats, a multiple of
 * 16, lie between rows; what lies behind `count` in a row may be written up to the next multiple. */
#ifndef SIMD_ATTENTION_H
#define SIMD_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

/* A tile, and what is added to its products. Rows of the bias and of the mask begin at multiples of their `ld`, which
 * is 0 if all have the same. */
typedef struct attention_tile {
    float *s;
    int64_t ld, rows, count;
    const float *bias; /* NULL: none */
    int64_t bias_ld;
    const uint8_t *mask; /* not 0: the key is not seen; NULL: all are */
    int64_t mask_ld;
} attention_tile;

typedef struct attention_table {
    /* Copy `count` rows of c channels, float32 or bfloat16 if `half`, times `scale`: as they are, to[i][..], with zeros
     * up to ld; or turned, to[c][i], with zeros up to `width` rows, a multiple of 16. */
    void (*rows)(const void *const *row, bool half, int64_t count, int64_t c, float scale, float *to, int64_t ld);
    void (*columns)(const void *const *row, bool half, int64_t count, int64_t width, int64_t c, float scale, float *to,
                    int64_t ld);
    /* The reverse of `rows`: row i times by[i], or `scale` if `by` is NULL. Rows at NULL are not written. */
    void (*put)(const float *from, int64_t ld, int64_t count, int64_t c, const float *by, float scale, bool half,
                void *const *row);
    /* One step of a softmax along rows that come in tiles: raises most[i] to the row's largest product, turns the row
     * into exp(product - most[i]), sets keep[i] to what earlier tiles are worth now, exp(old most - most[i]), and
     * sum[i] to keep[i] * sum[i] + the row's sum. Up to a whole vector the row is 0 behind `count`. A NaN makes the sum
     * NaN. */
    void (*weigh)(const attention_tile *t, float *most, float *sum, float *keep);
    /* s = exp(product - of_row[i]), or exp(product - of_column[j]), read up to a whole vector, if of_row is NULL; the
     * differences are at most about 0. */
    void (*share)(const attention_tile *t, const float *of_row, const float *of_column);
    /* p = p * (d - mean[i]) */
    void (*slope)(float *p, const float *d, int64_t ld, int64_t rows, int64_t width, const float *mean);
    /* x[i][..] *= by[i] */
    void (*scale)(float *x, int64_t ld, int64_t rows, int64_t width, const float *by);
    /* y[i][..] += x[i][..] */
    void (*add)(const float *x, int64_t x_ld, int64_t rows, int64_t width, float *y, int64_t y_ld);
    /* to[i] = sum of a[i][..] * b[i][..] */
    void (*dot)(const float *a, const float *b, int64_t ld, int64_t rows, int64_t width, float *to);
} attention_table;

#endif
