/* When a run's checkpoints are saved and evaluated, and which are the best. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/evaluate/figures.h"
#include "engine/train/trainer.h"

static cseg_status explain_weights(const trainer *t, const param *p, cseg_error *err)
{
    const void *values;
    int64_t k = 0;
    TRY(model_view(t->m, p, p->data, t->mem, &values, err));
    const float *v = values;
    while (k < p->count - 1 && isfinite(v[k]))
        k++;
    return fail(err, CSEG_NUMERIC,
                "iteration %lld: %s has become %s, so no checkpoint is saved. A lower learning "
                "rate, a warm-up or grad_clip may help; the last checkpoint is untouched",
                (long long)t->state.iter, p->name, isnan(v[k]) ? "not a number" : "infinite");
}

/* A step may have made numbers that the next loss would find: they must not take a good checkpoint's place. */
static cseg_status check_weights(const trainer *t, cseg_error *err)
{
    const model *m = t->m;
    backend *b = m->backend;
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->type == DT_F32 && !b->vectors->all_finite(b, p->data, p->type, p->count))
            return explain_weights(t, p, err);
    }
    return CSEG_OK;
}

static cseg_status write_checkpoint(trainer *t, const char *path, bool with_optimizer, cseg_error *err)
{
    TRY(check_weights(t, err));
    checkpoint_parts c = trainer_parts(t);
    if (!with_optimizer)
        c.o = NULL;
    return checkpoint_save(path, &c, err);
}

cseg_status trainer_save(trainer *t, bool by_epoch, cseg_error *err)
{
    int64_t epoch = t->e->by_epoch ? t->state.epoch : 1;
    char *name = by_epoch ? arena_printf(t->mem, "epoch_%lld.pth", (long long)epoch)
                          : arena_printf(t->mem, "iter_%lld.pth", (long long)t->state.iter);
    char *path = name ? path_join(t->mem, t->out_dir, name) : NULL;
    if (!path)
        return fail_memory(err);
    if (by_epoch)
        run_log_line(t->log, "Saving checkpoint at %lld epochs", (long long)epoch);
    else
        run_log_line(t->log, "Saving checkpoint at %lld iterations", (long long)t->state.iter);
    /* Renewed, it is the newest again. */
    run_files *f = &t->state.files;
    for (size_t i = 0; i < f->kept.n; i++)
        if (strcmp(f->kept.at[i], name) == 0) {
            memmove(f->kept.at + i, f->kept.at + i + 1, (f->kept.n - i - 1) * sizeof *f->kept.at);
            f->kept.n--;
            break;
        }
    if (!vec_push(t->mem, &f->kept, name))
        return fail_memory(err);
    TRY(write_checkpoint(t, path, t->e->checkpoint.save_optimizer, err));
    TRY(trainer_point_to(t, path, err));
    t->saved_iter = t->state.iter;
    trainer_drop_old(t);
    return CSEG_OK;
}

cseg_status trainer_interrupted(trainer *t, cseg_error *err)
{
    if (t->saved_iter != t->state.iter)
        TRY(trainer_save(t, false, err));
    return fail(err, CSEG_INTERRUPTED, "stopped after iteration %lld; go on with --resume", (long long)t->state.iter);
}

/* ---- what is watched ------------------------------------------------------------------------------------------- */

cseg_status trainer_watch_best(trainer *t, cseg_error *err)
{
    const experiment_checkpoint *c = &t->e->checkpoint;
    run_files *f = &t->state.files;
    f->n_best = c->n_best;
    f->best = ARENA_ARRAY(t->mem, (size_t)c->n_best + 1, run_best);
    if (!f->best)
        return fail_memory(err);
    for (int i = 0; i < c->n_best; i++)
        f->best[i] = (run_best){.figure = strcmp(c->save_best[i], "auto") == 0 ? NULL : c->save_best[i]};
    return CSEG_OK;
}

