#include "engine/train/checkpoint/checkpoint_counters.h"

#include <float.h>
#include <math.h>

#include "base/log.h"
#include "engine/train/checkpoint/saved.h"

cseg_status counters_seed(pth *file, uint64_t *seed, cseg_error *err)
{
    int64_t v = (int64_t)*seed;
    TRY(saved_count(file, pickle_get(pth_root(file), "meta"), "seed", INT64_MIN, INT64_MAX, &v, err));
    *seed = (uint64_t)v;
    return CSEG_OK;
}

/* Without these a run would start anew with other weights, and call that resuming. */
static cseg_status read_progress(pth *file, const schedule_time *t, run_state *s, cseg_error *err)
{
    const pickle_node *meta = pickle_get(pth_root(file), "meta");
    int64_t iter = -1, epoch = t->by_epoch ? -1 : 0;
    TRY(saved_count(file, meta, "iter", 0, SAVED_LARGEST, &iter, err));
    TRY(saved_count(file, meta, "epoch", 0, SAVED_LARGEST, &epoch, err));
    if (iter < 0 || epoch < 0)
        return fail(err, CSEG_CORRUPT,
                    "%s: is no checkpoint of a run to go on with: it does not say after which %s it was saved (its "
                    "meta has no '%s'). To begin with its weights use load_from",
                    pth_path(file), iter < 0 ? "iteration" : "epoch", iter < 0 ? "iter" : "epoch");
    s->iter = iter;
    s->epoch = epoch;
    return CSEG_OK;
}

static cseg_status check_epochs(pth *file, const schedule_time *t, const run_state *s, cseg_error *err)
{
    if (s->inner_iter > t->epoch_length)
        return fail(err, CSEG_SHAPE,
                    "%s: was saved after iteration %lld of an epoch, this run's epochs have %lld: go on with the data "
                    "and the batch size that the run began with, or from a checkpoint of an epoch's end",
                    pth_path(file), (long long)s->inner_iter, (long long)t->epoch_length);
    int64_t behind = s->iter - s->inner_iter;
    if (s->epoch > 0 && behind != s->epoch * t->epoch_length)
        log_say(LOG_WARNING,
                "%s: %lld epochs had %lld iterations, this run's have %lld each: its data or batch size are other ones",
                pth_path(file), (long long)s->epoch, (long long)behind, (long long)t->epoch_length);
    return CSEG_OK;
}

static cseg_status check_run(pth *file, const schedule_time *t, const run_state *s, cseg_error *err)
{
    int64_t done = t->by_epoch ? s->epoch : s->iter, all = t->by_epoch ? t->max_epochs : t->max_iters;
    if (done > all)
        log_say(LOG_WARNING, "%s: has %lld %s behind it, this config asks for %lld: nothing is left to train",
                pth_path(file), (long long)done, t->by_epoch ? "epochs" : "iterations", (long long)all);
    return t->by_epoch ? check_epochs(file, t, s, err) : CSEG_OK;
}

static cseg_status read_stopping(pth *file, run_state *s, cseg_error *err)
{
    const pickle_node *own = pickle_get(pth_root(file), "cseg"), *n = pickle_get(own, "watched");
    double v = NAN;
    TRY(saved_count(file, own, "bad_rounds", 0, SAVED_LARGEST, &s->bad_rounds, err));
    if (n && !pickle_number(n, &v))
        TRY(saved_real(file, n, "watched", -DBL_MAX, DBL_MAX, &v, err));
    s->has_watched = isfinite(v);
    if (s->has_watched)
        s->watched = v;
    return CSEG_OK;
}

cseg_status counters_read(pth *file, const schedule_time *t, run_state *s, cseg_error *err)
{
    TRY(read_progress(file, t, s, err));
    TRY(saved_count(file, pickle_get(pth_root(file), "cseg"), "inner_iter", 0, s->iter, &s->inner_iter, err));
    TRY(counters_seed(file, &s->seed, err));
    TRY(read_stopping(file, s, err));
    return check_run(file, t, s, err);
}

cseg_status counters_check_steps(pth *file, const optimizer *o, const run_state *s, cseg_error *err)
{
    double most = (double)(float)s->iter; /* they are stored as float32 */
    for (int64_t e = 0; o->steps && e < o->n_entries; e++)
        if (o->started[e] && (double)o->steps[e] > most)
            return fail(
                err, CSEG_CORRUPT,
                "%s: the optimizer has made %lld steps for %s, after %lld iterations. The file is damaged or was "
                "changed",
                pth_path(file), (long long)o->steps[e], o->entries[e].p->name, (long long)s->iter);
    return CSEG_OK;
}
