/* The loops of attention.h for one instruction set. */
#include <math.h>

#include "backend/cpu/simd/attention.h"
#include "backend/cpu/simd/functions.h"

static void SIMD_NAME(attention_weigh)(float *s, int64_t ld, int64_t rows, int64_t width, float *most, float *sum,
                                       float *keep)
{
    for (int64_t i = 0; i < rows; i++, s += ld) {
        float lane[VEC], largest = most[i], total = 0;
        vec m = vec_load(s), t = vec_zero();
        for (int64_t j = VEC; j < width; j += VEC)
            m = vec_max(m, vec_load(s + j));
        vec_store(lane, m);
        for (int l = 0; l < VEC; l++)
            largest = largest > lane[l] ? largest : lane[l];
        for (int64_t j = 0; j < width; j += VEC) {
            vec e = vec_exp_below(vec_sub(vec_load(s + j), vec_set(largest)));
            vec_store(s + j, e);
            t = vec_add(t, e);
        }
        vec_store(lane, t);
        for (int l = 0; l < VEC; l++)
            total += lane[l];
        keep[i] = expf(most[i] - largest);
        most[i] = largest;
        sum[i] = keep[i] * sum[i] + total;
    }
}

static void SIMD_NAME(attention_share)(float *s, int64_t ld, int64_t rows, int64_t width, const float *of_row,
                                       const float *of_column)
{
    for (int64_t i = 0; i < rows; i++, s += ld)
        for (int64_t j = 0; j < width; j += VEC) {
            vec less = of_row ? vec_set(of_row[i]) : vec_load(of_column + j);
            vec_store(s + j, vec_exp_below(vec_sub(vec_load(s + j), less)));
        }
}

static void SIMD_NAME(attention_slope)(float *p, const float *d, int64_t ld, int64_t rows, int64_t width,
                                       const float *of_row, const float *of_column)
{
    for (int64_t i = 0; i < rows; i++, p += ld, d += ld)
        for (int64_t j = 0; j < width; j += VEC) {
            vec less = of_row ? vec_set(of_row[i]) : vec_load(of_column + j);
            vec_store(p + j, vec_mul(vec_load(p + j), vec_sub(vec_load(d + j), less)));
        }
}

static void SIMD_NAME(attention_scale)(float *x, int64_t ld, int64_t rows, int64_t width, const float *by)
{
    for (int64_t i = 0; i < rows; i++, x += ld)
        for (int64_t j = 0; j < width; j += VEC)
            vec_store(x + j, vec_mul(vec_load(x + j), vec_set(by[i])));
}

static const attention_table SIMD_NAME(attention) = {
    .weigh = SIMD_NAME(attention_weigh),
    .share = SIMD_NAME(attention_share),
    .slope = SIMD_NAME(attention_slope),
    .scale = SIMD_NAME(attention_scale),
};