static cseg_status check_best(trainer *t, const evaluation *v, cseg_error *err)
{
    const experiment_checkpoint *c = &t->e->checkpoint;
    const figure_keys keys = {c->greater_keys, c->less_keys, c->n_greater, c->n_less};
    for (int i = 0; i < t->state.files.n_best; i++) {
        run_best *one = &t->state.files.best[i];
        bool chosen = strcmp(c->save_best[i], "auto") == 0;
        if (chosen && v->n > 0 && (!one->figure || strcmp(one->figure, v->entries[0].key) != 0)) {
            *one = (run_best){.figure = arena_strdup(t->mem, v->entries[0].key)};
            if (!one->figure)
                return fail_memory(err);
        }
        if (!one->figure || !figure_find(v, one->figure))
            return figure_missing(v, "save_best", c->save_best[i], err);
        const char *rule = c->n_rules == 0 ? NULL : c->rules[c->n_rules == 1 ? 0 : i];
        TRY(figure_rule("save_best", one->figure, rule, &keys, &one->greater, err));
    }
    return CSEG_OK;
}

static cseg_status check_stopping(trainer *t, const evaluation *v, cseg_error *err)
{
    const char *monitor = t->e->stopping.monitor;
    if (!t->e->stopping.on)
        return CSEG_OK;
    if (!monitor)
        return fail(err, CSEG_CONFIG, "EarlyStoppingHook needs a monitor, the figure that it watches");
    TRY(figure_rule("monitor", monitor, t->e->stopping.rule, NULL, &t->stop_greater, err));
    return figure_find(v, monitor) ? CSEG_OK : figure_missing(v, "monitor", monitor, err);
}

cseg_status trainer_check_figures(trainer *t, cseg_error *err)
{
    evaluation v;
    const model_head *head = &t->m->heads.at[t->m->answer_head];
    TRY(evaluate_names(head, t->val_set, &t->e->val_eval, t->mem, &v, err));
    evaluate_check_classes(head, t->val_set);
    TRY(check_best(t, &v, err));
    TRY(check_stopping(t, &v, err));
    for (int i = 0; schedule_monitor(t->s, i); i++)
        if (!figure_find(&v, schedule_monitor(t->s, i)))
            return figure_missing(&v, "ReduceOnPlateau's monitor", schedule_monitor(t->s, i), err);
    return CSEG_OK;
}

/* The figures that are the best so far: noted all before the first of their checkpoints is written, so that each of
 * these tells them. `before` has the names of those that they take the place of. */
static cseg_status note_best(trainer *t, const evaluation *v, bool *better, const char **before, cseg_error *err)
{
    bool by_epoch = t->e->checkpoint.by_epoch;
    int64_t n = by_epoch ? t->state.epoch : t->state.iter;
    for (int i = 0; i < t->state.files.n_best; i++) {
        run_best *one = &t->state.files.best[i];
        const metrics_entry *m = one->figure ? figure_find(v, one->figure) : NULL;
        if (!m)
            return figure_missing(v, "save_best", one->figure ? one->figure : "auto", err);
        better[i] = figure_is_better(one->greater, one->has_score, one->score, m->value);
        if (!better[i])
            continue;
        before[i] = one->file;
        one->score = m->value;
        one->has_score = true;
        one->file = run_files_best_name(one->figure, by_epoch, n, t->mem);
        if (!one->file)
            return fail_memory(err);
    }
    return CSEG_OK;
}

/* save_best: for each figure the checkpoint where it is the best so far, in place of the one before. */
static cseg_status save_best(trainer *t, const evaluation *v, arena *mem, cseg_error *err)
{
    const run_files *f = &t->state.files;
    bool *better = ARENA_ARRAY(mem, (size_t)f->n_best + 1, bool), by_epoch = t->e->checkpoint.by_epoch;
    const char **before = ARENA_ARRAY(mem, (size_t)f->n_best + 1, const char *);
    if (!better || !before)
        return fail_memory(err);
    TRY(note_best(t, v, better, before, err));
    for (int i = 0; i < f->n_best; i++) {
        const run_best *one = &f->best[i];
        if (!better[i])
            continue;
        char *path = path_join(mem, t->out_dir, one->file);
        if (!path)
            return fail_memory(err);
        TRY(write_checkpoint(t, path, t->e->checkpoint.save_optimizer, err));
        if (before[i] && strcmp(before[i], one->file) != 0)
            trainer_drop(t, before[i]);
        run_log_line(t->log, "The best checkpoint with %.4f %s at %lld %s is saved to %s.", one->score, one->figure,
                     (long long)(by_epoch ? t->state.epoch : t->state.iter), by_epoch ? "epoch" : "iter", one->file);
    }
    return CSEG_OK;
}

