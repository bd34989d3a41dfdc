/* The naive backend: each op as its definition reads, one thread, long sums in double. It is slow; the tests compare
 * other backends with it.
 *
 *     unary_attr gelu = {.kind = UNARY_GELU};
 *     printf("%g\n", ref_unary_value(&gelu, v[0]));
 */
#ifndef REF_REF_H
#define REF_REF_H

#include <math.h>
#include <string.h>

#include "backend/backends.h"
#include "base/error.h"

/* Everything that this backend knows of an op. */
typedef struct ref_op {
    /* in and out are the node's tensors in memory; scratch has as many bytes as `scratch` returns. */
    void (*run)(const node *n, void *const *in, void *const *out, void *scratch);
    size_t (*scratch)(const node *n); /* returns bytes; NULL: none */
} ref_op;

/* REF(conv2d, scratch) { ... } defines the op's function and its row. */
#define REF(op, scratch_)                                                                                              \
    static void ref_##op(const node *n, void *const *in, void *const *out, void *scratch);                             \
    const ref_op ref_op_##op = {.run = ref_##op, .scratch = scratch_};                                                 \
    static void ref_##op(__attribute__((unused)) const node *n, __attribute__((unused)) void *const *in,               \
                         void *const *out, __attribute__((unused)) void *scratch)
#define OP(op) extern const ref_op ref_op_##op;
#include "graph/ops/op_list.h"
#undef OP

/* Scratch size: a double for each element of the first output. */
size_t ref_sums_of_first(const node *n);

/* Applies a unary op to one element. */
float ref_unary_value(const unary_attr *a, float x);
/* Returns the derivative, from what unary_grad gets of x and y. */
float ref_unary_slope(const unary_attr *a, float x, float y);

/* Bilinear resizing from [x] to [y], and its transpose from [y] to [x], which sums in double, one for each element of
 * [x]. Dims are N, H, W, C. */
void ref_resized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, float *to);
void ref_unresized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, double *sum, float *to);

static inline int64_t ref_channels(const tensor *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

static inline const void *ref_optional(const node *n, void *const *in, int i)
{
    return i < n->n_in ? in[i] : NULL;
}

/* ref_zeros clears room for `count` sums; ref_round rounds the sums once, to float32. */
static inline double *ref_zeros(void *scratch, int64_t count)
{
    return memset(scratch, 0, (size_t)count * sizeof(double));
}

static inline void ref_round(const double *sum, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)sum[i];
}

#endif
