/* The loops of maps.h for one instruction set. Bound by memory traffic, so they read memory in order; loops that kept
 * sums of several rows in registers took up to 1.6 times as long. ReLU passes NaN on, as PyTorch's does. */
#include "backend/cpu/simd/maps_loops.h"

/* ---- forward ------------------------------------------------------------------------------------------------------
 */

MAPS_INLINE void SIMD_NAME(affine_rows)(MAPS_TYPE type, map x, const float *s, const float *b, map r, map y,
                                        int64_t rows, int64_t width, bool relu)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, {
            vec v = vec_add(vec_mul(LOAD(x, at + c, n), FLOATS(s + c, n)), FLOATS(b + c, n));
            if (r.at)
                v = vec_add(v, LOAD(r, at + c, n));
            STORE(y, at + c, relu ? vec_relu(v) : v, n);
        });
}

static void SIMD_NAME(affine)(map x, const float *s, const float *b, map r, map y, int64_t rows, int64_t width,
                              bool relu)
{
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(x, r, y, MAPS_NONE, MAPS_NONE);
    if (r.at)
        MAPS_CALL(type, affine_rows, x, s, b, r, y, rows, width, relu);
    else if (relu)
        MAPS_CALL(type, affine_rows, x, s, b, MAPS_NONE, y, rows, width, true);
    else
        MAPS_CALL(type, affine_rows, x, s, b, MAPS_NONE, y, rows, width, false);
}

MAPS_INLINE void SIMD_NAME(normalise_rows)(MAPS_TYPE type, map x, const float *mean, const float *s, const float *b,
                                           map y, int64_t rows, int64_t width, bool relu)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, {
            vec v = vec_sub(LOAD(x, at + c, n), FLOATS(mean + c, n));
            v = vec_add(vec_mul(v, FLOATS(s + c, n)), FLOATS(b + c, n));
            STORE(y, at + c, relu ? vec_relu(v) : v, n);
        });
}

static void SIMD_NAME(normalise)(map x, const float *mean, const float *s, const float *b, map y, int64_t rows,
                                 int64_t width, bool relu)
{
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(x, y, MAPS_NONE, MAPS_NONE, MAPS_NONE);
    if (relu)
        MAPS_CALL(type, normalise_rows, x, mean, s, b, y, rows, width, true);
    else
        MAPS_CALL(type, normalise_rows, x, mean, s, b, y, rows, width, false);
}

MAPS_INLINE void SIMD_NAME(prelu_rows)(MAPS_TYPE type, map x, const float *slope, map y, int64_t rows, int64_t width)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, {
            vec v = LOAD(x, at + c, n);
            STORE(y, at + c, vec_where_gt(v, vec_zero(), v, vec_mul(v, FLOATS(slope + c, n))), n);
        });
}

static void SIMD_NAME(prelu)(map x, const float *slope, map y, int64_t rows, int64_t width)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, y, MAPS_NONE, MAPS_NONE, MAPS_NONE), prelu_rows, x, slope, y, rows, width);
}

MAPS_INLINE void SIMD_NAME(prelu_grad_rows)(MAPS_TYPE type, map x, const float *slope, map dy, map dx, float *sum,
                                            int64_t rows, int64_t width)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, {
            vec v = LOAD(x, at + c, n), g = LOAD(dy, at + c, n), zero = vec_zero();
            PUT_FLOATS(sum + c, vec_add(FLOATS(sum + c, n), vec_where_gt(v, zero, zero, vec_mul(v, g))), n);
            if (dx.at)
                STORE(dx, at + c, vec_where_gt(v, zero, g, vec_mul(g, FLOATS(slope + c, n))), n);
        });
}

static void SIMD_NAME(prelu_grad)(map x, const float *slope, map dy, map dx, float *sum, int64_t rows, int64_t width)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, dy, dx, MAPS_NONE, MAPS_NONE), prelu_grad_rows, x, slope, dy, dx, sum, rows,
              width);
}

MAPS_INLINE void SIMD_NAME(sum_of_rows)(MAPS_TYPE type, map x, float *sum, int64_t rows, int64_t width)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, PUT_FLOATS(sum + c, vec_add(FLOATS(sum + c, n), LOAD(x, at + c, n)), n););
}

