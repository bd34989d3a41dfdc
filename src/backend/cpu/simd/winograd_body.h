/* The loops of winograd_kernels.h for one instruction set. The transforms are bound by loads and stores of the
 * first-level cache. `product` is bound by multiply-adds; it reaches 85 to 95 % of their peak if its operands are in
 * the second level. */
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

/* Transforms `count` vectors from channel c0 on, the last of which has `left` channels. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_input_of)(const void *const *at, bool half, int64_t c0,
                                                                           int count, int64_t left, float *v,
                                                                           int64_t v_point)
{
    vec part[WINO_VECTORS][6][6];
    for (int j = 0; j < 6; j++)
        for (int h = 0; h < count; h++) {
            vec d[6], y[6];
            for (int i = 0; i < 6; i++)
                d[i] = vec_load_map(at[6 * i + j], half, c0 + h * VEC, h == count - 1 ? left : VEC);
            SIMD_NAME(wino_input)(d, y);
            for (int i = 0; i < 6; i++)
                part[h][i][j] = y[i];
        }
    for (int i = 0; i < 6; i++)
        for (int h = 0; h < count; h++) {
            vec y[6];
            SIMD_NAME(wino_input)(part[h][i], y);
            for (int j = 0; j < 6; j++)
                vec_store(v + (6 * i + j) * v_point + c0 + h * VEC, y[j]);
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

static void SIMD_NAME(winograd_input)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point)
{
    int64_t c0 = 0;
    for (; !half && c0 + WINO_LINE <= c; c0 += WINO_LINE) {
        if (c >= WINO_WIDE) {
            SIMD_NAME(wino_fetch_next)(at, 2, 6, 4 * (4 * c + c0));
            SIMD_NAME(wino_fetch_points)(v + c0 + WINO_LINE, v_point, WINOGRAD_IN);
        }
        SIMD_NAME(wino_input_of)(at, false, c0, WINO_VECTORS, VEC, v, v_point);
    }
    for (; c0 < c; c0 += VEC)
        if (half)
            SIMD_NAME(wino_input_of)(at, true, c0, 1, c - c0, v, v_point);
        else
            SIMD_NAME(wino_input_of)(at, false, c0, 1, c - c0, v, v_point);
}

/* What becomes of the sums: + bias + residual, and nothing below `floor`. */
typedef struct SIMD_NAME(wino_ends) {
    const float *bias;
    const void *const *residual;
    void *const *at;
    vec floor;
} SIMD_NAME(wino_ends);

/* `left` channels from c0 on. All flags are constants where this is called. */
static inline __attribute__((always_inline)) void SIMD_NAME(wino_output_of)(const float *m, int64_t m_point, int64_t c0,
                                                                            int64_t left,
                                                                            const SIMD_NAME(wino_ends) * e, bool added,
                                                                            bool half_residual, bool half, bool whole)
{
    vec part[4][6];
    for (int j = 0; j < 6; j++) {
        vec d[6], y[4];
        for (int i = 0; i < 6; i++)
            d[i] = vec_load(m + (6 * i + j) * m_point + c0);
        SIMD_NAME(wino_output)(d, y);
        for (int i = 0; i < 4; i++)
            part[i][j] = y[i];
    }
    vec shift = e->bias ? vec_load_map(e->bias, false, c0, left) : vec_zero();
    for (int i = 0; i < 4; i++) {
        vec y[4];
        SIMD_NAME(wino_output)(part[i], y);
        for (int j = 0; j < 4; j++) {
            if (!whole && !e->at[4 * i + j])
                continue;
            vec r = vec_add(y[j], shift);
            if (added)
                r = vec_add(r, vec_load_map(e->residual[4 * i + j], half_residual, c0, left));
            vec_store_map(e->at[4 * i + j], half, c0, vec_max(e->floor, r), left);
        }
    }
}

