/* Decides when a run saves and evaluates checkpoints, and which are the best. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
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

/* A step may have made NaN that only the next loss would show: such weights must not replace a good checkpoint. */
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

cseg_status trainer_write(trainer *t, const char *path, cseg_error *err)
{
    TRY(check_weights(t, err));
    checkpoint_parts c = trainer_parts(t);
    if (!t->e->checkpoint.save_optimizer)
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
    /* After it is written again, it is the newest one. */
    run_files *f = &t->state.files;
    for (size_t i = 0; i < f->kept.n; i++)
        if (strcmp(f->kept.at[i], name) == 0) {
            memmove(f->kept.at + i, f->kept.at + i + 1, (f->kept.n - i - 1) * sizeof *f->kept.at);
            f->kept.n--;
            break;
        }
    if (!vec_push(t->mem, &f->kept, name))
        return fail_memory(err);
    TRY(trainer_write(t, path, err));
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
