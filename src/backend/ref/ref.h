/* The reference backend: each op as its definition reads, one thread, sums in double. Slow; what it says is right. */
#ifndef REF_REF_H
#define REF_REF_H

#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "base/error.h"

typedef void ref_fn(const node *n, void *const *in, void *const *out);

ref_fn ref_conv2d, ref_conv2d_grad_data, ref_conv2d_grad_weight, ref_fold_batch_norm, ref_batch_norm, ref_batch_norm_grad,
    ref_batch_norm_train, ref_batch_norm_train_grad, ref_group_norm, ref_group_norm_grad, ref_layer_norm,
    ref_layer_norm_grad, ref_unary, ref_unary_grad, ref_prelu, ref_prelu_grad, ref_binary, ref_max_pool,
    ref_max_pool_grad, ref_avg_pool, ref_avg_pool_grad, ref_adaptive_avg_pool, ref_adaptive_avg_pool_grad, ref_resize,
    ref_resize_grad, ref_concat, ref_slice, ref_slice_grad, ref_reshape, ref_transpose, ref_broadcast, ref_reduce_sum,
    ref_matmul, ref_softmax, ref_softmax_grad, ref_one_hot, ref_dropout, ref_dropout_grad, ref_cross_entropy,
    ref_cross_entropy_grad, ref_binary_cross_entropy, ref_binary_cross_entropy_grad, ref_accuracy, ref_argmax,
    ref_resize_argmax, ref_fill;

/* The function of one element, and its derivative given x and y. */
float ref_unary_value(const unary_attr *a, float x);
float ref_unary_slope(const unary_attr *a, float x, float y);

/* Bilinear: from [x] to [y], and its transpose from [y] to [x]. Dims N, H, W, C. */
void ref_resized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, float *to);
void ref_unresized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, float *to);

static inline int64_t ref_channels(const tensor *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

#endif