/* Tiles inside the map, in float32. */
static inline __attribute__((always_inline)) void
SIMD_NAME(wino_output_whole)(const float *m, int64_t m_point, int64_t c, const SIMD_NAME(wino_ends) * e, bool added)
{
    int64_t c0 = 0, next = 4 * ((const char *)e->at[1] - (const char *)e->at[0]);
    for (; c0 + VEC <= c; c0 += VEC) {
        if (c >= WINO_WIDE && c0 % WINO_LINE == 0) {
            SIMD_NAME(wino_fetch_points)(m + c0 + WINO_LINE, m_point, WINOGRAD_IN);
            SIMD_NAME(wino_fetch_next)((const void *const *)e->at, 0, 4, next + 4 * c0);
            if (added)
                SIMD_NAME(wino_fetch_next)(e->residual, 0, 4, next + 4 * c0);
        }
        SIMD_NAME(wino_output_of)(m, m_point, c0, VEC, e, added, false, false, true);
    }
    if (c0 < c)
        SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, e, added, false, false, true);
}

static void SIMD_NAME(winograd_output)(const float *m, int64_t m_point, int64_t c, const float *bias,
                                       const void *const *residual, bool half_residual, void *const *at, bool half,
                                       bool relu)
{
    const SIMD_NAME(wino_ends) e = {bias, residual, at, relu ? vec_zero() : vec_set(-INFINITY)};
    bool whole = !half && !half_residual;
    for (int i = 0; i < WINOGRAD_OUT && whole; i++)
        whole = at[i] != NULL;
    if (whole && residual) {
        SIMD_NAME(wino_output_whole)(m, m_point, c, &e, true);
        return;
    }
    if (whole) {
        SIMD_NAME(wino_output_whole)(m, m_point, c, &e, false);
        return;
    }
    for (int64_t c0 = 0; c0 < c; c0 += VEC)
        if (half)
            SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, &e, residual != NULL, half_residual, true, false);
        else
            SIMD_NAME(wino_output_of)(m, m_point, c0, c - c0, &e, residual != NULL, half_residual, false, false);
}

static inline __attribute__((always_inline)) void SIMD_NAME(wino_output_grad_of)(const void *const *at, bool half,
                                                                                 int64_t c, float *v, int64_t v_point)
{
    for (int64_t c0 = 0; c0 < c; c0 += VEC) {
        vec part[6][4];
        for (int j = 0; j < 4; j++) {
            vec d[4], y[6];
            for (int i = 0; i < 4; i++)
                d[i] = vec_load_map(at[4 * i + j], half, c0, c - c0);
            SIMD_NAME(wino_output_grad)(d, y);
            for (int i = 0; i < 6; i++)
                part[i][j] = y[i];
        }
        for (int i = 0; i < 6; i++) {
            vec y[6];
            SIMD_NAME(wino_output_grad)(part[i], y);
            for (int j = 0; j < 6; j++)
                vec_store(v + (6 * i + j) * v_point + c0, y[j]);
        }
    }
}

static void SIMD_NAME(winograd_output_grad)(const void *const *at, bool half, int64_t c, float *v, int64_t v_point)
{
    if (half)
        SIMD_NAME(wino_output_grad_of)(at, true, c, v, v_point);
    else
        SIMD_NAME(wino_output_grad_of)(at, false, c, v, v_point);
}

enum { WINO_INPUTS = 16 }; /* gathered at a time: 576 bytes in a row of an output's weights */

/* Taps of k <= WINO_INPUTS inputs and n <= VEC outputs -> taps[input][tap][output], 0 where there is no output. Reads
 * in the order of memory: the layout of weights is [output][input][tap]. The taps are turned by 180 degrees where
 * outputs and inputs change places. */
