/* Batch normalisation. Bound by memory traffic: training reads x twice and writes y once; the gradient reads x and dy
 * (and y, if a residual was added before the ReLU) twice and writes dx once. If a graph pass fused a ReLU, and a
 * residual sum before it, they are part of the same pass over memory. */
#include <math.h>

#include "backend/cpu/norm_parts.h"

/* The factor and the summand of a channel, from the statistics as they are stored: so batch_norm_apply gives the same
 * bits. */
static void train_coefficients(float gamma, float beta, float mean, float invstd, float *s, float *b)
{
    *s = gamma * invstd;
    *b = (float)((double)beta - (double)mean * (double)*s);
}

/* Joins the parts' moments of channels c0 ... c0 + n - 1: *mean, and the sum of squared deviations from it. */
static void join_moments(const norm_kernel *k, const float *at, int64_t c0, int64_t n, double *mean, double *m2)
{
    size_t wide = norm_room(k);
    memset(mean, 0, NORM_BLOCK * sizeof *mean);
    memset(m2, 0, NORM_BLOCK * sizeof *m2);
    for (int64_t p = 0; p < k->parts.count; p++) {
        const float *part = at + (size_t)p * 2 * wide + c0;
        double share = (double)parts_size(&k->parts, p) / (double)k->pixels;
        for (int64_t i = 0; i < n; i++)
            mean[i] += share * (double)part[i];
    }
    for (int64_t p = 0; p < k->parts.count; p++) {
        const float *part = at + (size_t)p * 2 * wide + c0;
        double pixels = (double)parts_size(&k->parts, p);
        for (int64_t i = 0; i < n; i++) {
            double d = (double)part[i] - mean[i];
            m2[i] += (double)part[wide + (size_t)i] + pixels * d * d;
        }
    }
}

/* stored = (1 - momentum) * stored + momentum * now */
static void move_average(float *stored, double momentum, double now)
{
    *stored = (float)((1.0 - momentum) * (double)*stored + momentum * now);
}

static cseg_status train_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const norm_attr *a = &k->k.n->attr.norm;
    const float *gamma = in[1], *beta = in[2];
    float *running_mean = in[3], *running_var = in[4], *mean = out[1], *invstd = out[2];
    size_t wide = norm_room(k);
    float *s = scratch, *b = s + wide, *at = b + wide, *shifts = at + 2 * wide * (size_t)k->parts.count;
    norm_moments(k, map_in(k->k.n, in, 0), at, shifts);
    double total = (double)k->pixels;
#pragma omp parallel for schedule(static)
    for (int64_t c0 = 0; c0 < k->c; c0 += NORM_BLOCK) {
        double m[NORM_BLOCK], m2[NORM_BLOCK];
        int64_t n = k->c - c0 < NORM_BLOCK ? k->c - c0 : NORM_BLOCK;
        join_moments(k, at, c0, n, m, m2);
        for (int64_t i = 0; i < n; i++) {
            int64_t c = c0 + i;
            double var = m2[i] / total;
            mean[c] = (float)m[i];
            invstd[c] = (float)(1.0 / sqrt(var + (double)a->eps));
            train_coefficients(gamma[c], beta[c], mean[c], invstd[c], &s[c], &b[c]);
            if (a->update) {
                move_average(&running_mean[c], (double)a->momentum, m[i]);
                move_average(&running_var[c], (double)a->momentum, total > 1 ? m2[i] / (total - 1) : var);
            }
        }
    }
    norm_scale_and_shift(k, in, out, s, b);
    return CSEG_OK;
}

static cseg_status prepare_batch_norm_train(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    /* coefficients and a shift for each thread; moments */
    norm_needs needs = {.run = train_run,
                        .parts_most = NORM_PARTS_MOST,
                        .rooms = 2 + (size_t)b->options.threads,
                        .part_rooms = 2,
                        .in_place = -1};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_batch_norm_train = {.prepare = prepare_batch_norm_train, .either_in = 1 | 1 << 5, .either_out = 1};

/* x, gamma, beta, mean, inverse std, [residual] -> y. Reads x (and the residual) once and writes y once. */
static cseg_status apply_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const float *gamma = in[1], *beta = in[2], *mean = in[3], *invstd = in[4];
    float *s = scratch, *b = s + norm_room(k);
    for (int64_t c = 0; c < k->c; c++)
        train_coefficients(gamma[c], beta[c], mean[c], invstd[c], &s[c], &b[c]);
    norm_scale_and_shift(k, in, out, s, b);
    return CSEG_OK;
}

