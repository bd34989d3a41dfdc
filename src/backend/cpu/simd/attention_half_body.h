/* The loops of attention_half.h for AVX-512. */
#include <math.h>

#include "backend/cpu/simd/functions.h"

static void SIMD_NAME(half_rows)(const void *const *row, int64_t count, int64_t c, uint16_t *to, int64_t ld)
{
    for (int64_t i = 0; i < count; i++, to += ld)
        for (int64_t j = 0; j < ld; j += 32) {
            int64_t left = c - j < 0 ? 0 : c - j, room = ld - j;
            __mmask32 from = left < 32 ? (1u << left) - 1 : ~0u, all = room < 32 ? (1u << room) - 1 : ~0u;
            _mm512_mask_storeu_epi16(to + j, all, _mm512_maskz_loadu_epi16(from, (const uint16_t *)row[i] + j));
        }
}

/* Turns eight rows of eight words, of which `words` are there. */
VEC_INLINE void SIMD_NAME(half_turn)(const void *const *row, int64_t count, int64_t at, int64_t words, uint32_t *to,
                                     int64_t ld)
{
    __m256 a[8];
    __mmask8 there = (__mmask8)(words < 8 ? (1u << words) - 1 : 0xff);
    for (int i = 0; i < 8; i++)
        a[i] = i < count ? _mm256_castsi256_ps(_mm256_maskz_loadu_epi32(there, (const uint16_t *)row[i] + 2 * at))
                         : _mm256_setzero_ps();
    words_turn(a);
    for (int i = 0; i < 8 && i < words; i++)
        _mm256_storeu_si256((__m256i *)(to + i * ld), _mm256_castps_si256(a[i]));
}

static void SIMD_NAME(half_columns)(const void *const *row, int64_t count, int64_t width, int64_t c, uint32_t *to,
                                    int64_t ld)
{
    for (int64_t i = 0; i < width; i += 8)
        for (int64_t j = 0; j < c / 2; j += 8) {
            if (i + 8 <= count)
                SIMD_NAME(half_turn)(row + i, 8, j, c / 2 - j, to + j * ld + i, ld);
            else
                SIMD_NAME(half_turn)(row + i, count - i, j, c / 2 - j, to + j * ld + i, ld);
        }
}

static void SIMD_NAME(half_pairs)(const void *const *row, int64_t count, int64_t c, uint32_t *to, int64_t ld)
{
    for (int64_t i = 0; i < count; i += 2, to += ld)
        for (int64_t j = 0; j < ld; j += 16) {
            int64_t left = c - j < 0 ? 0 : c - j;
            __mmask16 there = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
            __mmask16 second = i + 1 < count ? there : 0;
            const uint16_t *odd = row[i + 1 < count ? i + 1 : i];
            __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, (const uint16_t *)row[i] + j));
            __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second, odd + j));
            _mm512_storeu_si512(to + j, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

static void SIMD_NAME(half_narrow)(const float *x, int64_t x_ld, int64_t rows, int64_t count, uint16_t *to, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++, x += x_ld, to += ld)
        for (int64_t j = 0; j < count; j += VEC)
            _mm256_storeu_si256((__m256i *)(to + j), (__m256i)_mm512_cvtneps_pbh(vec_load(x + j)));
}

static void SIMD_NAME(half_narrow_pairs)(const float *x, int64_t x_ld, int64_t rows, int64_t count, uint32_t *to,
                                         int64_t ld)
{
    for (int64_t i = 0; i < rows; i += 2, x += 2 * x_ld, to += ld)
        for (int64_t j = 0; j < count; j += VEC) {
            vec odd = i + 1 < rows ? vec_load(x + x_ld + j) : vec_zero();
            __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(vec_load(x + j)));
            __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
            _mm512_storeu_si512(to + j, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
}

/* A register tile of `rows` x nv vectors, both constants where it is compiled. */
VEC_INLINE void SIMD_NAME(half_tile)(int rows, int nv, const uint16_t *a, int64_t a_row, int64_t a_pair,
                                     const uint32_t *b, int64_t ldb, float *c, int64_t ldc, int64_t pairs, bool add)
{
    __m512 sum[12][4];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            sum[i][j] = _mm512_setzero_ps();
    for (int64_t l = 0; l < pairs; l++, b += ldb) {
        __m512bh of[4];
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            of[j] = (__m512bh)_mm512_loadu_si512(b + j * VEC);
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, a + i * a_row + l * a_pair, sizeof pair);
            __m512bh by = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], by, of[j]);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            float *to = c + i * ldc + j * VEC;
            _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i][j]) : sum[i][j]);
        }
}

