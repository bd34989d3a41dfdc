/* The transforms of winograd_kernels.h for one instruction set. They are bound by loads and stores of the first-level
 * cache. */
#include "backend/cpu/simd/lanes.h"
#include "backend/cpu/simd/winograd_kernels.h"

/* With the points a = sqrt(1/2), b = sqrt(2): a^2 + b^2 = 5/2, a^2 b^2 = 1, a b^2 = b, b a^2 = a. */
#define WINO_A 0.70710678118654752f
#define WINO_B 1.41421356237309505f

/* y = B^T d, one dimension. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_input)(const vec d[6], vec y[6])
{
    const vec a = vec_set(WINO_A), b = vec_set(WINO_B), h = vec_set(-2.5f), a2 = vec_set(-0.5f), b2 = vec_set(-2.0f);
    vec even_a = vec_fma(b2, d[2], d[4]), odd_a = vec_fma(vec_set(-WINO_B), d[1], vec_mul(a, d[3]));
    vec even_b = vec_fma(a2, d[2], d[4]), odd_b = vec_fma(vec_set(-WINO_A), d[1], vec_mul(b, d[3]));
    y[0] = vec_add(vec_fma(h, d[2], d[0]), d[4]);
    y[1] = vec_add(even_a, odd_a);
    y[2] = vec_sub(even_a, odd_a);
    y[3] = vec_add(even_b, odd_b);
    y[4] = vec_sub(even_b, odd_b);
    y[5] = vec_add(vec_fma(h, d[3], d[1]), d[5]);
}

/* y = A^T m */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_output)(const vec m[6], vec y[4])
{
    vec sum_a = vec_add(m[1], m[2]), sum_b = vec_add(m[3], m[4]);
    vec dif_a = vec_sub(m[1], m[2]), dif_b = vec_sub(m[3], m[4]);
    y[0] = vec_add(vec_add(m[0], sum_a), sum_b);
    y[1] = vec_fma(vec_set(WINO_A), dif_a, vec_mul(vec_set(WINO_B), dif_b));
    y[2] = vec_fma(vec_set(0.5f), sum_a, vec_mul(vec_set(2.0f), sum_b));
    y[3] = vec_add(vec_fma(vec_set(WINO_A / 2), dif_a, vec_mul(vec_set(2 * WINO_B), dif_b)), m[5]);
}

/* y = A d */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_output_grad)(const vec d[4], vec y[6])
{
    vec even_a = vec_fma(vec_set(0.5f), d[2], d[0]), even_b = vec_fma(vec_set(2.0f), d[2], d[0]);
    vec odd_a = vec_fma(vec_set(WINO_A / 2), d[3], vec_mul(vec_set(WINO_A), d[1]));
    vec odd_b = vec_fma(vec_set(2 * WINO_B), d[3], vec_mul(vec_set(WINO_B), d[1]));
    y[0] = d[0];
    y[1] = vec_add(even_a, odd_a);
    y[2] = vec_sub(even_a, odd_a);
    y[3] = vec_add(even_b, odd_b);
    y[4] = vec_sub(even_b, odd_b);
    y[5] = d[3];
}

/* y = G g, the rows divided by 1, 2 a^2 (a^2 - b^2) = -3/2, 2 b^2 (b^2 - a^2) = 6, 1. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_weights)(const vec g[3], vec y[6])
{
    vec even_a = vec_mul(vec_set(-2.0f / 3), vec_fma(vec_set(0.5f), g[2], g[0]));
    vec even_b = vec_mul(vec_set(1.0f / 6), vec_fma(vec_set(2.0f), g[2], g[0]));
    vec odd_a = vec_mul(vec_set(-2.0f / 3 * WINO_A), g[1]), odd_b = vec_mul(vec_set(WINO_B / 6), g[1]);
    y[0] = g[0];
    y[1] = vec_add(even_a, odd_a);
    y[2] = vec_sub(even_a, odd_a);
    y[3] = vec_add(even_b, odd_b);
    y[4] = vec_sub(even_b, odd_b);
    y[5] = g[2];
}

/* y = G^T u */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_weights_grad)(const vec u[6], vec y[3])
{
    vec sum_a = vec_mul(vec_set(-2.0f / 3), vec_add(u[1], u[2])),
        sum_b = vec_mul(vec_set(1.0f / 6), vec_add(u[3], u[4]));
    y[0] = vec_add(vec_add(u[0], sum_a), sum_b);
    y[1] = vec_fma(vec_set(-2.0f / 3 * WINO_A), vec_sub(u[1], u[2]), vec_mul(vec_set(WINO_B / 6), vec_sub(u[3], u[4])));
    y[2] = vec_add(vec_fma(vec_set(0.5f), sum_a, vec_mul(vec_set(2.0f), sum_b)), u[5]);
}

