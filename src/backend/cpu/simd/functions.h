/* Activations on vectors (vec.h), and their derivatives. The absolute error is below 1e-6 * (1 + |x|). A NaN gives a
 * NaN. */
#ifndef SIMD_FUNCTIONS_H
#define SIMD_FUNCTIONS_H

#include "backend/cpu/simd/lanes.h"
#include "graph/tensor.h"

#define VEC_INLINE static inline __attribute__((always_inline))

/* exp of numbers that are not above 0, by 2^k times a polynomial of degree 5 on [-1/2, 1/2] (minimax, p(0) = 1:
 * relative error 1.6e-7). Below -87 it gives 0. */
VEC_INLINE vec vec_exp_below(vec x)
{
    vec t = vec_mul(x, vec_set(1.44269504f));
#if defined(__AVX512F__)
    vec f = _mm512_reduce_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), k = vec_sub(t, f);
#else
    vec k = vec_round(t), f = vec_sub(t, k);
#endif
    vec p = vec_fma(f, vec_set(1.32647273e-3f), vec_set(9.67151299e-3f));
    p = vec_fma(p, f, vec_set(5.55073358e-2f));
    p = vec_fma(p, f, vec_set(2.40222424e-1f));
    p = vec_fma(p, f, vec_set(6.93147004e-1f));
    p = vec_fma(p, f, vec_set(1));
#if defined(__AVX512F__)
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, vec_set(-87), _CMP_NLT_UQ), p, k);
#else
    return vec_where_gt(vec_set(-87), x, vec_zero(), vec_shift(p, k));
#endif
}

/* log(1 + e) for e in [0, 1], as 2 * atanh(e / (2 + e)): relative error below 2e-7, also for the smallest e. */
VEC_INLINE vec vec_log1p(vec e)
{
    vec s = vec_div(e, vec_add(e, vec_set(2))), z = vec_mul(s, s);
    vec p = vec_fma(z, vec_set(2.0f / 13), vec_set(2.0f / 11));
    p = vec_fma(p, z, vec_set(2.0f / 9));
    p = vec_fma(p, z, vec_set(2.0f / 7));
    p = vec_fma(p, z, vec_set(2.0f / 5));
    p = vec_fma(p, z, vec_set(2.0f / 3));
    p = vec_fma(p, z, vec_set(2));
    return vec_mul(p, s);
}

VEC_INLINE vec vec_clamp(vec x, float low, float high)
{
    vec a = vec_set(low), b = vec_set(high);
    x = vec_where_gt(a, x, a, x);
    return vec_where_gt(x, b, b, x);
}

/* exp(-|x|) */
VEC_INLINE vec vec_decay(vec x)
{
    return vec_exp_below(vec_where_gt(x, vec_zero(), vec_sub(vec_zero(), x), x));
}

/* The sigmoids of x and of -x, for decay = vec_decay(x). */
typedef struct vec_sides {
    vec of, rest;
} vec_sides;

VEC_INLINE vec_sides vec_sigmoids(vec x, vec decay)
{
    vec large = vec_div(vec_set(1), vec_add(vec_set(1), decay)), small = vec_mul(decay, large);
    return (vec_sides){vec_where_gt(x, vec_zero(), large, small), vec_where_gt(x, vec_zero(), small, large)};
}

VEC_INLINE vec vec_sigmoid(vec x)
{
    return vec_sigmoids(x, vec_decay(x)).of;
}

/* The normal distribution's integral up to x (Abramowitz and Stegun, 7.1.26) and e = exp(-x^2 / 2). */
VEC_INLINE vec vec_normal(vec x, vec *e)
{
    vec zero = vec_zero(), a = vec_where_gt(x, zero, x, vec_sub(zero, x));
    vec t = vec_div(vec_set(1), vec_fma(a, vec_set(0.3275911f * 0.70710678f), vec_set(1)));
    vec p = vec_fma(t, vec_set(0.5f * 1.061405429f), vec_set(-0.5f * 1.453152027f));
    p = vec_fma(p, t, vec_set(0.5f * 1.421413741f));
    p = vec_fma(p, t, vec_set(-0.5f * 0.284496736f));
    p = vec_fma(p, t, vec_set(0.5f * 0.254829592f));
    *e = vec_exp_below(vec_mul(vec_set(-0.5f), vec_mul(a, a)));
    vec beyond = vec_mul(vec_mul(p, t), *e);
    return vec_where_gt(x, zero, vec_sub(vec_set(1), beyond), beyond);
}

