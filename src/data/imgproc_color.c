/* Colours of 8-bit images as OpenCV 5 converts them. */
#include <math.h>
#include <pthread.h>

#include "data/imgproc.h"

enum { HSV_SHIFT = 12, HSV_BLOCK = 32 };

static int divided(int numerator, double by)
{
    return (int)nearbyint((double)(numerator << HSV_SHIFT) / by);
}

/* round((255 << 12) / i) and round((180 << 12) / (6 i)) */
static struct {
    int by_value[256], by_range[256];
} table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (int i = 1; i < 256; i++) {
        table.by_value[i] = divided(255, i);
        table.by_range[i] = divided(180, 6. * i);
    }
}

static void hsv_plain(uint8_t *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++, p += 3) {
        int b = p[0], g = p[1], r = p[2];
        int v = b > g ? b : g, low = b < g ? b : g;
        v = r > v ? r : v;
        low = r < low ? r : low;
        int range = v - low;
        int h = v == r ? g - b : v == g ? b - r + 2 * range : r - g + 4 * range;
        h = (h * table.by_range[range] + (1 << (HSV_SHIFT - 1))) >> HSV_SHIFT;
        p[0] = (uint8_t)(h < 0 ? h + 180 : h);
        p[1] = (uint8_t)((range * table.by_value[v] + (1 << (HSV_SHIFT - 1))) >> HSV_SHIFT);
        p[2] = (uint8_t)v;
    }
}

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,fma")))

/* Eight pixels of three bytes, a channel a register, as 32-bit numbers. Reads 24 bytes. */
AVX2 static inline void load_8(const uint8_t *p, __m256i c[3])
{
    const __m128i a = _mm_loadu_si128((const __m128i *)p), b = _mm_loadu_si128((const __m128i *)(p + 8));
    const __m128i first[3] = {_mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
                              _mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
                              _mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)};
    const __m128i rest[3] = {_mm_setr_epi8(-1, -1, -1, -1, -1, -1, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1),
                             _mm_setr_epi8(-1, -1, -1, -1, -1, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1),
                             _mm_setr_epi8(-1, -1, -1, -1, -1, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1)};
    for (int k = 0; k < 3; k++)
        c[k] = _mm256_cvtepu8_epi32(_mm_or_si128(_mm_shuffle_epi8(a, first[k]), _mm_shuffle_epi8(b, rest[k])));
}

/* The way back, for numbers from 0 to 255. Writes 24 bytes. */
AVX2 static inline void store_8(uint8_t *p, const __m256i c[3])
{
    __m128i w[3];
    for (int k = 0; k < 3; k++)
        w[k] = _mm_packs_epi32(_mm256_castsi256_si128(c[k]), _mm256_extracti128_si256(c[k], 1));
    __m128i two = _mm_packus_epi16(w[0], w[1]), last = _mm_packus_epi16(w[2], w[2]);
    two = _mm_unpacklo_epi8(two, _mm_srli_si128(two, 8));
    const __m128i a = _mm_setr_epi8(0, 1, -1, 2, 3, -1, 4, 5, -1, 6, 7, -1, 8, 9, -1, 10);
    const __m128i a3 = _mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1);
    const __m128i b = _mm_setr_epi8(11, -1, 12, 13, -1, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i b3 = _mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1);
    _mm_storeu_si128((__m128i *)p, _mm_or_si128(_mm_shuffle_epi8(two, a), _mm_shuffle_epi8(last, a3)));
    _mm_storel_epi64((__m128i *)(p + 16), _mm_or_si128(_mm_shuffle_epi8(two, b), _mm_shuffle_epi8(last, b3)));
}

/* What the tables hold, for whole numbers up to 255: float32 is precise enough to round to the same, and faster here
 * than to gather. 0 gives 0. */