static bool ends_early(trainer *t, const evaluation *v, arena *mem)
{
    const char *monitor = t->e->stopping.monitor;
    const metrics_entry *m = t->e->stopping.on && monitor ? figure_find(v, monitor) : NULL;
    if (!m)
        return false;
    const stopping how = {.greater = t->stop_greater,
                          .min_delta = t->e->stopping.min_delta,
                          .threshold = t->e->stopping.threshold,
                          .patience = t->e->stopping.patience,
                          .check_finite = t->e->stopping.check_finite};
    stopping_state s = {t->state.has_watched, t->state.watched, t->state.bad_rounds};
    const char *why = stopping_next(&how, monitor, m->value, &s, mem);
    t->state.has_watched = s.has_best;
    t->state.watched = s.best;
    t->state.bad_rounds = s.bad_rounds;
    if (why && !isfinite(m->value))
        log_say(LOG_WARNING, "%s is %f, which is no finite number, and training ends early", monitor, m->value);
    if (why)
        run_log_line(t->log, "%s", why);
    return why != NULL;
}

/* ---- evaluating ------------------------------------------------------------------------------------------------- */

static cseg_status tell(void *arg, const batch *b, int64_t at, const prediction *out, int64_t done, int64_t all,
                        cseg_error *err)
{
    (void)b, (void)at, (void)out, (void)err;
    trainer *t = arg;
    if (t->options->progress)
        t->options->progress(
            t->options->progress_arg,
            &(runner_progress){
                .iter = t->state.iter, .max_iters = t->max_iters, .doing = "val", .done = done, .all = all});
    return CSEG_OK;
}

static cseg_status measure(trainer *t, arena *mem, evaluation *v, cseg_error *err)
{
    evaluate_options o = {.head = -1,
                          .how = &t->e->val_eval,
                          .each = tell,
                          .arg = t,
                          .stop = t->options->stop,
                          .stop_arg = t->options->stop_arg};
    loader_seek(t->val, 0);
    predictor_weights_changed(t->predictor);
    return evaluate(t->predictor, t->m, t->val_set, t->val, &o, mem, v, err);
}

cseg_status trainer_evaluate(trainer *t, bool *stop_early, cseg_error *err)
{
    *stop_early = false;
    if (!t->val)
        return CSEG_OK;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    evaluation v;
    if (t->average)
        ema_swap(t->average);
    /* Validation may have a backend of its own. */
    cseg_status status = t->b->memory->synchronise(t->b, err);
    if (status == CSEG_OK)
        status = measure(t, mem, &v, err);
    if (t->average)
        ema_swap(t->average);
    if (status == CSEG_INTERRUPTED)
        status = trainer_interrupted(t, err);
    if (status != CSEG_OK)
        goto done;
    log_step s = trainer_log_step(t);
    TRY_DONE(run_log_evaluation(t->log, &s, &v, mem, err));
    TRY_DONE(save_best(t, &v, mem, err));
    for (int64_t i = 0; i < v.n; i++)
        schedule_metric(t->s, v.entries[i].key, v.entries[i].value);
    *stop_early = ends_early(t, &v, mem);
done:
    arena_free(mem);
    return status;
}

static cseg_status add_up(trainer *t, int64_t iterations, losses *sum, losses *one, cseg_error *err)
{
    for (int64_t i = 0; i < iterations; i++) {
        batch b;
        if (trainer_must_stop(t))
            return trainer_interrupted(t, err);
        TRY(loader_next(t->workflow_val, &b, err));
        cseg_status status = trainer_losses(t, &b, false, one, err);
        loader_give_back(t->workflow_val, &b);
        if (status != CSEG_OK)
            return status;
        for (int k = 0; k < one->n; k++)
            one->values[k] = (i ? sum->values[k] : 0) + one->values[k];
        losses last = *sum;
        *sum = *one;
        *one = last;
    }
    return CSEG_OK;
}

cseg_status trainer_workflow_val(trainer *t, int64_t iterations, cseg_error *err)
{
    losses sum = {.mem = arena_new()}, one = {.mem = sum.mem};
    if (!sum.mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    TRY_DONE(add_up(t, iterations, &sum, &one, err));
    for (int k = 0; k < sum.n; k++)
        sum.values[k] /= (double)iterations;
    log_step s = trainer_log_step(t);
    s.names = sum.names;
    s.values = sum.values;
    s.n = sum.n;
    s.batches = t->e->by_epoch ? iterations : 0;
    status = run_log_val_losses(t->log, &s, err);
done:
    arena_free(sum.mem);
    return status;
}
