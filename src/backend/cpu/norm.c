/* Batch normalisation. Bound by memory traffic: training reads x twice and writes y once; the gradient reads x and dy
 * twice and writes dx once. ReLU (and a residual sum before it) is part of the same pass when a graph pass fused it. */
#include <math.h>

#include "backend/cpu/map.h"
#include "backend/cpu/widen.h"

typedef struct norm_kernel {
    cpu_kernel k;
    int64_t pixels, c, times;
    parts parts;  /* over pixels */
    bool half;    /* one of the maps is bfloat16 */
    int64_t room; /* floats of a room for a stretch of a bfloat16 map; 0: none are needed */
} norm_kernel;

enum { PART_FLOATS = 16384, PART_PIXELS = 64, ROOMS = 5 };

static void norm_init(norm_kernel *k, const node *n)
{
    const tensor *x = n->in[0];
    k->c = x->dim[x->rank - 1];
    k->pixels = tensor_count(x) / k->c;
    k->times = widen_times(k->c);
    int64_t each = PART_FLOATS / k->c > PART_PIXELS ? PART_FLOATS / k->c : PART_PIXELS;
    each = (each + k->times - 1) / k->times * k->times;
    k->parts = parts_of(k->pixels, each);
    for (int i = 0; i < n->n_in; i++)
        k->half |= map_is_half(n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        k->half |= map_is_half(n->out[i]);
    if (k->half)
        k->room = MAP_ROOM > k->c * k->times ? MAP_ROOM : (k->c * k->times + 15) / 16 * 16;
}

/* A thread's rooms lie behind the scratch that a kernel needs in any case. */
static size_t rooms_bytes(const norm_kernel *k)
{
    return (size_t)(k->k.b->options.threads * ROOMS * k->room) * sizeof(float);
}
static float *rooms_of(const norm_kernel *k, float *rooms)
{
    return rooms + omp_get_thread_num() * ROOMS * k->room;
}

/* A stretch of a part: rows of times * c floats as long as there are any, then rows of c. */
typedef struct stretch {
    int64_t at, rows, width, n; /* n: rows * width */
} stretch;

/* Moves on to the next one of the part (the first, of {0}); false behind the last. */
static bool next_stretch(const norm_kernel *k, int64_t part, stretch *s)
{
    int64_t begin = part * k->parts.each * k->c, end = begin + parts_size(&k->parts, part) * k->c;
    s->at = s->n ? s->at + s->n : begin;
    int64_t left = end - s->at;
    s->width = left >= k->c * k->times ? k->c * k->times : k->c;
    s->rows = left / s->width;
    if (k->half && s->rows * s->width > k->room)
        s->rows = k->room / s->width;
    s->n = s->rows * s->width;
    return left > 0;
}

static void affine_all(const norm_kernel *k, map x, const float *s, const float *b, map r, map y, bool relu,
                       float *rooms)
{
    const simd_table *v = k->k.b->simd;
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *room = rooms_of(k, rooms);
        for (stretch w = {0}; next_stretch(k, p, &w);) {
            const float *from = map_read(v, x, w.at, w.n, room);
            const float *added = map_read(v, r, w.at, w.n, room + k->room);
            float *to = map_write(y, w.at, room + 2 * k->room);
            v->affine(from, s, b, added, to, w.rows, w.width, relu);
            map_written(v, y, w.at, w.n, to);
        }
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

/* The last step of all three: y = x * s + b [+ residual], [ReLU]. s and b hold a number for each channel. */
static cseg_status scale_and_shift(const norm_kernel *k, void *const *in, void *const *out, float *s, float *b,
                                   float *rooms)
{
    const node *n = k->k.n;
    widen_fill(s, k->c, k->times);
    widen_fill(b, k->c, k->times);
    affine_all(k, map_in(n, in, 0), s, b, map_in(n, in, 5), map_out(n, out, 0), wants_relu(n), rooms);
    return CSEG_OK;
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
    return scale_and_shift(k, in, out, s, b, b + coefficients(k));
}

/* A kernel whose statistics are given: its scratch is the coefficients and rooms. */
static cseg_status prepare_given(cpu_backend *b, const node *n, arena *mem,
                                 cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *),
                                 kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n);
    k->k.base.scratch = 2 * coefficients(k) * sizeof(float) + rooms_bytes(k);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

cseg_status cpu_prepare_batch_norm(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare_given(b, n, mem, fixed_run, out, err);
}

/* Mean and squared deviations of each part: at[part] holds mean[c], then m2[c], each of coefficients(k). Two passes
 * over a part that fits the cache, so that a large mean costs no digits. */
static void moments_all(const norm_kernel *k, map x, float *at, float *rooms)
{
    const simd_table *v = k->k.b->simd;
    size_t wide = coefficients(k);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *mean = at + (size_t)p * 2 * wide, *m2 = mean + wide, n = (float)parts_size(&k->parts, p);
        float *room = rooms_of(k, rooms);
        memset(mean, 0, 2 * wide * sizeof *mean);
        for (stretch w = {0}; next_stretch(k, p, &w);)
            v->sum_rows(map_read(v, x, w.at, w.n, room), mean, w.rows, w.width);
        widen_fold(mean, k->c, k->times);
        for (int64_t c = 0; c < k->c; c++)
            mean[c] /= n;
        widen_fill(mean, k->c, k->times);
        for (stretch w = {0}; next_stretch(k, p, &w);)
            v->deviation_rows(map_read(v, x, w.at, w.n, room), mean, m2, w.rows, w.width);
        widen_fold(m2, k->c, k->times);
    }
}

