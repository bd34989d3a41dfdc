/* The transforms of winograd_kernels.h for one instruction set. They are bound by loads and stores of the first-level
 * cache. */
#include <math.h>

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

/* Vectors of a cache line: the pixels of a wide map share few sets of the first-level cache, which drops a line before
 * it is read again. */
enum { WINO_LINE = 16, WINO_VECTORS = WINO_LINE / VEC };

/* A strip's tile is one column of a square's: the transform of its rows is left out. `strip` is a constant where these
 * are called, so each form has code of its own. */

/* Transforms `count` vectors from channel c0 on, the last of which has `left` channels. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_input_of)(const void *const *at, bool half, bool strip,
                                                                           int64_t c0, int count, int64_t left,
                                                                           float *v, int64_t v_point)
{
    const int columns = strip ? 1 : 6;
    vec part[WINO_VECTORS][6][6];
    for (int j = 0; j < columns; j++)
        for (int h = 0; h < count; h++) {
            vec d[6], y[6];
            for (int i = 0; i < 6; i++)
                d[i] = vec_load_map(at[columns * i + j], half, c0 + h * VEC, h == count - 1 ? left : VEC);
            SIMD_NAME(wino_input)(d, y);
            for (int i = 0; i < 6; i++)
                part[h][i][j] = y[i];
        }
    for (int i = 0; i < 6; i++)
        for (int h = 0; h < count; h++) {
            vec y[6] = {part[h][i][0]};
            if (!strip)
                SIMD_NAME(wino_input)(part[h][i], y);
            for (int j = 0; j < columns; j++)
                vec_store(v + (columns * i + j) * v_point + c0 + h * VEC, y[j]);
        }
}

enum { WINO_WIDE = 48 }; /* channels from which on it pays to fetch what comes next */

/* Fetches into the first-level cache what is read or written next, a line of each point: a store that misses waits. */
static inline void SIMD_NAME(wino_fetch_points)(const float *at, int64_t point, int points)
{
    for (int p = 0; p < points; p++)
        __builtin_prefetch(at + p * point);
}

/* Fetches the next tile's pixels into the second-level cache: columns `from` to `side` of this one, `step` bytes on.
 * Where they lie outside of the map nothing comes of it. */
static inline void SIMD_NAME(wino_fetch_next)(const void *const *at, int from, int side, int64_t step)
{
    for (int i = 0; i < side; i++)
        for (int j = from; j < side; j++)
            __builtin_prefetch((const char *)((uintptr_t)at[side * i + j] + (uintptr_t)step), 0, 2);
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_input_pixels)(const void *const *at, bool half, bool strip, int64_t c, float *v, int64_t v_point)
{
    int64_t c0 = 0;
    for (; !half && c0 + WINO_LINE <= c; c0 += WINO_LINE) {
        if (!strip && c >= WINO_WIDE) {
            SIMD_NAME(wino_fetch_next)(at, 2, 6, 4 * (4 * c + c0));
            SIMD_NAME(wino_fetch_points)(v + c0 + WINO_LINE, v_point, WINOGRAD_IN);
        }
        SIMD_NAME(wino_input_of)(at, false, strip, c0, WINO_VECTORS, VEC, v, v_point);
    }
    for (; c0 < c; c0 += VEC)
        if (half)
            SIMD_NAME(wino_input_of)(at, true, strip, c0, 1, c - c0, v, v_point);
        else
            SIMD_NAME(wino_input_of)(at, false, strip, c0, 1, c - c0, v, v_point);
}

/* What becomes of the sums: + bias + residual, and nothing below `floor`. */
typedef struct SIMD_NAME(wino_ends) {
    const float *bias;
    const void *const *residual;
    void *const *at;
    vec floor;
} SIMD_NAME(wino_ends);

/* `left` channels from c0 on. All flags are constants where this is called. */
static inline __attribute__((always_inline)) void
SIMD_NAME(wino_output_of)(const float *m, int64_t m_point, int64_t c0, int64_t left, const SIMD_NAME(wino_ends) * e,
                          bool added, bool half_residual, bool half, bool strip, bool whole)
{
    const int columns = strip ? 1 : 6, outputs = strip ? 1 : 4;
    vec part[4][6];
    for (int j = 0; j < columns; j++) {
        vec d[6], y[4];
        for (int i = 0; i < 6; i++)
            d[i] = vec_load(m + (columns * i + j) * m_point + c0);
        SIMD_NAME(wino_output)(d, y);
        for (int i = 0; i < 4; i++)
            part[i][j] = y[i];
    }
    vec shift = e->bias ? vec_load_map(e->bias, false, c0, left) : vec_zero();
    for (int i = 0; i < 4; i++) {
        vec y[4] = {part[i][0]};
        if (!strip)
            SIMD_NAME(wino_output)(part[i], y);
        for (int j = 0; j < outputs; j++) {
            int p = outputs * i + j;
            if (!whole && !e->at[p])
                continue;
            vec r = vec_add(y[j], shift);
            if (added)
                r = vec_add(r, vec_load_map(e->residual[p], half_residual, c0, left));
            vec_store_map(e->at[p], half, c0, vec_max(e->floor, r), left);
        }
    }
}

