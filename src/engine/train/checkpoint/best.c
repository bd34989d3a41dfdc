/* save_best: which figures are watched, and the checkpoints where they are the best so far. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/evaluate/figures.h"
#include "engine/train/trainer.h"

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

cseg_status trainer_check_best(trainer *t, const evaluation *v, cseg_error *err)
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

/* Notes all figures that are the best so far before the first of their checkpoints is written, so that each of these
 * has all of them. `before` has the names of the checkpoints that they replace. */
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

/* save_best: for each figure that is the best so far, writes a checkpoint in place of the previous one. */
cseg_status trainer_save_best(trainer *t, const evaluation *v, arena *mem, cseg_error *err)
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
        TRY(trainer_write(t, path, err));
        if (before[i] && strcmp(before[i], one->file) != 0)
            trainer_drop(t, before[i]);
        run_log_line(t->log, "The best checkpoint with %.4f %s at %lld %s is saved to %s.", one->score, one->figure,
                     (long long)(by_epoch ? t->state.epoch : t->state.iter), by_epoch ? "epoch" : "iter", one->file);
    }
    return CSEG_OK;
}
