/* The inner loops of dropout. Maps are float32, or bfloat16 if `half` is set. */
#ifndef SIMD_DROPOUT_H
#define SIMD_DROPOUT_H

#include <stdbool.h>
#include <stdint.h>

struct dropout_mask;

typedef struct dropout_table {
    /* Computes the factors of the n units from `first` on. */
    void (*factors)(const struct dropout_mask *m, uint64_t first, float *factor, int64_t n);
    /* Computes y = x * factor for n elements, in rows of `width` elements; all rows have the same factors. y may be
     * x. */
    void (*apply)(const void *x, bool half_x, const float *factor, int64_t width, void *y, bool half_y, int64_t n);
} dropout_table;

#endif