/* Tiles inside the map, in float32. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_output_whole)(const float *m, int64_t m_point,
                                                                               int64_t c,
                                                                               const SIMD_NAME(wino_ends) * e,
                                                                               bool added, bool strip)
{
    int64_t c0 = 0, next = 4 * ((const char *)e->at[1] - (const char *)e->at[0]);
    for (; c0 + VEC <= c; c0 += VEC) {
        if (!strip && c >= WINO_WIDE && c0 % WINO_LINE == 0) {
            SIMD_NAME(wino_fetch_points)(m + c0 + WINO_LINE, m_point, WINOGRAD_IN);
            SIMD_NAME(wino_fetch_next)((const void *const *)e->at, 0, 4, next + 4 * c0);
            if (added)
                SIMD_NAME(wino_fetch_next)(e->residual, 0, 4, next + 4 * c0);
        }
        SIMD_NAME(wino_output_of)(m, m_point, c0, VEC, e, added, false, false, strip, true);
    }
    if (c0 < c)
        SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, e, added, false, false, strip, true);
}

static inline __attribute__((always_inline)) void
SIMD_NAME(wino_output_pixels)(const float *m, int64_t m_point, int64_t c, const SIMD_NAME(wino_ends) * e,
                              bool half_residual, bool half, bool strip)
{
    bool whole = !half && !half_residual;
    for (int i = 0; i < (strip ? 4 : WINOGRAD_OUT) && whole; i++)
        whole = e->at[i] != NULL;
    if (whole && e->residual) {
        SIMD_NAME(wino_output_whole)(m, m_point, c, e, true, strip);
        return;
    }
    if (whole) {
        SIMD_NAME(wino_output_whole)(m, m_point, c, e, false, strip);
        return;
    }
    bool added = e->residual != NULL;
    for (int64_t c0 = 0; c0 < c; c0 += VEC)
        if (half)
            SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, e, added, half_residual, true, strip, false);
        else
            SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, e, added, half_residual, false, strip, false);
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

/* `count` taps of k <= WINO_INPUTS inputs and n <= VEC outputs -> taps[input * count + tap][output], 0 where there is
 * no output. Reads in the order of memory: the layout of weights is [output][input][tap]. The taps are turned by 180
 * degrees where outputs and inputs change places. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_gather)(const float *w, int64_t w_n, int64_t w_k,
                                                                         int64_t k, int64_t n, bool turned, int count,
                                                                         float (*taps)[VEC])
{
    if (n < VEC)
        for (int64_t i = 0; i < k * count; i++)
            for (int64_t j = n; j < VEC; j++)
                taps[i][j] = 0;
    if (turned) {
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < n; j++)
                for (int t = 0; t < count; t++)
                    taps[i * count + count - 1 - t][j] = w[i * w_k + j * w_n + t];
        return;
    }
    int64_t j = 0, taken = w_k == count ? k * count / 4 * 4 : 0; /* of a row without gaps */
    for (; j + 4 <= n && taken; j += 4) {
        for (int64_t i = 0; i < taken; i += 4) {
            quad four[4];
            for (int r = 0; r < 4; r++)
                four[r] = quad_load(w + (j + r) * w_n + i);
            quad_turn(four);
            for (int r = 0; r < 4; r++)
                quad_store(taps[i + r] + j, four[r]);
        }
        for (int64_t i = taken; i < k * count; i++)
            for (int r = 0; r < 4; r++)
                taps[i][j + r] = w[(j + r) * w_n + i];
    }
    for (; j < n; j++)
        for (int64_t i = 0; i < k; i++)
            for (int t = 0; t < count; t++)
                taps[i * count + t][j] = w[i * w_k + j * w_n + t];
}

static inline __attribute__((always_inline)) void SIMD_NAME(wino_transform_weights)(float (*taps)[VEC], bool strip,
                                                                                    float *u, int64_t u_point)
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
    const int count = strip ? 3 : WINOGRAD_TAPS;
    float taps[WINO_INPUTS * WINOGRAD_TAPS][VEC];
    for (int64_t i = 0; i < k; i += WINO_INPUTS) {
        int64_t inputs = k - i < WINO_INPUTS ? k - i : WINO_INPUTS;
        for (int64_t j = 0; j < width; j += VEC) {
            int64_t outputs = n - j < VEC ? n - j : VEC;
            SIMD_NAME(wino_gather)
            (w + i * w_k + j * w_n, w_n, w_k, inputs, outputs, turned, count, taps);
            for (int64_t l = 0; l < inputs; l++)
                SIMD_NAME(wino_transform_weights)(taps + l * count, strip, u + (i + l) * width + j, u_point);
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

/* The functions of winograd_form, where `strip` is a constant. */
#define WINO_FORM(name, strip)                                                                                         \
    static void SIMD_NAME(name##_input)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point)        \
    {                                                                                                                  \
        SIMD_NAME(wino_input_pixels)(at, half, strip, c, v, v_point);                                                  \
    }                                                                                                                  \
    static void SIMD_NAME(name##_output)(const float *m, int64_t m_point, int64_t c, const float *bias,                \
                                         const void *const *residual, bool half_residual, void *const *at, bool half,  \
                                         bool relu)                                                                    \
    {                                                                                                                  \
        const SIMD_NAME(wino_ends) e = {bias, residual, at, relu ? vec_zero() : vec_set(-INFINITY)};                   \
        SIMD_NAME(wino_output_pixels)(m, m_point, c, &e, half_residual, half, strip);                                  \
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