/* A strip's tile is one column of a square's: the transform of its rows is left out. `strip` is a constant where these
 * are called, so each form has code of its own. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_input_of)(const void *const *at, bool half, bool strip,
                                                                           int64_t c, float *v, int64_t v_point)
{
    const int columns = strip ? 1 : 6;
    for (int64_t c0 = 0; c0 < c; c0 += VEC) {
        vec part[6][6];
        for (int j = 0; j < columns; j++) {
            vec d[6], y[6];
            for (int i = 0; i < 6; i++)
                d[i] = vec_load_map(at[columns * i + j], half, c0, c - c0);
            SIMD_NAME(wino_input)(d, y);
            for (int i = 0; i < 6; i++)
                part[i][j] = y[i];
        }
        for (int i = 0; i < 6; i++) {
            vec y[6] = {part[i][0]};
            if (!strip)
                SIMD_NAME(wino_input)(part[i], y);
            for (int j = 0; j < columns; j++)
                vec_store(v + (columns * i + j) * v_point + c0, y[j]);
        }
    }
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_output_of)(const float *m, int64_t m_point, int64_t c, const float *bias, const void *const *residual,
                          bool half_residual, void *const *at, bool half, bool strip, bool relu)
{
    const int columns = strip ? 1 : 6, outputs = strip ? 1 : 4;
    for (int64_t c0 = 0; c0 < c; c0 += VEC) {
        int64_t left = c - c0;
        vec part[4][6];
        for (int j = 0; j < columns; j++) {
            vec d[6], y[4];
            for (int i = 0; i < 6; i++)
                d[i] = vec_load(m + (columns * i + j) * m_point + c0);
            SIMD_NAME(wino_output)(d, y);
            for (int i = 0; i < 4; i++)
                part[i][j] = y[i];
        }
        vec shift = bias ? vec_load_map(bias, false, c0, left) : vec_zero();
        for (int i = 0; i < 4; i++) {
            vec y[4] = {part[i][0]};
            if (!strip)
                SIMD_NAME(wino_output)(part[i], y);
            for (int j = 0; j < outputs; j++) {
                if (!at[outputs * i + j])
                    continue;
                vec r = vec_add(y[j], shift);
                if (residual)
                    r = vec_add(r, vec_load_map(residual[outputs * i + j], half_residual, c0, left));
                vec_store_map(at[outputs * i + j], half, c0, relu ? vec_relu(r) : r, left);
            }
        }
    }
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_output_grad_of)(const void *const *at, bool half, bool strip, int64_t c, float *v, int64_t v_point)
{
    const int columns = strip ? 1 : 6, outputs = strip ? 1 : 4;
    for (int64_t c0 = 0; c0 < c; c0 += VEC) {
        vec part[6][4];
        for (int j = 0; j < outputs; j++) {
            vec d[4], y[6];
            for (int i = 0; i < 4; i++)
                d[i] = vec_load_map(at[outputs * i + j], half, c0, c - c0);
            SIMD_NAME(wino_output_grad)(d, y);
            for (int i = 0; i < 6; i++)
                part[i][j] = y[i];
        }
        for (int i = 0; i < 6; i++) {
            vec y[6] = {part[i][0]};
            if (!strip)
                SIMD_NAME(wino_output_grad)(part[i], y);
            for (int j = 0; j < columns; j++)
                vec_store(v + (columns * i + j) * v_point + c0, y[j]);
        }
    }
}

enum { WINO_INPUTS = 16 }; /* gathered at a time: 576 bytes in a row of an output's weights */

