/* The loops of layer_norm.h for one instruction set. A row stays in the first cache, so memory is read and written
 * once. Two vectors at a time, so that a sum does not wait for the one before. */
#include <math.h>

#include "backend/cpu/simd/layer_norm.h"
#include "backend/cpu/simd/maps_loops.h"

static inline float SIMD_NAME(lanes_sum)(vec a)
{
    float at[VEC], sum = 0;
    vec_store(at, a);
    for (int i = 0; i < VEC; i++)
        sum += at[i];
    return sum;
}

/* A vector of v in n lanes and 0 in the others, so that lanes behind a row's end add nothing to its sums. */
static inline vec SIMD_NAME(lanes_of)(float v, int64_t n)
{
    float at[VEC];
    if (n == VEC)
        return vec_set(v);
    for (int i = 0; i < VEC; i++)
        at[i] = v;
    return vec_load_n(at, n);
}

MAPS_INLINE float SIMD_NAME(row_sum)(MAPS_TYPE type, map x, int64_t c)
{
    vec even = vec_zero(), odd = vec_zero();
    int64_t i = 0;
    for (; i + 2 * VEC <= c; i += 2 * VEC) {
        even = vec_add(even, LOAD(x, i, VEC));
        odd = vec_add(odd, LOAD(x, i + VEC, VEC));
    }
    map rest = map_from(x, i);
    MAPS_EACH(k, n, c - i, even = vec_add(even, LOAD(rest, k, n)););
    return SIMD_NAME(lanes_sum)(vec_add(even, odd));
}

/* Sums of x - about, and of its squares. */
typedef struct SIMD_NAME(deviations) {
    float sum, squares;
} SIMD_NAME(deviations);

MAPS_INLINE SIMD_NAME(deviations) SIMD_NAME(row_deviations)(MAPS_TYPE type, map x, int64_t c, float about)
{
    vec sum[2] = {vec_zero(), vec_zero()}, squares[2] = {vec_zero(), vec_zero()}, m = vec_set(about);
    int64_t i = 0;
    for (; i + 2 * VEC <= c; i += 2 * VEC)
        for (int k = 0; k < 2; k++) {
            vec d = vec_sub(LOAD(x, i + k * VEC, VEC), m);
            sum[k] = vec_add(sum[k], d);
            squares[k] = vec_fma(d, d, squares[k]);
        }
    map rest = map_from(x, i);
    MAPS_EACH(k, n, c - i, {
        vec d = vec_sub(LOAD(rest, k, n), SIMD_NAME(lanes_of)(about, n));
        sum[0] = vec_add(sum[0], d);
        squares[0] = vec_fma(d, d, squares[0]);
    });
    return (SIMD_NAME(deviations)){SIMD_NAME(lanes_sum)(vec_add(sum[0], sum[1])),
                                   SIMD_NAME(lanes_sum)(vec_add(squares[0], squares[1]))};
}

/* The mean is taken twice: the second time from the differences to the first, which a large mean has rounded. */
MAPS_INLINE void SIMD_NAME(layer_rows)(MAPS_TYPE type, map x, const float *gamma, const float *beta, map y, float *mean,
                                       float *invstd, int64_t rows, int64_t c, float eps)
{
    for (int64_t r = 0; r < rows; r++) {
        map from = map_from(x, r * c), to = map_from(y, r * c);
        float about = SIMD_NAME(row_sum)(type, from, c) / (float)c;
        SIMD_NAME(deviations) d = SIMD_NAME(row_deviations)(type, from, c, about);
        float off = d.sum / (float)c, var = (d.squares - d.sum * off) / (float)c;
        float inverse = 1 / sqrtf((var < 0 ? 0 : var) + eps);
        vec m = vec_set(about), o = vec_set(off), s = vec_set(inverse);
        MAPS_EACH(i, n, c, {
            vec hat = vec_mul(vec_sub(vec_sub(LOAD(from, i, n), m), o), s);
            STORE(to, i, vec_fma(hat, FLOATS(gamma + i, n), FLOATS(beta + i, n)), n);
        });
        mean[r] = about + off;
        invstd[r] = inverse;
    }
}

static void SIMD_NAME(layer_forward)(map x, const float *gamma, const float *beta, map y, float *mean, float *invstd,
                                     int64_t rows, int64_t c, float eps)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, y, MAPS_NONE, MAPS_NONE, MAPS_NONE), layer_rows, x, gamma, beta, y, mean,
              invstd, rows, c, eps);
}

MAPS_INLINE void SIMD_NAME(layer_grad_rows)(MAPS_TYPE type, map x, map dy, const float *gamma, const float *mean,
                                            const float *invstd, map dx, float *dgamma, float *dbeta, int64_t rows,
                                            int64_t c)
{
    for (int64_t r = 0; r < rows; r++) {
        map of_x = map_from(x, r * c), of_dy = map_from(dy, r * c), of_dx = map_from(dx, r * c);
        vec m = vec_set(mean[r]), s = vec_set(invstd[r]), sum = vec_zero(), sum_hat = vec_zero();
        MAPS_EACH(i, n, c, {
            vec hat = vec_mul(vec_sub(LOAD(of_x, i, n), m), s), d = LOAD(of_dy, i, n);
            vec g = vec_mul(d, FLOATS(gamma + i, n));
            sum = vec_add(sum, g);
            sum_hat = vec_fma(g, hat, sum_hat);
            PUT_FLOATS(dgamma + i, vec_fma(d, hat, FLOATS(dgamma + i, n)), n);
            PUT_FLOATS(dbeta + i, vec_add(FLOATS(dbeta + i, n), d), n);
        });
        if (!of_dx.at)
            continue;
        vec a = vec_set(SIMD_NAME(lanes_sum)(sum) / (float)c), k = vec_set(SIMD_NAME(lanes_sum)(sum_hat) / (float)c);
        MAPS_EACH(i, n, c, {
            vec hat = vec_mul(vec_sub(LOAD(of_x, i, n), m), s);
            vec g = vec_mul(LOAD(of_dy, i, n), FLOATS(gamma + i, n));
            STORE(of_dx, i, vec_mul(s, vec_sub(vec_sub(g, a), vec_mul(hat, k))), n);
        });
    }
}

static void SIMD_NAME(layer_grad)(map x, map dy, const float *gamma, const float *mean, const float *invstd, map dx,
                                  float *dgamma, float *dbeta, int64_t rows, int64_t c)
{
    MAPS_CALL(SIMD_NAME(maps_type_of)(x, dy, dx, MAPS_NONE, MAPS_NONE), layer_grad_rows, x, dy, gamma, mean, invstd, dx,
              dgamma, dbeta, rows, c);
}

static const layer_norm_table SIMD_NAME(layer_norm) = {
    .forward = SIMD_NAME(layer_forward),
    .grad = SIMD_NAME(layer_grad),
};
