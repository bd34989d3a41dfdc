/* Operations on vectors (vec.h): comparing, choosing and scaling lanes; loading and storing maps that are float32 or
 * bfloat16; transposing squares of four by four floats, whatever the length of a vector. A comparison with a NaN is
 * false. */
#ifndef SIMD_LANES_H
#define SIMD_LANES_H

#include "backend/cpu/simd/vec.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
static inline vec vec_where_gt(vec a, vec b, vec yes, vec no) /* a > b ? yes : no */
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), no, yes);
}
static inline vec vec_where_eq(vec a, vec b, vec yes, vec no) /* a == b ? yes : no */
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), no, yes);
}
static inline vec vec_max(vec a, vec b) /* a > b ? a : b */
{
    return _mm512_max_ps(a, b);
}
static inline vec vec_min(vec a, vec b) /* a < b ? a : b */
{
    return _mm512_min_ps(a, b);
}
static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}
static inline vec vec_round(vec a) /* nearest whole number */
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec vec_shift(vec a, vec k) /* a * 2^k, for a from 1/2 to 2 and whole k in [-126, 126] */
{
    return _mm512_scalef_ps(a, k);
}
static inline vec vec_first(vec a, int64_t n, vec b) /* the first n lanes of a, the others of b */
{
    return _mm512_mask_blend_ps((__mmask16)(0xffffu >> (16 - n)), b, a);
}
static inline vec vec_where_zero(const uint8_t *p, int64_t n, vec a, vec b) /* p[i] ? b : a, for n bytes */
{
    __m128i at =
        n == VEC ? _mm_loadu_si128((const __m128i *)p) : _mm_maskz_loadu_epi8((__mmask16)(0xffffu >> (16 - n)), p);
    return _mm512_mask_blend_ps(_mm_test_epi8_mask(at, at), a, b);
}
static inline float vec_largest(vec a)
{
    return _mm512_reduce_max_ps(a);
}
static inline float vec_total(vec a)
{
    return _mm512_reduce_add_ps(a);
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
static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}
static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}
static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}
static inline vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vec vec_shift(vec a, vec k)
{
    __m256i bits = _mm256_slli_epi32(_mm256_cvtps_epi32(k), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), bits));
}
static inline vec vec_first(vec a, int64_t n, vec b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(vec_mask(n)));
}
static inline vec vec_where_zero(const uint8_t *p, int64_t n, vec a, vec b)
{
    uint8_t at[VEC] = {0};
    if (n == VEC)
        memcpy(at, p, VEC);
    else
        memcpy(at, p, (size_t)n);
    __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at));
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(wide, _mm256_setzero_si256())));
}
static inline float vec_largest(vec a)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}
static inline float vec_total(vec a)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
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
static inline vec vec_max(vec a, vec b)
{
    return vec_where_gt(a, b, a, b);
}
static inline vec vec_min(vec a, vec b)
{
    return vec_where_gt(b, a, a, b);
}
static inline vec vec_div(vec a, vec b)
{
    for (int i = 0; i < VEC; i++)
        a.at[i] /= b.at[i];
    return a;
}
static inline vec vec_round(vec a)
{
    /* Adding and subtracting 1.5 * 2^23 rounds numbers below 2^22. */
    for (int i = 0; i < VEC; i++)
        a.at[i] = (a.at[i] + 12582912.0f) - 12582912.0f;
    return a;
}
static inline vec vec_shift(vec a, vec k)
{
    for (int i = 0; i < VEC; i++) {
        uint32_t bits;
        memcpy(&bits, &a.at[i], sizeof bits);
        bool whole = k.at[i] >= -126 && k.at[i] <= 126; /* neither NaN nor infinite */
        bits += (uint32_t)(int32_t)(whole ? k.at[i] : 0) << 23;
        memcpy(&a.at[i], &bits, sizeof bits);
    }
    return a;
}
static inline vec vec_first(vec a, int64_t n, vec b)
{
    for (int i = 0; i < VEC; i++)
        a.at[i] = i < n ? a.at[i] : b.at[i];
    return a;
}
static inline vec vec_where_zero(const uint8_t *p, int64_t n, vec a, vec b)
{
    for (int i = 0; i < VEC; i++)
        a.at[i] = i >= n || !p[i] ? a.at[i] : b.at[i];
    return a;
}
static inline float vec_largest(vec a)
{
    float x = a.at[0];
    for (int i = 1; i < VEC; i++)
        x = a.at[i] > x ? a.at[i] : x;
    return x;
}
static inline float vec_total(vec a)
{
    float x = a.at[0];
    for (int i = 1; i < VEC; i++)
        x += a.at[i];
    return x;
}
#endif

