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
    for (int64_t j = 0; j < columns; j += SIDE)
        for (int64_t i = 0; i < rows; i += SIDE)
            SIMD_NAME(transpose_side)
    ((const char *)x + (size_t)(i * x_step + j) * size, x_step, (char *)y + (size_t)(j * y_step + i) * size, y_step,
     rows - i < SIDE ? rows - i : SIDE, columns - j < SIDE ? columns - j : SIDE, size);
}
#undef SIDE
