/* The loops of simd.h; the compiler vectorises them for the instruction set of the file that includes this. Bound by
 * memory traffic. SIMD_NAME(x) names a function, SIMD_TEXT the set.
 * ReLU is written so that NaN goes through it, as it does in PyTorch. */
#include <string.h>

#include "backend/cpu/simd/simd.h"

static void SIMD_NAME(affine)(const float *x, const float *restrict s, const float *restrict b, const float *r,
                              float *y, int64_t rows, int64_t width, bool relu)
{
    for (int64_t i = 0; i < rows; i++, x += width, y += width) {
        if (r) {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                float v = x[c] * s[c] + b[c] + r[c];
                y[c] = relu && v < 0 ? 0 : v;
            }
            r += width;
        } else if (relu) {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                float v = x[c] * s[c] + b[c];
                y[c] = v < 0 ? 0 : v;
            }
        } else {
#pragma omp simd
            for (int64_t c = 0; c < width; c++)
                y[c] = x[c] * s[c] + b[c];
        }
    }
}

static void SIMD_NAME(sum_rows)(const float *restrict x, float *restrict sum, int64_t rows, int64_t width)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4, x += 4 * width)
#pragma omp simd
        for (int64_t c = 0; c < width; c++)
            sum[c] += (x[c] + x[c + width]) + (x[c + 2 * width] + x[c + 3 * width]);
    for (; i < rows; i++, x += width)
#pragma omp simd
        for (int64_t c = 0; c < width; c++)
            sum[c] += x[c];
}

static void SIMD_NAME(deviation_rows)(const float *restrict x, const float *restrict mean, float *restrict m2,
                                      int64_t rows, int64_t width)
{
    int64_t i = 0;
    for (; i + 2 <= rows; i += 2, x += 2 * width)
#pragma omp simd
        for (int64_t c = 0; c < width; c++) {
            float d0 = x[c] - mean[c], d1 = x[c + width] - mean[c];
            m2[c] += d0 * d0 + d1 * d1;
        }
    for (; i < rows; i++, x += width)
#pragma omp simd
        for (int64_t c = 0; c < width; c++) {
            float d = x[c] - mean[c];
            m2[c] += d * d;
        }
}

static void SIMD_NAME(norm_grad_sums)(const float *restrict x, const float *restrict dy, const float *restrict y,
                                      const float *restrict mean, float *restrict sum_dy, float *restrict sum_dyx,
                                      int64_t rows, int64_t width)
{
    for (int64_t i = 0; i < rows; i++, x += width, dy += width) {
        if (y) {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                float g = y[c] > 0 ? dy[c] : 0;
                sum_dy[c] += g;
                sum_dyx[c] += g * (x[c] - mean[c]);
            }
            y += width;
        } else {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                sum_dy[c] += dy[c];
                sum_dyx[c] += dy[c] * (x[c] - mean[c]);
            }
        }
    }
}

static void SIMD_NAME(norm_grad_apply)(const float *x, const float *dy, const float *y, const float *restrict mean,
                                       const float *restrict s, const float *restrict a, const float *restrict k,
                                       float *dx, float *dr, int64_t rows, int64_t width)
{
    for (int64_t i = 0; i < rows; i++, x += width, dy += width, dx += width) {
        if (y) {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                float g = y[c] > 0 ? dy[c] : 0;
                if (dr)
                    dr[c] = g;
                dx[c] = s[c] * g - a[c] - (x[c] - mean[c]) * k[c];
            }
            y += width;
        } else {
#pragma omp simd
            for (int64_t c = 0; c < width; c++) {
                if (dr)
                    dr[c] = dy[c];
                dx[c] = s[c] * dy[c] - a[c] - (x[c] - mean[c]) * k[c];
            }
        }
        if (dr)
            dr += width;
    }
}

#define SIMD_FLAT2(name, expression)                                                                                   \
    static void SIMD_NAME(name)(const float *a, const float *b, float *y, int64_t n)                                   \
    {                                                                                                                  \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) y[i] = expression;                                         \
    }
SIMD_FLAT2(add, a[i] + b[i])
SIMD_FLAT2(sub, a[i] - b[i])
SIMD_FLAT2(mul, a[i] * b[i])
SIMD_FLAT2(relu_grad, a[i] > 0 ? b[i] : 0)
#undef SIMD_FLAT2

