#include "backend/ref/ref.h"

static int64_t product(const tensor *t, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= t->dim[i];
    return n;
}

/* Copies rows of `bytes` between a tensor with `whole` bytes an outer index and one with `bytes`. */
static size_t axis_bytes(const tensor *t, int axis)
{
    return (size_t)product(t, axis, t->rank) * dtype_size(t->type);
}

REF(concat, NULL)
{
    int axis = n->attr.axis.axis;
    size_t whole = axis_bytes(n->out[0], axis), at = 0;
    for (int k = 0; k < n->n_in; k++) {
        size_t part = axis_bytes(n->in[k], axis);
        for (int64_t o = 0; o < product(n->out[0], 0, axis); o++)
            memcpy((char *)out[0] + (size_t)o * whole + at, (const char *)in[k] + (size_t)o * part, part);
        at += part;
    }
}

REF(slice, NULL)
{
    const axis_attr *a = &n->attr.axis;
    size_t whole = axis_bytes(n->in[0], a->axis), part = axis_bytes(n->out[0], a->axis);
    size_t skip = part / (size_t)a->size * (size_t)a->start;
    for (int64_t o = 0; o < product(n->in[0], 0, a->axis); o++)
        memcpy((char *)out[0] + (size_t)o * part, (const char *)in[0] + (size_t)o * whole + skip, part);
}

REF(slice_grad, NULL)
{
    const axis_attr *a = &n->attr.axis;
    size_t whole = axis_bytes(n->out[0], a->axis), part = axis_bytes(n->in[0], a->axis);
    size_t skip = part / (size_t)a->size * (size_t)a->start;
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t o = 0; o < product(n->out[0], 0, a->axis); o++)
        memcpy((char *)out[0] + (size_t)o * whole + skip, (const char *)in[0] + (size_t)o * part, part);
}

REF(split, NULL)
{
    int axis = n->attr.split.axis;
    size_t whole = axis_bytes(n->in[0], axis), at = 0;
    for (int k = 0; k < n->n_out; k++) {
        size_t part = axis_bytes(n->out[k], axis);
        for (int64_t o = 0; o < product(n->in[0], 0, axis); o++)
            memcpy((char *)out[k] + (size_t)o * part, (const char *)in[0] + (size_t)o * whole + at, part);
        at += part;
    }
}

REF(detach, NULL)
{
    memcpy(out[0], in[0], tensor_bytes(n->out[0]));
}

/* It has no output: it writes its first input. */
REF(assign, NULL)
{
    (void)out;
    memcpy(in[0], in[1], tensor_bytes(n->in[0]));
}

REF(reshape, NULL)
{
    memcpy(out[0], in[0], tensor_bytes(n->out[0]));
}

REF(transpose, NULL)
{
    const tensor *x = n->in[0], *y = n->out[0];
    size_t size = dtype_size(x->type);
    for (int64_t i = 0; i < tensor_count(y); i++) {
        int64_t rest = i, at = 0;
        for (int k = y->rank - 1; k >= 0; k--) {
            int axis = n->attr.axis.perm[k];
            at += rest % y->dim[k] * product(x, axis + 1, x->rank);
            rest /= y->dim[k];
        }
        memcpy((char *)out[0] + (size_t)i * size, (const char *)in[0] + (size_t)at * size, size);
    }
}

REF(reduce_sum, ref_sums_of_first)
{
    const tensor *x = n->in[0], *y = n->out[0];
    int64_t count = tensor_count(y);
    double *sum = ref_zeros(scratch, count);
    for (int64_t i = 0; i < tensor_count(x); i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int k = x->rank - 1; k >= 0; k--) {
            if (!(n->attr.axis.axes >> k & 1)) {
                at += rest % x->dim[k] * step;
                step *= x->dim[k];
            }
            rest /= x->dim[k];
        }
        sum[at] += (double)((const float *)in[0])[i];
    }
    ref_round(sum, count, out[0]);
}

REF(matmul, NULL)
{
    const tensor *a = n->in[0], *b = n->in[1], *y = n->out[0];
    bool ta = n->attr.axis.trans_a, tb = n->attr.axis.trans_b;
    int64_t m = y->dim[y->rank - 2], cols = y->dim[y->rank - 1], k = a->dim[a->rank - (ta ? 2 : 1)];
    for (int64_t i = 0; i < tensor_count(y); i++) {
        int64_t batch = i / (m * cols), r = i / cols % m, c = i % cols;
        const float *pa = (const float *)in[0] + batch * m * k,
                    *pb = (const float *)in[1] + (b->rank == 2 ? 0 : batch) * k * cols;
        double sum = 0;
        for (int64_t j = 0; j < k; j++)
            sum += (double)pa[ta ? j * m + r : r * k + j] * (double)pb[tb ? c * k + j : j * cols + c];
        ((float *)out[0])[i] = (float)sum;
    }
}

/* Of x - *most, where *most is the largest. */
static double sum_of_exponentials(const float *x, int64_t n, float *most)
{
    double sum = 0;
    *most = -INFINITY;
    for (int64_t k = 0; k < n; k++)
        *most = x[k] > *most ? x[k] : *most;
    for (int64_t k = 0; k < n; k++)
        sum += exp((double)(x[k] - *most));
    return sum;
}

REF(softmax, NULL)
{
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i += c) {
        const float *x = (const float *)in[0] + i;
        float m;
        double sum = sum_of_exponentials(x, c, &m);
        for (int64_t k = 0; k < c; k++)
            ((float *)out[0])[i + k] = (float)(exp((double)(x[k] - m)) / sum);
    }
}

REF(softmax_grad, NULL)
{
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i += c) {
        const float *y = (const float *)in[0] + i, *dy = (const float *)in[1] + i;
        double dot = 0;
        for (int64_t k = 0; k < c; k++)
            dot += (double)y[k] * (double)dy[k];
        for (int64_t k = 0; k < c; k++)
            ((float *)out[0])[i + k] = (float)((double)y[k] * ((double)dy[k] - dot));
    }
}

REF(log_softmax, NULL)
{
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i += c) {
        const float *x = (const float *)in[0] + i;
        float m;
        double sum = sum_of_exponentials(x, c, &m);
        for (int64_t k = 0; k < c; k++)
            ((float *)out[0])[i + k] = (float)((double)(x[k] - m) - log(sum));
    }
}

REF(log_softmax_grad, NULL)
{
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i += c) {
        const float *y = (const float *)in[0] + i, *dy = (const float *)in[1] + i;
        double sum = 0;
        for (int64_t k = 0; k < c; k++)
            sum += (double)dy[k];
        for (int64_t k = 0; k < c; k++)
            ((float *)out[0])[i + k] = (float)((double)dy[k] - exp((double)y[k]) * sum);
    }
}

REF(pick, NULL)
{
    const int32_t *label = in[1];
    int64_t c = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[1]); i++)
        ((float *)out[0])[i] = label[i] >= 0 && label[i] < c ? ((const float *)in[0])[i * c + label[i]] : 0;
}

REF(pick_grad, NULL)
{
    const int32_t *label = in[1];
    int64_t c = ref_channels(n->out[0]);
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < tensor_count(n->in[1]); i++)
        if (label[i] >= 0 && label[i] < c)
            ((float *)out[0])[i * c + label[i]] = ((const float *)in[0])[i];
}

REF(one_hot, NULL)
{
    int64_t c = ref_channels(n->out[0]);
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++) {
        int32_t label = ((const int32_t *)in[0])[i];
        if (label >= 0 && label < c)
            ((float *)out[0])[i * c + label] = 1;
    }
}
