#define _GNU_SOURCE
#include "engine/train/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/evaluate/evaluate.h"
#include "engine/setup/weights.h"
#include "engine/train/check_data.h"
#include "engine/train/check_fills.h"
#include "engine/train/check_halves.h"
#include "engine/train/checkpoint/saved.h"
#include "engine/train/trainer.h"
#include "graph/memory.h"
#include "graph/passes/passes.h"

/* ---- setting up ------------------------------------------------------------------------------------------------- */

static dataset_options data_options(const trainer *t)
{
    return (dataset_options){.rules = t->e->profile->data,
                             .work_dir = t->e->work_dir,
                             .stop = t->options->stop,
                             .stop_arg = t->options->stop_arg};
}

static cseg_status open_train(trainer *t, cseg_error *err)
{
    const experiment *e = t->e;
    const experiment_data *d = &e->train;
    if (!d->dataset)
        return experiment_no_data(e, "train", err);
    dataset_options o = data_options(t);
    TRY(dataset_build(d->dataset, &o, t->mem, &t->train_set, err));
    loader_options l = {.batch_size = (int)d->batch_size,
                        .workers = (int)d->workers,
                        .order = d->order,
                        .drop_last = d->drop_last,
                        .seed = t->state.seed,
                        .limit = d->limit,
                        .pre = &t->pre,
                        .training = true};
    TRY(loader_open(t->train_set, &l, &t->train, err));
    t->epoch_length = loader_batches(t->train);
    return CSEG_OK;
}

static bool validates(const trainer *t)
{
    bool any = false;
    for (int i = 0; i < t->e->n_validate; i++)
        any |= t->e->validate[i].every > 0;
    return any && !t->options->no_validate && t->e->val.dataset;
}

/* ('val', n) in a workflow: losses on the val set, through the training pipeline. */
static cseg_status open_workflow_val(trainer *t, cseg_error *err)
{
    const experiment *e = t->e;
    bool wanted = false;
    for (int i = 0; i < e->n_workflow; i++)
        wanted |= e->workflow[i].mode == PHASE_VAL;
    if (!wanted)
        return CSEG_OK;
    if (!e->val.dataset)
        return fail(err, CSEG_CONFIG, "%s: the workflow has a 'val' phase, but there is no data.val", e->path);
    value *cfg = value_copy(t->mem, e->val.dataset);
    const value *steps = value_get(e->train.dataset, "pipeline");
    if (!cfg || (steps && !value_set(t->mem, cfg, "pipeline", value_copy(t->mem, steps))))
        return fail_memory(err);
    dataset_options o = data_options(t);
    TRY(dataset_build(cfg, &o, t->mem, &t->workflow_set, err));
    loader_options l = {.batch_size = (int)e->train.batch_size,
                        .workers = (int)e->val.workers,
                        .order = ORDER_INFINITE,
                        .seed = t->state.seed + 1,
                        .pre = &t->pre,
                        .training = true};
    return loader_open(t->workflow_set, &l, &t->workflow_val, err);
}

static cseg_status open_validation(trainer *t, cseg_error *err)
{
    const experiment *e = t->e;
    if (!validates(t))
        return CSEG_OK;
    if (e->val_eval.refused)
        return fail(err, CSEG_UNSUPPORTED, "%s", e->val_eval.refused);
    return evaluate_open(e, &e->val, &t->pre, false, true, t->mem, &t->val_set, &t->val, err);
}

