/* Batch normalisation. Bound by memory traffic: training reads x twice and writes y once; the gradient reads x and dy
 * twice and writes dx once. ReLU (and a residual sum before it) is part of the same pass when a graph pass fused it. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/widen.h"

typedef struct norm_kernel {
    cpu_kernel k;
    int64_t pixels, c, times;
    parts parts; /* over pixels */
} norm_kernel;

enum { PART_FLOATS = 16384, PART_PIXELS = 64 };

static void norm_init(norm_kernel *k, const tensor *x)
{
    k->c = x->dim[x->rank - 1];
    k->pixels = tensor_count(x) / k->c;
    k->times = widen_times(k->c);
    int64_t each = PART_FLOATS / k->c > PART_PIXELS ? PART_FLOATS / k->c : PART_PIXELS;
    each = (each + k->times - 1) / k->times * k->times;
    k->parts = parts_of(k->pixels, each);
}

/* Rows of a part: `wide` rows of times * c floats, then `rest` rows of c. */
typedef struct rows {
    int64_t at, wide, rest, rest_at;
} rows;
static rows rows_of(const norm_kernel *k, int64_t part)
{
    int64_t n = parts_size(&k->parts, part), wide = n / k->times, at = part * k->parts.each * k->c;
    return (rows){at, wide, n - wide * k->times, at + wide * k->times * k->c};
}

static void affine_all(const norm_kernel *k, const float *x, const float *s, const float *b, const float *r, float *y,
                       bool relu)
{
    const simd_table *v = k->k.b->simd;
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        rows w = rows_of(k, p);
        v->affine(x + w.at, s, b, r ? r + w.at : NULL, y + w.at, w.wide, k->c * k->times, relu);
        v->affine(x + w.rest_at, s, b, r ? r + w.rest_at : NULL, y + w.rest_at, w.rest, k->c, relu);
    }
}

static bool wants_relu(const node *n)
{
    return n->attr.norm.act == UNARY_RELU + 1;
}

/* Scratch of the coefficients: each `times * c` floats, rounded up to whole vectors. */
static size_t coefficients(const norm_kernel *k)
{
    return ((size_t)(k->c * k->times) + 15) / 16 * 16;
}

static cseg_status fixed_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const float *gamma = in[1], *beta = in[2], *mean = in[3], *var = in[4];
    float *s = scratch, *b = s + coefficients(k);
    for (int64_t c = 0; c < k->c; c++) {
        s[c] = gamma[c] / sqrtf(var[c] + k->k.n->attr.norm.eps);
        b[c] = beta[c] - mean[c] * s[c];
    }
    widen_fill(s, k->c, k->times);
    widen_fill(b, k->c, k->times);
    affine_all(k, in[0], s, b, NULL, out[0], wants_relu(k->k.n));
    return CSEG_OK;
}

cseg_status cpu_prepare_batch_norm(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, fixed_run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n->in[0]);
    k->k.base.scratch = 2 * coefficients(k) * sizeof(float);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

/* Mean and squared deviations of each part: at[part] holds mean[c], then m2[c], each of coefficients(k). Two passes
 * over a part that fits the cache, so that a large mean costs no digits. */
static void moments_all(const norm_kernel *k, const float *x, float *at)
{
    const simd_table *v = k->k.b->simd;
    size_t wide = coefficients(k);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        rows w = rows_of(k, p);
        float *mean = at + (size_t)p * 2 * wide, *m2 = mean + wide, n = (float)parts_size(&k->parts, p);
        memset(mean, 0, 2 * wide * sizeof *mean);
        v->sum_rows(x + w.at, mean, w.wide, k->c * k->times);
        v->sum_rows(x + w.rest_at, mean, w.rest, k->c);
        widen_fold(mean, k->c, k->times);
        for (int64_t c = 0; c < k->c; c++)
            mean[c] /= n;
        widen_fill(mean, k->c, k->times);
        v->deviation_rows(x + w.at, mean, m2, w.wide, k->c * k->times);
        v->deviation_rows(x + w.rest_at, mean, m2, w.rest, k->c);
        widen_fold(m2, k->c, k->times);
    }
}

enum { CHANNEL_BLOCK = 32 };

static cseg_status train_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const norm_attr *a = &k->k.n->attr.norm;
    const float *gamma = in[1], *beta = in[2];
    float *running_mean = in[3], *running_var = in[4], *mean = out[1], *invstd = out[2];
    size_t wide = coefficients(k);
    float *s = scratch, *b = s + wide, *at = b + wide;
    moments_all(k, in[0], at);
    double total = (double)k->pixels;
