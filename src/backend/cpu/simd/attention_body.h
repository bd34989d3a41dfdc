/* The loops of attention.h for one instruction set. */
#include <math.h>

#include "backend/cpu/simd/attention.h"
#include "backend/cpu/simd/functions.h"

static void SIMD_NAME(attention_rows)(const void *const *row, bool half, int64_t count, int64_t c, float scale,
                                      float *to, int64_t ld)
{
    vec by = vec_set(scale);
    for (int64_t i = 0; i < count; i++, to += ld) {
        int64_t j = 0;
        for (; j < c; j += VEC)
            vec_store(to + j, vec_mul(by, vec_load_map(row[i], half, j, c - j)));
        for (; j < ld; j += VEC)
            vec_store(to + j, vec_zero());
    }
}

#if defined(__AVX2__)
/* Eight channels of a row. */
VEC_INLINE __m256 SIMD_NAME(attention_eight)(const void *row, bool half, int64_t at)
{
    if (!half)
        return _mm256_loadu_ps((const float *)row + at);
    __m128i h = _mm_loadu_si128((const __m128i *)((const uint16_t *)row + at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

/* Turns eight rows, of which `count` are there, from channel `at` on. */
VEC_INLINE void SIMD_NAME(attention_turn)(const void *const *row, bool half, int64_t count, int64_t at, float scale,
                                          float *to, int64_t ld)
{
    __m256 a[8], by = _mm256_set1_ps(scale);
    for (int i = 0; i < 8; i++)
        a[i] = i < count ? SIMD_NAME(attention_eight)(row[i], half, at) : _mm256_setzero_ps();
    words_turn(a);
    for (int i = 0; i < 8; i++)
        _mm256_storeu_ps(to + i * ld, _mm256_mul_ps(by, a[i]));
}
#endif

/* Turns the channels from `at` on, one by one. */
VEC_INLINE void SIMD_NAME(attention_turn_rest)(const void *const *row, bool half, int64_t count, int64_t width,
                                               int64_t at, int64_t c, float scale, float *to, int64_t ld)
{
    for (int64_t j = at; j < c; j++)
        for (int64_t i = 0; i < width; i++) {
            float x = 0;
            if (i < count && half) {
                uint32_t bits = (uint32_t)((const uint16_t *)row[i])[j] << 16;
                memcpy(&x, &bits, sizeof x);
            } else if (i < count) {
                x = ((const float *)row[i])[j];
            }
            to[j * ld + i] = scale * x;
        }
}

VEC_INLINE void SIMD_NAME(attention_columns_of)(const void *const *row, bool half, int64_t count, int64_t width,
                                                int64_t c, float scale, float *to, int64_t ld)
{
    int64_t whole = 0;
#if defined(__AVX2__)
    whole = c / 8 * 8;
    for (int64_t i = 0; i < width; i += 8)
        for (int64_t j = 0; j < whole; j += 8) {
            if (i + 8 <= count)
                SIMD_NAME(attention_turn)(row + i, half, 8, j, scale, to + j * ld + i, ld);
            else
                SIMD_NAME(attention_turn)(row + i, half, count - i, j, scale, to + j * ld + i, ld);
        }
#endif
    SIMD_NAME(attention_turn_rest)(row, half, count, width, whole, c, scale, to, ld);
}

static void SIMD_NAME(attention_columns)(const void *const *row, bool half, int64_t count, int64_t width, int64_t c,
                                         float scale, float *to, int64_t ld)
{
    if (half)
        SIMD_NAME(attention_columns_of)(row, true, count, width, c, scale, to, ld);
    else
        SIMD_NAME(attention_columns_of)(row, false, count, width, c, scale, to, ld);
}

static void SIMD_NAME(attention_put)(const float *from, int64_t ld, int64_t count, int64_t c, const float *by,
                                     float scale, bool half, void *const *row)
{
    for (int64_t i = 0; i < count; i++, from += ld) {
        vec f = vec_set(by ? by[i] : scale);
        for (int64_t j = 0; row[i] && j < c; j += VEC)
            vec_store_map(row[i], half, j, vec_mul(f, vec_load(from + j)), c - j);
    }
}

/* The products from j on, with what is added to them; -infinity behind `count` and where a key is not seen. */
VEC_INLINE vec SIMD_NAME(attention_score)(const attention_tile *t, const float *s, const float *bias,
                                          const uint8_t *mask, int64_t j)
{
    int64_t left = t->count - j;
    vec x = vec_load(s + j), none = vec_set(-INFINITY);
    if (bias)
        x = vec_add(x, left < VEC ? vec_load_n(bias + j, left) : vec_load(bias + j));
    if (mask)
        x = vec_where_zero(mask + j, left < VEC ? left : VEC, x, none);
    return left < VEC ? vec_first(x, left, none) : x;
}

enum { ATTENTION_ROWS = 4 }; /* that are worked on side by side */

/* Turns `rows` rows into exp(product - less[i]); sum[i] = keep[i] * sum[i] + theirs. */
VEC_INLINE void SIMD_NAME(attention_powers)(const attention_tile *t, float *s, int rows, const float *less,
                                            const float *keep, float *sum)
{
    vec total[ATTENTION_ROWS], most[ATTENTION_ROWS];
    for (int i = 0; i < rows; i++) {
        total[i] = vec_zero();
        most[i] = vec_set(less[i]);
    }
    for (int64_t j = 0; j < t->count; j += VEC)
        for (int i = 0; i < rows; i++) {
            float *at = s + i * t->ld + j;
            vec e = vec_exp_below(vec_sub(vec_load(at), most[i]));
            vec_store(at, e);
            total[i] = vec_add(total[i], e);
        }
    for (int i = 0; i < rows; i++)
        sum[i] = keep[i] * sum[i] + vec_total(total[i]);
}

/* The largest products of `rows` rows. Where something is added to them, they are kept with it. */
VEC_INLINE void SIMD_NAME(attention_largest)(const attention_tile *t, float *s, int rows, const float *bias,
                                             const uint8_t *mask, float *largest)
{
    vec most[ATTENTION_ROWS];
    for (int i = 0; i < rows; i++)
        most[i] = vec_set(-INFINITY);
    for (int64_t j = 0; j < t->count; j += VEC)
        for (int i = 0; i < rows; i++) {
            float *at = s + i * t->ld;
            vec x = SIMD_NAME(attention_score)(t, at, bias ? bias + i * t->bias_ld : NULL,
                                               mask ? mask + i * t->mask_ld : NULL, j);
            if (bias || mask || t->count - j < VEC)
                vec_store(at + j, x);
            most[i] = vec_max(most[i], x);
        }
    for (int i = 0; i < rows; i++)
        largest[i] = vec_largest(most[i]);
}

VEC_INLINE void SIMD_NAME(attention_weigh_rows)(const attention_tile *t, float *s, int rows, const float *bias,
                                                const uint8_t *mask, float *most, float *sum, float *keep)
{
    float less[ATTENTION_ROWS];
    SIMD_NAME(attention_largest)(t, s, rows, bias, mask, less);
    for (int i = 0; i < rows; i++) {
        float before = most[i], now = less[i] > before ? less[i] : before;
        most[i] = now;
        keep[i] = before == -INFINITY ? 0 : before == now ? 1 : expf(before - now);
        /* Where nothing was seen yet, all products are -infinity, and less anything finite they stay so. */
        less[i] = now == -INFINITY ? 0 : now;
    }
    SIMD_NAME(attention_powers)(t, s, rows, less, keep, sum);
}

VEC_INLINE void SIMD_NAME(attention_weigh_with)(const attention_tile *t, const float *bias, const uint8_t *mask,
                                                float *most, float *sum, float *keep)
{
    for (int64_t i = 0; i < t->rows;) {
        float *s = t->s + i * t->ld;
        const float *b = bias ? bias + i * t->bias_ld : NULL;
        const uint8_t *m = mask ? mask + i * t->mask_ld : NULL;
        if (i + ATTENTION_ROWS <= t->rows) {
            SIMD_NAME(attention_weigh_rows)(t, s, ATTENTION_ROWS, b, m, most + i, sum + i, keep + i);
            i += ATTENTION_ROWS;
        } else {
            SIMD_NAME(attention_weigh_rows)(t, s, 1, b, m, most + i, sum + i, keep + i);
            i++;
        }
    }
}

static void SIMD_NAME(attention_weigh)(const attention_tile *t, float *most, float *sum, float *keep)
{
    if (t->mask)
        SIMD_NAME(attention_weigh_with)(t, t->bias, t->mask, most, sum, keep);
    else if (t->bias)
        SIMD_NAME(attention_weigh_with)(t, t->bias, NULL, most, sum, keep);
    else
        SIMD_NAME(attention_weigh_with)(t, NULL, NULL, most, sum, keep);
}

VEC_INLINE void SIMD_NAME(attention_share_with)(const attention_tile *t, const float *bias, const uint8_t *mask,
                                                const float *of_row, const float *of_column)
{
    float *s = t->s;
    for (int64_t i = 0; i < t->rows; i++, s += t->ld) {
        for (int64_t j = 0; j < t->count; j += VEC) {
            vec less = of_row ? vec_set(of_row[i]) : vec_load(of_column + j);
            vec_store(s + j, vec_exp_below(vec_sub(SIMD_NAME(attention_score)(t, s, bias, mask, j), less)));
        }
        bias = bias ? bias + t->bias_ld : NULL;
        mask = mask ? mask + t->mask_ld : NULL;
    }
}

static void SIMD_NAME(attention_share)(const attention_tile *t, const float *of_row, const float *of_column)
{
    if (t->mask)
        SIMD_NAME(attention_share_with)(t, t->bias, t->mask, of_row, of_column);
    else if (t->bias)
        SIMD_NAME(attention_share_with)(t, t->bias, NULL, of_row, of_column);
    else
        SIMD_NAME(attention_share_with)(t, NULL, NULL, of_row, of_column);
}

static void SIMD_NAME(attention_slope)(float *p, const float *d, int64_t ld, int64_t rows, int64_t width,
                                       const float *mean)
{
    for (int64_t i = 0; i < rows; i++, p += ld, d += ld) {
        vec less = vec_set(mean[i]);
        for (int64_t j = 0; j < width; j += VEC)
            vec_store(p + j, vec_mul(vec_load(p + j), vec_sub(vec_load(d + j), less)));
    }
}

static void SIMD_NAME(attention_scale)(float *x, int64_t ld, int64_t rows, int64_t width, const float *by)
{
    for (int64_t i = 0; i < rows; i++, x += ld)
        for (int64_t j = 0; j < width; j += VEC)
            vec_store(x + j, vec_mul(vec_load(x + j), vec_set(by[i])));
}

static void SIMD_NAME(attention_add)(const float *x, int64_t x_ld, int64_t rows, int64_t width, float *y, int64_t y_ld)
{
    for (int64_t i = 0; i < rows; i++, x += x_ld, y += y_ld)
        for (int64_t j = 0; j < width; j += VEC)
            vec_store(y + j, vec_add(vec_load(y + j), vec_load(x + j)));
}

static void SIMD_NAME(attention_dot)(const float *a, const float *b, int64_t ld, int64_t rows, int64_t width, float *to)
{
    for (int64_t i = 0; i < rows; i++, a += ld, b += ld) {
        vec sum = vec_zero();
        for (int64_t j = 0; j < width; j += VEC)
            sum = vec_fma(vec_load(a + j), vec_load(b + j), sum);
        to[i] = vec_total(sum);
    }
}

static const attention_table SIMD_NAME(attention) = {
    .rows = SIMD_NAME(attention_rows),
    .columns = SIMD_NAME(attention_columns),
    .put = SIMD_NAME(attention_put),
    .weigh = SIMD_NAME(attention_weigh),
    .share = SIMD_NAME(attention_share),
    .slope = SIMD_NAME(attention_slope),
    .scale = SIMD_NAME(attention_scale),
    .add = SIMD_NAME(attention_add),
    .dot = SIMD_NAME(attention_dot),
};
