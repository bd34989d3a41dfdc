/* Updates the weights by one step, and clips gradients. Bound by memory traffic: SGD reads three arrays and writes two.
 * Each element's arithmetic is PyTorch's, in its order. */
#include <math.h>

#include "engine/train/optim/optimizer.h"

enum { CHUNK = 1 << 14 };

static void sgd_chunk(const optimizer *o, const optim_group *g, bool started, float *w, const float *grad, float *buf,
                      int64_t n, float scale)
{
    float lr = (float)g->lr, decay = (float)g->weight_decay, m = (float)g->momentum;
    /* The first step's buffer is the gradient itself, whatever the dampening. */
    float keep = started ? m : 0, take = started ? (float)(1 - o->dampening) : 1;
    bool nesterov = o->nesterov;
    if (m == 0) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            w[i] -= lr * (grad[i] * scale + decay * w[i]);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float d = grad[i] * scale + decay * w[i], b = keep * buf[i] + take * d;
        buf[i] = b;
        w[i] -= lr * (nesterov ? d + m * b : b);
    }
}

static void adam_chunk(const optimizer *o, const optim_group *g, int64_t step, float *w, const float *grad,
                       float *first, float *second, float *largest, int64_t n, float scale)
{
    double beta1 = g->momentum, correct1 = 1 - pow(beta1, (double)step), correct2 = 1 - pow(o->beta2, (double)step);
    float b1 = (float)(1 - beta1), b2 = (float)o->beta2, rest2 = (float)(1 - o->beta2);
    float root = (float)sqrt(correct2), size = (float)(g->lr / correct1), eps = (float)o->eps;
    float decay = (float)g->weight_decay, shrink = (float)(1 - g->lr * g->weight_decay);
    bool decoupled = o->rule == OPTIM_ADAMW;
    for (int64_t i = 0; i < n; i++) {
        float d = grad[i] * scale;
        if (decoupled)
            w[i] *= shrink;
        else
            d += decay * w[i];
        first[i] += b1 * (d - first[i]);
        second[i] = b2 * second[i] + rest2 * d * d;
        float v = second[i];
        if (largest) {
            largest[i] = v > largest[i] ? v : largest[i];
            v = largest[i];
        }
        w[i] -= size * first[i] / (sqrtf(v) / root + eps);
    }
}

void optimizer_step(optimizer *o, double scale)
{
    for (int64_t e = 0; e < o->n_entries; e++)
        if (o->entries[e].used)
            o->steps[e]++;
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t e = 0; e < o->n_entries; e++) {
        const optim_entry *entry = &o->entries[e];
        if (!entry->used || !entry->p->grad)
            continue;
        const optim_group *g = &o->groups[entry->group];
        size_t at = entry->p->offset;
        for (int64_t i = 0; i < entry->p->count; i += CHUNK) {
            int64_t n = entry->p->count - i < CHUNK ? entry->p->count - i : CHUNK;
            float *w = (float *)entry->p->data + i, *first = o->first + at + i;
            const float *grad = entry->p->grad + i;
            if (o->rule == OPTIM_SGD)
                sgd_chunk(o, g, o->started[e], w, grad, first, n, (float)scale);
            else
                adam_chunk(o, g, o->steps[e], w, grad, first, o->second + at + i,
                           o->largest ? o->largest + at + i : NULL, n, (float)scale);
        }
        o->started[e] = true;
    }
}

/* In eight lanes, which are added in a fixed order: the compiler makes vectors of them, and no sum depends on threads.
 */
static double sum_of_squares(const float *g, int64_t n)
{
    enum { LANES = 8 };
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += (double)g[i + k] * g[i + k];
    double total = 0;
    for (int k = 0; k < LANES; k++)
        total += lane[k];
    for (; i < n; i++)
        total += (double)g[i] * g[i];
    return total;
}

static double sum_of_powers(const float *g, int64_t n, double norm_type)
{
    if (norm_type == 2)
        return sum_of_squares(g, n);
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total = isinf(norm_type) ? fmax(total, fabs((double)g[i])) : total + pow(fabs((double)g[i]), norm_type);
    return total;
}

double optimizer_clip_norm(optimizer *o, double max_norm, double norm_type)
{
    double total = 0;
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t e = 0; e < o->n_entries; e++) {
        const param *p = o->entries[e].p;
        o->norms[e] = o->entries[e].used && p->grad ? sum_of_powers(p->grad, p->count, norm_type) : 0;
    }
    for (int64_t e = 0; e < o->n_entries; e++)
        total = isinf(norm_type) ? fmax(total, o->norms[e]) : total + o->norms[e];
    if (!isinf(norm_type))
        total = norm_type == 2 ? sqrt(total) : pow(total, 1 / norm_type);
    float factor = (float)(max_norm / (total + 1e-6));
    if (!(factor < 1))
        return total;
#pragma omp parallel for schedule(dynamic, 8)
    for (int64_t e = 0; e < o->n_entries; e++) {
        const param *p = o->entries[e].p;
        for (int64_t i = 0; o->entries[e].used && p->grad && i < p->count; i++)
            p->grad[i] *= factor;
    }
    return total;
}

void optimizer_clip_value(optimizer *o, double limit)
{
    float most = (float)limit;
    for (int64_t e = 0; e < o->n_entries; e++) {
        param *p = o->entries[e].p;
        for (int64_t i = 0; o->entries[e].used && p->grad && i < p->count; i++)
            p->grad[i] = p->grad[i] > most ? most : p->grad[i] < -most ? -most : p->grad[i];
    }
}
