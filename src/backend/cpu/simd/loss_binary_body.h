/* The loops of loss.h for binary cross-entropy. Bound by exp and a division. */

/* exp(-|x|) */
LOSS_INLINE vec SIMD_NAME(loss_decay)(vec x)
{
    return vec_exp_below(vec_where_gt(x, vec_zero(), vec_sub(vec_zero(), x), x));
}

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
            vec tail = vec_log1p(SIMD_NAME(loss_decay)(x));
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
    vec zero = vec_zero(), one = vec_set(1);
    for (int64_t l = 0; l < t->lanes; l += VEC) {
        vec w = vec_load(weight + l), is = vec_load(class + l);
        for (int64_t c = 0; c < t->classes; c++) {
            int64_t at = c * t->lanes + l;
            vec x = SIMD_NAME(loss_logit)(t, at), e = SIMD_NAME(loss_decay)(x);
            vec large = vec_div(one, vec_add(one, e)), small = vec_mul(e, large); /* the sigmoids of |x| and -|x| */
            vec absent = vec_where_gt(x, zero, large, small), present = vec_where_gt(x, zero, small, large);
            present = vec_mul(present, vec_set(class_weight ? -class_weight[c] : -1));
            vec g = vec_mul(w, vec_where_eq(is, SIMD_NAME(loss_class_of)(t, c), present, absent));
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
        vec tail = vec_log1p(SIMD_NAME(loss_decay)(of));
        vec present = vec_add(tail, vec_relu(vec_sub(vec_zero(), of))), absent = vec_add(tail, vec_relu(of));
        vec w = vec_mul(SIMD_NAME(loss_element_weight)(weight, i, n), t);
        vec sum = vec_fma(w, present, vec_mul(vec_sub(vec_set(1), t), absent));
        vec_store_map(y, false, i, sum, n - i);
    }
}

static void SIMD_NAME(element_slopes)(const float *x, const float *target, const float *weight, const float *dy,
                                      float *dx, int64_t n)
{
    vec zero = vec_zero(), one = vec_set(1);
    for (int64_t i = 0; i < n; i += VEC) {
        vec of = vec_load_map(x, false, i, n - i), t = vec_load_map(target, false, i, n - i);
        vec e = SIMD_NAME(loss_decay)(of), large = vec_div(one, vec_add(one, e)), small = vec_mul(e, large);
        vec s = vec_where_gt(of, zero, large, small), rest = vec_where_gt(of, zero, small, large);
        vec w = vec_mul(SIMD_NAME(loss_element_weight)(weight, i, n), t);
        vec slope = vec_sub(vec_mul(vec_sub(one, t), s), vec_mul(w, rest));
        vec_store_map(dx, false, i, vec_mul(vec_load_map(dy, false, i, n - i), slope), n - i);
    }
}