static void SIMD_NAME(wino_gather)(const float *w, int64_t w_n, int64_t w_k, int64_t k, int64_t n, bool turned,
                                   float taps[WINO_INPUTS][WINOGRAD_TAPS][VEC])
{
    if (n < VEC)
        for (int64_t i = 0; i < k; i++)
            for (int t = 0; t < WINOGRAD_TAPS; t++)
                for (int64_t j = n; j < VEC; j++)
                    taps[i][t][j] = 0;
    if (turned) {
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < n; j++)
                for (int t = 0; t < WINOGRAD_TAPS; t++)
                    taps[i][8 - t][j] = w[i * w_k + j * w_n + t];
        return;
    }
    int64_t j = 0, taken = w_k == WINOGRAD_TAPS ? k * WINOGRAD_TAPS / 4 * 4 : 0; /* of a row without gaps */
    for (; j + 4 <= n && taken; j += 4) {
        for (int64_t i = 0; i < taken; i += 4) {
            quad four[4];
            for (int r = 0; r < 4; r++)
                four[r] = quad_load(w + (j + r) * w_n + i);
            quad_turn(four);
            for (int r = 0; r < 4; r++)
                quad_store(&taps[0][0][0] + (i + r) * VEC + j, four[r]);
        }
        for (int64_t i = taken; i < k * WINOGRAD_TAPS; i++)
            for (int r = 0; r < 4; r++)
                (&taps[0][0][0])[i * VEC + j + r] = w[(j + r) * w_n + i];
    }
    for (; j < n; j++)
        for (int64_t i = 0; i < k; i++)
            for (int t = 0; t < WINOGRAD_TAPS; t++)
                taps[i][t][j] = w[i * w_k + j * w_n + t];
}

static void SIMD_NAME(wino_transform_weights)(float taps[WINOGRAD_TAPS][VEC], float *u, int64_t u_point)
{
    vec part[6][3];
    for (int s = 0; s < 3; s++) {
        vec g[3] = {vec_load(taps[s]), vec_load(taps[3 + s]), vec_load(taps[6 + s])}, y[6];
        SIMD_NAME(wino_weights)(g, y);
        for (int r = 0; r < 6; r++)
            part[r][s] = y[r];
    }
    for (int r = 0; r < 6; r++) {
        vec y[6];
        SIMD_NAME(wino_weights)(part[r], y);
        for (int s = 0; s < 6; s++)
            vec_store(u + (6 * r + s) * u_point, y[s]);
    }
}

static void SIMD_NAME(winograd_weights)(const float *w, int64_t w_n, int64_t w_k, int64_t k, int64_t n, bool turned,
                                        float *u, int64_t u_point, int64_t width)
{
    float taps[WINO_INPUTS][WINOGRAD_TAPS][VEC];
    for (int64_t i = 0; i < k; i += WINO_INPUTS) {
        int64_t inputs = k - i < WINO_INPUTS ? k - i : WINO_INPUTS;
        for (int64_t j = 0; j < width; j += VEC) {
            int64_t outputs = n - j < VEC ? n - j : VEC;
            SIMD_NAME(wino_gather)(w + i * w_k + j * w_n, w_n, w_k, inputs, outputs, turned, taps);
            for (int64_t l = 0; l < inputs; l++)
                SIMD_NAME(wino_transform_weights)(taps[l], u + (i + l) * width + j, u_point);
        }
    }
}

static void SIMD_NAME(winograd_weights_grad)(const float *u, int64_t u_point, int64_t n, float *dw, int64_t w_n)
{
    for (int64_t j0 = 0; j0 < n; j0 += VEC) {
        vec part[3][6];
        for (int s = 0; s < 6; s++) {
            vec d[6], y[3];
            for (int r = 0; r < 6; r++)
                d[r] = vec_load(u + (6 * r + s) * u_point + j0);
            SIMD_NAME(wino_weights_grad)(d, y);
            for (int r = 0; r < 3; r++)
                part[r][s] = y[r];
        }
        int64_t left = n - j0 < VEC ? n - j0 : VEC;
        for (int r = 0; r < 3; r++) {
            vec y[3];
            SIMD_NAME(wino_weights_grad)(part[r], y);
            for (int s = 0; s < 3; s++) {
                float at[VEC];
                vec_store(at, y[s]);
                for (int64_t j = 0; j < left; j++)
                    dw[(j0 + j) * w_n + 3 * r + s] = at[j];
            }
        }
    }
}