static void SIMD_NAME(sum_rows)(map x, float *sum, int64_t rows, int64_t width)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, MAPS_NONE, MAPS_NONE, MAPS_NONE, MAPS_NONE), sum_of_rows, x, sum, rows, width);
}

MAPS_INLINE void SIMD_NAME(moments_rows)(MAPS_TYPE type, map x, const float *shift, float *sum, float *squares,
                                         int64_t rows, int64_t width)
{
    for (int64_t at = 0; at < rows * width; at += width)
        MAPS_EACH(c, n, width, {
            vec d = vec_sub(LOAD(x, at + c, n), FLOATS(shift + c, n));
            PUT_FLOATS(sum + c, vec_add(FLOATS(sum + c, n), d), n);
            PUT_FLOATS(squares + c, vec_add(FLOATS(squares + c, n), vec_mul(d, d)), n);
        });
}

static void SIMD_NAME(moments)(map x, const float *shift, float *sum, float *squares, int64_t rows, int64_t width)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, MAPS_NONE, MAPS_NONE, MAPS_NONE, MAPS_NONE), moments_rows, x, shift, sum,
              squares, rows, width);
}

/* ---- batch norm's gradient ----------------------------------------------------------------------------------------
 */

typedef enum SIMD_NAME(mask) {
    MASK_NONE,
    MASK_BY_Y,
    MASK_BY_X,
} SIMD_NAME(mask);
#define MASK SIMD_NAME(mask)

/* Computes g, the gradient before the ReLU. at: index into the map, c: index into per-channel arrays. */
MAPS_INLINE vec SIMD_NAME(unmasked)(MAPS_TYPE type, MASK mask, const norm_grad *g, vec x, int64_t at, int64_t c,
                                    int64_t n)
{
    vec dy = LOAD(g->dy, at, n), zero = vec_zero();
    if (mask == MASK_BY_Y)
        return vec_where_gt(LOAD(g->y, at, n), zero, dy, zero);
    if (mask == MASK_BY_X)
        return vec_where_gt(vec_add(vec_mul(x, FLOATS(g->s + c, n)), FLOATS(g->shift + c, n)), zero, dy, zero);
    return dy;
}

MAPS_INLINE void SIMD_NAME(grad_sums_rows)(MAPS_TYPE type, MASK mask, const norm_grad *g, float *sum_dy, float *sum_dyx,
                                           int64_t rows, int64_t width)
{
    for (int64_t from = 0; from < rows * width; from += width)
        MAPS_EACH(c, n, width, {
            vec x = LOAD(g->x, from + c, n), dy = SIMD_NAME(unmasked)(type, mask, g, x, from + c, c, n);
            vec dyx = vec_mul(dy, vec_sub(x, FLOATS(g->mean + c, n)));
            PUT_FLOATS(sum_dy + c, vec_add(FLOATS(sum_dy + c, n), dy), n);
            PUT_FLOATS(sum_dyx + c, vec_add(FLOATS(sum_dyx + c, n), dyx), n);
        });
}

static void SIMD_NAME(norm_grad_sums)(const norm_grad *n, float *sum_dy, float *sum_dyx, int64_t rows, int64_t width)
{
    const norm_grad g = *n;
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(g.x, g.dy, g.y, MAPS_NONE, MAPS_NONE);
    if (g.y.at)
        MAPS_CALL(type, grad_sums_rows, MASK_BY_Y, &g, sum_dy, sum_dyx, rows, width);
    else if (g.shift)
        MAPS_CALL(type, grad_sums_rows, MASK_BY_X, &g, sum_dy, sum_dyx, rows, width);
    else
        MAPS_CALL(type, grad_sums_rows, MASK_NONE, &g, sum_dy, sum_dyx, rows, width);
}

