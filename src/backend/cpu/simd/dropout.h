/* The inner loops of dropout. Maps are float32, or bfloat16 if `half` is set. */
#ifndef SIMD_DROPOUT_H
#define SIMD_DROPOUT_H

#include <stdbool.h>
#include <stdint.h>

struct dropout_mask;

typedef struct dropout_table {
    /* What the n units from `first` on are multiplied by. */
    void (*factors)(const struct dropout_mask *m, uint64_t first, float *factor, int64_t n);
    /* y = x * factor, in rows of `width` elements that all have the same factors, n elements. y may be x. */
    void (*apply)(const void *x, bool half_x, const float *factor, int64_t width, void *y, bool half_y, int64_t n);
} dropout_table;

#endif