#define HALF_TILE(rows, nv)                                                                                            \
    case rows:                                                                                                         \
        SIMD_NAME(half_tile)(rows, nv, a, a_row, a_pair, b, ldb, c, ldc, pairs, add);                                  \
        break;
#define HALF_TO_6(nv)                                                                                                  \
    HALF_TILE(1, nv) HALF_TILE(2, nv) HALF_TILE(3, nv) HALF_TILE(4, nv) HALF_TILE(5, nv) HALF_TILE(6, nv)
#define HALF_TO_8(nv) HALF_TO_6(nv) HALF_TILE(7, nv) HALF_TILE(8, nv)
#define HALF_TO_12(nv) HALF_TO_8(nv) HALF_TILE(9, nv) HALF_TILE(10, nv) HALF_TILE(11, nv) HALF_TILE(12, nv)
#define HALF_STRIP(nv, cases)                                                                                          \
    static void SIMD_NAME(half_strip_##nv)(int64_t rows, const uint16_t *a, int64_t a_row, int64_t a_pair,             \
                                           const uint32_t *b, int64_t ldb, float *c, int64_t ldc, int64_t pairs,       \
                                           bool add)                                                                   \
    {                                                                                                                  \
        switch (rows) {                                                                                                \
            cases(nv) default : break;                                                                                 \
        }                                                                                                              \
    }
HALF_STRIP(1, HALF_TO_12)
HALF_STRIP(2, HALF_TO_12)
HALF_STRIP(3, HALF_TO_8)
HALF_STRIP(4, HALF_TO_6)

static void SIMD_NAME(half_product)(const uint16_t *a, int64_t a_row, int64_t a_pair, const uint32_t *b, int64_t ldb,
                                    float *c, int64_t ldc, int64_t m, int64_t pairs, int64_t n, bool add)
{
    typedef void strip(int64_t, const uint16_t *, int64_t, int64_t, const uint32_t *, int64_t, float *, int64_t,
                       int64_t, bool);
    static strip *const strips[] = {SIMD_NAME(half_strip_1), SIMD_NAME(half_strip_2), SIMD_NAME(half_strip_3),
                                    SIMD_NAME(half_strip_4)};
    static const int64_t most[] = {12, 12, 8, 6};
    int64_t vectors = n / VEC, panels = (vectors + 3) / 4;
    for (int64_t p = 0, at = 0; p < panels; p++) {
        int64_t nv = (vectors - at) / (panels - p), cuts = (m + most[nv - 1] - 1) / most[nv - 1];
        for (int64_t i = 0, row = 0; i < cuts; i++) {
            int64_t rows = (m - row + cuts - i - 1) / (cuts - i);
            strips[nv - 1](rows, a + row * a_row, a_row, a_pair, b + at * VEC, ldb, c + row * ldc + at * VEC, ldc,
                           pairs, add);
            row += rows;
        }
        at += nv;
    }
}

VEC_INLINE vec SIMD_NAME(half_score)(const attention_tile *t, vec scale, const float *s, const float *bias,
                                     const uint8_t *mask, int64_t j)
{
    int64_t left = t->count - j;
    vec none = vec_set(-INFINITY), x = vec_load(s + j);
    if (bias)
        x = vec_fma(x, scale, left < VEC ? vec_load_n(bias + j, left) : vec_load(bias + j));
    else
        x = vec_mul(x, scale);
    if (mask)
        x = vec_where_zero(mask + j, left < VEC ? left : VEC, x, none);
    return left < VEC ? vec_first(x, left, none) : x;
}

