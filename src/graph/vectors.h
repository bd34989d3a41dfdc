/* Arithmetic on arrays of float32 in a backend's memory, outside of graphs: optimizer steps, sums and norms of
 * gradients, moving averages. Each element is computed on its own, in the order written here; sums have an order that
 * depends on sizes alone. So the number of threads does not change a bit. These calls belong to the backend's stream
 * (backend.h). */
#ifndef GRAPH_VECTORS_H
#define GRAPH_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/tensor.h"

typedef struct backend backend;

/* One of the arrays that a call works on. */
typedef struct vector_part {
    float *at;
    int64_t n;
} vector_part;

/* One parameter's step of torch.optim.SGD:
 *   d = grad * scale + decay * w;  buffer = keep * buffer + take * d
 *   w -= rate * (nesterov ? d + momentum * buffer : buffer);  without momentum: w -= rate * d */
typedef struct sgd_part {
    float *w, *buffer;
    const float *grad;
    int64_t n;
    float scale, rate, decay, momentum, keep, take;
    bool nesterov;
} sgd_part;

/* One parameter's step of torch.optim.Adam, or (decoupled) AdamW:
 *   d = grad * scale;  decoupled: w *= shrink, else d += decay * w
 *   first += take1 * (d - first);  second = keep2 * second + take2 * d * d;  v = second
 *   with `largest`: v = largest = max(largest, second)
 *   w -= size * first / (sqrt(v) / root + eps) */
typedef struct adam_part {
    float *w, *first, *second, *largest; /* largest: amsgrad's, or NULL */
    const float *grad;
    int64_t n;
    float scale, take1, keep2, take2, root, size, eps, decay, shrink;
    bool decoupled;
} adam_part;

typedef struct vector_calls {
    void (*sgd)(backend *b, const sgd_part *parts, int64_t count);
    void (*adam)(backend *b, const adam_part *parts, int64_t count);

    void (*scale)(backend *b, const vector_part *parts, int64_t count, float by);
    void (*clamp)(backend *b, const vector_part *parts, int64_t count, float most); /* clips to [-most, most] */
    /* out[i], on the host: the sum of |x| ** p over part i, in double; for infinite p the largest |x|. Waits for the
     * result. */
    void (*sum_powers)(backend *b, const vector_part *parts, int64_t count, double p, double *out);

    void (*add)(backend *b, float *to, const float *x, int64_t n);             /* to += x */
    void (*drain)(backend *b, float *to, float *from, int64_t n, float by);    /* to = from * by; from = 0 */
    void (*lerp)(backend *b, float *to, const float *x, int64_t n, double w);  /* torch.lerp(to, x, w) */
    void (*blend)(backend *b, float *to, const float *x, int64_t n, double w); /* to = to * (1 - w) + w * x */
    void (*exchange)(backend *b, float *x, float *y, int64_t n);
    /* Returns whether none of n float32 or bfloat16 is a NaN or infinity. Waits for the result. */
    bool (*all_finite)(backend *b, const void *x, dtype type, int64_t n);
} vector_calls;

/* The formulas above on one thread, for host memory and the naive backend. */
extern const vector_calls plain_vectors;

#endif
