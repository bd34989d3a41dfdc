#include "engine/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/usage.h"
#include "engine/setup/build.h"
#include "engine/verify/model_memory.h"
#include "graph/passes/passes.h"

static void release_plan(loss_plan *p)
{
    plan_free(p->p);
    graph_free(p->g);
    *p = (loss_plan){0};
}

void trainer_release_plans(trainer *t)
{
    for (int i = 0; i < TRAINER_PLANS; i++)
        release_plan(&t->plans[i]);
}

void trainer_weights_changed(trainer *t)
{
    for (int i = 0; i < TRAINER_PLANS; i++)
        if (t->plans[i].p)
            plan_weights_changed(t->plans[i].p);
    if (t->predictor)
        predictor_weights_changed(t->predictor);
}

static void note_used_params(trainer *t, const graph *g)
{
    for (int64_t e = 0; e < t->o->n_entries; e++) {
        t->o->entries[e].used = false;
        for (size_t i = 0; i < g->outputs.n && !t->o->entries[e].used; i++)
            t->o->entries[e].used = g->outputs.at[i].grad_of == t->o->entries[e].p;
    }
}

/* Each log entry is one line. */
static cseg_status tell_memory(trainer *t, const loss_plan *p, cseg_error *err)
{
    enum { LARGEST = 12 };
    cseg_status status = CSEG_OK;
    char *text, *rest = NULL;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    memory_parts parts = {.p = p->p, .m = t->m, .o = t->o, .sum = t->sum, .average = t->average};
    TRY_DONE(memory_text(&parts, LARGEST, mem, &text, err));
    log_say(LOG_INFO, "memory of a training step, %lld x %lld x %lld:", (long long)p->n, (long long)p->h,
            (long long)p->w);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_say(LOG_INFO, "%s", line);
done:
    arena_free(mem);
    return status;
}

static cseg_status make_plan(trainer *t, loss_plan *p, cseg_error *err)
{
    TRY(build_loss_graph(t->m, (batch_shape){p->n, p->h, p->w}, &p->data, p->train, t->passes, &p->g, err));
    if (p->train)
        note_used_params(t, p->g);
    TRY(graph_plan(p->g, t->b, &p->p, err));
    return p->train && t->options->memory ? tell_memory(t, p, err) : CSEG_OK;
}

/* A batch norm after a 1x1 pooling cannot be trained on one image. If batches are larger, this is the last one of an
 * epoch. */
static cseg_status advise_on_one(const trainer *t, cseg_error *err)
{
    cseg_error said = *err;
    if (t->e->train.batch_size < 2)
        return fail(err, said.code, "%s; train with a larger batch (%s)", said.text, t->e->profile->words.batch_size);
    return fail(err, said.code,
                "%s; leave out the last batch of an epoch, which has one image, by %s, or take another "
                "batch size than %lld",
                said.text, t->e->profile->words.drop_last, (long long)t->e->train.batch_size);
}

/* Only traces: there is no plan and no memory yet. */
cseg_status trainer_check_last_batch(trainer *t, cseg_error *err)
{
    const pipeline_info *info = pipeline_describe(dataset_pipeline(t->train_set));
    const experiment_data *d = &t->e->train;
    int64_t count = dataset_count(t->train_set), limit = d->limit ? d->limit * d->batch_size : count;
    int64_t h = t->pre.h > info->h ? t->pre.h : info->h, w = t->pre.w > info->w ? t->pre.w : info->w;
    bool infinite = d->order == ORDER_INFINITE || d->order == ORDER_INFINITE_SEQUENTIAL;
    tensor *loss;
    if (infinite || d->drop_last || !h || !w || (count < limit ? count : limit) % d->batch_size != 1)
        return CSEG_OK;
    graph *g = graph_new(true);
    if (!g)
        return fail_memory(err);
    cseg_status status = model_trace_loss(t->m, g, 1, h, w, NULL, &loss, err);
    graph_free(g);
    return status == CSEG_DATA ? advise_on_one(t, err) : CSEG_OK; /* other errors are reported elsewhere */
}