/* Register tiles of `product`: ROWS x NV accumulators. Each has a name, so that the compiler does not spill them. */
#define WINO_1(x) x(0)
#define WINO_2(x) WINO_1(x) x(1)
#define WINO_3(x) WINO_2(x) x(2)
#define WINO_4(x) WINO_3(x) x(3)
#define WINO_5(x) WINO_4(x) x(4)
#define WINO_6(x) WINO_5(x) x(5)
#define WINO_7(x) WINO_6(x) x(6)
#define WINO_8(x) WINO_7(x) x(7)
#define WINO_9(x) WINO_8(x) x(8)
#define WINO_10(x) WINO_9(x) x(9)
#define WINO_11(x) WINO_10(x) x(10)
#define WINO_12(x) WINO_11(x) x(11)

#define WINO_DECLARE1(i) vec c##i##0 = vec_zero();
#define WINO_DECLARE2(i) WINO_DECLARE1(i) vec c##i##1 = vec_zero();
#define WINO_DECLARE3(i) WINO_DECLARE2(i) vec c##i##2 = vec_zero();
#define WINO_DECLARE4(i) WINO_DECLARE3(i) vec c##i##3 = vec_zero();
#define WINO_LOAD1 vec b0 = vec_load(b);
#define WINO_LOAD2 WINO_LOAD1 vec b1 = vec_load(b + VEC);
#define WINO_LOAD3 WINO_LOAD2 vec b2 = vec_load(b + 2 * VEC);
#define WINO_LOAD4 WINO_LOAD3 vec b3 = vec_load(b + 3 * VEC);
#define WINO_STEP1(i)                                                                                                  \
    {                                                                                                                  \
        vec s = vec_set(a[(i)*a_row]);                                                                                 \
        c##i##0 = vec_fma(s, b0, c##i##0);                                                                             \
    }
#define WINO_STEP2(i)                                                                                                  \
    {                                                                                                                  \
        vec s = vec_set(a[(i)*a_row]);                                                                                 \
        c##i##0 = vec_fma(s, b0, c##i##0);                                                                             \
        c##i##1 = vec_fma(s, b1, c##i##1);                                                                             \
    }
#define WINO_STEP3(i)                                                                                                  \
    {                                                                                                                  \
        vec s = vec_set(a[(i)*a_row]);                                                                                 \
        c##i##0 = vec_fma(s, b0, c##i##0);                                                                             \
        c##i##1 = vec_fma(s, b1, c##i##1);                                                                             \
        c##i##2 = vec_fma(s, b2, c##i##2);                                                                             \
    }
#define WINO_STEP4(i)                                                                                                  \
    {                                                                                                                  \
        vec s = vec_set(a[(i)*a_row]);                                                                                 \
        c##i##0 = vec_fma(s, b0, c##i##0);                                                                             \
        c##i##1 = vec_fma(s, b1, c##i##1);                                                                             \
        c##i##2 = vec_fma(s, b2, c##i##2);                                                                             \
        c##i##3 = vec_fma(s, b3, c##i##3);                                                                             \
    }