#define SIMD_ADD(expression)                                                                                           \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                \
    {                                                                                                                  \
        float v = expression;                                                                                          \
        y[i] = relu && v < 0 ? 0 : v;                                                                                  \
    }
static void SIMD_NAME(add_some)(const float *a, const float *b, const float *c, const float *d, float *y, int64_t n,
                                bool relu)
{
    if (d)
        SIMD_ADD(a[i] + b[i] + c[i] + d[i])
    else if (c)
        SIMD_ADD(a[i] + b[i] + c[i])
    else
        SIMD_ADD(a[i] + b[i])
}
#undef SIMD_ADD

static void SIMD_NAME(relu)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

static void SIMD_NAME(scale)(const float *x, float alpha, float beta, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = alpha * x[i] + beta;
}

static void SIMD_NAME(mix)(const float *a, float wa, const float *b, float wb, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = wa * a[i] + wb * b[i];
}

static void SIMD_NAME(axpy)(float alpha, const float *restrict x, float *restrict y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

static void SIMD_NAME(interpolate)(const float *restrict x, const int32_t *restrict i0, const int32_t *restrict i1,
                                   const float *restrict w, const float *base, float *y, int64_t n, int64_t c)
{
    for (int64_t i = 0; i < n; i++, y += c) {
        const float *a = x + i0[i] * c, *b = x + i1[i] * c;
        float w1 = w[i], w0 = 1 - w1;
        if (base) {
#pragma omp simd
            for (int64_t j = 0; j < c; j++)
                y[j] = base[j] + (w0 * a[j] + w1 * b[j]);
            base += c;
        } else {
#pragma omp simd
            for (int64_t j = 0; j < c; j++)
                y[j] = w0 * a[j] + w1 * b[j];
        }
    }
}

static void SIMD_NAME(interpolate_grad)(const float *restrict y, const int32_t *restrict i0, const int32_t *restrict i1,
                                        const float *restrict w, float *restrict x, int64_t n, int64_t c)
{
    for (int64_t i = 0; i < n; i++, y += c) {
        float *a = x + i0[i] * c, *b = x + i1[i] * c;
        float w1 = w[i], w0 = 1 - w1;
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            a[j] += w0 * y[j];
        if (w1 == 0)
            continue;
#pragma omp simd
        for (int64_t j = 0; j < c; j++)
            b[j] += w1 * y[j];
    }
}

static void SIMD_NAME(widen)(const uint16_t *restrict x, float *restrict y, int64_t n)
{
    int64_t i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store(y + i, vec_load_half(x + i));
    if (i < n)
        vec_store_n(y + i, vec_load_half_n(x + i, n - i), n - i);
}

static void SIMD_NAME(narrow)(const float *restrict x, uint16_t *restrict y, int64_t n)
{
    int64_t i = 0;
    for (; i + VEC <= n; i += VEC)
        vec_store_half(y + i, vec_load(x + i));
    if (i < n)
        vec_store_half_n(y + i, vec_load_n(x + i, n - i), n - i);
}

#include "backend/cpu/simd/peak.h"

const simd_table SIMD_NAME(simd_table) = {
    .name = SIMD_TEXT,
    .affine = SIMD_NAME(affine),
    .sum_rows = SIMD_NAME(sum_rows),
    .deviation_rows = SIMD_NAME(deviation_rows),
    .norm_grad_sums = SIMD_NAME(norm_grad_sums),
    .norm_grad_apply = SIMD_NAME(norm_grad_apply),
    .add = SIMD_NAME(add),
    .add_some = SIMD_NAME(add_some),
    .sub = SIMD_NAME(sub),
    .mul = SIMD_NAME(mul),
    .relu = SIMD_NAME(relu),
    .relu_grad = SIMD_NAME(relu_grad),
    .scale = SIMD_NAME(scale),
    .mix = SIMD_NAME(mix),
    .axpy = SIMD_NAME(axpy),
    .widen = SIMD_NAME(widen),
    .narrow = SIMD_NAME(narrow),
    .interpolate = SIMD_NAME(interpolate),
    .interpolate_grad = SIMD_NAME(interpolate_grad),
    .multiply_adds = SIMD_NAME(multiply_adds),
    .loss = &SIMD_NAME(loss),
    .pool = &SIMD_NAME(pool),
    .winograd = &SIMD_NAME(winograd),
};
