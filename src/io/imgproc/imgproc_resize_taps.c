/* Resizes by taps: samples deeper than 8 bits, and cubic ones of any depth.
 *
 * The same sums can be taken in two orders, and the bits of the result depend on the order. OpenCV's own code takes
 * places and weights in float32. Intel's IPP, which opencv-python on x86-64 calls for images of 1, 3 or 4 channels
 * (`fused`), takes places in double and computes a + f * (b - a) with one rounding. Where IPP enlarges more than
 * eightfold, its linear sums have yet another order (here the last bit may differ); its cubic sums are followed only to
 * about 1e-6 of the values. */
#include "io/imgproc/imgproc_resize.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Along x: sums in float, or for u8 in integers with fixed weights. */
static void taps_along_x(const resizer *r, int64_t s, void *to)
{
    const void *from = image_at(r->src, s, 0);
    int64_t c = r->c, last = r->src->w - 1;
    bool fixed = r->src->type == IMAGE_U8;
    for (int64_t i = 0; i < r->w; i++)
        for (int64_t k = 0; k < c; k++) {
            float sum = 0;
            int32_t whole = 0;
            for (int t = 0; t < r->taps; t++) {
                int64_t at = resize_clamp(r->x.at[i] + t, 0, last) * c + k;
                if (fixed)
                    whole += ((const uint8_t *)from)[at] * r->x.fixed[i * r->taps + t];
                else
                    sum += imgproc_load(from, r->src->type, at) * r->x.weight[i * r->taps + t];
            }
            if (fixed)
                ((int32_t *)to)[i * c + k] = whole;
            else
                ((float *)to)[i * c + k] = sum;
        }
}

/* Fused sums along x, for outputs first ... w - 1. */
static void fused_x_plain(const resizer *r, const float *from, float *to, int64_t first)
{
    int64_t c = r->c, last = r->src->w - 1;
    for (int64_t i = first; i < r->w; i++) {
        const float *w = r->x.weight + i * r->taps;
        int64_t at[RESIZE_MAX_TAPS];
        for (int t = 0; t < r->taps; t++)
            at[t] = resize_clamp(r->x.at[i] + t, 0, last) * c;
        for (int64_t k = 0; k < c; k++) {
            float a = from[at[0] + k];
            if (r->taps == 2) {
                to[i * c + k] = fmaf(w[1], from[at[1] + k] - a, a);
                continue;
            }
            float sum = a * w[0];
            for (int t = 1; t < 4; t++)
                sum = fmaf(from[at[t] + k], w[t], sum);
            to[i * c + k] = sum;
        }
    }
}

static void fused_y_plain(const float *const *s, const float *w, int taps, float *to, int64_t first, int64_t n)
{
    for (int64_t i = first; i < n; i++) {
        if (taps == 2) {
            to[i] = fmaf(w[1], s[1][i] - s[0][i], s[0][i]);
            continue;
        }
        float sum = s[0][i] * w[0];
        for (int t = 1; t < 4; t++)
            sum = fmaf(s[t][i], w[t], sum);
        to[i] = sum;
    }
}

#if defined(__x86_64__)
#define FMA_TARGET __attribute__((target("avx2,fma")))

/* Linear: one pixel a turn, four channels a vector (the next pixel overwrites the excess), or eight gray pixels. */
FMA_TARGET static int64_t fused_x_fma(const resizer *r, const float *from, float *to)
{
    int64_t c = r->c, i = 0;
    if (r->taps != 2)
        return 0;
    if (c > 1) {
        for (; i < r->fast_x; i++) {
            const float *p = from + r->x.at[i] * c;
            __m128 w = _mm_set1_ps(r->x.weight[2 * i + 1]);
            for (int64_t k = 0; k < c; k += 4) {
                __m128 a = _mm_loadu_ps(p + k), b = _mm_loadu_ps(p + c + k);
                _mm_storeu_ps(to + i * c + k, _mm_fmadd_ps(w, _mm_sub_ps(b, a), a));
            }
        }
        return i;
    }
    const __m256i odd = _mm256_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15);
    for (; i + 8 <= r->fast_x; i += 8) {
        __m256i at = _mm256_loadu_si256((const __m256i *)(r->x.at + i));
        __m256 w = _mm256_i32gather_ps(r->x.weight + 2 * i, odd, 4);
        __m256 a = _mm256_i32gather_ps(from, at, 4), b = _mm256_i32gather_ps(from + 1, at, 4);
        _mm256_storeu_ps(to + i, _mm256_fmadd_ps(w, _mm256_sub_ps(b, a), a));
    }
    return i;
}

