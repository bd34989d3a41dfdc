/* One vector of floats of the instruction set that a file is compiled for: for kernels that hold values in registers
 * by hand. VEC floats a vector, of VEC_REGISTERS. vec_load_n and vec_store_n touch the first n only (0 < n <= VEC);
 * the others read as 0. */
#ifndef SIMD_VEC_H
#define SIMD_VEC_H

#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VEC = 16, VEC_REGISTERS = 32 };
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
/* A NaN stays one. */
static inline vec vec_relu(vec a)
{
    return _mm512_max_ps(_mm512_setzero_ps(), a);
}
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { VEC = 8, VEC_REGISTERS = 16 };
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
static inline void vec_store_n(float *p, vec a, int64_t n)
{
    _mm256_maskstore_ps(p, vec_mask(n), a);
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
#else
enum { VEC = 4, VEC_REGISTERS = 16 };
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
#undef VEC_EACH
#endif

#endif