/* Taps of k <= WINO_INPUTS inputs and n <= VEC outputs -> taps[input][tap][output], 0 where there is no output. Reads
 * in the order of memory: the layout of weights is [output][input][tap]. The taps are turned by 180 degrees where
 * outputs and inputs change places. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_gather)(const float *w, int64_t w_n, int64_t w_k,
                                                                         int64_t k, int64_t n, bool turned, int count,
                                                                         float taps[WINO_INPUTS][WINOGRAD_TAPS][VEC])
{
    if (n < VEC)
        for (int64_t i = 0; i < k; i++)
            for (int t = 0; t < count; t++)
                for (int64_t j = n; j < VEC; j++)
                    taps[i][t][j] = 0;
    if (turned) {
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < n; j++)
                for (int t = 0; t < count; t++)
                    taps[i][count - 1 - t][j] = w[i * w_k + j * w_n + t];
        return;
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < k; i++)
            for (int t = 0; t < count; t++)
                taps[i][t][j] = w[i * w_k + j * w_n + t];
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_transform_weights)(float taps[WINOGRAD_TAPS][VEC], bool strip, float *u, int64_t u_point)
{
    const int columns = strip ? 1 : 6, tap_columns = strip ? 1 : 3;
    vec part[6][3];
    for (int s = 0; s < tap_columns; s++) {
        vec g[3], y[6];
        for (int r = 0; r < 3; r++)
            g[r] = vec_load(taps[tap_columns * r + s]);
        SIMD_NAME(wino_weights)(g, y);
        for (int r = 0; r < 6; r++)
            part[r][s] = y[r];
    }
    for (int r = 0; r < 6; r++) {
        vec y[6] = {part[r][0]};
        if (!strip)
            SIMD_NAME(wino_weights)(part[r], y);
        for (int s = 0; s < columns; s++)
            vec_store(u + (columns * r + s) * u_point, y[s]);
    }
}

static inline __attribute__((always_inline)) void SIMD_NAME(wino_weights_of)(const float *w, int64_t w_n, int64_t w_k,
                                                                             int64_t k, int64_t n, bool turned,
                                                                             bool strip, float *u, int64_t u_point,
                                                                             int64_t width)
{
    float taps[WINO_INPUTS][WINOGRAD_TAPS][VEC];
    for (int64_t i = 0; i < k; i += WINO_INPUTS) {
        int64_t inputs = k - i < WINO_INPUTS ? k - i : WINO_INPUTS;
        for (int64_t j = 0; j < width; j += VEC) {
            int64_t outputs = n - j < VEC ? n - j : VEC;
            SIMD_NAME(wino_gather)
            (w + i * w_k + j * w_n, w_n, w_k, inputs, outputs, turned, strip ? 3 : WINOGRAD_TAPS, taps);
            for (int64_t l = 0; l < inputs; l++)
                SIMD_NAME(wino_transform_weights)(taps[l], strip, u + (i + l) * width + j, u_point);
        }
    }
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_weights_grad_of)(const float *u, int64_t u_point, bool strip, int64_t n, float *dw, int64_t w_n)
{
    const int columns = strip ? 1 : 6, tap_columns = strip ? 1 : 3;
    for (int64_t j0 = 0; j0 < n; j0 += VEC) {
        vec part[3][6];
        for (int s = 0; s < columns; s++) {
            vec d[6], y[3];
            for (int r = 0; r < 6; r++)
                d[r] = vec_load(u + (columns * r + s) * u_point + j0);
            SIMD_NAME(wino_weights_grad)(d, y);
            for (int r = 0; r < 3; r++)
                part[r][s] = y[r];
        }
        int64_t left = n - j0 < VEC ? n - j0 : VEC;
        for (int r = 0; r < 3; r++) {
            vec y[3] = {part[r][0]};
            if (!strip)
                SIMD_NAME(wino_weights_grad)(part[r], y);
            for (int s = 0; s < tap_columns; s++) {
                float at[VEC];
                vec_store(at, y[s]);
                for (int64_t j = 0; j < left; j++)
                    dw[(j0 + j) * w_n + tap_columns * r + s] = at[j];
            }
        }
    }
}

/* The functions of winograd_form, where `strip` and, of the maps that are written or read most, `half` are constants.
 */
#define WINO_FORM(name, strip)                                                                                         \
    static void SIMD_NAME(name##_input)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point)        \
    {                                                                                                                  \
        if (half)                                                                                                      \
            SIMD_NAME(wino_input_of)(at, true, strip, c, v, v_point);                                                  \
        else                                                                                                           \
            SIMD_NAME(wino_input_of)(at, false, strip, c, v, v_point);                                                 \
    }                                                                                                                  \
    static void SIMD_NAME(name##_output)(const float *m, int64_t m_point, int64_t c, const float *bias,                \
                                         const void *const *residual, bool half_residual, void *const *at, bool half,  \
                                         bool relu)                                                                    \
    {                                                                                                                  \
        if (half)                                                                                                      \
            SIMD_NAME(wino_output_of)(m, m_point, c, bias, residual, half_residual, at, true, strip, relu);            \
        else                                                                                                           \
            SIMD_NAME(wino_output_of)(m, m_point, c, bias, residual, half_residual, at, false, strip, relu);           \
    }                                                                                                                  \
    static void SIMD_NAME(name##_output_grad)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point)  \
    {                                                                                                                  \
        if (half)                                                                                                      \
            SIMD_NAME(wino_output_grad_of)(at, true, strip, c, v, v_point);                                            \
        else                                                                                                           \
            SIMD_NAME(wino_output_grad_of)(at, false, strip, c, v, v_point);                                           \
    }                                                                                                                  \
    static void SIMD_NAME(name##_weights)(const float *w, int64_t w_n, int64_t w_k, int64_t k, int64_t n, bool turned, \
                                          float *u, int64_t u_point, int64_t width)                                    \
    {                                                                                                                  \
        SIMD_NAME(wino_weights_of)(w, w_n, w_k, k, n, turned, strip, u, u_point, width);                               \
    }                                                                                                                  \
    static void SIMD_NAME(name##_weights_grad)(const float *u, int64_t u_point, int64_t n, float *dw, int64_t w_n)     \
    {                                                                                                                  \
        SIMD_NAME(wino_weights_grad_of)(u, u_point, strip, n, dw, w_n);                                                \
    }
#define WINO_FORM_FUNCTIONS(name)                                                                                      \
    .input = SIMD_NAME(name##_input), .output = SIMD_NAME(name##_output),                                              \
    .output_grad = SIMD_NAME(name##_output_grad), .weights = SIMD_NAME(name##_weights),                                \
    .weights_grad = SIMD_NAME(name##_weights_grad)

WINO_FORM(wino_square, false)
WINO_FORM(wino_strip, true)
