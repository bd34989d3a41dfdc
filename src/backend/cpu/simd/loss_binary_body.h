/* The loops of loss.h for binary cross-entropy. Bound by exp and a division. */

/* The class of which channel c tells. */
LOSS_INLINE vec SIMD_NAME(loss_class_of)(const loss_tile *t, int64_t c)
{
    return vec_set(t->classes == 1 ? 1 : (float)c);
}

static double SIMD_NAME(binary_losses)(const loss_tile *t, const float *class, const float *class_weight,
                                       const float *weight)
{
    float loss[LOSS_LANES];
    double all = 0;
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec sum = vec_zero(), is = vec_load(class + l);
        for (int64_t c = 0; c < t->classes; c++) {
            vec x = SIMD_NAME(loss_logit)(t, c * t->lanes + l);
            vec tail = vec_log1p(vec_decay(x));
            vec present = vec_add(tail, vec_relu(vec_sub(vec_zero(), x))), absent = vec_add(tail, vec_relu(x));
            if (class_weight)
                present = vec_mul(present, vec_set(class_weight[c]));
            sum = vec_add(sum, vec_where_eq(is, SIMD_NAME(loss_class_of)(t, c), present, absent));
        }
        vec_store(loss + l, vec_where_gt(vec_zero(), is, vec_zero(), sum));
    }
#pragma omp simd reduction(+ : all)
    for (int64_t i = 0; i < t->lanes; i++)
        all += (double)loss[i] * (double)weight[i];
    return all;
}

static void SIMD_NAME(binary_grad)(const loss_tile *t, float *room, const float *class, const float *class_weight,
                                   const float *weight, float *a, float *b)
{
    vec zero = vec_zero();
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec w = vec_load(weight + l), is = vec_load(class + l);
        for (int64_t c = 0; c < t->classes; c++) {
            int64_t at = c * t->lanes + l;
            vec x = SIMD_NAME(loss_logit)(t, at);
            vec_sides s = vec_sigmoids(x, vec_decay(x));
            vec present = vec_mul(s.rest, vec_set(class_weight ? -class_weight[c] : -1));
            vec g = vec_mul(w, vec_where_eq(is, SIMD_NAME(loss_class_of)(t, c), present, s.of));
            SIMD_NAME(loss_put)(t, room, at, vec_where_gt(zero, is, zero, g), a, b);
        }
    }
}

LOSS_INLINE vec SIMD_NAME(loss_element_weight)(const float *weight, int64_t i, int64_t n)
{
    return weight ? vec_load_map(weight, false, i, n - i) : vec_set(1);
}

static void SIMD_NAME(element_losses)(const float *x, const float *target, const float *weight, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VEC) {
        vec of = vec_load_map(x, false, i, n - i), t = vec_load_map(target, false, i, n - i);
        vec tail = vec_log1p(vec_decay(of));
        vec present = vec_add(tail, vec_relu(vec_sub(vec_zero(), of))), absent = vec_add(tail, vec_relu(of));
        vec w = vec_mul(SIMD_NAME(loss_element_weight)(weight, i, n), t);
        vec sum = vec_fma(w, present, vec_mul(vec_sub(vec_set(1), t), absent));
        vec_store_map(y, false, i, sum, n - i);
    }
}

static void SIMD_NAME(element_slopes)(const float *x, const float *target, const float *weight, const float *dy,
                                      float *dx, int64_t n)
{
    for (int64_t i = 0; i < n; i += VEC) {
        vec of = vec_load_map(x, false, i, n - i), t = vec_load_map(target, false, i, n - i);
        vec_sides s = vec_sigmoids(of, vec_decay(of));
        vec w = vec_mul(SIMD_NAME(loss_element_weight)(weight, i, n), t);
        vec slope = vec_sub(vec_mul(vec_sub(vec_set(1), t), s.of), vec_mul(w, s.rest));
        vec_store_map(dx, false, i, vec_mul(vec_load_map(dy, false, i, n - i), slope), n - i);
    }
}
