/* Rotation as OpenCV 5's warpAffine: for every output pixel (x, y) the place (u, v) in the source, in float32 with
 * fused multiplications; then four neighbours or the nearest one. Bound by those multiplications: about 4 ns a pixel of
 * three bytes. */
#include <math.h>

#include "base/arena.h"
#include "io/imgproc/imgproc.h"
#include "io/imgproc/imgproc_sample.h"

typedef struct warp {
    const image *src;
    float m[6];           /* u = m0 x + m1 y + m2, v = m3 x + m4 y + m5 */
    const double *border; /* clamped; one a channel */
    bool nearest;
} warp;

/* The matrix from source to output, inverted in double as OpenCV does. */
static void inverse_matrix(const rotation *r, float out[6])
{
    double angle = -r->degrees * (3.1415926535897932384626433832795 / 180);
    double alpha = cos(angle), beta = sin(angle);
    double a[6] = {alpha, beta, (1 - alpha) * r->cx - beta * r->cy, -beta, alpha, beta * r->cx + (1 - alpha) * r->cy};
    a[2] += r->dx;
    a[5] += r->dy;
    double d = a[0] * a[4] - a[1] * a[3];
    d = d != 0 ? 1. / d : 0;
    double m[6];
    m[0] = a[4] * d;
    m[1] = a[1] * -d;
    m[3] = a[3] * -d;
    m[4] = a[0] * d;
    m[2] = -m[0] * a[2] - m[1] * a[5];
    m[5] = -m[3] * a[2] - m[4] * a[5];
    for (int i = 0; i < 6; i++)
        out[i] = (float)m[i];
}

static double clamp_to(image_type t, double v)
{
    double high = t == IMAGE_U16 ? 65535 : 255;
    if (t == IMAGE_F32)
        return (double)(float)v;
    if (t == IMAGE_I16)
        return v < -32768 ? -32768 : v > 32767 ? 32767 : nearbyint(v);
    return v < 0 ? 0 : v > high ? high : nearbyint(v);
}

/* All below are inlined into one loop for each sample type, with and without the processor's fused multiplication. */
#define INLINE static inline __attribute__((always_inline))

/* Interpolated values lie between samples, so that nothing has to be clamped. */
INLINE void set(image_type t, void *p, int64_t i, float v)
{
    switch (t) {
    case IMAGE_U8:
        ((uint8_t *)p)[i] = (uint8_t)__builtin_rintf(v);
        break;
    case IMAGE_U16:
        ((uint16_t *)p)[i] = (uint16_t)__builtin_rintf(v);
        break;
    case IMAGE_I16:
        ((int16_t *)p)[i] = (int16_t)__builtin_rintf(v);
        break;
    default:
        ((float *)p)[i] = v;
        break;
    }
}

INLINE float neighbour(const warp *w, image_type t, int64_t y, int64_t x, int64_t k)
{
    if (y < 0 || x < 0 || y >= w->src->h || x >= w->src->w)
        return (float)w->border[k];
    return imgproc_load(w->src->data, t, (y * w->src->w + x) * w->src->c + k);
}

INLINE void linear_pixel(const warp *w, image_type t, void *to, int64_t at, float u, float v)
{
    float fu = floorf(u), fv = floorf(v);
    int64_t x = (int64_t)fu, y = (int64_t)fv, c = w->src->c, row = w->src->w * c;
    bool inside = x >= 0 && y >= 0 && x < w->src->w - 1 && y < w->src->h - 1;
    u -= fu;
    v -= fv;
    for (int64_t k = 0; k < c; k++) {
        float p00, p01, p10, p11;
        if (inside) {
            int64_t p = y * row + x * c + k;
            p00 = imgproc_load(w->src->data, t, p);
            p01 = imgproc_load(w->src->data, t, p + c);
            p10 = imgproc_load(w->src->data, t, p + row);
            p11 = imgproc_load(w->src->data, t, p + row + c);
        } else {
            p00 = neighbour(w, t, y, x, k);
            p01 = neighbour(w, t, y, x + 1, k);
            p10 = neighbour(w, t, y + 1, x, k);
            p11 = neighbour(w, t, y + 1, x + 1, k);
        }
        float top = __builtin_fmaf(u, p01 - p00, p00), low = __builtin_fmaf(u, p11 - p10, p10);
        set(t, to, at + k, __builtin_fmaf(v, low - top, top));
    }
}

/* One line of the matrix. OpenCV's AVX2 code rounds differently from where a row's whole vectors (16 pixels) end. */
INLINE float place(const float m[3], float x, float y, bool vector)
{
    float part = m[1] * y;
    return vector ? __builtin_fmaf(m[0], x, part + m[2]) : __builtin_fmaf(m[0], x, part) + m[2];
}

INLINE void rotate_as(const warp *w, image_type t, image *out)
{
    int64_t vectors = out->w / 16 * 16, c = out->c;
    for (int64_t y = 0; y < out->h; y++)
        for (int64_t x = 0; x < out->w; x++) {
            float u = place(w->m, (float)x, (float)y, x < vectors),
                  v = place(w->m + 3, (float)x, (float)y, x < vectors);
            int64_t at = (y * out->w + x) * c;
            if (!w->nearest) {
                linear_pixel(w, t, out->data, at, u, v);
                continue;
            }
            int64_t sx = (int64_t)__builtin_rintf(u), sy = (int64_t)__builtin_rintf(v);
            for (int64_t k = 0; k < c; k++)
                set(t, out->data, at + k, neighbour(w, t, sy, sx, k));
        }
}

