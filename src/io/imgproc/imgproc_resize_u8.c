/* Linear resizing of 8-bit images: OpenCV's fixed point, 11 bits a weight. Along x, then along y:
 *     s = a0 * p0 + a1 * p1          (a0 + a1 about 2048)
 *     v = (b0 * (s0 >> 4) >> 16) + (b1 * (s1 >> 4) >> 16), rounded: (v + 2) >> 2
 * Since only s >> 4 is used, rows are kept as 16-bit numbers (at most 255 * 2048 >> 4 = 32640). */
#include "io/imgproc/imgproc_resize.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

static void along_x_plain(const resizer *r, const uint8_t *from, int16_t *to, int64_t first)
{
    int64_t c = r->c, last = (r->src->w - 1) * c;
    for (int64_t i = first; i < r->w; i++) {
        int64_t p = (int64_t)r->x.at[i] * c, q = p < last ? p + c : last;
        int a0 = r->x.fixed[2 * i], a1 = r->x.fixed[2 * i + 1];
        for (int64_t k = 0; k < c; k++)
            to[i * c + k] = (int16_t)((a0 * from[p + k] + a1 * from[q + k]) >> 4);
    }
}

static void along_y_plain(const int16_t *s0, const int16_t *s1, int b0, int b1, uint8_t *to, int64_t first, int64_t n)
{
    for (int64_t i = first; i < n; i++) {
        int v = (((b0 * s0[i]) >> 16) + ((b1 * s1[i]) >> 16) + 2) >> 2;
        to[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

#ifdef HAVE_AVX2
#define AVX2 __attribute__((target("avx2")))

/* Three or four channels. Bound by the shuffles: 8 bytes are read for each output pixel (both its source pixels),
 * spread to pairs of 16-bit numbers and multiplied by the pair of weights; four pixels a turn. All these kernels return
 * how many pixels they did, and may write up to 8 numbers beyond them. */
AVX2 static int64_t along_x_34(const resizer *r, const uint8_t *from, int16_t *to)
{
    const __m256i spread = r->c == 3 ? _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 0, -1,
                                                        3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
                                     : _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 0, -1,
                                                        4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
    const __m256i close = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 8,
                                           9, 10, 11, 12, 13, -1, -1, -1, -1);
    const int32_t *at = r->x.at, *pair = r->x.pair;
    int64_t c = r->c, i = 0;
    for (; i + 4 <= r->fast_x; i += 4) {
        __m128i p0 = _mm_loadl_epi64((const __m128i *)(from + at[i] * c));
        __m128i p1 = _mm_loadl_epi64((const __m128i *)(from + at[i + 1] * c));
        __m128i p2 = _mm_loadl_epi64((const __m128i *)(from + at[i + 2] * c));
        __m128i p3 = _mm_loadl_epi64((const __m128i *)(from + at[i + 3] * c));
        __m256i a = _mm256_shuffle_epi8(_mm256_set_m128i(p2, p0), spread);
        __m256i b = _mm256_shuffle_epi8(_mm256_set_m128i(p3, p1), spread);
        a = _mm256_madd_epi16(a, _mm256_set_m128i(_mm_set1_epi32(pair[i + 2]), _mm_set1_epi32(pair[i])));
        b = _mm256_madd_epi16(b, _mm256_set_m128i(_mm_set1_epi32(pair[i + 3]), _mm_set1_epi32(pair[i + 1])));
        __m256i s = _mm256_packs_epi32(_mm256_srai_epi32(a, 4), _mm256_srai_epi32(b, 4)); /* pixels 0 1 | 2 3 */
        if (c == 3)
            s = _mm256_shuffle_epi8(s, close);
        _mm_storeu_si128((__m128i *)(to + i * c), _mm256_castsi256_si128(s));
        _mm_storeu_si128((__m128i *)(to + (i + 2) * c), _mm256_extracti128_si256(s, 1));
    }
    return i;
}

/* One channel: gathers eight pairs of neighbours (four bytes each, of which two count). */
AVX2 static int64_t along_x_1(const resizer *r, const uint8_t *from, int16_t *to)
{
    const __m256i spread = _mm256_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1, 0, -1, 1, -1, 4,
                                            -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1);
    int64_t i = 0;
    for (; i + 8 <= r->fast_x; i += 8) {
        __m256i at = _mm256_loadu_si256((const __m256i *)(r->x.at + i));
        __m256i pairs = _mm256_shuffle_epi8(_mm256_i32gather_epi32((const int *)(const void *)from, at, 1), spread);
        __m256i s = _mm256_madd_epi16(pairs, _mm256_loadu_si256((const __m256i *)(r->x.pair + i)));
        s = _mm256_srai_epi32(s, 4);
        __m128i both = _mm_packs_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
        _mm_storeu_si128((__m128i *)(to + i), both);
    }
    return i;
}

/* Any number of channels, eight at a time. */
AVX2 static int64_t along_x_any(const resizer *r, const uint8_t *from, int16_t *to)
{
    int64_t c = r->c;
    for (int64_t i = 0; i < r->fast_x; i++) {
        const uint8_t *p = from + r->x.at[i] * c;
        __m256i w = _mm256_set1_epi32(r->x.pair[i]);
        for (int64_t k = 0; k < c; k += 8) {
            __m128i a = _mm_loadl_epi64((const __m128i *)(p + k)), b = _mm_loadl_epi64((const __m128i *)(p + c + k));
            __m256i s = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), w);
            s = _mm256_srai_epi32(s, 4);
            __m128i both = _mm_packs_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
            _mm_storeu_si128((__m128i *)(to + i * c + k), both);
        }
    }
    return r->fast_x;
}