static cseg_status prepare_batch_norm_apply(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {.run = apply_run, .parts_most = NORM_PARTS_MOST, .rooms = 2, .in_place = 0};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_batch_norm_apply = {.prepare = prepare_batch_norm_apply, .either_in = 1 | 1 << 5, .either_out = 1};

/* After the sums: computes the gradients of gamma and beta, and the coefficients of dx. */
static void join_sums(const norm_kernel *k, const float *at, const float *gamma, const float *invstd, float *dgamma,
                      float *dbeta, float *a, float *slope)
{
    double total = (double)k->pixels;
#pragma omp parallel for schedule(static)
    for (int64_t c0 = 0; c0 < k->c; c0 += NORM_BLOCK) {
        double g[NORM_BLOCK], gx[NORM_BLOCK];
        int64_t n = k->c - c0 < NORM_BLOCK ? k->c - c0 : NORM_BLOCK;
        norm_join(k, at, c0, n, g, gx);
        for (int64_t i = 0; i < n; i++) {
            int64_t c = c0 + i;
            double inverse = (double)invstd[c], scale = (double)gamma[c] * inverse;
            if (dgamma)
                dgamma[c] = (float)(gx[i] * inverse);
            if (dbeta)
                dbeta[c] = (float)g[i];
            a[c] = (float)(scale * g[i] / total);
            slope[c] = (float)(scale * inverse * inverse * gx[i] / total);
        }
    }
}

/* x, dy, gamma, batch mean, inverse std, [y, whose sign is the ReLU's mask], [beta: the mask follows from x] -> dx,
 * dgamma, dbeta, [dresidual]. */
static cseg_status train_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const node *n = k->k.n;
    const float *gamma = in[2], *invstd = in[4], *beta = n->n_in > 6 ? in[6] : NULL;
    size_t wide = norm_room(k);
    float *mean = scratch, *s = mean + wide, *shift = s + wide, *a = shift + wide, *slope = a + wide,
          *at = slope + wide;
    memcpy(mean, in[3], (size_t)k->c * sizeof *mean);
    for (int64_t c = 0; c < k->c; c++)
        train_coefficients(gamma[c], beta ? beta[c] : 0, mean[c], invstd[c], &s[c], &shift[c]);
    widen_fill(mean, k->c, k->times);
    widen_fill(s, k->c, k->times);
    widen_fill(shift, k->c, k->times);
    norm_grad g = {.x = map_in(n, in, 0),
                   .dy = map_in(n, in, 1),
                   .y = map_in(n, in, 5),
                   .dx = map_out(n, out, 0),
                   .dr = map_out(n, out, 3),
                   .mean = mean,
                   .s = s,
                   .shift = beta ? shift : NULL,
                   .a = a,
                   .k = slope};
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        norm_grad_part_sums(k, &g, p, at);
    join_sums(k, at, gamma, invstd, out[1], out[2], a, slope);
    if (!out[0])
        return CSEG_OK;
    widen_fill(a, k->c, k->times);
    widen_fill(slope, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        norm_grad_part_apply(k, &g, p);
    return CSEG_OK;
}

static cseg_status prepare_batch_norm_train_grad(cpu_backend *b, const node *n, arena *mem, kernel **out,
                                                 cseg_error *err)
{
    norm_needs needs = {
        .run = train_grad_run, .parts_most = NORM_PARTS_MOST, .rooms = 5, .part_rooms = 2, .in_place = 1};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_batch_norm_train_grad = {
    .prepare = prepare_batch_norm_train_grad, .either_in = 3 | 1 << 5, .either_out = 1 | 1 << 3};