INLINE void rotate_any(const warp *w, image *out)
{
    switch (out->type) {
    case IMAGE_U8:
        rotate_as(w, IMAGE_U8, out);
        break;
    case IMAGE_U16:
        rotate_as(w, IMAGE_U16, out);
        break;
    case IMAGE_I16:
        rotate_as(w, IMAGE_I16, out);
        break;
    default:
        rotate_as(w, IMAGE_F32, out);
        break;
    }
}

static void rotate_plain(const warp *w, image *out)
{
    rotate_any(w, out);
}

#if defined(__x86_64__)
#include <immintrin.h>
#define FMA_TARGET __attribute__((target("avx2,fma")))

FMA_TARGET static inline __m128 four(const uint8_t *p)
{
    int32_t v;
    __builtin_memcpy(&v, p, 4);
    return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(v)));
}

/* 8 bits, 3 or 4 channels, linear: the channels of a pixel are the lanes. If the four neighbours and the byte behind
 * them are not all inside, the general code is used. */
FMA_TARGET static void rotate_u8(const warp *w, image *out)
{
    int64_t vectors = out->w / 16 * 16, c = out->c, row = w->src->w * c;
    for (int64_t y = 0; y < out->h; y++)
        for (int64_t x = 0; x < out->w; x++) {
            float u = place(w->m, (float)x, (float)y, x < vectors),
                  v = place(w->m + 3, (float)x, (float)y, x < vectors);
            float fu = floorf(u), fv = floorf(v);
            int64_t sx = (int64_t)fu, sy = (int64_t)fv, at = (y * out->w + x) * c;
            if (sx < 0 || sy < 0 || sx >= w->src->w - 2 || sy >= w->src->h - 1) {
                linear_pixel(w, IMAGE_U8, out->data, at, u, v);
                continue;
            }
            const uint8_t *p = (const uint8_t *)w->src->data + sy * row + sx * c;
            __m128 share = _mm_set1_ps(u - fu), p00 = four(p), p10 = four(p + row);
            __m128 top = _mm_fmadd_ps(share, _mm_sub_ps(four(p + c), p00), p00);
            __m128 low = _mm_fmadd_ps(share, _mm_sub_ps(four(p + row + c), p10), p10);
            __m128i q = _mm_cvtps_epi32(_mm_fmadd_ps(_mm_set1_ps(v - fv), _mm_sub_ps(low, top), top));
            q = _mm_packs_epi32(q, q);
            int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(q, q));
            __builtin_memcpy((uint8_t *)out->data + at, &bytes, 3);
            if (c == 4)
                ((uint8_t *)out->data)[at + 3] = (uint8_t)((uint32_t)bytes >> 24);
        }
}

FMA_TARGET static void rotate_fma(const warp *w, image *out)
{
    if (out->type == IMAGE_U8 && (out->c == 3 || out->c == 4) && !w->nearest)
        rotate_u8(w, out);
    else
        rotate_any(w, out);
}
#endif

cseg_status imgproc_rotate(const image *src, const rotation *r, image *out, cseg_error *err)
{
    *out = (image){0};
    if (src->type == IMAGE_I32)
        return fail(err, CSEG_UNSUPPORTED, "32-bit integer images cannot be rotated");
    double *border = mem_alloc((size_t)src->c * sizeof *border);
    if (!border)
        return fail_memory(err);
    for (int64_t k = 0; k < src->c && r->border; k++)
        border[k] = clamp_to(src->type, r->border[k]);
    warp w = {.src = src, .border = border, .nearest = r->nearest};
    inverse_matrix(r, w.m);
    cseg_status status = imgproc_new(r->h, r->w, src->c, src->type, out, err);
    if (status == CSEG_OK) {
#if defined(__x86_64__)
        if (imgproc_has_avx2())
            rotate_fma(&w, out);
        else
#endif
            rotate_plain(&w, out);
    }
    mem_free(border);
    return status;
}

cseg_status imgproc_rot90(const image *src, int k, image *out, cseg_error *err)
{
    bool sideways = k % 2 != 0;
    TRY(imgproc_new(sideways ? src->w : src->h, sideways ? src->h : src->w, src->c, src->type, out, err));
    size_t pixel = (size_t)src->c * image_type_size(src->type);
    for (int64_t y = 0; y < out->h; y++)
        for (int64_t x = 0; x < out->w; x++) {
            int64_t sy = k == 0 ? y : k == 1 ? x : k == 2 ? src->h - 1 - y : src->h - 1 - x;
            int64_t sx = k == 0 ? x : k == 1 ? src->w - 1 - y : k == 2 ? src->w - 1 - x : y;
            __builtin_memcpy(image_at(out, y, x), image_at(src, sy, sx), pixel);
        }
    return CSEG_OK;
}
