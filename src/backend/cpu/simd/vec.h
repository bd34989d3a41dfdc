/* A vector of floats of the instruction set that a file is compiled for, for kernels that place values in registers by
 * hand. A vector has VEC floats. vec_load_n and vec_store_n touch only the first n (0 < n <= VEC); the others read as
 * 0. The _half functions take bfloat16: they widen it, and narrow to the nearest, ties to even. */
#ifndef SIMD_VEC_H
#define SIMD_VEC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VEC = 16 };
typedef __m512 vec;
static inline vec vec_zero(void)
{
    return _mm512_setzero_ps();
}
static inline vec vec_set(float a)
{
    return _mm512_set1_ps(a);
}
static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vec_store(float *p, vec a)
{
    _mm512_storeu_ps(p, a);
}
static inline vec vec_load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (16 - n)), p);
}
static inline void vec_store_n(float *p, vec a, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (16 - n)), a);
}
static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}
static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) /* a * b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
/* A NaN stays a NaN. */
static inline vec vec_relu(vec a)
{
    return _mm512_max_ps(_mm512_setzero_ps(), a);
}
static inline vec vec_widen(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
static inline vec vec_load_half(const uint16_t *p)
{
    return vec_widen(_mm256_loadu_si256((const __m256i *)p));
}
static inline vec vec_load_half_n(const uint16_t *p, int64_t n)
{
    return vec_widen(_mm256_maskz_loadu_epi16((__mmask16)(0xffffu >> (16 - n)), p));
}
static inline __m256i vec_narrow(vec a)
{
    __m512i bits = _mm512_castps_si512(a), one = _mm512_set1_epi32(1);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    __m512i near = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), even);
    __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    near = _mm512_mask_or_epi32(near, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(near, 16));
}
static inline void vec_store_half(uint16_t *p, vec a)
{
    _mm256_storeu_si256((__m256i *)p, vec_narrow(a));
}
static inline void vec_store_half_n(uint16_t *p, vec a, int64_t n)
{
    _mm256_mask_storeu_epi16(p, (__mmask16)(0xffffu >> (16 - n)), vec_narrow(a));
}
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { VEC = 8 };
typedef __m256 vec;
static inline __m256i vec_mask(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec vec_zero(void)
{
    return _mm256_setzero_ps();
}
static inline vec vec_set(float a)
{
    return _mm256_set1_ps(a);
}
static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void vec_store(float *p, vec a)
{
    _mm256_storeu_ps(p, a);
}
static inline vec vec_load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, vec_mask(n));
}
/* A store under a mask takes some AMD processors twenty times as long as these. */
static inline void vec_store_n(float *p, vec a, int64_t n)
{
    __m128 part = _mm256_castps256_ps128(a);
    if (n & VEC) {
        vec_store(p, a);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (n & 2) {
        double pair = _mm_cvtsd_f64(_mm_castps_pd(part));
        memcpy(p, &pair, sizeof pair);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, part);
}
static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}
static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec vec_relu(vec a)
{
    return _mm256_max_ps(_mm256_setzero_ps(), a);
}
static inline vec vec_load_half(const uint16_t *p)
{
    __m128i h = _mm_loadu_si128((const __m128i *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
static inline void vec_store_half(uint16_t *p, vec a)
{
    __m256i bits = _mm256_castps_si256(a), one = _mm256_set1_epi32(1);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    __m256i near = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), even);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    near = _mm256_blendv_epi8(near, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), nan);
    near = _mm256_srli_epi32(near, 16);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(near, near), 0x08);
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(packed));
}
#else
enum { VEC = 4 };
typedef struct vec {
    float at[VEC];
} vec;
#define VEC_EACH(expression)                                                                                           \
    vec y;                                                                                                             \
    for (int i = 0; i < VEC; i++)                                                                                      \
        y.at[i] = (expression);                                                                                        \
    return y
static inline vec vec_zero(void)
{
    VEC_EACH(0);
}
static inline vec vec_set(float a)
{
    VEC_EACH(a);
}
static inline vec vec_load(const float *p)
{
    VEC_EACH(p[i]);
}
static inline void vec_store(float *p, vec a)
{
    for (int i = 0; i < VEC; i++)
        p[i] = a.at[i];
}
static inline vec vec_load_n(const float *p, int64_t n)
{
    VEC_EACH(i < n ? p[i] : 0);
}
static inline void vec_store_n(float *p, vec a, int64_t n)
{
    for (int i = 0; i < n; i++)
        p[i] = a.at[i];
}
static inline vec vec_add(vec a, vec b)
{
    VEC_EACH(a.at[i] + b.at[i]);
}
static inline vec vec_sub(vec a, vec b)
{
    VEC_EACH(a.at[i] - b.at[i]);
}
static inline vec vec_mul(vec a, vec b)
{
    VEC_EACH(a.at[i] * b.at[i]);
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    VEC_EACH(a.at[i] * b.at[i] + c.at[i]);
}
static inline vec vec_relu(vec a)
{
    VEC_EACH(a.at[i] < 0 ? 0 : a.at[i]);
}
static inline vec vec_load_half(const uint16_t *p)
{
    vec y;
    for (int i = 0; i < VEC; i++) {
        uint32_t bits = (uint32_t)p[i] << 16;
        memcpy(&y.at[i], &bits, sizeof bits);
    }
    return y;
}
static inline void vec_store_half(uint16_t *p, vec a)
{
    for (int i = 0; i < VEC; i++) {
        uint32_t bits;
        memcpy(&bits, &a.at[i], sizeof bits);
        bool nan = a.at[i] != a.at[i];
        p[i] = (uint16_t)((nan ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
}
#undef VEC_EACH
#endif

#if !defined(__AVX512F__) /* AVX-512 uses masks for these */
static inline vec vec_load_half_n(const uint16_t *p, int64_t n)
{
    uint16_t at[VEC] = {0};
    for (int64_t i = 0; i < n; i++)
        at[i] = p[i];
    return vec_load_half(at);
}
static inline void vec_store_half_n(uint16_t *p, vec a, int64_t n)
{
    uint16_t at[VEC];
    vec_store_half(at, a);
    for (int64_t i = 0; i < n; i++)
        p[i] = at[i];
}
#endif

#endif
