/* Group normalisation of maps. Each image has its own statistics: moments of its channels are taken as batch
 * normalisation's are (norm_parts.h), and those of a group are joined. Bound by memory traffic: forward reads x twice
 * and writes y once, the gradient reads x and dy twice and writes dx once. A ReLU that a graph pass fused is part of
 * that. */
#include <math.h>

#include "backend/cpu/norm_parts.h"

static int64_t groups_of(const norm_kernel *k)
{
    return k->k.n->attr.norm.groups;
}

/* What channel c of an image is computed with: y = (x - mean) * s + b. */
typedef struct group_rooms {
    float *mean, *s, *b;
} group_rooms;

/* Joins the moments (norm_moments) of group q of all parts of the image: *mean, and the variance. */
static void join_group(const norm_kernel *k, const float *at, int64_t image, int64_t q, double *mean, double *var)
{
    size_t room = norm_room(k);
    int64_t width = k->c / groups_of(k), first = image * k->parts.count;
    double total = (double)(k->pixels * width), m = 0, m2 = 0;
    for (int64_t p = first; p < first + k->parts.count; p++)
        for (int64_t c = q * width; c < (q + 1) * width; c++)
            m += (double)norm_part_pixels(k, p) / total * (double)at[(size_t)p * 2 * room + (size_t)c];
    for (int64_t p = first; p < first + k->parts.count; p++)
        for (int64_t c = q * width; c < (q + 1) * width; c++) {
            const float *part = at + (size_t)p * 2 * room + c;
            double d = (double)part[0] - m;
            m2 += (double)part[room] + (double)norm_part_pixels(k, p) * d * d;
        }
    *mean = m;
    *var = m2 / total;
}

/* The mean is rounded where it is taken from x; b makes up for that. gamma, beta NULL: 1, 0. */
static void group_coefficients(const norm_kernel *k, const float *at, int64_t i, const float *gamma, const float *beta,
                               const group_rooms *r, float *mean, float *invstd)
{
    int64_t q = i % groups_of(k), width = k->c / groups_of(k);
    double m, var;
    join_group(k, at, i / groups_of(k), q, &m, &var);
    double inverse = 1 / sqrt(var + (double)k->k.n->attr.norm.eps);
    mean[i] = (float)m;
    invstd[i] = (float)inverse;
    for (int64_t c = q * width; c < (q + 1) * width; c++) {
        r->mean[c] = mean[i];
        r->s[c] = (float)((gamma ? (double)gamma[c] : 1) * inverse);
        r->b[c] = (float)((beta ? (double)beta[c] : 0) - (m - (double)mean[i]) * (double)r->s[c]);
    }
}

static group_rooms rooms_of(const norm_kernel *k, float *rooms, int64_t image)
{
    size_t room = norm_room(k);
    float *at = rooms + (size_t)image * 3 * room;
    return (group_rooms){at, at + room, at + 2 * room};
}

/* x, [gamma], [beta] -> y, mean, inverse std */
static cseg_status group_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const norm_kernel *k = (const norm_kernel *)base;
    const node *n = k->k.n;
    size_t room = norm_room(k);
    float *rooms = scratch, *at = rooms + (size_t)k->images * 3 * room;
    map x = map_in(n, in, 0), y = map_out(n, out, 0);
    norm_moments(k, x, at, at + (size_t)norm_part_count(k) * 2 * room);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * groups_of(k); i++) {
        group_rooms r = rooms_of(k, rooms, i / groups_of(k));
        group_coefficients(k, at, i, in[1], in[2], &r, out[1], out[2]);
    }
    for (int64_t i = 0; i < 3 * k->images; i++)
        widen_fill(rooms + (size_t)i * room, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < norm_part_count(k); p++) {
        group_rooms r = rooms_of(k, rooms, p / k->parts.count);
        for (norm_stretch w = {0}; norm_next(k, p, &w);)
            k->k.b->simd->maps->normalise(map_from(x, w.at), r.mean, r.s, r.b, map_from(y, w.at), w.rows, w.width,
                                          n->attr.norm.act == UNARY_RELU + 1);
    }
    return CSEG_OK;
}

