/* The order of pixels in a row, and of channels in a pixel. All bound by reading and writing the row from cache. */
#include <string.h>

#include "io/imgproc/imgproc.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))

/* Each function returns how many pixels it did. This one exchanges bytes 0 and 2 of each pixel of 3 bytes, 5 pixels a
 * turn. */
AVX2 static int64_t swap_3(const uint8_t *from, uint8_t *to, int64_t n)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 15);
    int64_t i = 0;
    for (; i + 6 <= n; i += 5)
        _mm_storeu_si128((__m128i *)(to + 3 * i),
                         _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + 3 * i)), order));
    return i;
}

/* Reverses the pixels of 3 bytes, with or without exchanging bytes 0 and 2. */
AVX2 static int64_t reverse_3(const uint8_t *from, uint8_t *to, int64_t n, bool swap)
{
    const __m128i turn = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    const __m128i turn_swap = _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const uint8_t *end = from + 3 * n;
    int64_t i = 0;
    for (; i + 6 <= n; i += 5) {
        __m128i v = _mm_loadu_si128((const __m128i *)(end - 3 * i - 16));
        _mm_storeu_si128((__m128i *)(to + 3 * i), _mm_shuffle_epi8(v, swap ? turn_swap : turn));
    }
    return i;
}

AVX2 static int64_t reverse_1(const uint8_t *from, uint8_t *to, int64_t n)
{
    const __m128i turn = _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + n - i - 16)), turn));
    return i;
}

AVX2 static int64_t widen_8(const uint8_t *from, int32_t *to, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + i))));
    return i;
}

AVX2 static int64_t widen_reversed_8(const uint8_t *from, int32_t *to, int64_t n)
{
    const __m128i turn = _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, -1, -1, -1, -1, -1, -1, -1, -1);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i v = _mm_shuffle_epi8(_mm_loadl_epi64((const __m128i *)(from + n - i - 8)), turn);
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_cvtepu8_epi32(v));
    }
    return i;
}

/* Labels mostly come in runs: sixteen equal ones are counted at once. */
AVX2 static int64_t count_runs(const uint8_t *v, int64_t n, uint32_t part[4][256])
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(v + i));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_shuffle_epi8(x, _mm_setzero_si128()))) == 0xffff) {
            part[0][v[i]] += 16;
            continue;
        }
        for (int k = 0; k < 16; k += 4) /* in four tables, so that counting a number twice in a row need not wait
                                           for the first count */
            for (int t = 0; t < 4; t++)
                part[t][v[i + k + t]]++;
    }
    return i;
}
#else
#define swap_3(from, to, n) 0
#define reverse_3(from, to, n, swap) 0
#define reverse_1(from, to, n) 0
#define widen_8(from, to, n) 0
#define widen_reversed_8(from, to, n) 0
#define count_runs(v, n, part) 0
#endif

void imgproc_put_in_order(const pixel_order *o, const void *source, void *target, int64_t n)
{
    const char *from = source;
    char *to = target;
    int64_t i = 0;
    size_t pixel = (size_t)o->c * o->size;
    if (pixel == 3 && imgproc_has_avx2())
        i = o->reverse ? reverse_3(source, target, n, o->swap) : o->swap ? swap_3(source, target, n) : 0;
    for (; i < n; i++) {
        const char *p = from + (size_t)(o->reverse ? n - 1 - i : i) * pixel;
        char *q = to + (size_t)i * pixel;
        memcpy(q, p, pixel);
        for (int64_t g = 0; o->swap && g < o->c; g += o->group) {
            memcpy(q + (size_t)g * o->size, p + (size_t)(g + 2) * o->size, o->size);
            memcpy(q + (size_t)(g + 2) * o->size, p + (size_t)g * o->size, o->size);
        }
    }
}

void imgproc_reverse(void *to, const void *from, int64_t n, size_t bytes)
{
    int64_t i = 0;
    if (imgproc_has_avx2())
        i = bytes == 3 ? reverse_3(from, to, n, false) : bytes == 1 ? reverse_1(from, to, n) : 0;
    for (; i < n; i++)
        memcpy((char *)to + bytes * (size_t)i, (const char *)from + bytes * (size_t)(n - 1 - i), bytes);
}

void imgproc_widen_labels(const uint8_t *from, int32_t *to, int64_t n, bool reverse)
{
    int64_t i = 0;
    if (imgproc_has_avx2())
        i = reverse ? widen_reversed_8(from, to, n) : widen_8(from, to, n);
    for (; i < n; i++)
        to[i] = from[reverse ? n - 1 - i : i];
}

void imgproc_count(const uint8_t *v, int64_t n, uint32_t part[4][256])
{
    for (int64_t i = imgproc_has_avx2() ? count_runs(v, n, part) : 0; i < n; i++)
        part[i & 3][v[i]]++;
}
