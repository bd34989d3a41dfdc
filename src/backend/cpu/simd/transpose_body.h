/* The transposes of simd.h for one instruction set. Bound by memory traffic: 16x16 elements at a time, so that cache
 * lines are read and written as a whole while they are near. */
#include "backend/cpu/simd/lanes.h"

#if defined(__AVX2__)
/* Transposes 8x8 elements of four bytes. */
static void SIMD_NAME(transpose_words)(const float *x, int64_t x_step, float *y, int64_t y_step)
{
    __m256 a[8];
    for (int i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(x + i * x_step);
    words_turn(a);
    for (int i = 0; i < 8; i++)
        _mm256_storeu_ps(y + i * y_step, a[i]);
}
#else
static void SIMD_NAME(transpose_words)(const float *x, int64_t x_step, float *y, int64_t y_step)
{
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 8; j += 4) {
            quad q[4];
            for (int k = 0; k < 4; k++)
                q[k] = quad_load(x + (i + k) * x_step + j);
            quad_turn(q);
            for (int k = 0; k < 4; k++)
                quad_store(y + (j + k) * y_step + i, q[k]);
        }
}
#endif

#if defined(__SSE2__)
/* Transposes 8x8 elements of two bytes. */
static void SIMD_NAME(transpose_halves)(const uint16_t *x, int64_t x_step, uint16_t *y, int64_t y_step)
{
    __m128i a[8], b[8];
    for (int i = 0; i < 8; i++)
        a[i] = _mm_loadu_si128((const __m128i *)(x + i * x_step));
    for (int i = 0; i < 8; i += 2) {
        b[i] = _mm_unpacklo_epi16(a[i], a[i + 1]);
        b[i + 1] = _mm_unpackhi_epi16(a[i], a[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            a[i + 2 * k] = _mm_unpacklo_epi32(b[i + k], b[i + k + 2]);
            a[i + 2 * k + 1] = _mm_unpackhi_epi32(b[i + k], b[i + k + 2]);
        }
    for (int i = 0; i < 4; i++) {
        _mm_storeu_si128((__m128i *)(y + 2 * i * y_step), _mm_unpacklo_epi64(a[i], a[i + 4]));
        _mm_storeu_si128((__m128i *)(y + (2 * i + 1) * y_step), _mm_unpackhi_epi64(a[i], a[i + 4]));
    }
}
#else
static void SIMD_NAME(transpose_halves)(const uint16_t *x, int64_t x_step, uint16_t *y, int64_t y_step)
{
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            y[j * y_step + i] = x[i * x_step + j];
}
#endif

/* Two rows into one by turns, and back: how channels are shuffled. */
static void SIMD_NAME(interleave_words)(const float *a, const float *b, float *y, int64_t n)
{
    int64_t i = 0;
#if defined(__SSE2__)
    for (; i + 4 <= n; i += 4) {
        __m128 p = _mm_loadu_ps(a + i), q = _mm_loadu_ps(b + i);
        _mm_storeu_ps(y + 2 * i, _mm_unpacklo_ps(p, q));
        _mm_storeu_ps(y + 2 * i + 4, _mm_unpackhi_ps(p, q));
    }
#endif
    for (; i < n; i++) {
        y[2 * i] = a[i];
        y[2 * i + 1] = b[i];
    }
}

static void SIMD_NAME(separate_words)(const float *x, float *a, float *b, int64_t n)
{
    int64_t i = 0;
#if defined(__SSE2__)
    for (; i + 4 <= n; i += 4) {
        __m128 p = _mm_loadu_ps(x + 2 * i), q = _mm_loadu_ps(x + 2 * i + 4);
        _mm_storeu_ps(a + i, _mm_shuffle_ps(p, q, _MM_SHUFFLE(2, 0, 2, 0)));
        _mm_storeu_ps(b + i, _mm_shuffle_ps(p, q, _MM_SHUFFLE(3, 1, 3, 1)));
    }
#endif
    for (; i < n; i++) {
        a[i] = x[2 * i];
        b[i] = x[2 * i + 1];
    }
}

static void SIMD_NAME(interleave_halves)(const uint16_t *a, const uint16_t *b, uint16_t *y, int64_t n)
{
    int64_t i = 0;
#if defined(__SSE2__)
    for (; i + 8 <= n; i += 8) {
        __m128i p = _mm_loadu_si128((const __m128i *)(a + i)), q = _mm_loadu_si128((const __m128i *)(b + i));
        _mm_storeu_si128((__m128i *)(y + 2 * i), _mm_unpacklo_epi16(p, q));
        _mm_storeu_si128((__m128i *)(y + 2 * i + 8), _mm_unpackhi_epi16(p, q));
    }
#endif
    for (; i < n; i++) {
        y[2 * i] = a[i];
        y[2 * i + 1] = b[i];
    }
}

#if defined(__SSE2__)
/* Of eight words the halves from bit 16 on, after a shift to the left. Packing saturates, but their signs are kept. */
static __m128i SIMD_NAME(upper_halves)(__m128i p, __m128i q, int shift)
{
    p = _mm_srai_epi32(_mm_slli_epi32(p, shift), 16);
    return _mm_packs_epi32(p, _mm_srai_epi32(_mm_slli_epi32(q, shift), 16));
}
#endif

static void SIMD_NAME(separate_halves)(const uint16_t *x, uint16_t *a, uint16_t *b, int64_t n)
{
    int64_t i = 0;
#if defined(__SSE2__)
    for (; i + 8 <= n; i += 8) {
        const __m128i *at = (const __m128i *)(x + 2 * i);
        __m128i p = _mm_loadu_si128(at), q = _mm_loadu_si128(at + 1);
        _mm_storeu_si128((__m128i *)(a + i), SIMD_NAME(upper_halves)(p, q, 16));
        _mm_storeu_si128((__m128i *)(b + i), SIMD_NAME(upper_halves)(p, q, 0));
    }
#endif
    for (; i < n; i++) {
        a[i] = x[2 * i];
        b[i] = x[2 * i + 1];
    }
}

/* Whether two rows lie close on one side, and the transpose was made so. */
static bool SIMD_NAME(transpose_two)(const void *x, int64_t x_step, void *y, int64_t y_step, int64_t rows,
                                     int64_t columns, size_t size)
{
    if (rows == 2 && y_step == 2 && size == 4)
        SIMD_NAME(interleave_words)(x, (const float *)x + x_step, y, columns);
    else if (rows == 2 && y_step == 2 && size == 2)
        SIMD_NAME(interleave_halves)(x, (const uint16_t *)x + x_step, y, columns);
    else if (columns == 2 && x_step == 2 && size == 4)
        SIMD_NAME(separate_words)(x, y, (float *)y + y_step, rows);
    else if (columns == 2 && x_step == 2 && size == 2)
        SIMD_NAME(separate_halves)(x, y, (uint16_t *)y + y_step, rows);
    else
        return false;
    return true;
}

enum { SIMD_NAME(TRANSPOSE_SIDE) = 16 };
#define SIDE SIMD_NAME(TRANSPOSE_SIDE)

/* Transposes 8x8 elements by `part`, and one by one what is left at the edges. */
#define TRANSPOSE_OF(name, type, part)                                                                                 \
    static void SIMD_NAME(name)(const type *x, int64_t x_step, type *y, int64_t y_step, int64_t rows, int64_t columns) \
    {                                                                                                                  \
        int64_t i = 0, j;                                                                                              \
        for (; i + 8 <= rows; i += 8) {                                                                                \
            for (j = 0; j + 8 <= columns; j += 8)                                                                      \
                part(x + i * x_step + j, x_step, y + j * y_step + i, y_step);                                          \
            for (; j < columns; j++)                                                                                   \
                for (int64_t k = i; k < i + 8; k++)                                                                    \
                    y[j * y_step + k] = x[k * x_step + j];                                                             \
        }                                                                                                              \
        for (j = 0; j < columns; j++)                                                                                  \
            for (int64_t k = i; k < rows; k++)                                                                         \
                y[j * y_step + k] = x[k * x_step + j];                                                                 \
    }
TRANSPOSE_OF(transpose_of_words, float, SIMD_NAME(transpose_words))
TRANSPOSE_OF(transpose_of_halves, uint16_t, SIMD_NAME(transpose_halves))
#undef TRANSPOSE_OF

#define TRANSPOSE_PLAIN(type)                                                                                          \
    for (int64_t j = 0; j < columns; j++)                                                                              \
        for (int64_t i = 0; i < rows; i++)                                                                             \
            ((type *)y)[j * y_step + i] = ((const type *)x)[i * x_step + j];                                           \
    break
static void SIMD_NAME(transpose_side)(const void *x, int64_t x_step, void *y, int64_t y_step, int64_t rows,
                                      int64_t columns, size_t size)
{
    switch (size) {
    case 1:
        TRANSPOSE_PLAIN(uint8_t);
    case 2:
        SIMD_NAME(transpose_of_halves)(x, x_step, y, y_step, rows, columns);
        break;
    case 4:
        SIMD_NAME(transpose_of_words)(x, x_step, y, y_step, rows, columns);
        break;
    default:
        TRANSPOSE_PLAIN(uint64_t);
    }
}
#undef TRANSPOSE_PLAIN

static void SIMD_NAME(transpose)(const void *x, int64_t x_step, void *y, int64_t y_step, int64_t rows, int64_t columns,
                                 size_t size)
{
    if (SIMD_NAME(transpose_two)(x, x_step, y, y_step, rows, columns, size))
        return;
    for (int64_t j = 0; j < columns; j += SIDE)
        for (int64_t i = 0; i < rows; i += SIDE)
            SIMD_NAME(transpose_side)
    ((const char *)x + (size_t)(i * x_step + j) * size, x_step, (char *)y + (size_t)(j * y_step + i) * size, y_step,
     rows - i < SIDE ? rows - i : SIDE, columns - j < SIDE ? columns - j : SIDE, size);
}
#undef SIDE