/* Four floats. */
#if defined(__SSE2__)
typedef __m128 quad;
static inline quad quad_load(const float *p)
{
    return _mm_loadu_ps(p);
}
static inline void quad_store(float *p, quad a)
{
    _mm_storeu_ps(p, a);
}
static inline quad quad_scale(float w, quad a)
{
    return _mm_mul_ps(_mm_set1_ps(w), a);
}
static inline quad quad_add(quad a, quad b)
{
    return _mm_add_ps(a, b);
}
static inline void quad_turn(quad at[4]) /* transposes: rows become columns */
{
    _MM_TRANSPOSE4_PS(at[0], at[1], at[2], at[3]);
}
/* Loads n < 4 floats; the others are 0. Two floats are moved as a double, but lie where a float may: they are copied,
 * which is one instruction too. */
static inline quad quad_load_n(const float *p, int64_t n)
{
    if (n == 1)
        return _mm_load_ss(p);
    double pair;
    memcpy(&pair, p, sizeof pair);
    quad two = _mm_castpd_ps(_mm_set_sd(pair));
    return n == 2 ? two : _mm_movelh_ps(two, _mm_load_ss(p + 2));
}
static inline void quad_store_n(float *p, quad a, int64_t n)
{
    if (n == 1) {
        _mm_store_ss(p, a);
        return;
    }
    double pair = _mm_cvtsd_f64(_mm_castps_pd(a));
    memcpy(p, &pair, sizeof pair);
    if (n == 3)
        _mm_store_ss(p + 2, _mm_movehl_ps(a, a));
}
#else
typedef struct quad {
    float at[4];
} quad;
static inline quad quad_load(const float *p)
{
    return (quad){{p[0], p[1], p[2], p[3]}};
}
static inline void quad_store(float *p, quad a)
{
    memcpy(p, a.at, sizeof a.at);
}
static inline quad quad_scale(float w, quad a)
{
    return (quad){{w * a.at[0], w * a.at[1], w * a.at[2], w * a.at[3]}};
}
static inline quad quad_add(quad a, quad b)
{
    return (quad){{a.at[0] + b.at[0], a.at[1] + b.at[1], a.at[2] + b.at[2], a.at[3] + b.at[3]}};
}
static inline void quad_turn(quad at[4])
{
    quad was[4];
    memcpy(was, at, sizeof was);
    for (int i = 0; i < 4; i++)
        at[i] = (quad){{was[0].at[i], was[1].at[i], was[2].at[i], was[3].at[i]}};
}
static inline quad quad_load_n(const float *p, int64_t n)
{
    quad a = {{0}};
    memcpy(a.at, p, (size_t)n * sizeof *p);
    return a;
}
static inline void quad_store_n(float *p, quad a, int64_t n)
{
    memcpy(p, a.at, (size_t)n * sizeof *p);
}
#endif

/* Loads n elements of a map from `at` on (at most VEC; the other lanes are 0). */
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

#if defined(__AVX2__)
/* Transposes 8x8 elements of four bytes: a[i] is row i, then column i. */
static inline void words_turn(__m256 a[8])
{
    __m256 b[8];
    for (int i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            a[i + 2 * k] = _mm256_shuffle_ps(b[i + k], b[i + k + 2], 0x44);
            a[i + 2 * k + 1] = _mm256_shuffle_ps(b[i + k], b[i + k + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        __m256 low = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
        a[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
        a[i] = low;
    }
}
#endif

#endif
