/* The loops of pool.h for one instruction set. They work on four vectors of channels at once, so that the short loops
 * over a window cost little. */
#include <math.h>

#include "backend/cpu/simd/lanes.h"
#include "backend/cpu/simd/pool.h"

#define POOL_INLINE static inline __attribute__((always_inline)) void
enum { POOL_VECS = 4 };

/* The pixels of x in window ox, or the windows that contain pixel ix. */
static inline pool_span SIMD_NAME(pool_pixels)(const pool_axis *a, int64_t ox)
{
    int64_t from = ox * a->stride - a->pad, to = from + a->kernel;
    return (pool_span){from < 0 ? 0 : from, to > a->w ? a->w : to};
}

static inline pool_span SIMD_NAME(pool_windows)(const pool_axis *a, int64_t ix)
{
    int64_t from = ix + a->pad - a->kernel + 1, to = (ix + a->pad) / a->stride + 1;
    return (pool_span){from > 0 ? (from + a->stride - 1) / a->stride : 0, to > a->ow ? a->ow : to};
}

/* The functions of pool.h for one pixel and `nv` vectors of channels from c on, with n channels in each. */
POOL_INLINE SIMD_NAME(pool_most_of)(const pool_axis *a, const pool_rows *x, pool_map y, int64_t ox, int64_t c, int nv,
                                    int64_t n, bool half)
{
    pool_span p = SIMD_NAME(pool_pixels)(a, ox);
    vec most[POOL_VECS];
    for (int i = 0; i < nv; i++)
        most[i] = vec_set(-INFINITY);
    for (int64_t r = 0; r < x->n; r++)
        for (int64_t ix = p.from; ix < p.to; ix++)
            for (int i = 0; i < nv; i++) {
                vec v = vec_load_map(x->row[r].at, half, ix * a->c + c + i * VEC, n);
                most[i] = vec_where_gt(most[i], v, most[i], vec_where_eq(most[i], most[i], v, most[i]));
            }
    for (int i = 0; i < nv; i++)
        vec_store_map(y.at, y.half, ox * a->c + c + i * VEC, most[i], n);
}

POOL_INLINE SIMD_NAME(pool_find_of)(const pool_axis *a, const pool_rows *x, pool_map y, float *tap, int64_t ox,
                                    int64_t c, int nv, int64_t n, bool half)
{
    pool_span p = SIMD_NAME(pool_pixels)(a, ox);
    vec most[POOL_VECS], first[POOL_VECS];
    for (int i = 0; i < nv; i++) {
        most[i] = vec_load_map(y.at, y.half, ox * a->c + c + i * VEC, n);
        first[i] = vec_set(-1);
    }
    /* From the last tap to the first, so that the first one remains. */
    for (int64_t r = x->n; r-- > 0;)
        for (int64_t ix = p.to; ix-- > p.from;) {
            vec here = vec_set((float)(x->row[r].tap + ix + a->pad - ox * a->stride));
            for (int i = 0; i < nv; i++) {
                vec v = vec_load_map(x->row[r].at, half, ix * a->c + c + i * VEC, n);
                first[i] = vec_where_eq(v, most[i], here, first[i]);
            }
        }
    for (int i = 0; i < nv; i++)
        vec_store_map(tap, false, ox * a->c + c + i * VEC, first[i], n);
}

POOL_INLINE SIMD_NAME(pool_give_of)(const pool_axis *a, const pool_rows *dy, const float *const *tap, pool_map dx,
                                    int64_t ix, int64_t c, int nv, int64_t n, bool half)
{
    pool_span p = SIMD_NAME(pool_windows)(a, ix);
    vec sum[POOL_VECS];
    for (int i = 0; i < nv; i++)
        sum[i] = vec_zero();
    for (int64_t r = 0; r < dy->n; r++)
        for (int64_t ox = p.from; ox < p.to; ox++) {
            vec here = vec_set((float)(dy->row[r].tap + ix + a->pad - ox * a->stride));
            for (int i = 0; i < nv; i++) {
                int64_t at = ox * a->c + c + i * VEC;
                vec which = vec_load_map(tap[r], false, at, n), g = vec_load_map(dy->row[r].at, half, at, n);
                sum[i] = vec_add(sum[i], vec_where_eq(which, here, g, vec_zero()));
            }
        }
    for (int i = 0; i < nv; i++)
        vec_store_map(dx.at, dx.half, ix * a->c + c + i * VEC, sum[i], n);
}

/* Runs STEP for all channels of all pixels. */
#define POOL_ROW(step, pixels, ...)                                                                                    \
    for (int64_t i = 0; i < (pixels); i++) {                                                                           \
        int64_t c = 0;                                                                                                 \
        for (; c + POOL_VECS * VEC <= a->c; c += POOL_VECS * VEC)                                                      \
            step(a, __VA_ARGS__, i, c, POOL_VECS, VEC, half);                                                          \
        for (; c < a->c; c += VEC)                                                                                     \
            step(a, __VA_ARGS__, i, c, 1, a->c - c, half);                                                             \
    }

