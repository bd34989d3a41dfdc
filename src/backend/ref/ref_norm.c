/* Normalisation by definition. */
#include "backend/ref/ref.h"

REF(batch_norm, NULL)
{
    const float *x = in[0], *gamma = in[1], *beta = in[2], *mean = in[3], *var = in[4];
    int64_t channels = ref_channels(n->in[0]);
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++) {
        int64_t c = i % channels;
        double d = sqrt((double)var[c] + (double)n->attr.norm.eps);
        ((float *)out[0])[i] = (float)(((double)x[i] - (double)mean[c]) / d * (double)gamma[c] + (double)beta[c]);
    }
}

REF(batch_norm_grad, NULL)
{
    const float *x = in[0], *dy = in[1], *gamma = in[2], *mean = in[3], *var = in[4];
    int64_t channels = ref_channels(n->in[0]), count = tensor_count(n->in[0]);
    for (int64_t c = 0; c < channels; c++) {
        double g = 0, b = 0, i = 1 / sqrt((double)var[c] + (double)n->attr.norm.eps);
        for (int64_t k = c; k < count; k += channels) {
            g += (double)dy[k] * ((double)x[k] - (double)mean[c]) * i;
            b += (double)dy[k];
            ((float *)out[0])[k] = (float)((double)dy[k] * (double)gamma[c] * i);
        }
        ((float *)out[1])[c] = (float)g;
        ((float *)out[2])[c] = (float)b;
    }
}

/* Computes y of channel c from the statistics as they are stored, so that the same y can be recomputed from them. */
static void normalise(const node *n, void *const *in, float mean, float invstd, int64_t c, float *y)
{
    const float *x = in[0], *gamma = in[1], *beta = in[2], *residual = n->n_in > 5 ? in[5] : NULL;
    int64_t channels = ref_channels(n->in[0]), count = tensor_count(n->in[0]);
    for (int64_t k = c; k < count; k += channels) {
        double hat = ((double)x[k] - (double)mean) * (double)invstd;
        float v = (float)(hat * (double)gamma[c] + (double)beta[c]) + (residual ? residual[k] : 0);
        y[k] = n->attr.norm.act && v < 0 ? 0 : v;
    }
}

REF(batch_norm_apply, NULL)
{
    const float *mean = in[3], *invstd = in[4];
    for (int64_t c = 0; c < ref_channels(n->in[0]); c++)
        normalise(n, in, mean[c], invstd[c], c, out[0]);
}

REF(batch_norm_train, NULL)
{
    const norm_attr *a = &n->attr.norm;
    const float *x = in[0];
    float *running_mean = in[3], *running_var = in[4];
    int64_t channels = ref_channels(n->in[0]), count = tensor_count(n->in[0]), each = count / channels;
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, m2 = 0;
        for (int64_t k = c; k < count; k += channels)
            mean += (double)x[k] / (double)each;
        for (int64_t k = c; k < count; k += channels)
            m2 += ((double)x[k] - mean) * ((double)x[k] - mean);
        double i = 1 / sqrt(m2 / (double)each + (double)a->eps);
        ((float *)out[1])[c] = (float)mean;
        ((float *)out[2])[c] = (float)i;
        normalise(n, in, (float)mean, (float)i, c, out[0]);
        if (a->update) {
            double m = (double)a->momentum, unbiased = m2 / (double)(each - 1);
            running_mean[c] = (float)((1 - m) * (double)running_mean[c] + m * mean);
            running_var[c] = (float)((1 - m) * (double)running_var[c] + m * unbiased);
        }
    }
}

/* Element k of the gradient before the ReLU: passes where y > 0 or, with beta in place of y, where the norm's own
 * result (computed as in `normalise`) is. */
static double behind_relu(const node *n, void *const *in, int64_t c, int64_t k)
{
    const float *x = in[0], *dy = in[1], *gamma = in[2], *mean = in[3], *invstd = in[4];
    const float *y = n->n_in > 5 ? in[5] : NULL, *beta = n->n_in > 6 ? in[6] : NULL;
    double hat = ((double)x[k] - (double)mean[c]) * (double)invstd[c];
    bool off = (y && !(y[k] > 0)) || (beta && !((float)(hat * (double)gamma[c] + (double)beta[c]) > 0));
    return off ? 0 : (double)dy[k];
}

