/* simd_table.norm_fixed_grad. Bound by memory's bandwidth: x and dy are read once and dx is written once. */
#include "backend/cpu/simd/lanes.h"

static void SIMD_NAME(norm_fixed_grad)(const void *x, bool half_x, const void *dy, bool half_dy, const float *mean,
                                       const float *s, void *dx, bool half_dx, float *sum_dy, float *sum_dyx,
                                       int64_t rows, int64_t width)
{
    for (int64_t at = 0; at < rows * width; at += width)
        for (int64_t c = 0; c < width; c += VEC) {
            int64_t n = width - c;
            vec g = vec_load_map(dy, half_dy, at + c, n);
            if (sum_dy) {
                vec d = vec_sub(vec_load_map(x, half_x, at + c, n), vec_load_map(mean, false, c, n));
                vec_store_map(sum_dy, false, c, vec_add(vec_load_map(sum_dy, false, c, n), g), n);
                vec_store_map(sum_dyx, false, c, vec_fma(g, d, vec_load_map(sum_dyx, false, c, n)), n);
            }
            if (dx)
                vec_store_map(dx, half_dx, at + c, vec_mul(g, vec_load_map(s, false, c, n)), n);
        }
}