MAPS_INLINE void SIMD_NAME(grad_apply_rows)(MAPS_TYPE type, MASK mask, const norm_grad *g, int64_t rows, int64_t width)
{
    for (int64_t from = 0; from < rows * width; from += width)
        MAPS_EACH(c, n, width, {
            int64_t at = from + c;
            vec x = LOAD(g->x, at, n), dy = SIMD_NAME(unmasked)(type, mask, g, x, at, c, n);
            vec scaled = vec_sub(vec_mul(FLOATS(g->s + c, n), dy), FLOATS(g->a + c, n));
            vec slope = vec_mul(vec_sub(x, FLOATS(g->mean + c, n)), FLOATS(g->k + c, n));
            if (g->dr.at)
                STORE(g->dr, at, dy, n);
            STORE(g->dx, at, vec_sub(scaled, slope), n);
        });
}

static void SIMD_NAME(norm_grad_apply)(const norm_grad *n, int64_t rows, int64_t width)
{
    const norm_grad g = *n;
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(g.x, g.dy, g.y, g.dx, g.dr);
    if (g.y.at)
        MAPS_CALL(type, grad_apply_rows, MASK_BY_Y, &g, rows, width);
    else if (g.shift)
        MAPS_CALL(type, grad_apply_rows, MASK_BY_X, &g, rows, width);
    else
        MAPS_CALL(type, grad_apply_rows, MASK_NONE, &g, rows, width);
}

/* ---- element by element --------------------------------------------------------------------------------------------
 */

MAPS_INLINE void SIMD_NAME(add_some_flat)(MAPS_TYPE type, map a, map b, map c, map d, map y, int64_t size, bool relu)
{
    MAPS_EACH(i, n, size, {
        vec v = vec_add(LOAD(a, i, n), LOAD(b, i, n));
        if (c.at)
            v = vec_add(v, LOAD(c, i, n));
        if (d.at)
            v = vec_add(v, LOAD(d, i, n));
        STORE(y, i, relu ? vec_relu(v) : v, n);
    });
}

static void SIMD_NAME(add_some)(map a, map b, map c, map d, map y, int64_t n, bool relu)
{
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(a, b, c, d, y);
    if (d.at)
        MAPS_CALL(type, add_some_flat, a, b, c, d, y, n, relu);
    else if (c.at)
        MAPS_CALL(type, add_some_flat, a, b, c, MAPS_NONE, y, n, relu);
    else
        MAPS_CALL(type, add_some_flat, a, b, MAPS_NONE, MAPS_NONE, y, n, relu);
}

#define MAPS_PAIR(name, expression)                                                                                    \
    MAPS_INLINE void SIMD_NAME(name##_flat)(MAPS_TYPE type, map a_, map b_, map y, int64_t size)                       \
    {                                                                                                                  \
        MAPS_EACH(i, n, size, {                                                                                        \
            vec a = LOAD(a_, i, n), b = LOAD(b_, i, n);                                                                \
            STORE(y, i, expression, n);                                                                                \
        });                                                                                                            \
    }                                                                                                                  \
    static void SIMD_NAME(map_##name)(map a, map b, map y, int64_t n)                                                  \
    {                                                                                                                  \
        MAPS_CALL(SIMD_NAME(maps_type_of)(a, b, y, MAPS_NONE, MAPS_NONE), name##_flat, a, b, y, n);                    \
    }
MAPS_PAIR(add, vec_add(a, b))
MAPS_PAIR(sub, vec_sub(a, b))
MAPS_PAIR(mul, vec_mul(a, b))
MAPS_PAIR(relu_grad, vec_where_gt(a, vec_zero(), b, vec_zero()))
#undef MAPS_PAIR

MAPS_INLINE void SIMD_NAME(relu_flat)(MAPS_TYPE type, map x, map y, int64_t size)
{
    MAPS_EACH(i, n, size, STORE(y, i, vec_relu(LOAD(x, i, n)), n););
}

static void SIMD_NAME(map_relu)(map x, map y, int64_t n)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, y, MAPS_NONE, MAPS_NONE, MAPS_NONE), relu_flat, x, y, n);
}

MAPS_INLINE void SIMD_NAME(scale_flat)(MAPS_TYPE type, map x, float alpha, float beta, map y, int64_t size)
{
    MAPS_EACH(i, n, size, STORE(y, i, vec_add(vec_mul(vec_set(alpha), LOAD(x, i, n)), vec_set(beta)), n););
}

