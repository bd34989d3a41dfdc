#include "engine/train/ema.h"

#include <math.h>

#include "base/error.h"
#include "graph/memory.h"
#include "model/param.h"

static cseg_status copy_of(backend *b, const float *from, size_t n, arena *mem, float **out, cseg_error *err)
{
    *out = memory_in_arena(b, n * sizeof(float), mem);
    if (!*out)
        return fail_memory(err);
    b->memory->copy(b, *out, from, n * sizeof(float));
    return CSEG_OK;
}

cseg_status ema_new(const experiment_ema *how, model *m, arena *mem, ema **out, cseg_error *err)
{
    ema *e = ARENA_NEW(mem, ema);
    if (!e)
        return fail_memory(err);
    *e = (ema){.how = how, .m = m};
    TRY(copy_of(m->backend, m->data, m->flat_count, mem, &e->weights, err));
    if (how->update_buffers)
        TRY(copy_of(m->backend, m->buffers, m->buffer_count, mem, &e->buffers, err));
    *out = e;
    return CSEG_OK;
}

/* The new value's share in the average. */
static double share(const ema *e)
{
    const experiment_ema *h = e->how;
    double steps = (double)e->steps, gamma = (double)h->gamma;
    switch (h->kind) {
    case EMA_STOCHASTIC:
        return 1.0 / ((double)(e->steps / h->interval) + 1);
    case EMA_ANNEALED:
        return fmax(h->momentum, gamma / (gamma + steps));
    case EMA_EXP_MOMENTUM:
        return fmax((1 - h->momentum) * exp(-(1 + steps) / gamma) + h->momentum, h->momentum);
    case EMA_EXPONENTIAL:
    case EMA_WARMED:
        break;
    }
    return h->momentum;
}

/* mmcv raises the share to the power of the interval, and starts with a smaller one. */
static void update_warmed(ema *e, int64_t iter)
{
    const experiment_ema *h = e->how;
    if (iter % h->interval != 0)
        return;
    double w = fmin(pow(h->momentum, (double)h->interval), (1 + (double)iter) / ((double)h->warm_up + (double)iter));
    e->m->backend->vectors->blend(e->m->backend, e->weights, e->m->data, (int64_t)e->m->flat_count, w);
}

void ema_begin(ema *e)
{
    backend *b = e->m->backend;
    b->memory->copy(b, e->weights, e->m->data, e->m->flat_count * sizeof(float));
    if (e->buffers)
        b->memory->copy(b, e->buffers, e->m->buffers, e->m->buffer_count * sizeof(float));
}

void ema_update(ema *e, int64_t iter, int64_t epoch)
{
    const experiment_ema *h = e->how;
    backend *b = e->m->backend;
    if (h->kind == EMA_WARMED) {
        update_warmed(e, iter - 1);
        return;
    }
    bool begun = h->begin_epoch > 0 ? epoch + 1 >= h->begin_epoch : iter >= h->begin_iter;
    if (!begun || e->steps == 0) {
        ema_begin(e);
    } else if (e->steps % h->interval == 0) {
        b->vectors->lerp(b, e->weights, e->m->data, (int64_t)e->m->flat_count, share(e));
        if (e->buffers)
            b->vectors->lerp(b, e->buffers, e->m->buffers, (int64_t)e->m->buffer_count, share(e));
    }
    e->steps += begun;
}

void ema_swap(ema *e)
{
    backend *b = e->m->backend;
    if (!e->how->shown)
        return;
    b->vectors->exchange(b, e->weights, e->m->data, (int64_t)e->m->flat_count);
    if (e->buffers)
        b->vectors->exchange(b, e->buffers, e->m->buffers, (int64_t)e->m->buffer_count);
    e->swapped = !e->swapped;
}

float *ema_of(const ema *e, const param *p)
{
    if (p->type != DT_F32)
        return NULL;
    if (param_twin_of(p))
        p = param_twin_of(p);
    if (p->role == PARAM_TRAINED)
        return e->weights + p->offset;
    return e->buffers ? e->buffers + p->offset : NULL;
}
