/* The loops of winograd_kernels.h for one instruction set. `product` is bound by multiply-adds; it reaches 85 to 95 %
 * of their peak if its operands are in the second-level cache. */
#include "backend/cpu/simd/winograd_transforms_body.h"

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
    .square = {.points = WINOGRAD_IN, .outputs = WINOGRAD_OUT, .taps = WINOGRAD_TAPS, WINO_FORM_FUNCTIONS(wino_square)},
    .strip = {.points = 6, .outputs = 4, .taps = 3, WINO_FORM_FUNCTIONS(wino_strip)},
    .product = SIMD_NAME(winograd_product),
    .finish = SIMD_NAME(winograd_finish),
};