FMA_TARGET static int64_t fused_y_fma(const float *const *s, const float *w, int taps, float *to, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 a = _mm256_loadu_ps(s[0] + i), sum;
        if (taps == 2) {
            sum = _mm256_fmadd_ps(_mm256_set1_ps(w[1]), _mm256_sub_ps(_mm256_loadu_ps(s[1] + i), a), a);
        } else {
            sum = _mm256_mul_ps(a, _mm256_set1_ps(w[0]));
            for (int t = 1; t < 4; t++)
                sum = _mm256_fmadd_ps(_mm256_loadu_ps(s[t] + i), _mm256_set1_ps(w[t]), sum);
        }
        _mm256_storeu_ps(to + i, sum);
    }
    return i;
}

/* Rounds half to even and clamps, as resize_store does. */
FMA_TARGET static int64_t store_u16_fma(const float *from, uint16_t *to, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i v = _mm256_cvtps_epi32(_mm256_loadu_ps(from + i));
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
    }
    return i;
}

FMA_TARGET static int64_t widen_u16_fma(const uint16_t *from, float *to, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(from + i)))));
    return i;
}
#else
#define fused_x_fma(r, from, to) 0
#define fused_y_fma(s, w, taps, to, n) 0
#define store_u16_fma(from, to, n) 0
#define widen_u16_fma(from, to, n) 0
#endif

static void fused_along_x(const resizer *r, int64_t s, float *to)
{
    const void *row = image_at(r->src, s, 0);
    const float *from = row;
    bool fma = imgproc_has_avx2();
    if (r->src->type != IMAGE_F32) {
        int64_t n = r->src->w * r->c, i = fma && r->src->type == IMAGE_U16 ? widen_u16_fma(row, r->wide, n) : 0;
        for (; i < n; i++)
            r->wide[i] = imgproc_load(row, r->src->type, i);
        from = r->wide;
    }
    fused_x_plain(r, from, to, fma ? fused_x_fma(r, from, to) : 0);
}

static void fused_along_y(resizer *r, const void *const *s, int64_t y)
{
    const float *const *rows = (const float *const *)s, *w = r->y.weight + r->taps * y;
    bool fma = imgproc_has_avx2();
    float part[512];
    for (int64_t at = 0; at < r->row_samples; at += 512) {
        int64_t n = r->row_samples - at < 512 ? r->row_samples - at : 512, i = 0;
        float *to = r->src->type == IMAGE_F32 ? (float *)r->row + at : part;
        const float *here[RESIZE_MAX_TAPS];
        for (int t = 0; t < r->taps; t++)
            here[t] = rows[t] + at;
        fused_y_plain(here, w, r->taps, to, fma ? fused_y_fma(here, w, r->taps, to, n) : 0, n);
        if (to == part && fma && r->src->type == IMAGE_U16)
            i = store_u16_fma(part, (uint16_t *)r->row + at, n);
        for (; to == part && i < n; i++)
            resize_store(r->row, r->src->type, at + i, part[i]);
    }
}