AVX2 static inline __m256i quotient(float numerator, __m256i by)
{
    __m256 d = _mm256_cvtepi32_ps(by), q = _mm256_div_ps(_mm256_set1_ps(numerator), d);
    return _mm256_cvtps_epi32(_mm256_and_ps(q, _mm256_cmp_ps(d, _mm256_setzero_ps(), _CMP_NEQ_OQ)));
}

AVX2 static int64_t hsv_avx2(uint8_t *p, int64_t n)
{
    const __m256i half = _mm256_set1_epi32(1 << (HSV_SHIFT - 1)), turn = _mm256_set1_epi32(180);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8, p += 24) {
        __m256i c[3];
        load_8(p, c);
        __m256i b = c[0], g = c[1], r = c[2];
        __m256i v = _mm256_max_epi32(_mm256_max_epi32(b, g), r);
        __m256i range = _mm256_sub_epi32(v, _mm256_min_epi32(_mm256_min_epi32(b, g), r));
        __m256i red = _mm256_sub_epi32(g, b);
        __m256i green = _mm256_add_epi32(_mm256_sub_epi32(b, r), _mm256_slli_epi32(range, 1));
        __m256i h = _mm256_add_epi32(_mm256_sub_epi32(r, g), _mm256_slli_epi32(range, 2));
        h = _mm256_blendv_epi8(h, green, _mm256_cmpeq_epi32(v, g));
        h = _mm256_blendv_epi8(h, red, _mm256_cmpeq_epi32(v, r));
        h = _mm256_mullo_epi32(h, quotient(122880.f, range));
        h = _mm256_srai_epi32(_mm256_add_epi32(h, half), HSV_SHIFT);
        h = _mm256_add_epi32(h, _mm256_and_si256(_mm256_srai_epi32(h, 31), turn));
        __m256i s = _mm256_mullo_epi32(range, quotient(1044480.f, v));
        s = _mm256_srai_epi32(_mm256_add_epi32(s, half), HSV_SHIFT);
        store_8(p, (const __m256i[3]){h, s, v});
    }
    return i;
}
#else
#define hsv_avx2(p, n) 0
#endif

void imgproc_bgr_to_hsv(uint8_t *p, int64_t n)
{
    pthread_once(&once, fill_table);
    int64_t done = imgproc_has_avx2() ? hsv_avx2(p, n) : 0;
    hsv_plain(p + 3 * done, n - done);
}

/* The four values that a pixel's channels can have: v, v(1-s), v(1-sf), v(1-s(1-f)); and which has which. */
static void hsv_pixel(const uint8_t *p, float out[3])
{
    static const uint8_t which[6][3] = {{1, 3, 0}, {1, 0, 2}, {3, 0, 1}, {0, 2, 1}, {0, 1, 3}, {2, 1, 0}};
    float s = (float)p[1] * (1.f / 255.f), v = (float)p[2] * (1.f / 255.f), h = (float)p[0] * (6.f / 180.f);
    int sector = (int)h;
    float f = h - (float)sector;
    sector %= 6;
    float shade[4] = {v, v * (1.f - s), v * fmaf(-s, f, 1.f), v * fmaf(-s, 1.f - f, 1.f)};
    for (int k = 0; k < 3; k++)
        out[k] = shade[which[sector][k]] * 255.f;
}

/* Pixels `first` to the end of a row. */
static void bgr_plain(uint8_t *p, int64_t first, int64_t width)
{
    int64_t blocks = width / HSV_BLOCK * HSV_BLOCK;
    for (int64_t i = first; i < width; i++) {
        float v[3];
        hsv_pixel(p + 3 * i, v);
        for (int k = 0; k < 3; k++)
            p[3 * i + k] = (uint8_t)(i < blocks ? v[k] : nearbyintf(v[k]));
    }
}