#pragma omp parallel for schedule(static)
    for (int64_t c0 = 0; c0 < k->c; c0 += CHANNEL_BLOCK) {
        int64_t c1 = c0 + CHANNEL_BLOCK < k->c ? c0 + CHANNEL_BLOCK : k->c;
        for (int64_t c = c0; c < c1; c++) {
            double m = 0, m2 = 0;
            for (int64_t p = 0; p < k->parts.count; p++)
                m += (double)parts_size(&k->parts, p) * (double)at[(size_t)p * 2 * wide + (size_t)c];
            m /= total;
            for (int64_t p = 0; p < k->parts.count; p++) {
                double d = (double)at[(size_t)p * 2 * wide + (size_t)c] - m;
                m2 += (double)at[(size_t)p * 2 * wide + wide + (size_t)c] + (double)parts_size(&k->parts, p) * d * d;
            }
            double var = m2 / total;
            mean[c] = (float)m;
            invstd[c] = (float)(1.0 / sqrt(var + (double)a->eps));
            s[c] = gamma[c] * invstd[c];
            b[c] = (float)((double)beta[c] - m * (double)s[c]);
            if (a->update) {
                double unbiased = total > 1 ? m2 / (total - 1) : var;
                running_mean[c] =
                    (float)((1.0 - (double)a->momentum) * (double)running_mean[c] + (double)a->momentum * m);
                running_var[c] =
                    (float)((1.0 - (double)a->momentum) * (double)running_var[c] + (double)a->momentum * unbiased);
            }
        }
    }
    widen_fill(s, k->c, k->times);
    widen_fill(b, k->c, k->times);
    affine_all(k, in[0], s, b, k->k.n->n_in > 5 ? in[5] : NULL, out[0], wants_relu(k->k.n));
    return CSEG_OK;
}

cseg_status cpu_prepare_batch_norm_train(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, train_run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n->in[0]);
    k->k.base.scratch = (2 + 2 * (size_t)k->parts.count) * coefficients(k) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* x, dy, gamma, batch mean, inverse std, [y: its sign is the ReLU's mask] -> dx, dgamma, dbeta, [dresidual]. */
static cseg_status train_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const simd_table *v = k->k.b->simd;
    const float *x = in[0], *dy = in[1], *gamma = in[2], *y = k->k.n->n_in > 5 ? in[5] : NULL;
    float *dx = out[0], *dgamma = out[1], *dbeta = out[2], *dr = k->k.n->n_out > 3 ? out[3] : NULL;
    size_t wide = coefficients(k);
    float *mean = scratch, *s = mean + wide, *sub = s + wide, *slope = sub + wide, *at = slope + wide;
    memcpy(mean, in[3], (size_t)k->c * sizeof *mean);
    const float *invstd = in[4];
    widen_fill(mean, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        rows w = rows_of(k, p);
        float *sum_dy = at + (size_t)p * 2 * wide, *sum_dyx = sum_dy + wide;
        memset(sum_dy, 0, 2 * wide * sizeof *sum_dy);
        v->norm_grad_sums(x + w.at, dy + w.at, y ? y + w.at : NULL, mean, sum_dy, sum_dyx, w.wide, k->c * k->times);
        v->norm_grad_sums(x + w.rest_at, dy + w.rest_at, y ? y + w.rest_at : NULL, mean, sum_dy, sum_dyx, w.rest, k->c);
        widen_fold(sum_dy, k->c, k->times);
        widen_fold(sum_dyx, k->c, k->times);
    }
    double total = (double)k->pixels;
#pragma omp parallel for schedule(static)
    for (int64_t c0 = 0; c0 < k->c; c0 += CHANNEL_BLOCK) {
        int64_t c1 = c0 + CHANNEL_BLOCK < k->c ? c0 + CHANNEL_BLOCK : k->c;
        for (int64_t c = c0; c < c1; c++) {
            double g = 0, gx = 0;
            for (int64_t p = 0; p < k->parts.count; p++) {
                g += (double)at[(size_t)p * 2 * wide + (size_t)c];
                gx += (double)at[(size_t)p * 2 * wide + wide + (size_t)c];
            }
            double i = (double)invstd[c], scale = (double)gamma[c] * i;
            if (dgamma)
                dgamma[c] = (float)(gx * i);
            if (dbeta)
                dbeta[c] = (float)g;
            s[c] = (float)scale;
            sub[c] = (float)(scale * g / total);
            slope[c] = (float)(scale * i * i * gx / total);
        }
    }
    if (!dx)
        return CSEG_OK;
    widen_fill(s, k->c, k->times);
    widen_fill(sub, k->c, k->times);
    widen_fill(slope, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        rows w = rows_of(k, p);
        v->norm_grad_apply(x + w.at, dy + w.at, y ? y + w.at : NULL, mean, s, sub, slope, dx + w.at,
                           dr ? dr + w.at : NULL, w.wide, k->c * k->times);
        v->norm_grad_apply(x + w.rest_at, dy + w.rest_at, y ? y + w.rest_at : NULL, mean, s, sub, slope, dx + w.rest_at,
                           dr ? dr + w.rest_at : NULL, w.rest, k->c);
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_batch_norm_train_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, train_grad_run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n->in[0]);
    k->k.base.scratch = (4 + 2 * (size_t)k->parts.count) * coefficients(k) * sizeof(float);
    k->k.base.in_place = 1;
    *out = &k->k.base;
    return CSEG_OK;
}
