/* The vector functions by their definition, on the host. Bound by memory traffic: SGD reads three and writes two
 * arrays. Each element's arithmetic is PyTorch's, in its order. */
#include "graph/vectors.h"

#include <math.h>

static void step_sgd(const sgd_part *p)
{
    float *w = p->w, *buffer = p->buffer, rate = p->rate, scale = p->scale, decay = p->decay, m = p->momentum;
    const float *grad = p->grad;
    float keep = p->keep, take = p->take;
    bool nesterov = p->nesterov;
    if (m == 0) {
#pragma omp simd
        for (int64_t i = 0; i < p->n; i++)
            w[i] -= rate * (grad[i] * scale + decay * w[i]);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < p->n; i++) {
        float d = grad[i] * scale + decay * w[i], b = keep * buffer[i] + take * d;
        buffer[i] = b;
        w[i] -= rate * (nesterov ? d + m * b : b);
    }
}

static void step_adam(const adam_part *p)
{
    float *w = p->w, *first = p->first, *second = p->second, *largest = p->largest;
    for (int64_t i = 0; i < p->n; i++) {
        float d = p->grad[i] * p->scale;
        if (p->decoupled)
            w[i] *= p->shrink;
        else
            d += p->decay * w[i];
        first[i] += p->take1 * (d - first[i]);
        second[i] = p->keep2 * second[i] + p->take2 * d * d;
        float v = second[i];
        if (largest) {
            largest[i] = v > largest[i] ? v : largest[i];
            v = largest[i];
        }
        w[i] -= p->size * first[i] / (sqrtf(v) / p->root + p->eps);
    }
}

/* Sums in eight lanes, which are added in a fixed order, so that the compiler vectorises. */
static double sum_of_squares(const float *x, int64_t n)
{
    enum { LANES = 8 };
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += (double)x[i + k] * x[i + k];
    double total = 0;
    for (int k = 0; k < LANES; k++)
        total += lane[k];
    for (; i < n; i++)
        total += (double)x[i] * x[i];
    return total;
}

static double sum_of_powers(const vector_part *p, double power)
{
    if (power == 2)
        return sum_of_squares(p->at, p->n);
    double total = 0;
    for (int64_t i = 0; i < p->n; i++)
        total = isinf(power) ? fmax(total, fabs((double)p->at[i])) : total + pow(fabs((double)p->at[i]), power);
    return total;
}

static void sgd(backend *b, const sgd_part *parts, int64_t count)
{
    (void)b;
    for (int64_t k = 0; k < count; k++)
        step_sgd(&parts[k]);
}

static void adam(backend *b, const adam_part *parts, int64_t count)
{
    (void)b;
    for (int64_t k = 0; k < count; k++)
        step_adam(&parts[k]);
}

static void scale(backend *b, const vector_part *parts, int64_t count, float by)
{
    (void)b;
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < parts[k].n; i++)
            parts[k].at[i] *= by;
}

static void clamp(backend *b, const vector_part *parts, int64_t count, float most)
{
    (void)b;
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < parts[k].n; i++) {
            float v = parts[k].at[i];
            parts[k].at[i] = v > most ? most : v < -most ? -most : v;
        }
}

static void sum_powers(backend *b, const vector_part *parts, int64_t count, double p, double *out)
{
    (void)b;
    for (int64_t k = 0; k < count; k++)
        out[k] = sum_of_powers(&parts[k], p);
}

static void add(backend *b, float *to, const float *x, int64_t n)
{
    (void)b;
    for (int64_t i = 0; i < n; i++)
        to[i] += x[i];
}

static void drain(backend *b, float *to, float *from, int64_t n, float by)
{
    (void)b;
    for (int64_t i = 0; i < n; i++) {
        to[i] = from[i] * by;
        from[i] = 0;
    }
}

/* torch computes from the nearer end. */
static void lerp(backend *b, float *to, const float *x, int64_t n, double w)
{
    (void)b;
    float a = (float)w, rest = (float)(1 - w);
    for (int64_t i = 0; i < n; i++)
        to[i] = w < 0.5 ? to[i] + a * (x[i] - to[i]) : x[i] - (x[i] - to[i]) * rest;
}

static void blend(backend *b, float *to, const float *x, int64_t n, double w)
{
    (void)b;
    float a = (float)w, rest = (float)(1 - w);
    for (int64_t i = 0; i < n; i++)
        to[i] = to[i] * rest + a * x[i];
}

static void exchange(backend *b, float *x, float *y, int64_t n)
{
    (void)b;
    for (int64_t i = 0; i < n; i++) {
        float v = x[i];
        x[i] = y[i];
        y[i] = v;
    }
}

/* In infinity and NaN all bits of the exponent are set. */
static bool all_finite(backend *b, const void *x, dtype type, int64_t n)
{
    (void)b;
    const float *wide = x;
    const uint16_t *half = x;
    for (int64_t i = 0; i < n; i++)
        if (type == DT_BF16 ? (half[i] & 0x7f80) == 0x7f80 : !isfinite(wide[i]))
            return false;
    return true;
}

const vector_calls plain_vectors = {.sgd = sgd,
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