/* Checks everything that the run will read, before the first step. */
static cseg_status check_data(trainer *t, cseg_error *err)
{
    data_check c = {.e = t->e,
                    .m = t->m,
                    .pre = &t->pre,
                    .what = "training data",
                    .batch_size = t->e->train.batch_size,
                    .seed = t->state.seed,
                    .threads = t->options->threads,
                    .stop = t->options->stop,
                    .stop_arg = t->options->stop_arg};
    TRY(data_check_run(&c, t->train_set, t->mem, err));
    c.what = "the workflow's validation data";
    if (t->workflow_set)
        TRY(data_check_run(&c, t->workflow_set, t->mem, err));
    c.what = "validation data";
    c.measured = true;
    c.batch_size = 1;
    c.how = &t->e->val_eval;
    if (!t->val_set)
        return CSEG_OK;
    TRY(data_check_run(&c, t->val_set, t->mem, err));
    check_halves(t->train_set, t->val_set);
    return CSEG_OK;
}

static cseg_status set_lengths(trainer *t, cseg_error *err)
{
    const experiment *e = t->e;
    if (e->max > SAVED_LARGEST / (e->by_epoch ? t->epoch_length : 1))
        return fail(err, CSEG_CONFIG, "%s: the config asks for %lld %s: no run has as many", e->path, (long long)e->max,
                    e->by_epoch ? "epochs" : "iterations");
    t->max_epochs = e->by_epoch ? e->max : (e->max + t->epoch_length - 1) / t->epoch_length;
    t->max_iters = e->by_epoch ? e->max * t->epoch_length : e->max;
    return CSEG_OK;
}

static cseg_status start_weights(trainer *t, cseg_error *err)
{
    model_init_weights(t->m, t->state.seed);
    TRY(weights_load_pretrained(t->m, err));
    if (t->e->load_from)
        return weights_load_from(t->m, t->e->load_from, t->e->revise_keys, WEIGHTS_FINETUNE, err);
    return CSEG_OK;
}

static cseg_status resume(trainer *t, const char *path, cseg_error *err)
{
    checkpoint_parts c = trainer_parts(t);
    schedule_time time = trainer_time(t);
    TRY(checkpoint_resume(path, &c, &time, err));
    int64_t waiting = t->state.iter % t->e->accumulate;
    if (t->state.summed < waiting)
        log_say(LOG_WARNING,
                "%s: was saved %lld iterations after a step and has the gradients of %lld of them: the next step lacks "
                "the others, as in the reference",
                path, (long long)waiting, (long long)t->state.summed);
    return CSEG_OK;
}

/* Returns the config's seed, or one from the clock. A resumed run has that of its checkpoint; 0 if that has none. */
static uint64_t seed_of(const experiment *e, const char *resumed)
{
    if (e->has_seed || resumed)
        return (uint64_t)e->seed;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec) & 0x7fffffff;
}

static cseg_status resume_seed(trainer *t, const char *path, cseg_error *err)
{
    TRY(checkpoint_peek_seed(path, &t->state.seed, err));
    if (t->e->has_seed && t->state.seed != (uint64_t)t->e->seed)
        log_say(LOG_WARNING, "%s: was trained with seed %llu, which goes on; %lld has no effect", path,
                (unsigned long long)t->state.seed, (long long)t->e->seed);
    return CSEG_OK;
}

static cseg_status build_learning(trainer *t, cseg_error *err)
{
    const experiment *e = t->e;
    if (value_is_none(e->optimizer))
        return fail(err, CSEG_CONFIG, "%s: there is no optimizer in this config", e->path);
    if (e->optimizer_refused)
        return fail(err, CSEG_UNSUPPORTED, "%s", e->optimizer_refused);
    TRY(optimizer_build(e->optimizer, e->paramwise, e->groups, t->m, t->mem, &t->o, err));
    optimizer_scale_rates(t->o, e->lr_scale);
    schedule_time time = trainer_time(t);
    TRY(e->profile->schedules(e->rates, e->momenta, t->o, &time, t->mem, &t->s, err));
    if (e->accumulate > 1) {
        t->sum = memory_in_arena(t->m->backend, t->m->flat_count * sizeof(float), t->mem);
        if (!t->sum)
            return fail_memory(err);
    }
    return CSEG_OK;
}

