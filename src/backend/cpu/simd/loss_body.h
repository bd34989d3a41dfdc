/* The loops of loss.h for one instruction set. Bound by exp, which takes 12 of about 20 operations for a vector of
 * logits. */
#include "backend/cpu/simd/functions.h"
#include "backend/cpu/simd/loss.h"

#define LOSS_INLINE static inline __attribute__((always_inline))

/* log of numbers of at least 1, by the polynomial of Cephes' logf: relative error below 1e-7. A NaN stays a NaN. Here
 * and below, both results of a condition are computed before one is chosen: else gcc does not vectorise. */
static inline float SIMD_NAME(loss_log)(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t k = (bits - 0x3f3504f3u) >> 23; /* x is 2^k times a number in [sqrt(1/2), sqrt(2)) */
    uint32_t rest = bits - (k << 23);
    float f, e = (float)(int32_t)k;
    memcpy(&f, &rest, sizeof f);
    f -= 1.0f;
    float z = f * f, p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float y = f * z * p - 2.12194440e-4f * e - 0.5f * z;
    return f + y + 0.693359375f * e + (x - x);
}

static int64_t SIMD_NAME(labels)(const int32_t *restrict label, int64_t n, int64_t ignored, int64_t classes,
                                 float *restrict class, int64_t lanes)
{
    bool can_be = ignored >= INT32_MIN && ignored <= INT32_MAX;
    int32_t without = can_be ? (int32_t)ignored : 0, end = (int32_t)classes, counted = 0;
#pragma omp simd reduction(+ : counted)
    for (int64_t i = 0; i < n; i++) {
        int32_t counts = !can_be | (label[i] != without), is = counts & (label[i] >= 0) & (label[i] < end);
        class[i] = (float)(label[i] | (is - 1)); /* or -1, all bits of which are set */
        counted += counts;
    }
    for (int64_t i = n; i < lanes; i++)
        class[i] = -1;
    return counted;
}

static double SIMD_NAME(losses)(const float *restrict x, const float *restrict class, const float *restrict most,
                                const float *restrict sum, const double *restrict weight, int64_t lanes)
{
    float loss[LOSS_LANES];
    double all = 0;
    for (int64_t i = 0; i < lanes; i++) {
        int32_t c = (int32_t) class[i];
        loss[i] = most[i] - x[(c & ~(c >> 31)) * lanes + i]; /* class 0 instead of -1 */
    }
#pragma omp simd
    for (int64_t i = 0; i < lanes; i++)
        loss[i] += SIMD_NAME(loss_log)(sum[i]);
#pragma omp simd
    for (int64_t i = 0; i < lanes; i++)
        loss[i] = class[i] >= 0 ? loss[i] : 0;
    if (weight) {
#pragma omp simd reduction(+ : all)
        for (int64_t i = 0; i < lanes; i++)
            all += (double)loss[i] * weight[i];
    } else {
#pragma omp simd reduction(+ : all)
        for (int64_t i = 0; i < lanes; i++)
            all += (double)loss[i];
    }
    return all;
}

static int64_t SIMD_NAME(equal)(const float *a, const float *b, int64_t lanes)
{
    int32_t n = 0;
#pragma omp simd reduction(+ : n)
    for (int64_t i = 0; i < lanes; i++)
        n += a[i] == b[i];
    return n;
}

/* Interpolates four classes, from c on, of a pixel. */
LOSS_INLINE quad SIMD_NAME(loss_between)(const float *a, const float *b, float w, int64_t c, int64_t n)
{
    quad x = n < 4 ? quad_load_n(a + c, n) : quad_load(a + c);
    if (!b)
        return x;
    return quad_add(quad_scale(1 - w, x), quad_scale(w, n < 4 ? quad_load_n(b + c, n) : quad_load(b + c)));
}

