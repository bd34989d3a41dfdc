/* The loops of masks.h for one instruction set. Bound by exp, a division and, of errors, a logarithm. */
#include <math.h>

#include "backend/cpu/simd/functions.h"
#include "backend/cpu/simd/masks.h"

static void SIMD_NAME(masks_inside)(const int32_t *restrict label, int32_t class, int64_t n, float *restrict inside)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        inside[i] = label[i] == class ? 1 : 0;
}

static void SIMD_NAME(masks_enlarge)(const masks_columns *c, const float *restrict top, const float *restrict bottom,
                                     float t, float *restrict small, float *restrict line)
{
    const int32_t *restrict i0 = c->i0, *restrict i1 = c->i1;
    const float *restrict w = c->w;
#pragma omp simd
    for (int64_t i = 0; i < c->in; i++)
        small[i] = (1 - t) * top[i] + t * bottom[i];
#pragma omp simd
    for (int64_t i = 0; i < c->out; i++)
        line[i] = (1 - w[i]) * small[i0[i]] + w[i] * small[i1[i]];
}

static void SIMD_NAME(masks_give)(const masks_columns *c, const float *restrict line, float t, float *restrict small,
                                  float *top, float *bottom)
{
    memset(small, 0, (size_t)c->in * sizeof *small);
    for (int64_t i = 0; i < c->out;) { /* neighbours between the same pixels are added up before they are stored */
        int32_t low = c->i0[i], high = c->i1[i];
        float left = 0, right = 0;
        for (; i < c->out && c->i0[i] == low && c->i1[i] == high; i++) {
            left += (1 - c->w[i]) * line[i];
            right += c->w[i] * line[i];
        }
        small[low] += left;
        small[high] += right;
    }
#pragma omp simd
    for (int64_t i = 0; i < c->in; i++)
        top[i] += (1 - t) * small[i];
#pragma omp simd
    for (int64_t i = 0; i < c->in; i++) /* the same line as top at a border */
        bottom[i] += t * small[i];
}

VEC_INLINE vec SIMD_NAME(masks_power)(vec x, float exponent)
{
    float at[VEC];
    if (exponent == 2)
        return vec_mul(x, x);
    if (exponent == 0)
        return vec_set(1);
    vec_store(at, x);
    for (int i = 0; i < VEC; i++)
        at[i] = powf(at[i], exponent);
    return vec_load(at);
}

/* Of the logit of the right answer: its sigmoid, that of its opposite, and the logarithm of 1 + exp(-x). */
typedef struct SIMD_NAME(masks_sides) {
    vec hit, miss, loss;
} SIMD_NAME(masks_sides);

VEC_INLINE SIMD_NAME(masks_sides) SIMD_NAME(masks_sides_of)(vec x)
{
    vec e = vec_decay(x);
    vec_sides s = vec_sigmoids(x, e);
    vec loss = vec_add(vec_log1p(e), vec_relu(vec_sub(vec_zero(), x)));
    return (SIMD_NAME(masks_sides)){.hit = s.of, .miss = s.rest, .loss = loss};
}

/* The logit of the right answer, and the sides. */
VEC_INLINE SIMD_NAME(masks_sides) SIMD_NAME(masks_sides_at)(const masks_line *l, int64_t i, vec *inside)
{
    vec x = vec_load_map(l->line, false, i, l->n - i);
    *inside = vec_load_map(l->inside, false, i, l->n - i);
    return SIMD_NAME(masks_sides_of)(vec_where_gt(*inside, vec_zero(), x, vec_sub(vec_zero(), x)));
}

/* 0 in lanes behind the end of the line. */
VEC_INLINE vec SIMD_NAME(masks_counted)(const masks_line *l, int64_t i, vec x)
{
    return l->n - i < VEC ? vec_first(x, l->n - i, vec_zero()) : x;
}

