/* Comparing the lanes of vectors (vec.h), and vectors of maps that are float32 or bfloat16. A comparison with a NaN is
 * false. */
#ifndef SIMD_LANES_H
#define SIMD_LANES_H

#include "backend/cpu/simd/vec.h"

#if defined(__AVX512F__)
static inline vec vec_where_gt(vec a, vec b, vec yes, vec no) /* a > b ? yes : no */
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), no, yes);
}
static inline vec vec_where_eq(vec a, vec b, vec yes, vec no) /* a == b ? yes : no */
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), no, yes);
}
#elif defined(__AVX2__) && defined(__FMA__)
static inline vec vec_where_gt(vec a, vec b, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
static inline vec vec_where_eq(vec a, vec b, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
#else
static inline vec vec_where_gt(vec a, vec b, vec yes, vec no)
{
    for (int i = 0; i < VEC; i++)
        no.at[i] = a.at[i] > b.at[i] ? yes.at[i] : no.at[i];
    return no;
}
static inline vec vec_where_eq(vec a, vec b, vec yes, vec no)
{
    for (int i = 0; i < VEC; i++)
        no.at[i] = a.at[i] == b.at[i] ? yes.at[i] : no.at[i];
    return no;
}
#endif

/* The n elements (at most VEC; the other lanes are 0) from `at` on of a map. */
static inline vec vec_load_map(const void *map, bool half, int64_t at, int64_t n)
{
    if (half)
        return n < VEC ? vec_load_half_n((const uint16_t *)map + at, n) : vec_load_half((const uint16_t *)map + at);
    return n < VEC ? vec_load_n((const float *)map + at, n) : vec_load((const float *)map + at);
}
static inline void vec_store_map(void *map, bool half, int64_t at, vec a, int64_t n)
{
    if (half && n < VEC)
        vec_store_half_n((uint16_t *)map + at, a, n);
    else if (half)
        vec_store_half((uint16_t *)map + at, a);
    else if (n < VEC)
        vec_store_n((float *)map + at, a, n);
    else
        vec_store((float *)map + at, a);
}

#endif