AVX2 static int64_t along_y_avx2(const int16_t *s0, const int16_t *s1, int b0, int b1, uint8_t *to, int64_t n)
{
    const __m256i w0 = _mm256_set1_epi16((short)b0), w1 = _mm256_set1_epi16((short)b1), two = _mm256_set1_epi16(2);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i v[2];
        for (int k = 0; k < 2; k++) {
            __m256i a = _mm256_mulhi_epi16(_mm256_loadu_si256((const __m256i *)(s0 + i + 16 * k)), w0);
            __m256i b = _mm256_mulhi_epi16(_mm256_loadu_si256((const __m256i *)(s1 + i + 16 * k)), w1);
            v[k] = _mm256_srai_epi16(_mm256_add_epi16(_mm256_add_epi16(a, b), two), 2);
        }
        __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi16(v[0], v[1]), 0xD8);
        _mm256_storeu_si256((__m256i *)(to + i), both);
    }
    return i;
}
#endif

static void along_x(const resizer *r, const uint8_t *from, int16_t *to)
{
    int64_t done = 0;
#ifdef HAVE_AVX2
    if (imgproc_has_avx2())
        done = r->c == 1                ? along_x_1(r, from, to)
               : r->c == 3 || r->c == 4 ? along_x_34(r, from, to)
                                        : along_x_any(r, from, to);
#endif
    along_x_plain(r, from, to, done);
}

/* Row `s` of the source resized along x: one of the two that are kept, or a new one. Does not overwrite `keep`. */
static const int16_t *row_along_x(resizer *r, int64_t s, int64_t keep)
{
    for (int i = 0; i < 2; i++)
        if (r->held[i] == s)
            return r->ring[i];
    int slot = r->held[0] == keep ? 1 : 0;
    along_x(r, image_at(r->src, s, 0), r->ring[slot]);
    r->held[slot] = s;
    return r->ring[slot];
}

void resize_linear_u8_row(resizer *r, int64_t y)
{
    int64_t last = r->src->h - 1, at = r->y.at[y];
    int64_t y0 = resize_clamp(at, 0, last), y1 = resize_clamp(at + 1, 0, last);
    const int16_t *s0 = row_along_x(r, y0, y1), *s1 = row_along_x(r, y1, y0);
    int b0 = r->y.fixed[2 * y], b1 = r->y.fixed[2 * y + 1];
    int64_t done = 0;
#ifdef HAVE_AVX2
    if (imgproc_has_avx2())
        done = along_y_avx2(s0, s1, b0, b1, r->row, r->row_samples);
#endif
    along_y_plain(s0, s1, b0, b1, r->row, done, r->row_samples);
}

static void halves_plain(const uint8_t *a, const uint8_t *b, int64_t c, uint8_t *to, int64_t first, int64_t w)
{
    for (int64_t i = first; i < w; i++)
        for (int64_t k = 0; k < c; k++) {
            int64_t p = 2 * i * c + k, q = p + c;
            to[i * c + k] = (uint8_t)((a[p] + a[q] + b[p] + b[q] + 2) >> 2);
        }
}

#ifdef HAVE_AVX2
/* Brings bytes that are c apart side by side, and adds them by a multiplication by one. A turn reads 16 bytes twice
 * from each row and makes 8 (c == 3: 6) samples. Returns the pixels done; may write 2 samples too many within the row.
 */
AVX2 static int64_t halves_avx2(const uint8_t *a, const uint8_t *b, int64_t c, uint8_t *to, int64_t w)
{
    __m128i side = c == 3   ? _mm_setr_epi8(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, -1, -1, -1, -1)
                   : c == 4 ? _mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15)
                            : _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m256i sides = _mm256_set_m128i(side, side), ones = _mm256_set1_epi8(1), two = _mm256_set1_epi16(2);
    int64_t in = c == 3 ? 12 : 16, out = in / 2, pixels = out / c, i = 0;
    for (; 2 * i * c + in + 16 <= 2 * w * c; i += 2 * pixels) {
        const uint8_t *p = a + 2 * i * c, *q = b + 2 * i * c;
        __m256i u = _mm256_set_m128i(_mm_loadu_si128((const void *)(p + in)), _mm_loadu_si128((const void *)p));
        __m256i v = _mm256_set_m128i(_mm_loadu_si128((const void *)(q + in)), _mm_loadu_si128((const void *)q));
        u = _mm256_maddubs_epi16(_mm256_shuffle_epi8(u, sides), ones);
        v = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, sides), ones);
        __m256i s = _mm256_srli_epi16(_mm256_add_epi16(_mm256_add_epi16(u, v), two), 2);
        s = _mm256_packus_epi16(s, s);
        _mm_storel_epi64((__m128i *)(to + i * c), _mm256_castsi256_si128(s));
        _mm_storel_epi64((__m128i *)(to + i * c + out), _mm256_extracti128_si256(s, 1));
    }
    return i;
}
#endif

void resize_halves_u8_row(resizer *r, int64_t y)
{
    int64_t first = 2 * (r->y0 + y) - r->part_y, left = 2 * r->x0 - r->part_x;
    const uint8_t *a = image_at(r->src, first, left), *b = image_at(r->src, first + 1, left);
    int64_t done = 0;
#ifdef HAVE_AVX2
    if ((r->c == 1 || r->c == 3 || r->c == 4) && imgproc_has_avx2())
        done = halves_avx2(a, b, r->c, r->row, r->w);
#endif
    halves_plain(a, b, r->c, r->row, done, r->w);
}
