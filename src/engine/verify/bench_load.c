#include "engine/verify/bench_load.h"

#include "base/usage.h"
#include "engine/setup/build.h"

static cseg_status take_batches(loader *l, int64_t n, cseg_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        batch b;
        TRY(loader_next(l, &b, err));
        loader_give_back(l, &b);
    }
    return CSEG_OK;
}

/* The costs between two points in time, for an image. Reading ahead is the same at both. */
static void compare(const loader_costs *a, const loader_costs *b, double seconds, bench_load_report *out)
{
    double n = (double)(b->samples - a->samples);
    out->images_per_s = (double)out->images / seconds;
    out->images_per_core_s = n / (b->seconds - a->seconds);
    out->steps = b->steps;
    for (int i = 0; i < out->steps.n; i++) {
        double before = i < a->steps.n ? a->steps.at[i].seconds : 0;
        out->steps.at[i].seconds = 1e3 * (b->steps.at[i].seconds - before) / n;
    }
}

static cseg_status measure(loader *l, const bench_load_options *o, bench_load_report *out, cseg_error *err)
{
    int64_t batches = (out->images + out->batch - 1) / out->batch;
    out->images = batches * out->batch;
    TRY(take_batches(l, 1, err));
    for (int64_t r = 0; r < (o->repeats ? o->repeats : 3); r++) {
        bench_load_report now = *out;
        loader_costs before, after;
        loader_tell_costs(l, &before);
        double begin = usage_seconds();
        TRY(take_batches(l, batches, err));
        double seconds = usage_seconds() - begin;
        loader_tell_costs(l, &after);
        compare(&before, &after, seconds, &now);
        if (now.images_per_core_s > out->images_per_core_s)
            *out = now;
    }
    return CSEG_OK;
}

cseg_status bench_load(experiment *e, const bench_load_options *o, bench_load_report *out, cseg_error *err)
{
    const experiment_data *d = &e->train;
    dataset *ds;
    preprocessor pre;
    loader *l;
    *out = (bench_load_report){.images = o->images, .batch = d->batch_size, .threads = o->threads ? o->threads : 1};
    if (!d->dataset)
        return fail(err, CSEG_CONFIG, "%s: there is no dataset to train on in this config", e->path);
    dataset_options options = {.rules = e->profile->data};
    TRY(dataset_build(d->dataset, &options, e->mem, &ds, err));
    TRY(build_preprocessor(e, e->mem, &pre, err));
    if (!out->images)
        out->images = dataset_count(ds);
    loader_options lo = {.batch_size = (int)out->batch,
                         .workers = (int)out->threads,
                         .order = ORDER_INFINITE_SEQUENTIAL,
                         .pre = &pre,
                         .training = true};
    TRY(loader_open(ds, &lo, &l, err));
    cseg_status status = measure(l, o, out, err);
    loader_close(l);
    return status;
}
