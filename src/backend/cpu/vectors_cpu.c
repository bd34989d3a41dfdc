/* Vector functions on all threads: arrays, or equal parts of one array, in parallel. The bits are those of one
 * thread. */
#include "backend/cpu/cpu.h"

enum { CHUNK = 1 << 14 };

static void sgd(backend *b, const sgd_part *all, int64_t count)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t k = 0; k < count; k++)
        plain_vectors.sgd(b, &all[k], 1);
}

static void adam(backend *b, const adam_part *all, int64_t count)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t k = 0; k < count; k++)
        plain_vectors.adam(b, &all[k], 1);
}

static void scale(backend *b, const vector_part *all, int64_t count, float by)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t k = 0; k < count; k++)
        plain_vectors.scale(b, &all[k], 1, by);
}

static void clamp(backend *b, const vector_part *all, int64_t count, float most)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t k = 0; k < count; k++)
        plain_vectors.clamp(b, &all[k], 1, most);
}

static void sum_powers(backend *b, const vector_part *all, int64_t count, double p, double *out)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t k = 0; k < count; k++)
        plain_vectors.sum_powers(b, &all[k], 1, p, &out[k]);
}

static void add(backend *b, float *to, const float *x, int64_t n)
{
    parts p = parts_of(n, CHUNK);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < p.count; k++)
        plain_vectors.add(b, to + k * p.each, x + k * p.each, parts_size(&p, k));
}

static void drain(backend *b, float *to, float *from, int64_t n, float by)
{
    parts p = parts_of(n, CHUNK);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < p.count; k++)
        plain_vectors.drain(b, to + k * p.each, from + k * p.each, parts_size(&p, k), by);
}

static void lerp(backend *b, float *to, const float *x, int64_t n, double w)
{
    parts p = parts_of(n, CHUNK);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < p.count; k++)
        plain_vectors.lerp(b, to + k * p.each, x + k * p.each, parts_size(&p, k), w);
}

static void blend(backend *b, float *to, const float *x, int64_t n, double w)
{
    parts p = parts_of(n, CHUNK);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < p.count; k++)
        plain_vectors.blend(b, to + k * p.each, x + k * p.each, parts_size(&p, k), w);
}

static void exchange(backend *b, float *x, float *y, int64_t n)
{
    parts p = parts_of(n, CHUNK);
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < p.count; k++)
        plain_vectors.exchange(b, x + k * p.each, y + k * p.each, parts_size(&p, k));
}

static bool all_finite(backend *b, const void *x, dtype type, int64_t n)
{
    return plain_vectors.all_finite(b, x, type, n);
}

const vector_calls cpu_vectors = {.sgd = sgd,
                                  .adam = adam,
                                  .scale = scale,
                                  .clamp = clamp,
                                  .sum_powers = sum_powers,
                                  .add = add,
                                  .drain = drain,
                                  .lerp = lerp,
                                  .blend = blend,
                                  .exchange = exchange,
                                  .all_finite = all_finite};
