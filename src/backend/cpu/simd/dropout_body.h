/* The loops of dropout.h for one instruction set. Dropping whole channels or samples is bound by memory traffic.
 * Dropping single elements is bound by the three 64-bit products that the random bits of an element take. */
#include "backend/cpu/simd/dropout.h"
#include "backend/cpu/simd/lanes.h"
#include "graph/ops/dropout_mask.h"

static void SIMD_NAME(dropout_factors)(const dropout_mask *m, uint64_t first, float *restrict factor, int64_t n)
{
    const dropout_mask mask = *m;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        factor[i] = dropout_factor(&mask, first + (uint64_t)i);
}

static void SIMD_NAME(dropout_apply)(const void *x, bool half_x, const float *factor, int64_t width, void *y,
                                     bool half_y, int64_t n)
{
    for (int64_t row = 0; row < n; row += width) {
        int64_t end = n - row < width ? n - row : width;
        for (int64_t i = 0; i < end; i += VEC) {
            vec f = vec_load_map(factor, false, i, end - i);
            vec_store_map(y, half_y, row + i, vec_mul(vec_load_map(x, half_x, row + i, end - i), f), end - i);
        }
    }
}

static const dropout_table SIMD_NAME(dropout) = {
    .factors = SIMD_NAME(dropout_factors),
    .apply = SIMD_NAME(dropout_apply),
};