static cseg_status open_backend(const trainer *t, const cpu_options *o, backend **out, cseg_error *err)
{
    if (!t->options->make_backend)
        return build_backend(t->options->backend, o, out, err);
    *out = t->options->make_backend(o);
    return *out ? CSEG_OK : fail_memory(err);
}

static cseg_status open_backends(trainer *t, cseg_error *err)
{
    cpu_options o = {.threads = t->options->threads, .deterministic = t->e->deterministic, .bf16 = t->e->amp};
    char place[512];
    if (t->e->fp16_unused && !t->e->amp)
        log_say(LOG_WARNING,
                "%sfp16 has no effect on training, which is in float32, as in the reference: there "
                "optimizer_config=dict(type='Fp16OptimizerHook') decides; cseg train --amp does too",
                value_place(t->e->fp16_unused, place));
    TRY(open_backend(t, &o, &t->b, err));
    if (t->b->port_of)
        log_say(LOG_INFO,
                "mixed precision: maps and the operands of convolutions in bfloat16, all else in float32; its "
                "range is float32's, so that losses need no scale and loss_scale has no effect");
    if (!t->b->port_of || t->e->val_bf16) {
        t->val_b = t->b;
        return CSEG_OK;
    }
    o.bf16 = false;
    return open_backend(t, &o, &t->val_b, err);
}