static uint32_t weighted_labels(const model *m, const batch *b)
{
    uint32_t bits = 0;
    char name[256];
    for (size_t i = 0; i < m->labels.n && i < MODEL_WEIGHTED_MAX; i++) {
        snprintf(name, sizeof name, "weightmaps.%s", m->labels.at[i].key);
        bits |= (uint32_t)(batch_find(b, name) != NULL) << i;
    }
    return bits;
}

static trace_options data_of(const model *m, const batch *b)
{
    return (trace_options){.weight_map = batch_find(b, "seg_weight_map") != NULL,
                           .no_date_labels =
                               !batch_find(b, "gt_semantic_seg_from") || !batch_find(b, "gt_semantic_seg_to"),
                           .weighted = weighted_labels(m, b)};
}

static bool same_data(trace_options a, trace_options b)
{
    return a.weight_map == b.weight_map && a.no_date_labels == b.no_date_labels && a.weighted == b.weighted;
}

static cseg_status find_plan(trainer *t, const batch *b, bool train, loss_plan **out, cseg_error *err)
{
    trace_options data = data_of(t->m, b);
    loss_plan *oldest = &t->plans[0];
    for (int i = 0; i < TRAINER_PLANS; i++) {
        loss_plan *p = &t->plans[i];
        if (p->p && p->n == b->n && p->h == b->h && p->w == b->w && same_data(p->data, data) && p->train == train) {
            p->used = ++t->clock;
            *out = p;
            return CSEG_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    release_plan(oldest);
    *oldest = (loss_plan){.n = b->n, .h = b->h, .w = b->w, .data = data, .train = train, .used = ++t->clock};
    cseg_status status = make_plan(t, oldest, err);
    if (status == CSEG_DATA && train && b->n == 1)
        status = advise_on_one(t, err);
    if (status != CSEG_OK)
        release_plan(oldest);
    *out = oldest;
    return status;
}

static const char *file_of(const void *arg, int64_t i)
{
    return ((const batch *)arg)->metas[i].path;
}

/* Label maps that the graph does not read are skipped. */
static cseg_status bind(const trainer *t, const loss_plan *l, const batch *b, cseg_error *err)
{
    plan *p = l->p;
    plan_data img = {.data = b->img,
                     .type = DT_F32,
                     .rank = 4,
                     .dim = {b->n, b->h, b->w, b->c},
                     .dates = b->metas[0].dates,
                     .file = file_of,
                     .arg = b};
    TRY(plan_bind_input(p, "img", &img, err));
    for (size_t i = 0; i < l->g->inputs.n; i++) {
        const batch_map *m = batch_find(b, l->g->inputs.at[i]->name);
        if (!m)
            continue;
        plan_data map = {.data = m->label ? (const void *)m->label : m->weight,
                         .type = m->label ? DT_I32 : DT_F32,
                         .rank = 3,
                         .dim = {b->n, m->h, m->w},
                         .file = file_of,
                         .arg = b};
        TRY(plan_bind_input(p, m->key, &map, err));
    }
    int64_t *seed = plan_input(p, "seed", NULL);
    if (seed) {
        seed[0] = (int64_t)t->state.seed;
        seed[1] = t->state.iter;
    }
    return CSEG_OK;
}

/* Every label that the graph reads must be in the batch. */
static cseg_status check_labels(const loss_plan *p, const batch *b, cseg_error *err)
{
    for (size_t i = 0; i < p->g->inputs.n; i++) {
        const char *name = p->g->inputs.at[i]->name;
        if (strcmp(name, "img") == 0 || strcmp(name, "seed") == 0)
            continue;
        if (!batch_find(b, name))
            return fail(err, CSEG_DATA,
                        "%s: the model learns from %s, but the data set gives no such map; is the pipeline "
                        "without LoadAnnotations, or the folder unnamed?",
                        b->metas[0].path, name);
    }
    return CSEG_OK;
}

static cseg_status losses_make_room(losses *l, size_t n, cseg_error *err)
{
    if (l->room >= (int)n)
        return CSEG_OK;
    l->names = ARENA_ARRAY(l->mem, n, const char *);
    l->values = ARENA_ARRAY(l->mem, n, double);
    l->room = l->names && l->values ? (int)n : 0;
    return l->room ? CSEG_OK : fail_memory(err);
}

static cseg_status read_losses(const loss_plan *p, losses *out, cseg_error *err)
{
    TRY(losses_make_room(out, p->g->outputs.n + 1, err));
    out->n = 0;
    double total = NAN;
    for (size_t i = 0; i < p->g->outputs.n; i++) {
        const graph_output *o = &p->g->outputs.at[i];
        const void *v;
        if (o->grad_of)
            continue;
        TRY(plan_get_output(p->p, o->name, &v, NULL, err));
        double number = (double)*(const float *)v;
        if (strcmp(o->name, "loss") == 0) {
            total = number;
            continue;
        }
        out->names[out->n] = o->name;
        out->values[out->n++] = number;
    }
    out->names[out->n] = "loss";
    out->values[out->n++] = total;
    return CSEG_OK;
}

/* A fault in an image has nothing to do with learning rates. */
static cseg_status explain_nan_input(const trainer *t, const batch *b, cseg_error *err)
{
    int64_t size = b->h * b->w * b->c;
    for (int64_t i = 0; i < b->n * size; i++)
        if (!isfinite(b->img[i]))
            return fail(err, CSEG_NUMERIC,
                        "iteration %lld: %s goes into the model with infinite numbers, or what is not a number (row "
                        "%lld, column %lld of what was cut out of it); fill such pixels, or leave the file out",
                        (long long)t->state.iter + 1, b->metas[i / size].path, (long long)(i % size / (b->w * b->c)),
                        (long long)(i % (b->w * b->c) / b->c));
    return CSEG_OK;
}

static cseg_status explain_nan(trainer *t, loss_plan *p, const batch *b, double loss, cseg_error *err)
{
    cseg_error found = {0};
    TRY(explain_nan_input(t, b, err));
    plan_find_nan(p->p, &found);
    return fail(err, CSEG_NUMERIC,
                "iteration %lld: the loss is %s; %s. A lower learning rate, a warm-up or grad_clip may "
                "help; the last checkpoint is untouched",
                (long long)t->state.iter + 1, isnan(loss) ? "not a number" : "infinite",
                found.code != CSEG_OK ? found.text : "no tensor of the graph shows it again");
}

/* Finds which label maps have weights of their own in this batch. */
cseg_status trainer_losses(trainer *t, const batch *b, bool train, losses *out, cseg_error *err)
{
    loss_plan *p;
    TRY(find_plan(t, b, train, &p, err));
    TRY(check_labels(p, b, err));
    TRY(bind(t, p, b, err));
    if (!train)
        plan_weights_changed(p->p);
    TRY(plan_run(p->p, err));
    TRY(read_losses(p, out, err));
    double loss = out->values[out->n - 1];
    return isfinite(loss) ? CSEG_OK : explain_nan(t, p, b, loss, err);
}

static void add_gradients(trainer *t)
{
    backend *b = t->m->backend;
    b->vectors->add(b, t->sum, t->m->grad, (int64_t)t->m->flat_count);
    t->state.summed++;
}

/* As in the reference, steps are due where the iterations since the beginning of training divide, wherever this run was
 * resumed, and after the last one. */
static bool step_due(const trainer *t)
{
    int64_t done = t->state.iter + 1;
    return done % t->e->accumulate == 0 || done == t->max_iters;
}

/* A step's gradients are the mean over its iterations; the last step of a run may have fewer. Those that a resumed run
 * lacks count as zeros. */
static void take_mean(trainer *t)
{
    backend *b = t->m->backend;
    int64_t n = t->e->accumulate, rest = t->max_iters % n;
    if (t->state.iter >= t->max_iters - rest)
        n = rest;
    if (n < t->state.summed)
        n = t->state.summed; /* resumed with fewer iterations a step */
    b->vectors->drain(b, t->m->grad, t->sum, (int64_t)t->m->flat_count, (float)(1.0 / (double)n));
    t->state.summed = 0;
}

static void step(trainer *t)
{
    const experiment *e = t->e;
    if (t->sum)
        take_mean(t);
    if (e->clip_norm > 0)
        t->grad_norm = optimizer_clip_norm(t->o, e->clip_norm, e->clip_norm_type);
    if (e->clip_value > 0)
        optimizer_clip_value(t->o, e->clip_value);
    optimizer_step(t->o, 1);
}

checkpoint_parts trainer_parts(trainer *t)
{
    return (checkpoint_parts){.e = t->e,
                              .m = t->m,
                              .o = t->o,
                              .s = t->s,
                              .average = t->average,
                              .sum = t->sum,
                              .meta = dataset_about(t->train_set),
                              .state = &t->state,
                              .learned = &t->learned,
                              .out_dir = t->out_dir};
}

schedule_time trainer_time(const trainer *t)
{
    return (schedule_time){.iter = t->state.iter,
                           .epoch = t->state.epoch,
                           .epoch_length = t->epoch_length,
                           .max_iters = t->max_iters,
                           .max_epochs = t->max_epochs,
                           .by_epoch = t->e->by_epoch};
}

/* Notes the rates of the coming step, since schedules move on before the log is written. */
static void note_rates(trainer *t)
{
    t->lr = t->o->groups[0].lr;
    t->momentum = t->o->groups[0].momentum;
    t->base_lr = t->o->n_paced > t->o->n_groups ? t->o->groups[t->o->n_groups].lr : 0;
}

cseg_status trainer_iteration(trainer *t, cseg_error *err)
{
    batch b;
    double begin = usage_seconds();
    schedule_time time = trainer_time(t);
    schedule_before_iter(t->s, &time);
    TRY(loader_next(t->train, &b, err));
    t->data_seconds = usage_seconds() - begin;
    note_rates(t);
    if (t->state.iter < LEARNED_FROM_ITERATIONS)
        learned_from_batch(&t->learned, b.img, b.n * b.h * b.w * b.c);
    if (t->state.iter == 0)
        learned_from_doubt(&t->learned);
    cseg_status status = trainer_losses(t, &b, true, &t->last, err);
    loader_give_back(t->train, &b);
    if (status != CSEG_OK)
        return status;
    model_count_batch(t->m);
    if (t->sum)
        add_gradients(t);
    t->grad_norm = NAN; /* only steps have one */
    if (step_due(t))
        step(t);
    t->state.iter++;
    t->state.inner_iter++;
    if (t->average)
        ema_update(t->average, t->state.iter, t->state.epoch);
    t->seconds = usage_seconds() - begin;
    return CSEG_OK;
}

log_step trainer_log_step(const trainer *t)
{
    return (log_step){.iter = t->state.iter,
                      .max_iters = t->max_iters,
                      .epoch = t->state.epoch + 1,
                      .max_epochs = t->max_epochs,
                      .inner = t->state.inner_iter,
                      .epoch_length = t->epoch_length,
                      .lr = t->lr,
                      .base_lr = t->base_lr,
                      .momentum = t->momentum,
                      .data_seconds = t->data_seconds,
                      .seconds = t->seconds,
                      .grad_norm = t->grad_norm,
                      .memory = usage_peak_memory(),
                      .names = t->last.names,
                      .values = t->last.values,
                      .n = t->last.n};
}

bool trainer_must_stop(const trainer *t)
{
    return t->options->stop && t->options->stop(t->options->stop_arg);
}
