/* The inner loops of layer normalisation, over rows of c elements, each with its own mean and inverse deviation.
 *
 *     float gamma[2] = {1, 1}, beta[2] = {0}, y[2], mean, invstd;
 *     const layer_norm_table *of_rows = simd_choose()->layer_norm;
 *     of_rows->forward(map_of_floats(v), gamma, beta, map_of_floats(y), &mean, &invstd, 1, 2, 1e-5f);
 */
#ifndef SIMD_LAYER_NORM_H
#define SIMD_LAYER_NORM_H

#include "backend/cpu/simd/maps.h"

typedef struct layer_norm_table {
    /* y = (x - mean) * invstd * gamma + beta; gives each row's mean and invstd = 1 / sqrt(variance + eps). y may be x.
     */
    void (*forward)(map x, const float *gamma, const float *beta, map y, float *mean, float *invstd, int64_t rows,
                    int64_t c, float eps);
    /* With hat = (x - mean) * invstd and g = dy * gamma: dx = invstd * (g - mean of g - hat * mean of g * hat);
     * dgamma += dy * hat; dbeta += dy. dx may be dy, or have no memory. */
    void (*grad)(map x, map dy, const float *gamma, const float *mean, const float *invstd, map dx, float *dgamma,
                 float *dbeta, int64_t rows, int64_t c);
} layer_norm_table;

#endif
