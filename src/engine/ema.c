/* Follows mmengine's EMAHook with ExponentialMovingAverage, ExpMomentumEMA and StochasticWeightAverage, and mmcv's
 * EMAHook. */
#include "engine/ema.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

cseg_status ema_new(const experiment_ema *how, bool average_buffers, model *m, arena *mem, ema **out, cseg_error *err)
{
    ema *e = ARENA_NEW(mem, ema);
    if (!e)
        return fail_memory(err);
    *e = (ema){.how = how, .m = m, .average_buffers = average_buffers};
    e->weights = mem_alloc(m->flat_count * sizeof(float));
    if (!e->weights || !arena_defer(mem, mem_free, e->weights))
        return fail_memory(err);
    e->buffers = mem_alloc(m->buffer_count * sizeof(float));
    if (!e->buffers || !arena_defer(mem, mem_free, e->buffers))
        return fail_memory(err);
    memcpy(e->weights, m->data, m->flat_count * sizeof(float));
    memcpy(e->buffers, m->buffers, m->buffer_count * sizeof(float));
    *out = e;
    return CSEG_OK;
}

static double share(const ema *e)
{
    const experiment_ema *h = e->how;
    if (h->stochastic)
        return 1.0 / (double)(e->steps + 1);
    if (h->exponential) /* ExpMomentumEMA: fast at first */
        return (1 - h->momentum) * exp(-(double)(1 + e->steps) / (double)h->gamma) + h->momentum;
    return h->momentum;
}

static void mix(float *to, const float *from, size_t n, double w)
{
    float a = (float)w;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        to[i] += a * (from[i] - to[i]);
}

/* mmcv: momentum ** interval, and less at the beginning. */
static double share_0x(const ema *e, int64_t iter)
{
    double full = 1 - pow(1 - e->how->momentum, (double)e->how->interval);
    double early = 1 - (1 + (double)iter) / ((double)e->how->warmup + (double)iter);
    double keep = fmin(1 - full, 1 - early > 0 ? (1 + (double)iter) / ((double)e->how->warmup + (double)iter) : 0);
    return 1 - keep;
}

void ema_update(ema *e, int64_t iter, int64_t epoch)
{
    const experiment_ema *h = e->how;
    bool begun = iter > h->begin_iter && epoch >= h->begin_epoch;
    if (!begun) {
        memcpy(e->weights, e->m->data, e->m->flat_count * sizeof(float));
        memcpy(e->buffers, e->m->buffers, e->m->buffer_count * sizeof(float));
        return;
    }
    if (h->interval > 1 && iter % h->interval != 0) {
        e->steps++;
        return;
    }
    double w = e->average_buffers ? share_0x(e, iter - 1) : e->steps == 0 && !h->stochastic ? 1 : share(e);
    mix(e->weights, e->m->data, e->m->flat_count, w);
    if (e->average_buffers)
        mix(e->buffers, e->m->buffers, e->m->buffer_count, w);
    else
        memcpy(e->buffers, e->m->buffers, e->m->buffer_count * sizeof(float));
    e->steps++;
}

static void exchange(float *a, float *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float v = a[i];
        a[i] = b[i];
        b[i] = v;
    }
}

void ema_swap(ema *e)
{
    exchange(e->weights, e->m->data, e->m->flat_count);
    exchange(e->buffers, e->m->buffers, e->m->buffer_count);
    e->swapped = !e->swapped;
}
