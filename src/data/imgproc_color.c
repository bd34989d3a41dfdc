/* Colours of 8-bit images as OpenCV 5 converts them. */
#include <math.h>

#include "data/imgproc.h"

enum { HSV_SHIFT = 12, HSV_BLOCK = 32 };

/* round((255 << 12) / i) and round((180 << 12) / (6 i)), computed when needed: a division is no slower than the cache
 * misses of two tables. */
static int divided(int numerator, double by)
{
    return (int)nearbyint((double)(numerator << HSV_SHIFT) / by);
}

void imgproc_bgr_to_hsv(uint8_t *p, int64_t n)
{
    int by_value[256] = {0}, by_range[256] = {0};
    for (int i = 1; i < 256; i++) {
        by_value[i] = divided(255, i);
        by_range[i] = divided(180, 6. * i);
    }
    for (int64_t i = 0; i < n; i++, p += 3) {
        int b = p[0], g = p[1], r = p[2];
        int v = b > g ? b : g, low = b < g ? b : g;
        v = r > v ? r : v;
        low = r < low ? r : low;
        int range = v - low;
        int h = v == r ? g - b : v == g ? b - r + 2 * range : r - g + 4 * range;
        h = (h * by_range[range] + (1 << (HSV_SHIFT - 1))) >> HSV_SHIFT;
        p[0] = (uint8_t)(h < 0 ? h + 180 : h);
        p[1] = (uint8_t)((range * by_value[v] + (1 << (HSV_SHIFT - 1))) >> HSV_SHIFT);
        p[2] = (uint8_t)v;
    }
}

#define INLINE static inline __attribute__((always_inline))

/* The four values that a pixel's channels can have: v, v(1-s), v(1-sf), v(1-s(1-f)); and which has which. */
INLINE void hsv_pixel(const uint8_t *p, float out[3])
{
    static const uint8_t which[6][3] = {{1, 3, 0}, {1, 0, 2}, {3, 0, 1}, {0, 2, 1}, {0, 1, 3}, {2, 1, 0}};
    float s = (float)p[1] * (1.f / 255.f), v = (float)p[2] * (1.f / 255.f), h = (float)p[0] * (6.f / 180.f);
    int sector = (int)h;
    float f = h - (float)sector;
    sector %= 6;
    float shade[4] = {v, v * (1.f - s), v * __builtin_fmaf(-s, f, 1.f), v * __builtin_fmaf(-s, 1.f - f, 1.f)};
    for (int k = 0; k < 3; k++)
        out[k] = shade[which[sector][k]] * 255.f;
}

INLINE void hsv_row(uint8_t *p, int64_t width)
{
    int64_t blocks = width / HSV_BLOCK * HSV_BLOCK;
    for (int64_t i = 0; i < width; i++, p += 3) {
        float v[3];
        hsv_pixel(p, v);
        for (int k = 0; k < 3; k++)
            p[k] = (uint8_t)(i < blocks ? v[k] : __builtin_rintf(v[k]));
    }
}

static void hsv_row_plain(uint8_t *p, int64_t width)
{
    hsv_row(p, width);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void hsv_row_fma(uint8_t *p, int64_t width)
{
    hsv_row(p, width);
}
#endif

void imgproc_hsv_to_bgr(uint8_t *pixels, int64_t width)
{
#if defined(__x86_64__)
    if (imgproc_has_avx2()) {
        hsv_row_fma(pixels, width);
        return;
    }
#endif
    hsv_row_plain(pixels, width);
}

void imgproc_scale_u8(uint8_t *v, int64_t n, int64_t step, float alpha, float beta)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++) {
        float x = (float)i * alpha + beta;
        table[i] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
    }
    for (int64_t i = 0; i < n; i += step)
        v[i] = table[v[i]];
}

void imgproc_lut(uint8_t *v, int64_t n, const uint8_t table[256])
{
    for (int64_t i = 0; i < n; i++)
        v[i] = table[v[i]];
}
