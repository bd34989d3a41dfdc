#include "engine/evaluate.h"

#include <string.h>

#include "base/error.h"
#include "base/usage.h"

/* The pipeline of a dataset's dict replaced by the one for test-time augmentation. */
static const value *with_pipeline(const value *ds, const value *steps, arena *mem)
{
    value *copy = value_copy(mem, ds);
    return copy && value_set(mem, copy, "pipeline", value_copy(mem, steps)) ? copy : NULL;
}

cseg_status evaluate_open(const experiment *e, const experiment_data *d, const preprocessor *pre, bool one_x_tta,
                          bool truth, arena *mem, dataset **ds, loader **l, cseg_error *err)
{
    if (!d->dataset)
        return experiment_no_data(e, d == &e->val ? "val" : "test", err);
    const value *cfg = d->dataset;
    if (one_x_tta && e->tta_pipeline) {
        cfg = with_pipeline(cfg, e->tta_pipeline, mem);
        if (!cfg)
            return fail_memory(err);
    } else if (one_x_tta && e->dialect == DIALECT_1X) {
        return fail(err, CSEG_CONFIG, "%s: test-time augmentation needs a tta_pipeline in the config", e->path);
    }
    value *inherited = value_new(mem, V_DICT, (where){0});
    if (!inherited || !value_set(mem, inherited, "test_mode", value_bool(mem, true, (where){0})))
        return fail_memory(err);
    dataset_options options = {.dialect = e->dialect == DIALECT_0X ? DATASET_0X : DATASET_1X, .inherited = inherited};
    TRY(dataset_build(cfg, &options, mem, ds, err));
    loader_options lo = {
        .batch_size = 1, .workers = (int)d->workers, .order = ORDER_SEQUENTIAL, .pre = pre, .truth = truth};
    return loader_open(*ds, &lo, l, err);
}

static void count(confusion *c, const prediction *out, const batch_map *truth, int64_t at, int64_t ignore)
{
    const int32_t *label = truth->label + at * truth->h * truth->w;
    int64_t n = truth->h * truth->w;
    if (out->labels.type == IMAGE_U8)
        confusion_add_u8(c, out->labels.data, label, n, ignore);
    else
        confusion_add(c, out->labels.data, label, n, ignore);
}

static cseg_status one_batch(predictor *p, const model *m, const evaluate_options *o, confusion *c, int64_t ignore,
                             const batch *b, prediction *out, int64_t *done, int64_t all, cseg_error *err)
{
    const model_head *head = &m->heads.at[o->head < 0 ? m->answer_head : o->head];
    const batch_map *truth = o->no_truth ? NULL : batch_find(b, head->gt_key);
    if (!o->no_truth && !truth)
        return fail(err, CSEG_DATA, "%s: there is no label map %s to measure against", b->metas[0].path, head->gt_key);
    for (int64_t i = 0; i < b->n; i++) {
        bool ready;
        TRY(predictor_feed(p, b, i, o->head, false, out, &ready, err));
        if (!ready)
            continue;
        if (truth && (truth->h != out->labels.h || truth->w != out->labels.w))
            return fail(err, CSEG_SHAPE, "%s: the image is %lld x %lld, its labels are %lld x %lld", b->metas[i].path,
                        (long long)out->labels.h, (long long)out->labels.w, (long long)truth->h, (long long)truth->w);
        if (truth)
            count(c, out, truth, i, ignore);
        ++*done;
        if (o->each)
            TRY(o->each(o->arg, b, i, out, *done, all, err));
    }
    return CSEG_OK;
}

cseg_status evaluate(predictor *p, const model *m, const dataset *ds, loader *l, const evaluate_options *o, arena *mem,
                     evaluation *out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const dataset_meta *meta = dataset_about(ds);
    prediction pred;
    if (o->how->refused && !o->no_truth)
        return fail(err, CSEG_UNSUPPORTED, "%s", o->how->refused);
    memset(&pred, 0, sizeof pred);
    memset(out, 0, sizeof *out);
    confusion c;
    const model_head *head = &m->heads.at[o->head < 0 ? m->answer_head : o->head];
    int64_t classes = head->num_classes > meta->n_classes ? head->num_classes : meta->n_classes;
    TRY(confusion_new(mem, classes, &c, err));
    int64_t done = 0, all = dataset_count(ds);
    double begin = usage_seconds(), waited = 0;
    while (done < all) {
        batch b;
        if (o->stop && o->stop(o->stop_arg)) {
            status = fail(err, CSEG_INTERRUPTED, "stopped after %lld of %lld images", (long long)done, (long long)all);
            goto done;
        }
        double asked = usage_seconds();
        TRY_DONE(loader_next(l, &b, err));
        waited += usage_seconds() - asked;
        status = one_batch(p, m, o, &c, meta->ignore_index, &b, &pred, &done, all, err);
        loader_give_back(l, &b);
        if (status != CSEG_OK)
            goto done;
    }
    out->images = all;
    out->seconds = all ? (usage_seconds() - begin) / (double)all : 0;
    out->data_seconds = all ? waited / (double)all : 0;
    if (!o->no_truth) {
        metrics_options mo = {.names = o->how->metrics,
                              .n_names = o->how->n_metrics,
                              .beta = o->how->beta,
                              .replace_nan = o->how->has_nan_to_num,
                              .nan_value = o->how->nan_to_num};
        bool named = meta->n_classes == classes;
        TRY_DONE(metrics_compute(&c, named ? meta->classes : NULL, &mo, mem, &out->m, err));
        out->entries = metrics_entries(&out->m, meta->one_x, mem, &out->n);
        if (!out->entries)
            status = fail_memory(err);
    }
done:
    prediction_release(&pred);
    return status;
}
