/* The loops of simd.h. The compiler vectorises them for the instruction set of the file that includes this header. They
 * are bound by memory traffic. SIMD_NAME(x) names a function, SIMD_TEXT the instruction set. */
#include <string.h>

#include "backend/cpu/simd/simd.h"

static void SIMD_NAME(interpolate_grad)(const float *restrict y, const int32_t *restrict i0, const int32_t *restrict i1,
                                        const float *restrict w, float *restrict x, int64_t n, int64_t c)
{
    for (int64_t i = 0; i < n; i++, y += c) {
        float *a = x + i0[i] * c, *b = x + i1[i] * c;
        float w1 = w[i], w0 = 1 - w1;
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            a[j] += w0 * y[j];
        if (w1 == 0)
            continue;
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            b[j] += w1 * y[j];
    }
}

static void SIMD_NAME(widen)(const uint16_t *restrict x, float *restrict y, int64_t n)
{
    int64_t i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store(y + i, vec_load_half(x + i));
    if (i < n)
        vec_store_n(y + i, vec_load_half_n(x + i, n - i), n - i);
}

static void SIMD_NAME(narrow)(const float *restrict x, uint16_t *restrict y, int64_t n)
{
    int64_t i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store_half(y + i, vec_load(x + i));
    if (i < n)
        vec_store_half_n(y + i, vec_load_n(x + i, n - i), n - i);
}

#include "backend/cpu/simd/peak_kernels.h"

const simd_table SIMD_NAME(simd_table) = {
    .name = SIMD_TEXT,
    .widen = SIMD_NAME(widen),
    .narrow = SIMD_NAME(narrow),
    .interpolate_grad = SIMD_NAME(interpolate_grad),
    .transpose = SIMD_NAME(transpose),
    .multiply_adds = SIMD_NAME(multiply_adds),
    .maps = &SIMD_NAME(map_table),
    .norm_fixed_grad = SIMD_NAME(norm_fixed_grad),
    .depthwise = &SIMD_NAME(depthwise),
    .dropout = &SIMD_NAME(dropout),
    .layer_norm = &SIMD_NAME(layer_norm),
    .loss = &SIMD_NAME(loss),
    .masks = &SIMD_NAME(masks),
    .points = &SIMD_NAME(points),
    .pool = &SIMD_NAME(pool),
    .attention = &SIMD_NAME(attention),
    .deform = &SIMD_NAME(deform),
    .unary = &SIMD_NAME(unary),
    .winograd = &SIMD_NAME(winograd),
    .winograd_strided = &SIMD_NAME(winograd_strided),
};