static cseg_status set_up(trainer *t, cseg_error *err)
{
    experiment *e = t->e;
    if (e->max < 1)
        return fail(err, CSEG_CONFIG, "%s: the config does not say how long to train (max_iters or max_epochs)",
                    e->path);
    TRY(trainer_open_folders(t, err));
    const char *from = e->resume_from;
    char *last = NULL;
    if (!from && e->resume)
        TRY(trainer_last_checkpoint(t, &last, err));
    if (last)
        from = last;
    if (!from && e->resume)
        log_say(LOG_WARNING, "%s holds no checkpoint to resume from: training begins at the start", e->work_dir);
    TRY(trainer_watch_best(t, err));
    TRY(passes_from_text(getenv("CSEG_PASSES"), &t->passes, err));
    TRY(open_backends(t, err));
    TRY(build_model(e, t->b, false, &t->m, err));
    TRY(build_preprocessor(e, t->mem, &t->pre, err));
    /* The seed of a resumed run is the checkpoint's: it decides the order of the data. */
    t->state.seed = seed_of(e, from);
    if (from)
        TRY(resume_seed(t, from, err));
    TRY(open_train(t, err));
    /* A resumed run continues with the range that it has seen. */
    if (from)
        TRY(learned_from_load(from, &t->learned, err));
    learned_from_images(&t->learned, t->train_set);
    TRY(set_lengths(t, err));
    TRY(open_workflow_val(t, err));
    TRY(trainer_check_last_batch(t, err));
    TRY(check_fills(t->m, t->train_set, &t->pre, e->preprocessor, err));
    TRY(open_validation(t, err));
    TRY(check_data(t, err));
    TRY(build_learning(t, err));
    if (!from)
        TRY(start_weights(t, err));
    if (e->ema.on)
        TRY(ema_new(&e->ema, t->m, t->mem, &t->average, err));
    if (from) {
        TRY(resume(t, from, err));
        TRY(check_learned_classes(from, t->train_set, err));
        loader_seek(t->train, (uint64_t)t->state.iter);
        trainer_drop_old(t); /* a killed run may not have done this */
        t->resumed = true;
    }
    t->begun_iter = t->state.iter;
    t->saved_iter = t->resumed ? t->state.iter : -1;
    if (validates(t)) {
        TRY(trainer_check_figures(t, err));
        TRY(build_predictor(t->m, t->val_b, &t->predictor, err));
    }
    return run_log_open(e, t->state.seed, t->mem, &t->log, err);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static bool validation_due(const trainer *t, int64_t done, int64_t whole)
{
    int64_t every = 0, begin = 0;
    for (int i = 0; i < t->e->n_validate; i++)
        if (i == 0 || done >= t->e->validate[i].begin)
            every = t->e->validate[i].every;
    if (t->e->n_validate)
        begin = t->e->validate[0].begin;
    if (every < 1 || done < begin)
        return false;
    const experiment_profile *p = t->e->profile;
    return (p->validates_from_begin ? done - begin : done) % every == 0 || (p->validates_last && done == whole);
}

static bool save_due(const trainer *t, int64_t done, int64_t whole)
{
    const experiment_checkpoint *c = &t->e->checkpoint;
    bool regular = c->interval > 0 && done >= c->begin && (done - c->begin) % c->interval == 0;
    return c->on && (regular || (done == whole && c->save_last));
}

static cseg_status after_iteration(trainer *t, bool *over, cseg_error *err)
{
    const experiment *e = t->e;
    log_step s = trainer_log_step(t);
    TRY(run_log_train(t->log, &s, err));
    /* The line has the rate of this iteration or, with stepped schedules, of the next one, as MMSegmentation's do. */
    if (t->options->progress)
        t->options->progress(t->options->progress_arg, &(runner_progress){.iter = s.iter,
                                                                          .max_iters = s.max_iters,
                                                                          .loss = s.values[s.n - 1],
                                                                          .seconds = s.seconds,
                                                                          .eta = run_log_eta(t->log),
                                                                          .memory = s.memory,
                                                                          .doing = "train"});
    if (!e->checkpoint.by_epoch && save_due(t, t->state.iter, t->max_iters))
        TRY(trainer_save(t, false, err));
    if (trainer_must_stop(t))
        return trainer_interrupted(t, err);
    if (!e->validate_by_epoch && validation_due(t, t->state.iter, t->max_iters))
        TRY(trainer_evaluate(t, over, err));
    return CSEG_OK;
}

/* For an iteration-based run: the epoch of the last iteration, from 0, and its number in that, from 1. */
static void count_epochs(trainer *t)
{
    if (t->e->by_epoch || t->state.iter == 0)
        return;
    t->state.epoch = (t->state.iter - 1) / t->epoch_length;
    t->state.inner_iter = t->state.iter - t->state.epoch * t->epoch_length;
}

static cseg_status train_iterations(trainer *t, int64_t n, bool *over, cseg_error *err)
{
    for (int64_t i = 0; i < n && t->state.iter < t->max_iters && !*over; i++) {
        TRY(trainer_iteration(t, err));
        schedule_after_iter(t->s);
        count_epochs(t);
        TRY(after_iteration(t, over, err));
    }
    return CSEG_OK;
}

static cseg_status validate_epoch(trainer *t, bool *over, cseg_error *err)
{
    return t->e->validate_by_epoch && validation_due(t, t->state.epoch, t->max_epochs) ? trainer_evaluate(t, over, err)
                                                                                       : CSEG_OK;
}

static cseg_status train_epoch(trainer *t, bool *over, cseg_error *err)
{
    TRY(train_iterations(t, t->epoch_length - t->state.inner_iter, over, err));
    if (*over)
        return CSEG_OK;
    t->state.epoch++;
    t->state.inner_iter = 0;
    schedule_after_epoch(t->s);
    if (t->e->checkpoint.by_epoch && save_due(t, t->state.epoch, t->max_epochs))
        TRY(trainer_save(t, true, err));
    return validate_epoch(t, over, err);
}

/* A checkpoint is saved before an evaluation that is due at the same iteration: a run that resumes from it evaluates
 * first. */
static cseg_status validate_resumed(trainer *t, bool *over, cseg_error *err)
{
    if (!t->resumed || t->state.iter == 0)
        return CSEG_OK;
    if (t->e->validate_by_epoch)
        return t->state.epoch > 0 && t->state.inner_iter == 0 ? validate_epoch(t, over, err) : CSEG_OK;
    return validation_due(t, t->state.iter, t->max_iters) ? trainer_evaluate(t, over, err) : CSEG_OK;
}

/* The position of a resumed run in its workflow. */
typedef struct workflow_place {
    int64_t skip;    /* iterations or epochs of training done in this round */
    bool inside;     /* within an epoch: earlier phases of the round are done */
    int64_t passed;  /* batches of validation done */
    int64_t batches; /* of one unit of validation */
} workflow_place;

static workflow_place find_place(const trainer *t)
{
    int64_t round = 0, validation = 0, done = t->e->by_epoch ? t->state.epoch : t->state.iter;
    workflow_place p = {.inside = t->e->by_epoch && t->state.inner_iter > 0, .batches = 1};
    for (int i = 0; i < t->e->n_workflow; i++)
        *(t->e->workflow[i].mode == PHASE_TRAIN ? &round : &validation) += t->e->workflow[i].n;
    if (t->e->by_epoch && t->workflow_val)
        p.batches = loader_batches(t->workflow_val);
    /* At the end of a round its last phases may still be due. */
    int64_t rounds = done == 0 ? 0 : p.inside ? done / round : (done - 1) / round;
    p.skip = done - rounds * round;
    p.passed = rounds * validation * p.batches;
    return p;
}

static cseg_status run_phase(trainer *t, const experiment_phase *part, workflow_place *at, bool *over, cseg_error *err)
{
    if (part->mode == PHASE_VAL) {
        int64_t n = part->n * at->batches;
        if (at->skip == 0 && !at->inside) {
            loader_seek(t->workflow_val, (uint64_t)at->passed);
            for (int64_t i = 0; i < part->n; i++)
                TRY(trainer_workflow_val(t, at->batches, err));
        }
        at->passed += n;
        return CSEG_OK;
    }
    int64_t skipped = at->skip < part->n ? at->skip : part->n, n = part->n - skipped;
    at->skip -= skipped;
    if (n > 0)
        at->inside = false;
    if (!t->e->by_epoch)
        return train_iterations(t, n, over, err);
    for (int64_t i = 0; i < n && t->state.epoch < t->max_epochs && !*over; i++)
        TRY(train_epoch(t, over, err));
    return CSEG_OK;
}

static cseg_status run_workflow(trainer *t, cseg_error *err)
{
    bool over = false;
    count_epochs(t);
    workflow_place at = find_place(t);
    TRY(validate_resumed(t, &over, err));
    while (!over && (t->e->by_epoch ? t->state.epoch < t->max_epochs : t->state.iter < t->max_iters))
        for (int i = 0; i < t->e->n_workflow && !over; i++)
            TRY(run_phase(t, &t->e->workflow[i], &at, &over, err));
    /* For a hook that counts epochs, an iteration-based run is one epoch. */
    bool whole = !t->e->by_epoch && t->e->checkpoint.by_epoch;
    return whole && save_due(t, 1, 1) && t->saved_iter != t->state.iter ? trainer_save(t, true, err) : CSEG_OK;
}

cseg_status runner_train(experiment *e, const runner_options *o, cseg_error *err)
{
    arena *mem = arena_new();
    trainer *t = mem ? ARENA_NEW(mem, trainer) : NULL;
    if (!t) {
        arena_free(mem);
        return fail_memory(err);
    }
    t->mem = t->last.mem = mem;
    t->e = e;
    t->options = o;
    cseg_status status = set_up(t, err);
    if (status == CSEG_OK)
        status = run_workflow(t, err);
    loader_close(t->train);
    loader_close(t->val);
    loader_close(t->workflow_val);
    predictor_free(t->predictor);
    trainer_release_plans(t);
    model *m = t->m;
    backend *b = t->b, *val_b = t->val_b;
    arena_free(mem);
    model_free(m);
    backend_free(b);
    if (val_b != b)
        backend_free(val_b);
    return status;
}