REF(batch_norm_train_grad, NULL)
{
    const float *x = in[0], *gamma = in[2], *mean = in[3], *invstd = in[4];
    float *residual = n->n_out > 3 ? out[3] : NULL;
    int64_t channels = ref_channels(n->in[0]), count = tensor_count(n->in[0]);
    double each = (double)(count / channels);
    for (int64_t c = 0; c < channels; c++) {
        double g = 0, b = 0, i = (double)invstd[c];
        for (int64_t k = c; k < count; k += channels) {
            double d = behind_relu(n, in, c, k);
            g += d * ((double)x[k] - (double)mean[c]) * i;
            b += d;
        }
        for (int64_t k = c; k < count; k += channels) {
            double d = behind_relu(n, in, c, k), hat = ((double)x[k] - (double)mean[c]) * i;
            ((float *)out[0])[k] = (float)((double)gamma[c] * i * (d - b / each - hat * g / each));
            if (residual)
                residual[k] = (float)d;
        }
        ((float *)out[1])[c] = (float)g;
        ((float *)out[2])[c] = (float)b;
    }
}

/* A set of elements that share a mean: groups of channels of an image, or a row. */
typedef struct set {
    int64_t image, pixels, channels, first, width;
} set;

static set set_of(const node *n, int64_t s)
{
    const tensor *x = n->in[0];
    int64_t c = ref_channels(x);
    if (n->op == OP_layer_norm || n->op == OP_layer_norm_grad)
        return (set){s, 1, c, 0, c};
    int groups = n->attr.norm.groups;
    int64_t width = c / groups;
    return (set){s / groups, tensor_count(x) / x->dim[0] / c, c, s % groups * width, width};
}

static int64_t element(const set *s, int64_t i)
{
    return (s->image * s->pixels + i / s->width) * s->channels + s->first + i % s->width;
}

static void grouped(const node *n, void *const *in, void *const *out)
{
    const float *x = in[0], *gamma = in[1], *beta = in[2];
    for (int64_t k = 0; k < tensor_count(n->out[1]); k++) {
        set s = set_of(n, k);
        int64_t count = s.pixels * s.width;
        double mean = 0, m2 = 0;
        for (int64_t i = 0; i < count; i++)
            mean += (double)x[element(&s, i)] / (double)count;
        for (int64_t i = 0; i < count; i++)
            m2 += ((double)x[element(&s, i)] - mean) * ((double)x[element(&s, i)] - mean);
        double invstd = 1 / sqrt(m2 / (double)count + (double)n->attr.norm.eps);
        for (int64_t i = 0; i < count; i++) {
            int64_t e = element(&s, i), c = e % s.channels;
            double hat = ((double)x[e] - mean) * invstd;
            float y = (float)(hat * (gamma ? (double)gamma[c] : 1) + (beta ? (double)beta[c] : 0));
            ((float *)out[0])[e] = n->attr.norm.act && y < 0 ? 0 : y;
        }
        ((float *)out[1])[k] = (float)mean;
        ((float *)out[2])[k] = (float)invstd;
    }
}

/* The gradient before the ReLU, which let its input pass where y > 0. */
static double before_relu(const float *y, const float *dy, int64_t e)
{
    return !y || y[e] > 0 ? (double)dy[e] : 0;
}

static void grouped_grad(const node *n, void *const *in, void *const *out, void *scratch)
{
    const float *x = in[0], *dy = in[1], *gamma = in[2], *mean = in[3], *invstd = in[4];
    const float *y = ref_optional(n, in, 5);
    int64_t channels = ref_channels(n->in[0]);
    double *dgamma = ref_zeros(scratch, 2 * channels), *dbeta = dgamma + channels;
    for (int64_t k = 0; k < tensor_count(n->in[3]); k++) {
        set s = set_of(n, k);
        int64_t count = s.pixels * s.width;
        double g = 0, b = 0, inv = (double)invstd[k];
        for (int64_t i = 0; i < count; i++) {
            int64_t e = element(&s, i), c = e % s.channels;
            double hat = ((double)x[e] - (double)mean[k]) * inv,
                   d = before_relu(y, dy, e) * (gamma ? (double)gamma[c] : 1);
            g += d * hat;
            b += d;
            dgamma[c] += before_relu(y, dy, e) * hat;
            dbeta[c] += before_relu(y, dy, e);
        }
        for (int64_t i = 0; i < count; i++) {
            int64_t e = element(&s, i), c = e % s.channels;
            double hat = ((double)x[e] - (double)mean[k]) * inv,
                   d = before_relu(y, dy, e) * (gamma ? (double)gamma[c] : 1);
            ((float *)out[0])[e] = (float)(inv * (d - b / (double)count - hat * g / (double)count));
        }
    }
    ref_round(dgamma, channels, out[1]);
    ref_round(dbeta, channels, out[2]);
}

REF(group_norm, NULL)
{
    grouped(n, in, out);
}

REF(layer_norm, NULL)
{
    grouped(n, in, out);
}

static size_t channel_sums(const node *n)
{
    return 2 * (size_t)ref_channels(n->in[0]) * sizeof(double);
}

REF(group_norm_grad, channel_sums)
{
    grouped_grad(n, in, out, scratch);
}

REF(layer_norm_grad, channel_sums)
{
    grouped_grad(n, in, out, scratch);
}
