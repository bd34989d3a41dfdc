/* Evaluates during training: checks which figures are needed, measures and logs them, passes them on, and ends the run
 * if early stopping says so. */
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/evaluate/figures.h"
#include "engine/train/trainer.h"

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
    const model_head *head = model_head_at(t->m, -1);
    TRY(evaluate_names(t->m, head, t->val_set, &t->e->val_eval, t->mem, &v, err));
    evaluate_check_classes(head, t->val_set);
    TRY(trainer_check_best(t, &v, err));
    TRY(check_stopping(t, &v, err));
    for (int i = 0; schedule_monitor(t->s, i); i++)
        if (!figure_find(&v, schedule_monitor(t->s, i)))
            return figure_missing(&v, "ReduceOnPlateau's monitor", schedule_monitor(t->s, i), err);
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

static void swap_averages(trainer *t)
{
    if (!t->average)
        return;
    ema_swap(t->average);
    trainer_weights_changed(t);
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
    swap_averages(t);
    /* Validation may use another backend. */
    cseg_status status = t->b->memory->synchronise(t->b, err);
    if (status == CSEG_OK)
        status = measure(t, mem, &v, err);
    swap_averages(t);
    if (status == CSEG_INTERRUPTED)
        status = trainer_interrupted(t, err);
    if (status != CSEG_OK)
        goto done;
    log_step s = trainer_log_step(t);
    TRY_DONE(run_log_evaluation(t->log, &s, &v, mem, err));
    TRY_DONE(trainer_save_best(t, &v, mem, err));
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