static const void *taps_row(resizer *r, int64_t s, const int64_t *wanted)
{
    int slot = -1;
    for (int i = 0; i < r->taps; i++) {
        if (r->held[i] == s)
            return r->ring[i];
        bool needed = false;
        for (int k = 0; k < r->taps; k++)
            needed |= r->held[i] == wanted[k];
        if (!needed)
            slot = i;
    }
    if (r->fused)
        fused_along_x(r, s, r->ring[slot]);
    else
        taps_along_x(r, s, r->ring[slot]);
    r->held[slot] = s;
    return r->ring[slot];
}

/* OpenCV sums the cubic rows from the last to the first as far as its vectors (8 samples; 4 of f32) reach, and from the
 * first to the last behind them; for 8-bit images the former in float, the latter in integers. Returns how many samples
 * of the window the vectors of the whole row reach. */
static int64_t vector_reach(const resizer *r)
{
    int64_t lanes = r->src->type == IMAGE_F32 ? 4 : 8, reach = r->full_w * r->c / lanes * lanes - r->x0 * r->c;
    return reach < r->row_samples ? reach : r->row_samples;
}

static void cubic_u8(const resizer *r, const void *const *s, int64_t y)
{
    const int16_t *b = r->y.fixed + 4 * y;
    const float unit = 1.f / ((float)RESIZE_ONE * RESIZE_ONE);
    int64_t n = r->row_samples, vectors = vector_reach(r);
    uint8_t *to = r->row;
    for (int64_t i = 0; i < n; i++) {
        int32_t v[4];
        for (int k = 0; k < 4; k++)
            v[k] = ((const int32_t *)s[k])[i];
        if (i < vectors) {
            float sum = (float)v[3] * (b[3] * unit);
            sum = (float)v[2] * (b[2] * unit) + sum;
            sum = (float)v[1] * (b[1] * unit) + sum;
            sum = (float)v[0] * (b[0] * unit) + sum;
            to[i] = (uint8_t)resize_clamp((int64_t)nearbyintf(sum), 0, 255);
        } else {
            int32_t sum = v[0] * b[0] + v[1] * b[1] + v[2] * b[2] + v[3] * b[3];
            to[i] = (uint8_t)resize_clamp((sum + (1 << 21)) >> 22, 0, 255);
        }
    }
}

static void cubic_float(const resizer *r, const void *const *rows, int64_t y)
{
    const float *b = r->y.weight + 4 * y;
    const float *const *s = (const float *const *)rows;
    int64_t n = r->row_samples, vectors = vector_reach(r);
    for (int64_t i = 0; i < n; i++) {
        float sum;
        if (i < vectors)
            sum = s[0][i] * b[0] + (s[1][i] * b[1] + (s[2][i] * b[2] + s[3][i] * b[3]));
        else
            sum = s[0][i] * b[0] + s[1][i] * b[1] + s[2][i] * b[2] + s[3][i] * b[3];
        resize_store(r->row, r->src->type, i, sum);
    }
}

static void linear_float(const resizer *r, const void *const *rows, int64_t y)
{
    const float *s0 = rows[0], *s1 = rows[1];
    float b0 = r->y.weight[2 * y], b1 = r->y.weight[2 * y + 1];
    for (int64_t i = 0; i < r->row_samples; i++)
        resize_store(r->row, r->src->type, i, s0[i] * b0 + s1[i] * b1);
}

void resize_taps_row(resizer *r, int64_t y)
{
    int64_t wanted[RESIZE_MAX_TAPS];
    const void *s[RESIZE_MAX_TAPS];
    for (int k = 0; k < r->taps; k++)
        wanted[k] = resize_clamp(r->y.at[y] + k, 0, r->src->h - 1);
    for (int k = 0; k < r->taps; k++)
        s[k] = taps_row(r, wanted[k], wanted);
    if (r->fused)
        fused_along_y(r, s, y);
    else if (r->taps == 2)
        linear_float(r, s, y);
    else if (r->src->type == IMAGE_U8)
        cubic_u8(r, s, y);
    else
        cubic_float(r, s, y);
}