VEC_INLINE double SIMD_NAME(masks_errors_of)(const masks_attr *a, const masks_line *l, float gamma)
{
    vec sum = vec_zero();
    for (int64_t i = 0; i < l->n; i += VEC) {
        vec inside;
        SIMD_NAME(masks_sides) s = SIMD_NAME(masks_sides_at)(l, i, &inside);
        vec share = vec_where_gt(inside, vec_zero(), vec_set(a->alpha), vec_set(1 - a->alpha));
        vec error = vec_mul(vec_mul(share, s.loss), SIMD_NAME(masks_power)(s.miss, gamma));
        sum = vec_add(sum, SIMD_NAME(masks_counted)(l, i, error));
    }
    return (double)vec_total(sum);
}

VEC_INLINE void SIMD_NAME(masks_slopes_of)(const masks_attr *a, const masks_line *l, float dy, float gamma)
{
    for (int64_t i = 0; i < l->n; i += VEC) {
        vec inside;
        SIMD_NAME(masks_sides) s = SIMD_NAME(masks_sides_at)(l, i, &inside);
        vec share = vec_where_gt(inside, vec_zero(), vec_set(dy * -a->alpha), vec_set(dy * (1 - a->alpha)));
        vec rise = vec_fma(vec_mul(vec_set(gamma), s.hit), s.loss, s.miss);
        vec slope = vec_mul(vec_mul(share, SIMD_NAME(masks_power)(s.miss, gamma)), rise);
        vec_store_map(l->line, false, i, slope, l->n - i);
    }
}

/* The common power is a constant where the loops are compiled. */
static double SIMD_NAME(masks_errors)(const masks_attr *a, const masks_line *l)
{
    return a->gamma == 2 ? SIMD_NAME(masks_errors_of)(a, l, 2) : SIMD_NAME(masks_errors_of)(a, l, a->gamma);
}

static void SIMD_NAME(masks_error_slopes)(const masks_attr *a, const masks_line *l, float dy)
{
    if (a->gamma == 2)
        SIMD_NAME(masks_slopes_of)(a, l, dy, 2);
    else
        SIMD_NAME(masks_slopes_of)(a, l, dy, a->gamma);
}

VEC_INLINE vec SIMD_NAME(masks_share)(const masks_attr *a, const masks_line *l, int64_t i)
{
    vec x = vec_load_map(l->line, false, i, l->n - i);
    return a->raw ? x : vec_sigmoid(x);
}

static void SIMD_NAME(masks_overlap)(const masks_attr *a, const masks_line *l, double sum[3])
{
    vec both = vec_zero(), size = vec_zero(), count = vec_zero();
    for (int64_t i = 0; i < l->n; i += VEC) {
        vec p = SIMD_NAME(masks_share)(a, l, i), inside = vec_load_map(l->inside, false, i, l->n - i);
        both = vec_add(both, vec_where_gt(inside, vec_zero(), p, vec_zero()));
        size = vec_add(size, SIMD_NAME(masks_counted)(l, i, a->squared ? vec_mul(p, p) : p));
        count = vec_add(count, inside);
    }
    sum[0] += (double)vec_total(both);
    sum[1] += (double)vec_total(size);
    sum[2] += (double)vec_total(count);
}

static void SIMD_NAME(masks_overlap_slopes)(const masks_attr *a, const masks_line *l, const float *dy)
{
    for (int64_t i = 0; i < l->n; i += VEC) {
        vec p = SIMD_NAME(masks_share)(a, l, i), inside = vec_load_map(l->inside, false, i, l->n - i);
        vec of_size = a->squared ? vec_mul(vec_set(2 * dy[1]), p) : vec_set(dy[1]);
        vec slope = a->raw ? vec_set(1) : vec_mul(p, vec_sub(vec_set(1), p));
        vec_store_map(l->line, false, i, vec_mul(slope, vec_fma(vec_set(dy[0]), inside, of_size)), l->n - i);
    }
}

static const masks_table SIMD_NAME(masks) = {
    .inside = SIMD_NAME(masks_inside),
    .enlarge = SIMD_NAME(masks_enlarge),
    .give = SIMD_NAME(masks_give),
    .errors = SIMD_NAME(masks_errors),
    .error_slopes = SIMD_NAME(masks_error_slopes),
    .overlap = SIMD_NAME(masks_overlap),
    .overlap_slopes = SIMD_NAME(masks_overlap_slopes),
};