LOSS_INLINE void SIMD_NAME(spread_of)(const loss_pixels *p, const float *x, float *to, int64_t lanes, bool between)
{
    for (int64_t i = 0; i < lanes; i += 4) {
        const float *a[4], *b[4] = {0};
        float w[4] = {0};
        for (int64_t j = 0; j < 4; j++) {
            int64_t at = i + j < p->n ? i + j : p->n - 1;
            a[j] = x + (between ? p->i0[at] : at) * p->classes;
            if (between) {
                b[j] = x + p->i1[at] * p->classes;
                w[j] = p->w[at];
            }
        }
        for (int64_t c = 0; c < p->classes; c += 4) {
            int64_t n = p->classes - c;
            quad q[4];
            for (int j = 0; j < 4; j++)
                q[j] = SIMD_NAME(loss_between)(a[j], between ? b[j] : NULL, w[j], c, n);
            quad_turn(q);
            for (int j = 0; j < 4 && j < n; j++)
                quad_store(to + (c + j) * lanes + i, q[j]);
        }
    }
}

static void SIMD_NAME(spread)(const loss_pixels *p, const float *x, float *to, int64_t lanes)
{
    if (p->i0)
        SIMD_NAME(spread_of)(p, x, to, lanes, true);
    else
        SIMD_NAME(spread_of)(p, x, to, lanes, false);
}

/* Classes c .. c + n - 1 (at most 4) of pixels i .. i + 3: one quad a pixel. */
LOSS_INLINE void SIMD_NAME(turned)(const float *from, int64_t lanes, int64_t c, int64_t n, int64_t i, quad q[4])
{
    for (int j = 0; j < 4; j++)
        q[j] = quad_load(from + (j < n ? c + j : c) * lanes + i);
    quad_turn(q);
}

LOSS_INLINE void SIMD_NAME(add_quad)(float *to, quad q, int64_t n)
{
    if (n < 4)
        quad_store_n(to, quad_add(quad_load_n(to, n), q), n);
    else
        quad_store(to, quad_add(quad_load(to), q));
}

/* Keeps the sums for the two pixels of x that are in progress in registers. */
static void SIMD_NAME(gather_between)(const loss_pixels *p, const float *from, int64_t lanes, float *x)
{
    for (int64_t c = 0; c < p->classes; c += 4) {
        int64_t n = p->classes - c, low = p->i0[0], high = p->i1[0];
        float none[4] = {0};
        quad zero = quad_load(none), a = zero, b = zero;
        for (int64_t i = 0; i < p->n; i += 4) {
            quad q[4];
            SIMD_NAME(turned)(from, lanes, c, n, i, q);
            for (int64_t j = i; j < i + 4 && j < p->n; j++) {
                if (p->i0[j] != low) {
                    SIMD_NAME(add_quad)(x + low * p->classes + c, a, n);
                    a = b;
                    if (p->i0[j] != high) {
                        SIMD_NAME(add_quad)(x + high * p->classes + c, b, n);
                        a = zero;
                    }
                    b = zero;
                    low = p->i0[j];
                    high = p->i1[j];
                }
                a = quad_add(a, quad_scale(1 - p->w[j], q[j - i]));
                b = quad_add(b, quad_scale(p->w[j], q[j - i]));
            }
        }
        SIMD_NAME(add_quad)(x + low * p->classes + c, a, n);
        SIMD_NAME(add_quad)(x + high * p->classes + c, b, n);
    }
}

static void SIMD_NAME(gather)(const loss_pixels *p, const float *from, int64_t lanes, float *x)
{
    if (p->i0) {
        SIMD_NAME(gather_between)(p, from, lanes, x);
        return;
    }
    for (int64_t i = 0; i < p->n; i += 4)
        for (int64_t c = 0; c < p->classes; c += 4) {
            int64_t n = p->classes - c;
            quad q[4];
            SIMD_NAME(turned)(from, lanes, c, n, i, q);
            for (int64_t j = i; j < i + 4 && j < p->n; j++)
                if (n < 4)
                    quad_store_n(x + j * p->classes + c, q[j - i], n);
                else
                    quad_store(x + j * p->classes + c, q[j - i]);
        }
}

LOSS_INLINE vec SIMD_NAME(loss_logit)(const loss_tile *t, int64_t at)
{
    vec a = vec_load(t->a + at);
    return t->w == 0 ? a : vec_fma(vec_load(t->b + at), vec_set(t->w), vec_mul(a, vec_set(1 - t->w)));
}

/* Gives the largest logit of the pixels from lane l on, its class in `best` unless that is NULL, and copies the logits
 * into `room` unless that is NULL. */