VEC_INLINE void SIMD_NAME(half_weigh_with)(const attention_tile *t, float scale, const float *bias, const uint8_t *mask,
                                           uint16_t *p, int64_t p_ld, float *most, float *sum, float *keep)
{
    float *s = t->s;
    for (int64_t i = 0; i < t->rows; i++, s += t->ld, p += p_ld) {
        vec m = vec_set(-INFINITY), total = vec_zero();
        for (int64_t j = 0; j < t->count; j += VEC) {
            vec x = SIMD_NAME(half_score)(t, vec_set(scale), s, bias, mask, j);
            vec_store(s + j, x);
            m = vec_max(m, x);
        }
        float largest = vec_largest(m);
        largest = largest > most[i] ? largest : most[i];
        vec less = vec_set(largest == -INFINITY ? 0 : largest);
        for (int64_t j = 0; j < t->count; j += VEC) {
            vec e = vec_exp_below(vec_sub(vec_load(s + j), less));
            _mm256_storeu_si256((__m256i *)(p + j), (__m256i)_mm512_cvtneps_pbh(e));
            total = vec_add(total, e);
        }
        keep[i] = most[i] == -INFINITY ? 0 : expf(most[i] - largest);
        most[i] = largest;
        sum[i] = keep[i] * sum[i] + vec_total(total);
        bias = bias ? bias + t->bias_ld : NULL;
        mask = mask ? mask + t->mask_ld : NULL;
    }
}

static void SIMD_NAME(half_weigh)(const attention_tile *t, float scale, uint16_t *p, int64_t p_ld, float *most,
                                  float *sum, float *keep)
{
    if (t->mask)
        SIMD_NAME(half_weigh_with)(t, scale, t->bias, t->mask, p, p_ld, most, sum, keep);
    else if (t->bias)
        SIMD_NAME(half_weigh_with)(t, scale, t->bias, NULL, p, p_ld, most, sum, keep);
    else
        SIMD_NAME(half_weigh_with)(t, scale, NULL, NULL, p, p_ld, most, sum, keep);
}

VEC_INLINE void SIMD_NAME(half_share_with)(const attention_tile *t, float scale, const float *bias, const uint8_t *mask,
                                           const float *of_row)
{
    float *s = t->s;
    for (int64_t i = 0; i < t->rows; i++, s += t->ld) {
        vec less = vec_set(of_row[i]);
        for (int64_t j = 0; j < t->count; j += VEC) {
            vec x = SIMD_NAME(half_score)(t, vec_set(scale), s, bias, mask, j);
            vec_store(s + j, vec_exp_below(vec_sub(x, less)));
        }
        bias = bias ? bias + t->bias_ld : NULL;
        mask = mask ? mask + t->mask_ld : NULL;
    }
}

static void SIMD_NAME(half_share)(const attention_tile *t, float scale, const float *of_row)
{
    if (t->mask)
        SIMD_NAME(half_share_with)(t, scale, t->bias, t->mask, of_row);
    else if (t->bias)
        SIMD_NAME(half_share_with)(t, scale, t->bias, NULL, of_row);
    else
        SIMD_NAME(half_share_with)(t, scale, NULL, NULL, of_row);
}

static const attention_half_table SIMD_NAME(attention_half) = {
    .rows = SIMD_NAME(half_rows),
    .columns = SIMD_NAME(half_columns),
    .pairs = SIMD_NAME(half_pairs),
    .narrow = SIMD_NAME(half_narrow),
    .narrow_pairs = SIMD_NAME(half_narrow_pairs),
    .product = SIMD_NAME(half_product),
    .weigh = SIMD_NAME(half_weigh),
    .share = SIMD_NAME(half_share),
};
