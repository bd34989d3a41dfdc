/* Batch normalisation. Bound by memory traffic: training reads x twice and writes y once; the gradient reads x and dy
 * (and y, if a residual was added before the ReLU) twice and writes dx once. If a graph pass fused a ReLU, and a
 * residual sum before it, they are part of the same pass over memory. */
#include <math.h>

#include "backend/cpu/norm_parts.h"

/* Mean and sum of squared deviations of one part: mean[c], m2[c], each with norm_room(k) floats. In one pass, from x -
 * shift, where shift is the mean of the part's first pixels, so that a large mean does not cost precision. */
static void part_moments(const norm_kernel *k, int64_t part, map x, float *mean, float *m2, float *shift)
{
    enum { FIRST_ROWS = 4 };
    const map_table *v = k->k.b->simd->maps;
    norm_stretch first = {0};
    norm_next(k, part, &first);
    first.rows = first.rows < FIRST_ROWS ? first.rows : FIRST_ROWS;
    size_t size = norm_room(k) * sizeof(float);
    memset(shift, 0, size);
    memset(mean, 0, size);
    memset(m2, 0, size);
    v->sum_rows(map_from(x, first.at), shift, first.rows, first.width);
    widen_fold(shift, k->c, k->times);
    for (int64_t c = 0; c < k->c; c++)
        shift[c] /= (float)(first.rows * first.width / k->c);
    widen_fill(shift, k->c, k->times);
    for (norm_stretch w = {0}; norm_next(k, part, &w);)
        v->moments(map_from(x, w.at), shift, mean, m2, w.rows, w.width);
    norm_fold(k, mean);
    float n = (float)parts_size(&k->parts, part);
    for (int64_t c = 0; c < k->c; c++) {
        float d = mean[c] / n;
        m2[c] = fmaxf(m2[c] - d * mean[c], 0);
        mean[c] = shift[c] + d;
    }
}

/* at[part] holds mean[c], then m2[c]; shifts: norm_room(k) for each thread. */
static void moments_all(const norm_kernel *k, map x, float *at, float *shifts)
{
    size_t wide = norm_room(k);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *mean = at + (size_t)p * 2 * wide, *shift = shifts + (size_t)omp_get_thread_num() * wide;
        part_moments(k, p, x, mean, mean + wide, shift);
    }
}

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
    moments_all(k, map_in(k->k.n, in, 0), at, shifts);
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

static norm_grad grad_from(const norm_grad *g, int64_t at)
{
    norm_grad from = *g;
    from.x = map_from(g->x, at);
    from.dy = map_from(g->dy, at);
    from.y = map_from(g->y, at);
    from.dx = map_from(g->dx, at);
    from.dr = map_from(g->dr, at);
    return from;
}

/* Sums of g and of g * (x - mean) of each part: at[part] holds sum_dy[c], then sum_dyx[c]. */
static void grad_sums_all(const norm_kernel *k, const norm_grad *g, float *at)
{
    size_t wide = norm_room(k);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *sum_dy = at + (size_t)p * 2 * wide, *sum_dyx = sum_dy + wide;
        memset(sum_dy, 0, 2 * wide * sizeof *sum_dy);
        for (norm_stretch w = {0}; norm_next(k, p, &w);) {
            norm_grad from = grad_from(g, w.at);
            k->k.b->simd->maps->norm_grad_sums(&from, sum_dy, sum_dyx, w.rows, w.width);
        }
        norm_fold(k, sum_dy);
    }
}

static void grad_apply_all(const norm_kernel *k, const norm_grad *g)
{
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        for (norm_stretch w = {0}; norm_next(k, p, &w);) {
            norm_grad from = grad_from(g, w.at);
            k->k.b->simd->maps->norm_grad_apply(&from, w.rows, w.width);
        }
}

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
    grad_sums_all(k, &g, at);
    join_sums(k, at, gamma, invstd, out[1], out[2], a, slope);
    if (!out[0])
        return CSEG_OK;
    widen_fill(a, k->c, k->times);
    widen_fill(slope, k->c, k->times);
    grad_apply_all(k, &g);
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
