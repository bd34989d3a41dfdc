/* PSANet's exchange by its definition, one row of the matrix at a time. */
#include "backend/ref/ref.h"

/* Returns where the masks [h,w,mask] of an image have element (row, column) of the matrix; -1: beyond the mask. */
static int64_t place_of(const psa_attr *a, int64_t row, int64_t column)
{
    int64_t owner = a->distribute ? column : row, target = a->distribute ? row : column;
    int64_t r = target / a->w - owner / a->w + (a->mask_h - 1) / 2;
    int64_t c = target % a->w - owner % a->w + (a->mask_w - 1) / 2;
    bool inside = r >= 0 && r < a->mask_h && c >= 0 && c < a->mask_w;
    return inside ? (owner * a->mask_h + r) * a->mask_w + c : -1;
}

static double element(const psa_attr *a, const float *masks, int64_t row, int64_t column)
{
    int64_t at = place_of(a, row, column);
    return at < 0 ? 0 : (double)masks[at];
}

static size_t one_row(const node *n)
{
    return (size_t)n->in[1]->dim[1] * sizeof(double);
}

REF(psa_exchange, one_row)
{
    const psa_attr *a = &n->attr.psa;
    int64_t pixels = a->h * a->w, channels = n->in[1]->dim[2], mask = a->mask_h * a->mask_w;
    double *share = scratch;
    for (int64_t i = 0; i < n->in[1]->dim[0] * pixels; i++) {
        const float *masks = (const float *)in[0] + i / pixels * pixels * mask;
        const float *v = (const float *)in[1] + i / pixels * pixels * channels;
        double most = -INFINITY, sum = a->softmax ? 0 : 1;
        for (int64_t j = 0; j < pixels; j++) {
            share[j] = element(a, masks, i % pixels, j);
            most = share[j] > most || isnan(share[j]) ? share[j] : most;
        }
        for (int64_t j = 0; a->softmax && j < pixels; j++)
            sum += share[j] = exp(share[j] - most);
        for (int64_t c = 0; c < channels; c++) {
            double y = 0;
            for (int64_t j = 0; j < pixels; j++)
                y += share[j] * (double)v[j * channels + c];
            ((float *)out[0])[i * channels + c] = (float)(y / sum);
        }
        ((float *)out[1])[i] = a->softmax ? (float)(most + log(sum)) : 0;
    }
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static size_t sums_of_values(const node *n)
{
    return (size_t)tensor_count(n->in[1]) * sizeof(double);
}

REF(psa_exchange_grad, sums_of_values)
{
    const psa_attr *a = &n->attr.psa;
    int64_t pixels = a->h * a->w, channels = n->in[1]->dim[2], mask = a->mask_h * a->mask_w;
    double *dv = ref_zeros(scratch, tensor_count(n->in[1]));
    memset(out[0], 0, tensor_bytes(n->out[0]));
    for (int64_t i = 0; i < n->in[1]->dim[0] * pixels; i++) {
        int64_t of_masks = i / pixels * pixels * mask, of_v = i / pixels * pixels * channels;
        const float *masks = (const float *)in[0] + of_masks, *y = (const float *)in[2] + i * channels;
        const float *dy = (const float *)in[4] + i * channels;
        double log_sum = (double)((const float *)in[3])[i], mean = dot(y, dy, channels);
        for (int64_t j = 0; j < pixels; j++) {
            const float *v = (const float *)in[1] + of_v + j * channels;
            double share = element(a, masks, i % pixels, j), slope = dot(v, dy, channels);
            if (a->softmax) {
                share = exp(share - log_sum);
                slope = share * (slope - mean);
            }
            int64_t at = place_of(a, i % pixels, j);
            if (at >= 0)
                ((float *)out[0])[of_masks + at] = (float)slope;
            for (int64_t c = 0; c < channels; c++)
                dv[of_v + j * channels + c] += share * (double)dy[c];
        }
    }
    ref_round(dv, tensor_count(n->in[1]), out[1]);
}
