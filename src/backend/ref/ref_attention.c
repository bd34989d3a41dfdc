/* Attention by its definition, one query at a time. */
#include "backend/ref/ref.h"

typedef struct sizes {
    int64_t batch, queries, keys, d, e;
} sizes;

static sizes sizes_of(const node *n)
{
    const tensor *q = n->in[0], *v = n->in[2];
    int r = q->rank;
    sizes s = {.queries = q->dim[r - 2], .keys = v->dim[r - 2], .d = q->dim[r - 1], .e = v->dim[r - 1]};
    s.batch = tensor_count(q) / s.queries / s.d;
    return s;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static size_t row_of_keys(const node *n)
{
    return (size_t)sizes_of(n).keys * sizeof(double);
}

REF(attention, row_of_keys)
{
    sizes s = sizes_of(n);
    double *share = scratch;
    for (int64_t i = 0; i < s.batch * s.queries; i++) {
        const float *q = (const float *)in[0] + i * s.d, *k = (const float *)in[1] + i / s.queries * s.keys * s.d;
        const float *v = (const float *)in[2] + i / s.queries * s.keys * s.e;
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < s.keys; j++) {
            share[j] = (double)n->attr.axis.value * dot(q, k + j * s.d, s.d);
            most = share[j] > most || isnan(share[j]) ? share[j] : most;
        }
        for (int64_t j = 0; j < s.keys; j++)
            sum += share[j] = exp(share[j] - most);
        for (int64_t c = 0; c < s.e; c++) {
            double y = 0;
            for (int64_t j = 0; j < s.keys; j++)
                y += share[j] * (double)v[j * s.e + c];
            ((float *)out[0])[i * s.e + c] = (float)(y / sum);
        }
        ((float *)out[1])[i] = (float)(most + log(sum));
    }
}

static size_t sums_of_inputs(const node *n)
{
    return (size_t)(tensor_count(n->in[0]) + tensor_count(n->in[1]) + tensor_count(n->in[2])) * sizeof(double);
}

REF(attention_grad, sums_of_inputs)
{
    sizes s = sizes_of(n);
    double scale = (double)n->attr.axis.value, *dq = ref_zeros(scratch, (int64_t)(sums_of_inputs(n) / sizeof(double)));
    double *dk = dq + tensor_count(n->in[0]), *dv = dk + tensor_count(n->in[1]);
    for (int64_t i = 0; i < s.batch * s.queries; i++) {
        int64_t of_k = i / s.queries * s.keys * s.d, of_v = i / s.queries * s.keys * s.e;
        const float *q = (const float *)in[0] + i * s.d, *y = (const float *)in[3] + i * s.e,
                    *dy = (const float *)in[5] + i * s.e;
        double mean = dot(y, dy, s.e);
        for (int64_t j = 0; j < s.keys; j++) {
            const float *k = (const float *)in[1] + of_k + j * s.d, *v = (const float *)in[2] + of_v + j * s.e;
            double share = exp(scale * dot(q, k, s.d) - (double)((const float *)in[4])[i]);
            double slope = scale * share * (dot(v, dy, s.e) - mean);
            for (int64_t c = 0; c < s.d; c++) {
                dq[i * s.d + c] += slope * (double)k[c];
                dk[of_k + j * s.d + c] += slope * (double)q[c];
            }
            for (int64_t c = 0; c < s.e; c++)
                dv[of_v + j * s.e + c] += share * (double)dy[c];
        }
    }
    ref_round(dq, tensor_count(n->in[0]), out[0]);
    ref_round(dk, tensor_count(n->in[1]), out[1]);
    ref_round(dv, tensor_count(n->in[2]), out[2]);
}