/* What a channel is multiplied by and what is added, from its statistics as they are stored: so batch_norm_apply gives
 * the same bits. */
static void train_coefficients(float gamma, float beta, float mean, float invstd, float *s, float *b)
{
    *s = gamma * invstd;
    *b = (float)((double)beta - (double)mean * (double)*s);
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
    float *s = scratch, *b = s + wide, *at = b + wide, *rooms = at + 2 * wide * (size_t)k->parts.count;
    map x = map_in(k->k.n, in, 0);
    moments_all(k, x, at, rooms);
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
            train_coefficients(gamma[c], beta[c], mean[c], invstd[c], &s[c], &b[c]);
            if (a->update) {
                double unbiased = total > 1 ? m2 / (total - 1) : var;
                running_mean[c] =
                    (float)((1.0 - (double)a->momentum) * (double)running_mean[c] + (double)a->momentum * m);
                running_var[c] =
                    (float)((1.0 - (double)a->momentum) * (double)running_var[c] + (double)a->momentum * unbiased);
            }
        }
    }
    return scale_and_shift(k, in, out, s, b, rooms);
}

cseg_status cpu_prepare_batch_norm_train(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, train_run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n);
    k->k.base.scratch = (2 + 2 * (size_t)k->parts.count) * coefficients(k) * sizeof(float) + rooms_bytes(k);
    *out = &k->k.base;
    return CSEG_OK;
}

/* x, gamma, beta, mean, inverse std, [residual] -> y. Reads x (and the residual) once and writes y once. */
static cseg_status apply_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const float *gamma = in[1], *beta = in[2], *mean = in[3], *invstd = in[4];
    float *s = scratch, *b = s + coefficients(k);
    for (int64_t c = 0; c < k->c; c++)
        train_coefficients(gamma[c], beta[c], mean[c], invstd[c], &s[c], &b[c]);
    return scale_and_shift(k, in, out, s, b, b + coefficients(k));
}

cseg_status cpu_prepare_batch_norm_apply(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare_given(b, n, mem, apply_run, out, err);
}

typedef struct norm_coefficients {
    const float *mean, *s, *a, *k; /* as simd.h's norm_grad_apply has them */
} norm_coefficients;

static void apply_all(const norm_kernel *k, map x, map dy, map y, const norm_coefficients *a, map dx, map dr,
                      float *rooms)
{
    const simd_table *v = k->k.b->simd;
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *room = rooms_of(k, rooms);
        for (stretch w = {0}; next_stretch(k, p, &w);) {
            const float *x1 = map_read(v, x, w.at, w.n, room), *dy1 = map_read(v, dy, w.at, w.n, room + k->room),
                        *y1 = map_read(v, y, w.at, w.n, room + 2 * k->room);
            float *dx1 = map_write(dx, w.at, room + 3 * k->room), *dr1 = map_write(dr, w.at, room + 4 * k->room);
            v->norm_grad_apply(x1, dy1, y1, a->mean, a->s, a->a, a->k, dx1, dr1, w.rows, w.width);
            map_written(v, dx, w.at, w.n, dx1);
            map_written(v, dr, w.at, w.n, dr1);
        }
    }
}

/* x, dy, gamma, batch mean, inverse std, [y: its sign is the ReLU's mask] -> dx, dgamma, dbeta, [dresidual]. */
static cseg_status train_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    norm_kernel *k = (norm_kernel *)base;
    const simd_table *v = k->k.b->simd;
    const node *n = k->k.n;
    map x = map_in(n, in, 0), dy = map_in(n, in, 1), y = map_in(n, in, 5);
    const float *gamma = in[2];
    float *dgamma = out[1], *dbeta = out[2];
    size_t wide = coefficients(k);
    float *mean = scratch, *s = mean + wide, *sub = s + wide, *slope = sub + wide, *at = slope + wide;
    float *rooms = at + 2 * wide * (size_t)k->parts.count;
    memcpy(mean, in[3], (size_t)k->c * sizeof *mean);
    const float *invstd = in[4];
    widen_fill(mean, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *sum_dy = at + (size_t)p * 2 * wide, *sum_dyx = sum_dy + wide, *room = rooms_of(k, rooms);
        memset(sum_dy, 0, 2 * wide * sizeof *sum_dy);
        for (stretch w = {0}; next_stretch(k, p, &w);)
            v->norm_grad_sums(map_read(v, x, w.at, w.n, room), map_read(v, dy, w.at, w.n, room + k->room),
                              map_read(v, y, w.at, w.n, room + 2 * k->room), mean, sum_dy, sum_dyx, w.rows, w.width);
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
    if (!out[0])
        return CSEG_OK;
    widen_fill(s, k->c, k->times);
    widen_fill(sub, k->c, k->times);
    widen_fill(slope, k->c, k->times);
    norm_coefficients a = {mean, s, sub, slope};
    apply_all(k, x, dy, y, &a, map_out(n, out, 0), map_out(n, out, 3), rooms);
    return CSEG_OK;
}

cseg_status cpu_prepare_batch_norm_train_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, train_grad_run);
    if (!k)
        return fail_memory(err);
    norm_init(k, n);
    k->k.base.scratch = (4 + 2 * (size_t)k->parts.count) * coefficients(k) * sizeof(float) + rooms_bytes(k);
    k->k.base.in_place = 1;
    *out = &k->k.base;
    return CSEG_OK;
}