POOL_INLINE SIMD_NAME(pool_most_row)(const pool_axis *a, const pool_rows *x, pool_map y,
                                     bool half){POOL_ROW(SIMD_NAME(pool_most_of), a->ow, x, y)}

POOL_INLINE SIMD_NAME(pool_find_row)(const pool_axis *a, const pool_rows *x, pool_map y, float *tap,
                                     bool half){POOL_ROW(SIMD_NAME(pool_find_of), a->ow, x, y, tap)}

POOL_INLINE
    SIMD_NAME(pool_give_row)(const pool_axis *a, const pool_rows *dy, const float *const *tap, pool_map dx, bool half)
{
    POOL_ROW(SIMD_NAME(pool_give_of), a->w, dy, tap, dx)
}
#undef POOL_ROW

static void SIMD_NAME(pool_most)(const pool_axis *a, const pool_rows *x, pool_map y)
{
    if (x->half)
        SIMD_NAME(pool_most_row)(a, x, y, true);
    else
        SIMD_NAME(pool_most_row)(a, x, y, false);
}

static void SIMD_NAME(pool_find)(const pool_axis *a, const pool_rows *x, pool_map y, float *tap)
{
    if (x->half)
        SIMD_NAME(pool_find_row)(a, x, y, tap, true);
    else
        SIMD_NAME(pool_find_row)(a, x, y, tap, false);
}

static void SIMD_NAME(pool_give)(const pool_axis *a, const pool_rows *dy, const float *const *tap, pool_map dx)
{
    if (dy->half)
        SIMD_NAME(pool_give_row)(a, dy, tap, dx, true);
    else
        SIMD_NAME(pool_give_row)(a, dy, tap, dx, false);
}

/* pool_table.add for one pixel and `nv` vectors of channels from c on, with n channels in each. A row's sum is taken by
 * itself, so that large windows cost little precision. */
POOL_INLINE SIMD_NAME(pool_add_of)(const pool_sums *s, pool_map y, int64_t i, int64_t c, int nv, int64_t n, bool half,
                                   bool weighted)
{
    vec sum[POOL_VECS], row[POOL_VECS];
    for (int v = 0; v < nv; v++)
        sum[v] = vec_zero();
    for (int64_t r = 0; r < s->rows; r++) {
        for (int v = 0; v < nv; v++)
            row[v] = vec_zero();
        for (int64_t j = s->cols[i].from; j < s->cols[i].to; j++) {
            vec share = weighted ? vec_set(s->in_share[r * s->w + j]) : vec_zero();
            for (int v = 0; v < nv; v++) {
                vec x = vec_load_map(s->x.at, half, (r * s->w + j) * s->c + c + v * VEC, n);
                row[v] = weighted ? vec_fma(x, share, row[v]) : vec_add(row[v], x);
            }
        }
        for (int v = 0; v < nv; v++)
            sum[v] = vec_add(sum[v], row[v]);
    }
    for (int v = 0; v < nv; v++) {
        vec all = s->share ? vec_mul(sum[v], vec_set(s->share[i])) : sum[v];
        vec_store_map(y.at, y.half, i * s->c + c + v * VEC, all, n);
    }
}

POOL_INLINE SIMD_NAME(pool_add_pixels)(const pool_sums *s, int64_t from, int64_t to, pool_map y, bool half,
                                       bool weighted)
{
    for (int64_t i = from; i < to; i++) {
        int64_t c = 0;
        for (; c + POOL_VECS * VEC <= s->c; c += POOL_VECS * VEC)
            SIMD_NAME(pool_add_of)(s, y, i, c, POOL_VECS, VEC, half, weighted);
        for (; c + VEC <= s->c; c += VEC)
            SIMD_NAME(pool_add_of)(s, y, i, c, 1, VEC, half, weighted);
        if (c < s->c)
            SIMD_NAME(pool_add_of)(s, y, i, c, 1, s->c - c, half, weighted);
    }
}

static void SIMD_NAME(pool_add)(const pool_sums *s, int64_t from, int64_t to, pool_map y)
{
    if (s->x.half && s->in_share)
        SIMD_NAME(pool_add_pixels)(s, from, to, y, true, true);
    else if (s->x.half)
        SIMD_NAME(pool_add_pixels)(s, from, to, y, true, false);
    else if (s->in_share)
        SIMD_NAME(pool_add_pixels)(s, from, to, y, false, true);
    else
        SIMD_NAME(pool_add_pixels)(s, from, to, y, false, false);
}

static const pool_table SIMD_NAME(pool) = {
    .add = SIMD_NAME(pool_add),
    .most = SIMD_NAME(pool_most),
    .find = SIMD_NAME(pool_find),
    .give = SIMD_NAME(pool_give),
};