#define WINO_PUT(i, j)                                                                                                 \
    vec_store(c + (i)*ldc + (j)*VEC, add ? vec_add(vec_load(c + (i)*ldc + (j)*VEC), c##i##j) : c##i##j);
#define WINO_STORE1(i) WINO_PUT(i, 0)
#define WINO_STORE2(i) WINO_STORE1(i) WINO_PUT(i, 1)
#define WINO_STORE3(i) WINO_STORE2(i) WINO_PUT(i, 2)
#define WINO_STORE4(i) WINO_STORE3(i) WINO_PUT(i, 3)

/* Rounding grows with the length of a chain of additions, and the output's transform enlarges it. In chains of 64 the
 * error of 512 to 2048 channels is a third of that of one chain, as small as a direct convolution's; shorter ones gain
 * nothing, since the transforms round as well. */
enum { WINO_CHAIN = 64 };

#define WINO_TILE(rows, nv)                                                                                            \
    static void SIMD_NAME(wino_tile_##rows##_##nv)(const float *a, int64_t a_row, int64_t a_k, const float *b,         \
                                                   int64_t ldb, float *c, int64_t ldc, int64_t k, bool add)            \
    {                                                                                                                  \
        int64_t chains = (k + WINO_CHAIN - 1) / WINO_CHAIN;                                                            \
        for (int64_t p = 0, l = 0; p < chains; p++, add = true) {                                                      \
            int64_t end = k * (p + 1) / chains;                                                                        \
            WINO_##rows(WINO_DECLARE##nv) for (; l < end; l++, a += a_k, b += ldb){                                    \
                WINO_LOAD##nv WINO_##rows(WINO_STEP##nv)} WINO_##rows(WINO_STORE##nv)                                  \
        }                                                                                                              \
    }

typedef void SIMD_NAME(wino_tile)(const float *, int64_t, int64_t, const float *, int64_t, float *, int64_t, int64_t,
                                  bool);

/* clang-format off */
#define WINO_TO_4(nv) WINO_TILE(1, nv) WINO_TILE(2, nv) WINO_TILE(3, nv) WINO_TILE(4, nv)
#define WINO_TO_6(nv) WINO_TO_4(nv) WINO_TILE(5, nv) WINO_TILE(6, nv)
#define WINO_TO_8(nv) WINO_TO_6(nv) WINO_TILE(7, nv) WINO_TILE(8, nv)
#define WINO_TO_12(nv) WINO_TO_8(nv) WINO_TILE(9, nv) WINO_TILE(10, nv) WINO_TILE(11, nv) WINO_TILE(12, nv)
#define WINO_T(rows, nv) SIMD_NAME(wino_tile_##rows##_##nv)
#define WINO_LIST_4(nv) WINO_T(1, nv), WINO_T(2, nv), WINO_T(3, nv), WINO_T(4, nv)
#define WINO_LIST_6(nv) WINO_LIST_4(nv), WINO_T(5, nv), WINO_T(6, nv)
#define WINO_LIST_8(nv) WINO_LIST_6(nv), WINO_T(7, nv), WINO_T(8, nv)
#define WINO_LIST_12(nv) WINO_LIST_8(nv), WINO_T(9, nv), WINO_T(10, nv), WINO_T(11, nv), WINO_T(12, nv)
#if defined(__AVX512F__)
#define WINO_PANELS 4
WINO_TO_12(1) WINO_TO_12(2) WINO_TO_8(3) WINO_TO_6(4)
static SIMD_NAME(wino_tile) *const SIMD_NAME(wino_tiles)[WINO_PANELS][12] = {
    {WINO_LIST_12(1)}, {WINO_LIST_12(2)}, {WINO_LIST_8(3)}, {WINO_LIST_6(4)}};
static const int SIMD_NAME(wino_rows)[WINO_PANELS] = {12, 12, 8, 6};
#else
#define WINO_PANELS 3
WINO_TO_12(1) WINO_TO_6(2) WINO_TO_4(3)
static SIMD_NAME(wino_tile) *const SIMD_NAME(wino_tiles)[WINO_PANELS][12] = {
    {WINO_LIST_12(1)}, {WINO_LIST_6(2)}, {WINO_LIST_4(3)}};
static const int SIMD_NAME(wino_rows)[WINO_PANELS] = {12, 6, 4};
#endif
/* clang-format on */

/* The product for rows of a that stay in the first-level cache, and nv <= WINO_PANELS vectors. */
static void SIMD_NAME(wino_panel)(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t ldb, float *c,
                                  int64_t ldc, int64_t m, int64_t k, int nv, bool add)
{
    int most = SIMD_NAME(wino_rows)[nv - 1];
    /* Cuts rows as evenly as possible: 16 rows are 8 + 8, not 12 + 4. */
    int64_t cuts = (m + most - 1) / most;
    for (int64_t i = 0, at = 0; i < cuts; i++) {
        int64_t rows = (m - at + cuts - i - 1) / (cuts - i);
        SIMD_NAME(wino_tiles)
        [nv - 1][rows - 1](a + at * a_row, a_row, a_k, b, ldb, c + at * ldc, ldc, k, add);
        at += rows;
    }
}

enum {
    WINO_ROWS = 12, /* a multiple of those of each register tile */
    WINO_EVEN = 4,  /* of most */
    WINO_FAR = 32   /* a row's length from which on it pays to fetch the next ones */
};

static inline void SIMD_NAME(wino_fetch)(const float *a, int64_t ld, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t l = 0; l < n; l += WINO_LINE)
            __builtin_prefetch(a + i * ld + l);
}

static void SIMD_NAME(winograd_product)(const float *a, int64_t a_row, int64_t a_k, const float *b, int64_t ldb,
                                        float *c, int64_t ldc, int64_t m, int64_t k, int nv, bool add)
{
    int panels = (nv + WINO_PANELS - 1) / WINO_PANELS;
    int64_t cuts = (m + WINO_ROWS - 1) / WINO_ROWS;
    for (int64_t i = 0, at = 0; i < cuts && at < m; i++) {
        int64_t even = (m - at + cuts - i - 1) / (cuts - i), rows = (even + WINO_EVEN - 1) / WINO_EVEN * WINO_EVEN;
        rows = rows < m - at ? rows : m - at;
        int64_t next = at + rows, left = m - next < WINO_ROWS ? m - next : WINO_ROWS;
        if (a_k == 1 && left > 0 && k >= WINO_FAR)
            SIMD_NAME(wino_fetch)(a + next * a_row, a_row, left, k);
        if (add && left > 0 && k >= WINO_FAR)
            SIMD_NAME(wino_fetch)(c + next * ldc, ldc, left, (int64_t)nv * VEC);
        for (int p = 0, from = 0; p < panels; p++) {
            int size = (nv - from) / (panels - p);
            SIMD_NAME(wino_panel)
            (a + at * a_row, a_row, a_k, b + from * VEC, ldb, c + at * ldc + from * VEC, ldc, rows, k, size, add);
            from += size;
        }
        at = next;
    }
}

static void SIMD_NAME(winograd_finish)(float *y, int64_t ld, int64_t rows, int64_t n, const float *bias,
                                       const float *residual, bool relu)
{
    vec floor = relu ? vec_zero() : vec_set(-INFINITY);
    for (int64_t i = 0; i < rows; i++, y += ld)
        for (int64_t j = 0; j < n; j += VEC) {
            vec r = vec_load(y + j);
            if (bias)
                r = vec_add(r, vec_load(bias + j));
            if (residual) {
                r = vec_add(r, vec_load(residual + i * ld + j));
                __builtin_prefetch(residual + (i + rows) * ld + j, 0, 2);
            }
            vec_store(y + j, vec_max(floor, r));
            __builtin_prefetch(y + rows * ld + j, 1, 2);
        }
}

static const winograd_table SIMD_NAME(winograd) = {
    .vec = VEC,
    .panels = WINO_PANELS,
    .input = SIMD_NAME(winograd_input),
    .output = SIMD_NAME(winograd_output),
    .output_grad = SIMD_NAME(winograd_output_grad),
    .weights = SIMD_NAME(winograd_weights),
    .weights_grad = SIMD_NAME(winograd_weights_grad),
    .product = SIMD_NAME(winograd_product),
    .finish = SIMD_NAME(winograd_finish),
};
