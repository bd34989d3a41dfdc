/* The gradient of batch normalisation with fixed statistics (norm_eval): dx = dy * gamma / sqrt(var + eps), and the
 * sums over pixels that are the gradients of gamma and beta. Bound by memory traffic: reads x and dy once and writes dx
 * once. If gamma and beta are frozen, x is not read. */
#include <math.h>

#include "backend/cpu/map.h"
#include "backend/cpu/widen.h"

typedef struct fixed_kernel {
    cpu_kernel k;
    int64_t c, times;
    parts parts; /* over pixels */
} fixed_kernel;

/* Sums of a part are in float, those of all in double. */
enum { PART_FLOATS = 16384, PART_PIXELS = 64 };

/* Rooms of times * c floats, rounded up to whole vectors. */
static int64_t room_of(const fixed_kernel *k)
{
    return (k->c * k->times + 15) / 16 * 16;
}

typedef struct fixed_maps {
    map x, dy, dx;
    const float *mean, *s; /* rooms */
} fixed_maps;

/* rows of `width` elements from element `at` on */
static void grad_rows(const fixed_kernel *k, const fixed_maps *m, int64_t at, int64_t rows, int64_t width,
                      float *sum_dy, float *sum_dyx)
{
    size_t first = (size_t)at;
    void *dx = m->dx.at ? (char *)m->dx.at + first * m->dx.size : NULL;
    k->k.b->simd->norm_fixed_grad((const char *)m->x.at + first * m->x.size, m->x.half,
                                  (const char *)m->dy.at + first * m->dy.size, m->dy.half, m->mean, m->s, dx,
                                  m->dx.half, sum_dy, sum_dyx, rows, width);
}

/* sums: a room for the sum of dy, and one for that of dy * (x - mean); NULL: they are not wanted. */
static void grad_part(const fixed_kernel *k, const fixed_maps *m, int64_t part, float *sums)
{
    int64_t begin = part * k->parts.each, pixels = parts_size(&k->parts, part), rows = pixels / k->times;
    float *sum_dyx = sums ? sums + room_of(k) : NULL;
    if (sums)
        memset(sums, 0, (size_t)(2 * room_of(k)) * sizeof *sums);
    grad_rows(k, m, begin * k->c, rows, k->times * k->c, sums, sum_dyx);
    grad_rows(k, m, (begin + rows * k->times) * k->c, pixels - rows * k->times, k->c, sums, sum_dyx);
    if (sums) {
        widen_fold(sums, k->c, k->times);
        widen_fold(sum_dyx, k->c, k->times);
    }
}

/* x, dy, gamma, mean, var -> dx, dgamma, dbeta */
static cseg_status fixed_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    fixed_kernel *k = (fixed_kernel *)base;
    const node *n = k->k.n;
    const float *gamma = in[2], *var = in[4];
    float *dgamma = out[1], *dbeta = out[2];
    int64_t room = room_of(k);
    float *mean = scratch, *s = mean + room, *sums = dgamma || dbeta ? s + room : NULL;
    memcpy(mean, in[3], (size_t)k->c * sizeof *mean);
    for (int64_t c = 0; c < k->c; c++)
        s[c] = gamma[c] / sqrtf(var[c] + n->attr.norm.eps);
    widen_fill(mean, k->c, k->times);
    widen_fill(s, k->c, k->times);
    fixed_maps m = {map_in(n, in, 0), map_in(n, in, 1), map_out(n, out, 0), mean, s};
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        grad_part(k, &m, p, sums ? sums + p * 2 * room : NULL);
#pragma omp parallel for schedule(static)
    for (int64_t c = 0; c < (sums ? k->c : 0); c++) {
        double g = 0, gx = 0;
        for (int64_t p = 0; p < k->parts.count; p++) {
            g += (double)sums[p * 2 * room + c];
            gx += (double)sums[p * 2 * room + room + c];
        }
        if (dgamma)
            dgamma[c] = (float)(gx / sqrt((double)var[c] + (double)n->attr.norm.eps));
        if (dbeta)
            dbeta[c] = (float)g;
    }
    return CSEG_OK;
}

static cseg_status prepare_batch_norm_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    fixed_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, fixed_grad_run);
    if (!k)
        return fail_memory(err);
    const tensor *x = n->in[0];
    k->c = x->dim[x->rank - 1];
    k->times = widen_times(k->c);
    int64_t each = PART_FLOATS / k->c > PART_PIXELS ? PART_FLOATS / k->c : PART_PIXELS;
    k->parts = parts_of(tensor_count(x) / k->c, (each + k->times - 1) / k->times * k->times);
    k->k.base.scratch = (size_t)((2 + 2 * k->parts.count) * room_of(k)) * sizeof(float);
    k->k.base.in_place = 1;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_batch_norm_grad = {.prepare = prepare_batch_norm_grad, .either_in = 3, .either_out = 1};