static void SIMD_NAME(map_scale)(map x, float alpha, float beta, map y, int64_t n)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, y, MAPS_NONE, MAPS_NONE, MAPS_NONE), scale_flat, x, alpha, beta, y, n);
}

/* ---- resizing ------------------------------------------------------------------------------------------------------
 */

MAPS_INLINE void SIMD_NAME(mix_flat)(MAPS_TYPE type, map a, float wa, map b, float wb, float *y, int64_t size)
{
    MAPS_EACH(i, n, size, {
        vec first = vec_mul(vec_set(wa), LOAD(a, i, n));
        PUT_FLOATS(y + i, vec_add(first, vec_mul(vec_set(wb), LOAD(b, i, n))), n);
    });
}

static void SIMD_NAME(mix)(map a, float wa, map b, float wb, float *y, int64_t n)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(a, b, MAPS_NONE, MAPS_NONE, MAPS_NONE), mix_flat, a, wa, b, wb, y, n);
}

MAPS_INLINE void SIMD_NAME(axpy_flat)(MAPS_TYPE type, float alpha, map x, float *y, int64_t size)
{
    MAPS_EACH(i, n, size, PUT_FLOATS(y + i, vec_add(FLOATS(y + i, n), vec_mul(vec_set(alpha), LOAD(x, i, n))), n););
}

static void SIMD_NAME(axpy)(float alpha, map x, float *y, int64_t n)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, MAPS_NONE, MAPS_NONE, MAPS_NONE, MAPS_NONE), axpy_flat, alpha, x, y, n);
}

MAPS_INLINE void SIMD_NAME(interpolate_row)(MAPS_TYPE type, map x, const int32_t *i0, const int32_t *i1, const float *w,
                                            map base, map y, int64_t pixels, int64_t channels)
{
    for (int64_t i = 0; i < pixels; i++) {
        int64_t a = i0[i] * channels, b = i1[i] * channels, at = i * channels;
        vec w1 = vec_set(w[i]), w0 = vec_set(1 - w[i]);
        MAPS_EACH(c, n, channels, {
            vec v = vec_add(vec_mul(w0, LOAD(x, a + c, n)), vec_mul(w1, LOAD(x, b + c, n)));
            if (base.at)
                v = vec_add(LOAD(base, at + c, n), v);
            STORE(y, at + c, v, n);
        });
    }
}

static void SIMD_NAME(interpolate)(map x, const int32_t *i0, const int32_t *i1, const float *w, map base, map y,
                                   int64_t n, int64_t c)
{
    MAPS_TYPE type = SIMD_NAME(maps_type_of)(x, base, y, MAPS_NONE, MAPS_NONE);
    if (base.at)
        MAPS_CALL(type, interpolate_row, x, i0, i1, w, base, y, n, c);
    else
        MAPS_CALL(type, interpolate_row, x, i0, i1, w, MAPS_NONE, y, n, c);
}

static const map_table SIMD_NAME(map_table) = {
    .affine = SIMD_NAME(affine),
    .normalise = SIMD_NAME(normalise),
    .prelu = SIMD_NAME(prelu),
    .prelu_grad = SIMD_NAME(prelu_grad),
    .sum_rows = SIMD_NAME(sum_rows),
    .moments = SIMD_NAME(moments),
    .norm_grad_sums = SIMD_NAME(norm_grad_sums),
    .norm_grad_apply = SIMD_NAME(norm_grad_apply),
    .add_some = SIMD_NAME(add_some),
    .add = SIMD_NAME(map_add),
    .sub = SIMD_NAME(map_sub),
    .mul = SIMD_NAME(map_mul),
    .relu = SIMD_NAME(map_relu),
    .relu_grad = SIMD_NAME(map_relu_grad),
    .scale = SIMD_NAME(map_scale),
    .mix = SIMD_NAME(mix),
    .axpy = SIMD_NAME(axpy),
    .interpolate = SIMD_NAME(interpolate),
};
