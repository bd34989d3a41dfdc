/* Updates the weights by one step, and clips gradients. Bound by memory traffic: SGD reads three arrays and writes two.
 * Each element's arithmetic is PyTorch's, in its order. */
#include <math.h>

#include "engine/train/optim/optimizer.h"

static bool has_gradient(const optim_entry *e)
{
    return e->used && e->p->grad;
}

static sgd_part sgd_of(const optimizer *o, int64_t e, float scale)
{
    const param *p = o->entries[e].p;
    const optim_group *g = &o->groups[o->entries[e].group];
    /* The buffer starts as the gradient itself, whatever the dampening. */
    bool started = o->started[e];
    return (sgd_part){.w = p->data,
                      .buffer = o->first + p->offset,
                      .grad = p->grad,
                      .n = p->count,
                      .scale = scale,
                      .rate = (float)g->lr,
                      .decay = (float)g->weight_decay,
                      .momentum = (float)g->momentum,
                      .keep = started ? (float)g->momentum : 0,
                      .take = started ? (float)(1 - o->dampening) : 1,
                      .nesterov = o->nesterov};
}

static adam_part adam_of(const optimizer *o, int64_t e, float scale)
{
    const param *p = o->entries[e].p;
    const optim_group *g = &o->groups[o->entries[e].group];
    double beta1 = g->momentum, steps = (double)o->steps[e];
    double correct1 = 1 - pow(beta1, steps), correct2 = 1 - pow(o->beta2, steps);
    return (adam_part){.w = p->data,
                       .first = o->first + p->offset,
                       .second = o->second + p->offset,
                       .largest = o->largest ? o->largest + p->offset : NULL,
                       .grad = p->grad,
                       .n = p->count,
                       .scale = scale,
                       .take1 = (float)(1 - beta1),
                       .keep2 = (float)o->beta2,
                       .take2 = (float)(1 - o->beta2),
                       .root = (float)sqrt(correct2),
                       .size = (float)(g->lr / correct1),
                       .eps = (float)o->eps,
                       .decay = (float)g->weight_decay,
                       .shrink = (float)(1 - g->lr * g->weight_decay),
                       .decoupled = o->rule == OPTIM_ADAMW};
}

void optimizer_step(optimizer *o, double scale)
{
    backend *b = o->model->backend;
    int64_t n = 0;
    for (int64_t e = 0; e < o->n_entries; e++) {
        o->steps[e] += o->entries[e].used;
        if (!has_gradient(&o->entries[e]))
            continue;
        if (o->rule == OPTIM_SGD)
            o->sgd[n++] = sgd_of(o, e, (float)scale);
        else
            o->adam[n++] = adam_of(o, e, (float)scale);
        o->started[e] = true;
    }
    if (o->rule == OPTIM_SGD)
        b->vectors->sgd(b, o->sgd, n);
    else
        b->vectors->adam(b, o->adam, n);
}

static int64_t gradients(const optimizer *o)
{
    int64_t n = 0;
    for (int64_t e = 0; e < o->n_entries; e++)
        if (has_gradient(&o->entries[e]))
            o->clipped[n++] = (vector_part){o->entries[e].p->grad, o->entries[e].p->count};
    return n;
}

double optimizer_clip_norm(optimizer *o, double max_norm, double norm_type)
{
    backend *b = o->model->backend;
    double total = 0;
    int64_t n = gradients(o);
    b->vectors->sum_powers(b, o->clipped, n, norm_type, o->norms);
    for (int64_t i = 0; i < n; i++)
        total = isinf(norm_type) ? fmax(total, o->norms[i]) : total + o->norms[i];
    if (!isinf(norm_type))
        total = norm_type == 2 ? sqrt(total) : pow(total, 1 / norm_type);
    float factor = (float)(max_norm / (total + 1e-6));
    if (factor < 1)
        b->vectors->scale(b, o->clipped, n, factor);
    return total;
}

void optimizer_clip_value(optimizer *o, double limit)
{
    backend *b = o->model->backend;
    b->vectors->clamp(b, o->clipped, gradients(o), (float)limit);
}