LOSS_INLINE vec SIMD_NAME(loss_most)(const loss_tile *t, float *room, int64_t l, vec *best)
{
    vec most = SIMD_NAME(loss_logit)(t, l), first = vec_zero(), one = vec_set(1), class = one;
    if (room)
        vec_store(room + l, most);
    for (int64_t at = l + t->lanes; at < t->classes * t->lanes; at += t->lanes) {
        vec x = SIMD_NAME(loss_logit)(t, at);
        if (room)
            vec_store(room + at, x);
        if (best) {
            first = vec_where_gt(x, most, class, first);
            class = vec_add(class, one);
        }
        most = vec_max(x, most);
    }
    if (best)
        *best = first;
    return most;
}

static void SIMD_NAME(best)(const loss_tile *t, float *best)
{
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec first;
        SIMD_NAME(loss_most)(t, NULL, l, &first);
        vec_store(best + l, first);
    }
}

static const float *SIMD_NAME(sums)(const loss_tile *t, float *room, float *most, float *sum, float *best)
{
    const float *x = t->w == 0 ? t->a : room;
    float *mixed = t->w == 0 ? NULL : room;
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec m, first, s = vec_zero();
        if (best) {
            m = SIMD_NAME(loss_most)(t, mixed, l, &first);
            vec_store(best + l, first);
        } else {
            m = SIMD_NAME(loss_most)(t, mixed, l, NULL);
        }
        for (int64_t c = 0; c < t->classes; c++)
            s = vec_add(s, vec_exp_below(vec_sub(vec_load(x + c * t->lanes + l), m)));
        vec_store(most + l, m);
        vec_store(sum + l, s);
    }
    return x;
}

/* Leaves a vector of the gradient in room or adds it to a and b, as loss_table.grad says. */
LOSS_INLINE void SIMD_NAME(loss_put)(const loss_tile *t, float *room, int64_t at, vec g, float *a, float *b)
{
    if (!a) {
        vec_store(room + at, g);
        return;
    }
    vec_store(a + at, vec_fma(vec_set(1 - t->w), g, vec_load(a + at)));
    if (t->w != 0)
        vec_store(b + at, vec_fma(vec_set(t->w), g, vec_load(b + at)));
}

static void SIMD_NAME(grad)(const loss_tile *t, float *room, const float *class, const float *weight, float *a,
                            float *b)
{
    const float *x = t->w == 0 ? t->a : room;
    vec one = vec_set(1);
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec m = SIMD_NAME(loss_most)(t, t->w == 0 ? NULL : room, l, NULL), s = vec_zero(), at_class = vec_zero();
        for (int64_t c = 0; c < t->classes; c++) {
            vec e = vec_exp_below(vec_sub(vec_load(x + c * t->lanes + l), m));
            vec_store(room + c * t->lanes + l, e);
            s = vec_add(s, e);
        }
        vec w = vec_load(weight + l), scale = vec_div(w, s), is = vec_load(class + l);
        for (int64_t at = l; at < t->classes * t->lanes; at += t->lanes) {
            vec g = vec_mul(vec_load(room + at), scale);
            g = vec_sub(g, vec_where_eq(is, at_class, w, vec_zero()));
            g = vec_where_gt(vec_zero(), is, vec_zero(), g);
            at_class = vec_add(at_class, one);
            SIMD_NAME(loss_put)(t, room, at, g, a, b);
        }
    }
}

#include "backend/cpu/simd/loss_binary_body.h"

static const loss_table SIMD_NAME(loss) = {
    .spread = SIMD_NAME(spread),
    .gather = SIMD_NAME(gather),
    .best = SIMD_NAME(best),
    .sums = SIMD_NAME(sums),
    .labels = SIMD_NAME(labels),
    .losses = SIMD_NAME(losses),
    .equal = SIMD_NAME(equal),
    .grad = SIMD_NAME(grad),
    .binary_losses = SIMD_NAME(binary_losses),
    .binary_grad = SIMD_NAME(binary_grad),
    .element_losses = SIMD_NAME(element_losses),
    .element_slopes = SIMD_NAME(element_slopes),
};
