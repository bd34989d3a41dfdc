/* The transforms of winograd_strided_table for one instruction set; after winograd_body.h. */

/* One dimension: y = B^T d. */
static inline __attribute__((always_inline)) void SIMD_NAME(strided_input_line)(const vec d[9], vec y[9])
{
    const vec a = vec_set(WINO_A), b = vec_set(WINO_B);
    vec even_a = vec_fma(vec_set(-2.0f), d[2], d[6]), odd_a = vec_fma(vec_set(-WINO_B), d[0], vec_mul(a, d[4]));
    vec even_b = vec_fma(vec_set(-0.5f), d[2], d[6]), odd_b = vec_fma(vec_set(-WINO_A), d[0], vec_mul(b, d[4]));
    y[0] = vec_add(even_a, odd_a);
    y[1] = vec_sub(even_a, odd_a);
    y[2] = vec_add(even_b, odd_b);
    y[3] = vec_sub(even_b, odd_b);
    y[4] = vec_add(vec_fma(vec_set(-2.5f), d[4], d[0]), d[8]);
    for (int i = 0; i < 4; i++)
        y[5 + i] = d[2 * i + 1];
}

/* y = A^T m */
static inline __attribute__((always_inline)) void SIMD_NAME(strided_output_line)(const vec m[9], vec y[4])
{
    vec sum_a = vec_add(m[0], m[1]), sum_b = vec_add(m[2], m[3]);
    vec dif_a = vec_sub(m[0], m[1]), dif_b = vec_sub(m[2], m[3]);
    y[0] = vec_add(vec_add(sum_a, sum_b), m[5]);
    y[1] = vec_fma(vec_set(WINO_A), dif_a, vec_fma(vec_set(WINO_B), dif_b, m[6]));
    y[2] = vec_fma(vec_set(0.5f), sum_a, vec_fma(vec_set(2.0f), sum_b, m[7]));
    y[3] = vec_add(vec_fma(vec_set(WINO_A / 2), dif_a, vec_fma(vec_set(2 * WINO_B), dif_b, m[8])), m[4]);
}

/* Transforms `count` vectors from channel c0 on, the last of which has `left` channels. */
static inline __attribute__((always_inline)) void
SIMD_NAME(strided_input_of)(const void *const *at, int64_t c0, int count, int64_t left, float *v, int64_t v_point)
{
    vec part[WINO_VECTORS][9][9];
    for (int j = 0; j < 9; j++)
        for (int h = 0; h < count; h++) {
            vec d[9], y[9];
            for (int i = 0; i < 9; i++)
                d[i] = vec_load_map(at[9 * i + j], false, c0 + h * VEC, h == count - 1 ? left : VEC);
            SIMD_NAME(strided_input_line)(d, y);
            for (int i = 0; i < 9; i++)
                part[h][i][j] = y[i];
        }
    for (int i = 0; i < 9; i++)
        for (int h = 0; h < count; h++) {
            vec y[9];
            SIMD_NAME(strided_input_line)(part[h][i], y);
            for (int j = 0; j < 9; j++)
                vec_store(v + (9 * i + j) * v_point + c0 + h * VEC, y[j]);
        }
}

static void SIMD_NAME(strided_input)(const void *const *at, int64_t c, int64_t next, float *v, int64_t v_point)
{
    int64_t c0 = 0;
    for (; c0 + WINO_LINE <= c; c0 += WINO_LINE) {
        if (c >= WINO_WIDE) {
            SIMD_NAME(wino_fetch_next)(at, 1, STRIDED_SIDE, next + 4 * c0);
            SIMD_NAME(wino_fetch_points)(v + c0 + WINO_LINE, v_point, STRIDED_IN);
        }
        SIMD_NAME(strided_input_of)(at, c0, WINO_VECTORS, VEC, v, v_point);
    }
    for (; c0 < c; c0 += VEC)
        SIMD_NAME(strided_input_of)(at, c0, 1, c - c0, v, v_point);
}

static inline __attribute__((always_inline)) void
SIMD_NAME(strided_output_of)(const float *m, int64_t m_point, int64_t c0, int64_t left, const SIMD_NAME(wino_ends) * e)
{
    vec part[4][9];
    for (int j = 0; j < 9; j++) {
        vec d[9], y[4];
        for (int i = 0; i < 9; i++)
            d[i] = vec_load(m + (9 * i + j) * m_point + c0);
        SIMD_NAME(strided_output_line)(d, y);
        for (int i = 0; i < 4; i++)
            part[i][j] = y[i];
    }
    vec shift = e->bias ? vec_load_map(e->bias, false, c0, left) : vec_zero();
    for (int i = 0; i < 4; i++) {
        vec y[4];
        SIMD_NAME(strided_output_line)(part[i], y);
        for (int j = 0; j < 4; j++) {
            if (!e->at[4 * i + j])
                continue;
            vec r = vec_add(y[j], shift);
            if (e->residual)
                r = vec_add(r, vec_load_map(e->residual[4 * i + j], false, c0, left));
            vec_store_map(e->at[4 * i + j], false, c0, vec_max(e->floor, r), left);
        }
    }
}

static void SIMD_NAME(strided_output)(const float *m, int64_t m_point, int64_t c, const float *bias,
                                      const void *const *residual, void *const *at, bool relu)
{
    const SIMD_NAME(wino_ends) e = {bias, residual, at, relu ? vec_zero() : vec_set(-INFINITY)};
    int64_t c0 = 0;
    for (; c0 + VEC <= c; c0 += VEC)
        SIMD_NAME(strided_output_of)(m, m_point, c0, VEC, &e);
    if (c0 < c)
        SIMD_NAME(strided_output_of)(m, m_point, c0, c - c0, &e);
}

static const winograd_strided_table SIMD_NAME(winograd_strided) = {
    .input = SIMD_NAME(strided_input),
    .output = SIMD_NAME(strided_output),
};
