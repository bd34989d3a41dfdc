/* When and where a run's checkpoints are saved, evaluated, and dropped. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "engine/trainer.h"

/* NAME.PID.tmp is what a process that was killed had half written. */
static bool is_leftover(const char *name)
{
    char *end;
    size_t n = strlen(name);
    if (!str_ends(name, ".tmp"))
        return false;
    const char *digits = name + n - 4;
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    long pid = strtol(digits, &end, 10);
    return end == name + n - 4 && end > digits && digits > name && digits[-1] == '.' && pid > 0 &&
           kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static cseg_status drop_leftovers(const trainer *t, const char *dir, cseg_error *err)
{
    char **names;
    size_t n;
    TRY(dir_list(dir, ".tmp", false, t->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = is_leftover(names[i]) ? path_join(t->mem, dir, names[i]) : NULL;
        if (path)
            unlink(path);
    }
    return CSEG_OK;
}

/* out_dir has a folder for each run, called as the work dir's last part, as the reference has it. */
cseg_status trainer_open_folders(trainer *t, cseg_error *err)
{
    const char *work_dir = t->e->work_dir, *out_dir = t->e->checkpoint.out_dir;
    size_t n = strlen(work_dir);
    t->out_dir = work_dir;
    if (out_dir && strcmp(out_dir, work_dir) != 0) {
        char *bare = arena_strdup(t->mem, work_dir);
        while (bare && n > 1 && bare[n - 1] == '/')
            bare[--n] = 0;
        t->out_dir = bare ? path_join(t->mem, out_dir, path_base(bare)) : NULL;
        if (!t->out_dir)
            return fail_memory(err);
    }
    TRY(dir_create(work_dir, err));
    TRY(drop_leftovers(t, work_dir, err));
    TRY(dir_create(t->out_dir, err));
    return drop_leftovers(t, t->out_dir, err);
}

/* A step may have made numbers that the next loss would find: they must not take a good checkpoint's place. */
static cseg_status check_weights(const trainer *t, cseg_error *err)
{
    for (size_t i = 0; i < t->m->params.n; i++) {
        const param *p = t->m->params.at[i];
        const float *v = p->data;
        for (int64_t k = 0; p->type == DT_F32 && k < p->count; k++)
            if (!isfinite(v[k]))
                return fail(err, CSEG_NUMERIC,
                            "iteration %lld: %s has become %s, so no checkpoint is saved. A lower learning "
                            "rate, a warm-up or grad_clip may help; the last checkpoint is untouched",
                            (long long)t->state.iter, p->name, isnan(v[k]) ? "not a number" : "infinite");
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

/* 1.x: a text file that names it; 0.x: a link. Both are replaced at once, never half. */
static cseg_status point_to(trainer *t, const char *path, cseg_error *err)
{
    if (t->e->dialect == DIALECT_1X) {
        char *mark = path_join(t->mem, t->e->work_dir, "last_checkpoint");
        return mark ? file_replace_bytes(mark, path, strlen(path), t->mem, err) : fail_memory(err);
    }
    char *link = path_join(t->mem, t->out_dir, "latest.pth"),
         *beside = path_join(t->mem, t->out_dir, ".latest.pth.new");
    if (!link || !beside)
        return fail_memory(err);
    unlink(beside);
    if (symlink(path_base(path), beside) != 0 || rename(beside, link) != 0)
        return fail_errno(err, link, "link the latest checkpoint");
    return CSEG_OK;
}

static void drop_old(trainer *t)
{
    int64_t most = t->e->checkpoint.max_keep;
    while (most > 0 && (int64_t)t->state.kept.n > most) {
        unlink(t->state.kept.at[0]);
        memmove(t->state.kept.at, t->state.kept.at + 1, (t->state.kept.n - 1) * sizeof *t->state.kept.at);
        t->state.kept.n--;
    }
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
    bool again = false;
    for (size_t i = 0; i < t->state.kept.n; i++)
        again |= strcmp(t->state.kept.at[i], path) == 0;
    if (!again && !vec_push(t->mem, &t->state.kept, path))
        return fail_memory(err);
    TRY(write_checkpoint(t, path, t->e->checkpoint.save_optimizer, err));
    TRY(point_to(t, path, err));
    t->saved_iter = t->state.iter;
    drop_old(t);
    return CSEG_OK;
}

cseg_status trainer_interrupted(trainer *t, cseg_error *err)
{
    if (t->saved_iter != t->state.iter)
        TRY(trainer_save(t, false, err));
    return fail(err, CSEG_INTERRUPTED, "stopped after iteration %lld; go on with --resume", (long long)t->state.iter);
}

static bool greater_is_better(const char *rule, const char *key)
{
    if (rule)
        return strcmp(rule, "greater") == 0;
    return !strstr(key, "loss");
}

static const metrics_entry *find_figure(const evaluation *v, const char *key)
{
    for (int64_t i = 0; i < v->n; i++)
        if (strcmp(v->entries[i].key, key) == 0)
            return &v->entries[i];
    return NULL;
}

static cseg_status no_figure(const evaluation *v, const char *what, const char *wanted, cseg_error *err)
{
    const char *names[64];
    size_t n = 0;
    for (; n < 64 && (int64_t)n < v->n; n++)
        names[n] = v->entries[n].key;
    const char *near = str_nearest(wanted, names, n);
    return fail(err, CSEG_CONFIG, "%s='%s' is none of the figures that evaluation gives%s%s%s", what, wanted,
                near ? "; did you mean '" : "; the first is '",
                near ? near
                : n  ? names[0]
                     : "",
                "'");
}

cseg_status trainer_check_figures(const trainer *t, cseg_error *err)
{
    const char *best = t->e->checkpoint.save_best, *monitor = t->e->stopping.on ? t->e->stopping.monitor : NULL;
    const dataset_meta *meta = dataset_about(t->val_set);
    const experiment_evaluation *how = &t->e->val_eval;
    metrics_options o = {.names = how->metrics, .n_names = how->n_metrics, .beta = how->beta};
    confusion none;
    evaluation v = {0};
    TRY(confusion_new(t->mem, meta->n_classes, &none, err));
    TRY(metrics_compute(&none, meta->classes, &o, t->mem, &v.m, err));
    v.entries = metrics_entries(&v.m, meta->one_x, t->mem, &v.n);
    if (!v.entries)
        return fail_memory(err);
    if (best && strcmp(best, "auto") != 0 && !find_figure(&v, best))
        return no_figure(&v, "save_best", best, err);
    if (monitor && !find_figure(&v, monitor))
        return no_figure(&v, "monitor", monitor, err);
    return CSEG_OK;
}

/* save_best: the figure's checkpoint when it is the best so far, in place of the one before. */
static cseg_status save_best(trainer *t, const evaluation *v, cseg_error *err)
{
    const char *wanted = t->e->checkpoint.save_best;
    if (!wanted || v->n == 0)
        return CSEG_OK;
    const metrics_entry *m = strcmp(wanted, "auto") == 0 ? &v->entries[0] : find_figure(v, wanted);
    if (!m)
        return no_figure(v, "save_best", wanted, err);
    bool greater = greater_is_better(t->e->checkpoint.rule, m->key);
    if (t->state.has_best && (greater ? m->value <= t->state.best : m->value >= t->state.best))
        return CSEG_OK;
    char *name = t->e->checkpoint.by_epoch
                     ? arena_printf(t->mem, "best_%s_epoch_%lld.pth", m->key, (long long)t->state.epoch)
                     : arena_printf(t->mem, "best_%s_iter_%lld.pth", m->key, (long long)t->state.iter);
    char *path = name ? path_join(t->mem, t->out_dir, name) : NULL;
    if (!path)
        return fail_memory(err);
    const char *before = t->state.best_path;
    t->state.best = m->value;
    t->state.has_best = true;
    t->state.best_path = path;
    TRY(write_checkpoint(t, path, t->e->checkpoint.save_optimizer, err));
    if (before && strcmp(before, path) != 0)
        unlink(before);
    run_log_line(t->log, "The best checkpoint with %.4f %s at %lld %s is saved to %s.", m->value, m->key,
                 (long long)(t->e->checkpoint.by_epoch ? t->state.epoch : t->state.iter),
                 t->e->checkpoint.by_epoch ? "epoch" : "iter", name);
    return CSEG_OK;
}

static bool ends_early(trainer *t, const evaluation *v)
{
    const char *monitor = t->e->stopping.monitor;
    for (int64_t i = 0; t->e->stopping.on && monitor && i < v->n; i++) {
        if (strcmp(v->entries[i].key, monitor) != 0)
            continue;
        double now = v->entries[i].value, best = t->state.watched, margin = t->e->stopping.min_delta;
        bool greater = greater_is_better(t->e->stopping.rule, monitor);
        bool better = !t->state.has_watched || (greater ? now > best + margin : now < best - margin);
        if (better) {
            t->state.watched = now;
            t->state.has_watched = true;
        }
        t->state.bad_rounds = better ? 0 : t->state.bad_rounds + 1;
        return t->state.bad_rounds >= t->e->stopping.patience;
    }
    return false;
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
    cseg_status status = measure(t, mem, &v, err);
    if (t->average)
        ema_swap(t->average);
    if (status == CSEG_INTERRUPTED)
        status = trainer_interrupted(t, err);
    if (status != CSEG_OK)
        goto done;
    log_step s = trainer_log_step(t);
    TRY_DONE(run_log_evaluation(t->log, &s, &v, mem, err));
    TRY_DONE(save_best(t, &v, err));
    for (int64_t i = 0; i < v.n; i++)
        schedule_metric(t->s, v.entries[i].key, v.entries[i].value);
    *stop_early = ends_early(t, &v);
    if (*stop_early)
        run_log_line(t->log, "%s has not improved for %lld evaluations: training ends early", t->e->stopping.monitor,
                     (long long)t->state.bad_rounds);
done:
    arena_free(mem);
    return status;
}

cseg_status trainer_workflow_val(trainer *t, int64_t iterations, cseg_error *err)
{
    losses sum = {.n = 0}, one;
    for (int64_t i = 0; i < iterations; i++) {
        batch b;
        if (trainer_must_stop(t))
            return trainer_interrupted(t, err);
        TRY(loader_next(t->workflow_val, &b, err));
        cseg_status status = trainer_losses(t, &b, false, &one, err);
        loader_give_back(t->workflow_val, &b);
        if (status != CSEG_OK)
            return status;
        for (int k = 0; k < one.n; k++)
            one.values[k] = (i ? sum.values[k] : 0) + one.values[k];
        sum = one;
    }
    for (int k = 0; k < sum.n; k++)
        sum.values[k] /= (double)iterations;
    log_step s = trainer_log_step(t);
    s.names = sum.names;
    s.values = sum.values;
    s.n = sum.n;
    s.batches = t->e->by_epoch ? iterations : 0;
    return run_log_val_losses(t->log, &s, err);
}