/* x times the normal distribution's integral up to x, which is 1/2 + x p(x^2) / q(x^2) (minimax for |x| up to 5.3,
 * where x times its error is below 2.2e-7); beyond it is 0 or 1. Two thirds of the time of vec_normal. */
VEC_INLINE vec vec_gelu(vec x)
{
    vec u = vec_min(vec_set(28.09f), vec_mul(x, x));
    vec p = vec_fma(u, vec_set(8.15745533e-6f), vec_set(4.46098269e-4f));
    vec q = vec_fma(u, vec_set(6.71973248e-7f), vec_set(1.62485114e-4f));
    p = vec_fma(p, u, vec_set(6.33226308e-3f));
    q = vec_fma(q, u, vec_set(3.43998965e-3f));
    p = vec_fma(p, u, vec_set(6.10850571e-2f));
    q = vec_fma(q, u, vec_set(4.42057647e-2f));
    p = vec_fma(p, u, vec_set(3.98939509e-1f));
    q = vec_fma(q, u, vec_set(3.19755243e-1f));
    q = vec_fma(q, u, vec_set(1));
    vec share = vec_fma(x, vec_div(p, q), vec_set(0.5f));
    return vec_mul(x, vec_min(vec_set(1), vec_relu(share)));
}

/* Returns whether vec_unary has the function. */
static inline bool vec_has_unary(unary_kind k)
{
    return k == UNARY_RELU || k == UNARY_RELU6 || k == UNARY_LEAKY_RELU || k == UNARY_SIGMOID || k == UNARY_GELU ||
           k == UNARY_SILU || k == UNARY_HSWISH;
}

VEC_INLINE vec vec_unary(unary_kind k, float alpha, vec x)
{
    switch (k) {
    case UNARY_RELU:
        return vec_relu(x);
    case UNARY_RELU6:
        return vec_clamp(x, 0, 6);
    case UNARY_LEAKY_RELU:
        return vec_where_gt(vec_zero(), x, vec_mul(vec_set(alpha), x), x);
    case UNARY_SIGMOID:
        return vec_sigmoid(x);
    case UNARY_GELU:
        return vec_gelu(x);
    case UNARY_SILU:
        return vec_mul(x, vec_sigmoid(x));
    case UNARY_HSWISH:
        return vec_mul(vec_mul(x, vec_clamp(vec_add(x, vec_set(3)), 0, 6)), vec_set(1.0f / 6));
    default:
        return x;
    }
}

/* The derivative at x, where the function is y; of the two only what the gradient's node keeps (op_elementwise.c) is
 * used. */
VEC_INLINE vec vec_unary_slope(unary_kind k, float alpha, vec x, vec y)
{
    vec zero = vec_zero(), one = vec_set(1), e, s;
    switch (k) {
    case UNARY_RELU6:
        return vec_where_gt(y, zero, vec_where_gt(vec_set(6), y, one, zero), zero);
    case UNARY_LEAKY_RELU:
        return vec_where_gt(alpha >= 0 ? y : x, zero, one, vec_set(alpha));
    case UNARY_SIGMOID:
        return vec_mul(y, vec_sub(one, y));
    case UNARY_GELU:
        s = vec_normal(x, &e);
        return vec_fma(vec_mul(x, vec_set(0.39894228f)), e, s);
    case UNARY_SILU:
        s = vec_sigmoid(x);
        return vec_mul(s, vec_fma(x, vec_sub(one, s), one));
    case UNARY_HSWISH:
        s = vec_mul(vec_fma(vec_set(2), x, vec_set(3)), vec_set(1.0f / 6));
        s = vec_where_gt(vec_set(3), x, s, one);
        return vec_where_gt(x, vec_set(-3), s, zero);
    default:
        return one;
    }
}

#endif
