/* Resizing by taps of deeper samples than 8 bits, and cubic.
 *
 * Two orders of the same sums exist, and the reference's bits depend on which: OpenCV's own code, places and weights in
 * float32; and Intel's IPP, which opencv-python on x86-64 calls for images of 1, 3 or 4 channels (`fused`): places in
 * double, a + f * (b - a) with one rounding. Where IPP enlarges more than eightfold it uses yet another order, and its
 * cubic weights differ in the last bit: there, results here are within one unit in the last place of float32. */
#include "data/imgproc_resize.h"

#include <string.h>

/* Along x: float sums, or for u8 integer ones of fixed weights. */
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
                    sum += resize_load(from, r->src->type, at) * r->x.weight[i * r->taps + t];
            }
            if (fixed)
                ((int32_t *)to)[i * c + k] = whole;
            else
                ((float *)to)[i * c + k] = sum;
        }
}

#if defined(__x86_64__)
#define FMA_TARGET __attribute__((target("avx2,fma")))
#endif

/* The fused sums, once for any processor and once for those that have the instruction; n outputs of c channels. */
static inline __attribute__((always_inline)) void fused_x(const resizer *r, const float *from, float *to)
{
    int64_t c = r->c, last = r->src->w - 1;
    for (int64_t i = 0; i < r->w; i++) {
        const float *w = r->x.weight + i * r->taps;
        int64_t at[RESIZE_MAX_TAPS];
        for (int t = 0; t < r->taps; t++)
            at[t] = resize_clamp(r->x.at[i] + t, 0, last) * c;
        for (int64_t k = 0; k < c; k++) {
            if (r->taps == 2) {
                float a = from[at[0] + k];
                to[i * c + k] = __builtin_fmaf(w[1], from[at[1] + k] - a, a);
            } else {
                float sum = from[at[0] + k] * w[0];
                for (int t = 1; t < 4; t++)
                    sum = __builtin_fmaf(from[at[t] + k], w[t], sum);
                to[i * c + k] = sum;
            }
        }
    }
}

static inline __attribute__((always_inline)) void fused_y(const float *const *s, const float *w, int taps, float *to,
                                                          int64_t n)
{
    if (taps == 2)
        for (int64_t i = 0; i < n; i++)
            to[i] = __builtin_fmaf(w[1], s[1][i] - s[0][i], s[0][i]);
    else
        for (int64_t i = 0; i < n; i++) {
            float sum = s[0][i] * w[0];
            for (int t = 1; t < 4; t++)
                sum = __builtin_fmaf(s[t][i], w[t], sum);
            to[i] = sum;
        }
}

static void fused_x_plain(const resizer *r, const float *from, float *to)
{
    fused_x(r, from, to);
}

static void fused_y_plain(const float *const *s, const float *w, int taps, float *to, int64_t n)
{
    fused_y(s, w, taps, to, n);
}

#ifdef FMA_TARGET
FMA_TARGET static void fused_x_fma(const resizer *r, const float *from, float *to)
{
    fused_x(r, from, to);
}

FMA_TARGET static void fused_y_fma(const float *const *s, const float *w, int taps, float *to, int64_t n)
{
    fused_y(s, w, taps, to, n);
}

static bool has_fma(void)
{
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
}
#else
#define fused_x_fma fused_x_plain
#define fused_y_fma fused_y_plain
static bool has_fma(void)
{
    return false;
}
#endif

static void fused_along_x(const resizer *r, int64_t s, float *to)
{
    const float *from = image_at(r->src, s, 0);
    if (r->src->type != IMAGE_F32) {
        int64_t n = r->src->w * r->c;
        for (int64_t i = 0; i < n; i++)
            r->wide[i] = resize_load(image_at(r->src, s, 0), r->src->type, i);
        from = r->wide;
    }
    if (has_fma())
        fused_x_fma(r, from, to);
    else
        fused_x_plain(r, from, to);
}

static void fused_along_y(resizer *r, const void *const *s, int64_t y)
{
    const float *const *rows = (const float *const *)s, *w = r->y.weight + r->taps * y;
    float part[256];
    for (int64_t at = 0; at < r->row_samples; at += 256) {
        int64_t n = r->row_samples - at < 256 ? r->row_samples - at : 256;
        const float *here[RESIZE_MAX_TAPS];
        for (int t = 0; t < r->taps; t++)
            here[t] = rows[t] + at;
        if (has_fma())
            fused_y_fma(here, w, r->taps, part, n);
        else
            fused_y_plain(here, w, r->taps, part, n);
        for (int64_t i = 0; i < n; i++)
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

/* OpenCV sums the cubic rows from the last where its vectors (8 samples; 4 of f32) reach, from the first behind them;
 * those of 8-bit images in float and in integers. How many samples of the window the vectors of the whole row reach. */
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

