/* The gradient of batch normalisation with fixed statistics (norm_eval): dx = dy * gamma / sqrt(var + eps), and the
 * sums over pixels that are the gradients of gamma and beta. Bound by memory traffic: reads x and dy once and writes dx
 * once. If gamma and beta are frozen, x is not read. */
#include <math.h>

#include "backend/cpu/norm_parts.h"

/* s [c]: the factor of each channel. */
static void fixed_scale(const norm_kernel *k, const float *gamma, const float *var, float *s)
{
    for (int64_t c = 0; c < k->c; c++)
        s[c] = gamma[c] / sqrtf(var[c] + k->k.n->attr.norm.eps);
}

static cseg_status fixed_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const float *beta = in[2], *mean = in[3];
    float *s = scratch, *b = s + norm_room(k);
    fixed_scale(k, in[1], in[4], s);
    for (int64_t c = 0; c < k->c; c++)
        b[c] = beta[c] - mean[c] * s[c];
    norm_scale_and_shift(k, in, out, s, b);
    return CSEG_OK;
}

static cseg_status prepare_batch_norm(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {.run = fixed_run, .parts_most = NORM_PARTS_MOST, .rooms = 2, .in_place = 0};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_batch_norm = {.prepare = prepare_batch_norm, .either_in = 1, .either_out = 1};

typedef struct fixed_maps {
    map x, dy, dx;
    const float *mean, *s; /* rooms */
} fixed_maps;

/* sums: a room for the sum of dy, and one for the sum of dy * (x - mean); NULL: not needed. */
static void grad_part(const norm_kernel *k, const fixed_maps *m, int64_t part, float *sums)
{
    size_t room = norm_room(k);
    if (sums)
        memset(sums, 0, 2 * room * sizeof *sums);
    for (norm_stretch w = {0}; norm_next(k, part, &w);) {
        map x = map_from(m->x, w.at), dy = map_from(m->dy, w.at), dx = map_from(m->dx, w.at);
        k->k.b->simd->norm_fixed_grad(x.at, x.half, dy.at, dy.half, m->mean, m->s, dx.at, dx.half, sums,
                                      sums ? sums + room : NULL, w.rows, w.width);
    }
    if (sums)
        norm_fold(k, sums);
}

static void grad_join(const norm_kernel *k, const float *sums, const float *var, float *dgamma, float *dbeta)
{
#pragma omp parallel for schedule(static)
    for (int64_t c0 = 0; c0 < k->c; c0 += NORM_BLOCK) {
        double g[NORM_BLOCK], gx[NORM_BLOCK];
        int64_t n = k->c - c0 < NORM_BLOCK ? k->c - c0 : NORM_BLOCK;
        norm_join(k, sums, c0, n, g, gx);
        for (int64_t i = 0; i < n; i++) {
            if (dgamma)
                dgamma[c0 + i] = (float)(gx[i] / sqrt((double)var[c0 + i] + (double)k->k.n->attr.norm.eps));
            if (dbeta)
                dbeta[c0 + i] = (float)g[i];
        }
    }
}

/* x, dy, gamma, mean, var -> dx, dgamma, dbeta */
static cseg_status fixed_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const node *n = k->k.n;
    size_t room = norm_room(k);
    float *mean = scratch, *s = mean + room, *sums = out[1] || out[2] ? s + room : NULL;
    memcpy(mean, in[3], (size_t)k->c * sizeof *mean);
    fixed_scale(k, in[2], in[4], s);
    widen_fill(mean, k->c, k->times);
    widen_fill(s, k->c, k->times);
    fixed_maps m = {map_in(n, in, 0), map_in(n, in, 1), map_out(n, out, 0), mean, s};
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        grad_part(k, &m, p, sums ? sums + (size_t)p * 2 * room : NULL);
    if (sums)
        grad_join(k, sums, in[4], out[1], out[2]);
    return CSEG_OK;
}

static cseg_status prepare_batch_norm_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {.run = fixed_grad_run, .rooms = 2, .part_rooms = 2, .in_place = 1};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_batch_norm_grad = {.prepare = prepare_batch_norm_grad, .either_in = 3, .either_out = 1};