static cseg_status prepare_group_norm(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {.run = group_run,
                        .parts_most = NORM_PARTS_MOST,
                        .each_image = true,
                        .rooms = (size_t)b->options.threads,
                        .part_rooms = 2,
                        .image_rooms = 3,
                        .in_place = 0};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_group_norm = {.prepare = prepare_group_norm, .either_in = 1, .either_out = 1};

/* What the gradient keeps for each image: coefficients as in norm_grad, and sums over its pixels. */
enum { MEAN, S, A, SLOPE, SUM_DY, SUM_DYX, GRAD_ROOMS };

static float *grad_room(const norm_kernel *k, float *rooms, int64_t image, int which)
{
    return rooms + ((size_t)image * GRAD_ROOMS + (size_t)which) * norm_room(k);
}

static norm_grad grad_of_image(const norm_kernel *k, const norm_grad *maps, float *rooms, int64_t image)
{
    norm_grad g = *maps;
    g.mean = grad_room(k, rooms, image, MEAN);
    g.s = grad_room(k, rooms, image, S);
    g.a = grad_room(k, rooms, image, A);
    g.k = grad_room(k, rooms, image, SLOPE);
    return g;
}

/* Mean and factor of each channel; gamma NULL: 1. */
static void grad_begin(const norm_kernel *k, const float *gamma, const float *mean, const float *invstd, float *rooms)
{
    int64_t width = k->c / groups_of(k);
    for (int64_t image = 0; image < k->images; image++) {
        float *m = grad_room(k, rooms, image, MEAN), *s = grad_room(k, rooms, image, S);
        for (int64_t c = 0; c < k->c; c++) {
            int64_t q = image * groups_of(k) + c / width;
            m[c] = mean[q];
            s[c] = (gamma ? gamma[c] : 1) * invstd[q];
        }
        widen_fill(m, k->c, k->times);
        widen_fill(s, k->c, k->times);
    }
}

/* Adds up the parts' sums of group i, and computes the coefficients of its dx. */
static void join_grad_group(const norm_kernel *k, const float *at, int64_t i, const float *gamma, float invstd,
                            float *rooms)
{
    size_t room = norm_room(k);
    int64_t image = i / groups_of(k), width = k->c / groups_of(k), from = i % groups_of(k) * width, to = from + width;
    double total = (double)(k->pixels * width), inverse = (double)invstd, sum = 0, sum_x = 0;
    for (int64_t c = from; c < to; c++) {
        double dy = 0, dyx = 0;
        for (int64_t p = image * k->parts.count; p < (image + 1) * k->parts.count; p++) {
            dy += (double)at[(size_t)p * 2 * room + (size_t)c];
            dyx += (double)at[((size_t)p * 2 + 1) * room + (size_t)c];
        }
        grad_room(k, rooms, image, SUM_DY)[c] = (float)dy;
        grad_room(k, rooms, image, SUM_DYX)[c] = (float)(dyx * inverse);
        sum += (gamma ? (double)gamma[c] : 1) * dy;
        sum_x += (gamma ? (double)gamma[c] : 1) * dyx;
    }
    for (int64_t c = from; c < to; c++) {
        grad_room(k, rooms, image, A)[c] = (float)(inverse * sum / total);
        grad_room(k, rooms, image, SLOPE)[c] = (float)(inverse * inverse * inverse * sum_x / total);
    }
}

/* to[c] = the sum of the images' rooms */
static void add_images(const norm_kernel *k, float *rooms, int which, float *to)
{
    for (int64_t c = 0; to && c < k->c; c++) {
        double sum = 0;
        for (int64_t image = 0; image < k->images; image++)
            sum += (double)grad_room(k, rooms, image, which)[c];
        to[c] = (float)sum;
    }
}

/* x, dy, [gamma], mean, inverse std, [y, whose sign is the ReLU's mask] -> dx, dgamma, dbeta */
static cseg_status group_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const norm_kernel *k = (const norm_kernel *)base;
    const node *n = k->k.n;
    const float *gamma = in[2], *invstd = in[4];
    float *rooms = scratch, *at = rooms + (size_t)k->images * GRAD_ROOMS * norm_room(k);
    norm_grad maps = {.x = map_in(n, in, 0), .dy = map_in(n, in, 1), .y = map_in(n, in, 5), .dx = map_out(n, out, 0)};
    grad_begin(k, gamma, in[3], invstd, rooms);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < norm_part_count(k); p++) {
        norm_grad g = grad_of_image(k, &maps, rooms, p / k->parts.count);
        norm_grad_part_sums(k, &g, p, at);
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * groups_of(k); i++)
        join_grad_group(k, at, i, gamma, invstd[i], rooms);
    add_images(k, rooms, SUM_DYX, out[1]);
    add_images(k, rooms, SUM_DY, out[2]);
    if (!out[0])
        return CSEG_OK;
    for (int64_t image = 0; image < k->images; image++)
        for (int which = A; which <= SLOPE; which++)
            widen_fill(grad_room(k, rooms, image, which), k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < norm_part_count(k); p++) {
        norm_grad g = grad_of_image(k, &maps, rooms, p / k->parts.count);
        norm_grad_part_apply(k, &g, p);
    }
    return CSEG_OK;
}

static cseg_status prepare_group_norm_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {.run = group_grad_run,
                        .parts_most = NORM_PARTS_MOST,
                        .each_image = true,
                        .part_rooms = 2,
                        .image_rooms = GRAD_ROOMS,
                        .in_place = 1};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_group_norm_grad = {.prepare = prepare_group_norm_grad, .either_in = 3 | 1 << 5, .either_out = 1};