#if defined(__x86_64__)
/* The whole blocks of a row, whose results are cut off, not rounded. */
AVX2 static int64_t bgr_avx2(uint8_t *p, int64_t width)
{
    const __m256 one = _mm256_set1_ps(1.f), full = _mm256_set1_ps(255.f), unit = _mm256_set1_ps(1.f / 255.f);
    const __m256i which[3] = {_mm256_setr_epi32(1, 1, 3, 0, 0, 2, 0, 0), _mm256_setr_epi32(3, 0, 0, 2, 1, 1, 0, 0),
                              _mm256_setr_epi32(0, 2, 1, 1, 3, 0, 0, 0)};
    const __m256i six = _mm256_set1_epi32(6), five = _mm256_set1_epi32(5);
    int64_t i = 0;
    for (; i < width / HSV_BLOCK * HSV_BLOCK; i += 8, p += 24) {
        __m256i c[3];
        load_8(p, c);
        __m256 h = _mm256_mul_ps(_mm256_cvtepi32_ps(c[0]), _mm256_set1_ps(6.f / 180.f));
        __m256 s = _mm256_mul_ps(_mm256_cvtepi32_ps(c[1]), unit), v = _mm256_mul_ps(_mm256_cvtepi32_ps(c[2]), unit);
        __m256i sector = _mm256_cvttps_epi32(h);
        __m256 f = _mm256_sub_ps(h, _mm256_cvtepi32_ps(sector));
        sector = _mm256_sub_epi32(sector, _mm256_and_si256(_mm256_cmpgt_epi32(sector, five), six));
        __m256 t1 = _mm256_mul_ps(v, _mm256_sub_ps(one, s)), t2 = _mm256_mul_ps(v, _mm256_fnmadd_ps(s, f, one));
        __m256 t3 = _mm256_mul_ps(v, _mm256_fnmadd_ps(s, _mm256_sub_ps(one, f), one));
        for (int k = 0; k < 3; k++) { /* bits 0 and 1 of the choice decide */
            __m256i w = _mm256_permutevar8x32_epi32(which[k], sector);
            __m256 odd = _mm256_castsi256_ps(_mm256_slli_epi32(w, 31)),
                   high = _mm256_castsi256_ps(_mm256_slli_epi32(w, 30));
            __m256 shade = _mm256_blendv_ps(_mm256_blendv_ps(v, t1, odd), _mm256_blendv_ps(t2, t3, odd), high);
            c[k] = _mm256_cvttps_epi32(_mm256_mul_ps(shade, full));
        }
        store_8(p, c);
    }
    return i;
}

/* Returns how many numbers it did. */
AVX2 static int64_t scale_avx2(uint8_t *v, int64_t n, float alpha, float beta)
{
    const __m256 a = _mm256_set1_ps(alpha), b = _mm256_set1_ps(beta), low = _mm256_setzero_ps(),
                 high = _mm256_set1_ps(255.f);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(v + i))));
        x = _mm256_min_ps(_mm256_max_ps(_mm256_add_ps(_mm256_mul_ps(x, a), b), low), high);
        __m256i w = _mm256_cvttps_epi32(x);
        __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
        _mm_storel_epi64((__m128i *)(v + i), _mm_packus_epi16(h, h));
    }
    return i;
}
#else
#define bgr_avx2(p, width) 0
#define scale_avx2(v, n, alpha, beta) 0
#endif

void imgproc_hsv_to_bgr(uint8_t *pixels, int64_t width)
{
    bgr_plain(pixels, imgproc_has_avx2() ? bgr_avx2(pixels, width) : 0, width);
}

void imgproc_scale_u8(uint8_t *v, int64_t n, int64_t step, float alpha, float beta)
{
    uint8_t to[256];
    int64_t done = step == 1 && imgproc_has_avx2() ? scale_avx2(v, n, alpha, beta) : 0;
    if (done == n)
        return;
    for (int i = 0; i < 256; i++) {
        float x = (float)i * alpha + beta;
        to[i] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
    }
    for (int64_t i = done; i < n; i += step)
        v[i] = to[v[i]];
}

void imgproc_lut(uint8_t *v, int64_t n, const uint8_t to[256])
{
    for (int64_t i = 0; i < n; i++)
        v[i] = to[v[i]];
}
