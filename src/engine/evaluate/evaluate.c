#include "engine/evaluate/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/usage.h"
#include "engine/infer/input_watch.h"

/* Replaces the pipeline in a dataset's dict by the one for test-time augmentation. */
static const value *with_pipeline(const value *ds, const value *steps, arena *mem)
{
    value *copy = value_copy(mem, ds);
    return copy && value_set(mem, copy, "pipeline", value_copy(mem, steps)) ? copy : NULL;
}

cseg_status evaluate_open(const experiment *e, const experiment_data *d, const preprocessor *pre, bool tta, bool truth,
                          arena *mem, dataset **ds, loader **l, cseg_error *err)
{
    if (!d->dataset)
        return experiment_no_data(e, d == &e->val ? "val" : "test", err);
    const value *cfg = d->dataset;
    if (tta && e->tta_pipeline) {
        cfg = with_pipeline(cfg, e->tta_pipeline, mem);
        if (!cfg)
            return fail_memory(err);
    } else if (tta && e->profile->tta_is_a_pipeline) {
        return fail(err, CSEG_CONFIG, "%s: test-time augmentation needs a tta_pipeline in the config", e->path);
    }
    value *inherited = value_new(mem, V_DICT, (where){0});
    if (!inherited || !value_set(mem, inherited, "test_mode", value_bool(mem, true, (where){0})))
        return fail_memory(err);
    dataset_options options = {.rules = e->profile->data, .inherited = inherited, .work_dir = e->work_dir};
    TRY(dataset_build(cfg, &options, mem, ds, err));
    if (truth)
        TRY(dataset_check_measured(*ds, err));
    loader_options lo = {
        .batch_size = 1, .workers = (int)d->workers, .order = ORDER_SEQUENTIAL, .pre = pre, .truth = truth};
    return loader_open(*ds, &lo, l, err);
}

/* What an evaluator counts for a part of the dataset. */
typedef struct counting {
    const experiment_evaluation *how;
    dataset_part of;
    int part;
    bool of_dates; /* the maps of each date (SCDMetric); else the measured head's */
    confusion c;
} counting;
typedef struct countings {
    VEC(counting) all; /* part by part */
    bool of_dates;     /* some count those */
    bool covers;       /* labels of dates are raised as model.covers_unchanged says */
    bool told_nonsense;
} countings;

static bool is_of_dates(const model_head *head)
{
    return strcmp(head->gt_key, "gt_semantic_seg_from") == 0 || strcmp(head->gt_key, "gt_semantic_seg_to") == 0;
}

/* Whose name the classes of the dates' maps is behind an SCDMetric's counting. */
static cseg_status open_dates(counting one, const model *m, arena *mem, countings *out, cseg_error *err)
{
    const dataset_meta *about = one.of.about;
    int found = 0;
    for (size_t i = 0; i < m->heads.n; i++)
        found += is_of_dates(&m->heads.at[i]);
    if (found != 2)
        return fail(err, CSEG_CONFIG,
                    "SCDMetric measures the maps of each date too, but the model gives none: there is "
                    "SiamEncoderMultiDecoder; IoUMetric measures the change map alone");
    if (about->n_semantic < 1)
        return fail(err, CSEG_CONFIG,
                    "SCDMetric: %s names no semantic_classes; metainfo=dict(semantic_classes=[...]) does", about->kind);
    one.of_dates = out->of_dates = true;
    TRY(confusion_new(mem, about->n_semantic, &one.c, err));
    return vec_push(mem, &out->all, one) ? CSEG_OK : fail_memory(err);
}

/* If nobody names classes, the head's are counted, by their numbers. */
static cseg_status open_countings(const model *m, const model_head *head, const dataset *ds,
                                  const experiment_evaluation *first, arena *mem, countings *out, cseg_error *err)
{
    out->covers = m->covers_unchanged;
    for (int part = 0; part < dataset_parts(ds); part++)
        for (const experiment_evaluation *how = first; how; how = how->next) {
            if (how->format_only)
                continue;
            counting one = {.how = how, .of = dataset_part_at(ds, part), .part = part};
            int64_t classes = one.of.about->n_classes;
            TRY(confusion_new(mem, classes > 0 ? classes : head->num_classes, &one.c, err));
            if (!vec_push(mem, &out->all, one))
                return fail_memory(err);
            if (how->semantic)
                TRY(open_dates(one, m, mem, out, err));
        }
    return CSEG_OK;
}

static void add_pixels(confusion *c, const image *predicted, int64_t from, const int32_t *label, int64_t n,
                       int64_t ignore)
{
    if (predicted->type == IMAGE_U8)
        confusion_add_u8(c, (const uint8_t *)predicted->data + from, label, n, ignore);
    else
        confusion_add(c, (const int32_t *)predicted->data + from, label, n, ignore);
}

/* The reference's postprocess_semantic_label: 255 becomes 0, the others one more. */
static void add_raised(confusion *c, const image *predicted, const int32_t *label, int64_t n, int64_t ignore)
{
    int32_t raised[4096];
    for (int64_t from = 0; from < n;) {
        int64_t some = n - from < 4096 ? n - from : 4096;
        for (int64_t i = 0; i < some; i++)
            raised[i] = label[from + i] == 255 ? 0 : label[from + i] + 1;
        add_pixels(c, predicted, from, raised, some, ignore);
        from += some;
    }
}

/* of_dates: the prediction is one of a date. */
static void count(countings *counts, const dataset_item *item, bool of_dates, const prediction *out,
                  const batch_map *truth, int64_t at)
{
    const int32_t *label = truth->label + at * truth->h * truth->w;
    int64_t n = truth->h * truth->w;
    for (size_t i = 0; i < counts->all.n; i++) {
        counting *one = &counts->all.at[i];
        int64_t ignore = one->how->has_ignore_index ? one->how->ignore_index : item->meta->ignore_index;
        if (one->part != item->part || one->of_dates != of_dates)
            continue;
        if (of_dates && counts->covers)
            add_raised(&one->c, &out->labels, label, n, ignore);
        else
            add_pixels(&one->c, &out->labels, 0, label, n, ignore);
    }
}

/* Appends to the entries that there are. */
static cseg_status add_entries(const evaluation_part *part, metrics_style style, arena *mem, evaluation *out,
                               cseg_error *err)
{
    int64_t n;
    const metrics_entry *more = metrics_entries(&part->m, style, mem, &n);
    metrics_entry *all = ARENA_ARRAY(mem, (size_t)(out->n + (more ? n : 0)) + 1, metrics_entry);
    if (!more || !all)
        return fail_memory(err);
    if (out->n)
        memcpy(all, out->entries, (size_t)out->n * sizeof *all);
    for (int64_t i = 0; i < n; i++) {
        metrics_entry *e = &all[out->n + i];
        *e = more[i];
        if (*part->prefix && !(e->key = arena_printf(mem, "%s%s", part->prefix, more[i].key)))
            return fail_memory(err);
    }
    out->entries = all;
    out->n += n;
    return CSEG_OK;
}

static const char *prefix_of(const counting *c, arena *mem)
{
    const char *own = c->of_dates ? c->how->semantic_prefix : c->how->prefix;
    if (c->of.folder)
        return arena_printf(mem, "%d_", c->part);
    return own && *own ? arena_printf(mem, "%s/", own) : "";
}

static double rounded(double x)
{
    return rint(x * 100) / 100;
}

/* Sek and SCD_Score of the dates' maps `c`; `change` is the change map's part, which stands before theirs. */
static cseg_status add_scores(const counting *c, const evaluation_part *change, const evaluation_part *dates,
                              arena *mem, evaluation *out, cseg_error *err)
{
    double sek = metrics_sek(&c->c), iou = 0;
    metrics_entry *all = ARENA_ARRAY(mem, (size_t)out->n + 2, metrics_entry);
    if (!all)
        return fail_memory(err);
    for (int i = 0; i < change->m.n_columns; i++)
        if (strcmp(change->m.columns[i], "IoU") == 0)
            iou = (double)change->m.means[i];
    memcpy(all, out->entries, (size_t)out->n * sizeof *all);
    all[out->n] = (metrics_entry){arena_printf(mem, "%sSek", dates->prefix), rounded(sek)};
    all[out->n + 1] = (metrics_entry){arena_printf(mem, "%sSCD_Score", dates->prefix), rounded(0.3 * iou + 0.7 * sek)};
    if (!all[out->n].key || !all[out->n + 1].key)
        return fail_memory(err);
    out->entries = all;
    out->n += 2;
    return CSEG_OK;
}

static cseg_status compute(const countings *counts, arena *mem, evaluation *out, cseg_error *err)
{
    out->parts = ARENA_ARRAY(mem, counts->all.n + 1, evaluation_part);
    if (!out->parts)
        return fail_memory(err);
    for (size_t i = 0; i < counts->all.n; i++) {
        const counting *c = &counts->all.at[i];
        evaluation_part *part = &out->parts[out->n_parts++];
        *part = (evaluation_part){.prefix = prefix_of(c, mem), .of = c->of};
        if (!part->prefix)
            return fail_memory(err);
        metrics_options mo = {.names = c->how->metrics,
                              .n_names = c->how->n_metrics,
                              .beta = c->how->beta,
                              .replace_nan = c->how->has_nan_to_num,
                              .nan_value = c->how->nan_to_num};
        const dataset_meta *about = c->of.about;
        const char *const *names = c->of_dates ? about->semantic_classes : about->n_classes > 0 ? about->classes : NULL;
        TRY(metrics_compute(&c->c, names, &mo, mem, &part->m, err));
        TRY(add_entries(part, c->how->style, mem, out, err));
        if (c->of_dates && c->how->cal_sek)
            TRY(add_scores(c, part - 1, part, mem, out, err));
    }
    return CSEG_OK;
}

cseg_status evaluate_names(const model *m, const model_head *head, const dataset *ds, const experiment_evaluation *how,
                           arena *mem, evaluation *out, cseg_error *err)
{
    countings none = {0};
    *out = (evaluation){0};
    TRY(open_countings(m, head, ds, how, mem, &none, err));
    return compute(&none, mem, out, err);
}

void evaluate_check_classes(const model_head *head, const dataset *ds)
{
    for (int i = 0; i < dataset_parts(ds); i++) {
        const dataset_meta *meta = dataset_part_at(ds, i).about;
        /* One channel with a threshold distinguishes two classes, whatever num_classes says. */
        bool binary = head->out_channels == 1 && meta->n_classes == 2;
        if (meta->n_classes > 0 && head->num_classes != meta->n_classes && !binary)
            log_warn_once("%s has %lld classes, its %s %lld: figures are those of the dataset's classes, as in the "
                          "reference, and pixels of other classes are wrong in them",
                          head->name, (long long)head->num_classes, meta->kind, (long long)meta->n_classes);
    }
}

static cseg_status find_truth(const batch *b, const model_head *head, const batch_map **truth, cseg_error *err)
{
    *truth = batch_find(b, head->gt_key);
    if (!*truth)
        return fail(err, CSEG_DATA, "%s: there is no label map %s to measure against", b->metas[0].path, head->gt_key);
    return CSEG_OK;
}

static cseg_status count_image(countings *c, const dataset_item *item, const model_head *head, bool of_dates,
                               const prediction *out, const batch *b, int64_t i, cseg_error *err)
{
    const batch_map *truth;
    TRY(find_truth(b, head, &truth, err));
    if (truth->h != out->labels.h || truth->w != out->labels.w)
        return fail(err, CSEG_SHAPE, "%s: the image is %lld x %lld, its labels are %lld x %lld", b->metas[i].path,
                    (long long)out->labels.h, (long long)out->labels.w, (long long)truth->h, (long long)truth->w);
    count(c, item, of_dates, out, truth, i);
    return CSEG_OK;
}

/* SCDMetric: the maps of each date. */
static cseg_status count_dates(predictor *p, const model *m, const dataset_item *item, countings *c, const batch *b,
                               int64_t i, cseg_error *err)
{
    prediction out = {0};
    cseg_status status = CSEG_OK;
    if (b->n_views > 1)
        return fail(err, CSEG_UNSUPPORTED,
                    "SCDMetric: test-time augmentation is of the change map alone, as in the "
                    "reference; leave it out, or measure by IoUMetric");
    for (size_t k = 0; k < m->heads.n; k++) {
        bool ready;
        if (!is_of_dates(&m->heads.at[k]))
            continue;
        TRY_DONE(predictor_feed(p, b, i, (int)k, false, &out, &ready, err));
        if (ready)
            TRY_DONE(count_image(c, item, &m->heads.at[k], true, &out, b, i, err));
    }
done:
    prediction_release(&out);
    return status;
}

static cseg_status one_batch(predictor *p, const model *m, const dataset *ds, const evaluate_options *o, countings *c,
                             const batch *b, prediction *out, int64_t *done, int64_t all, cseg_error *err)
{
    const model_head *head = model_head_at(m, o->head);
    const batch_map *truth;
    if (!o->no_truth)
        TRY(find_truth(b, head, &truth, err));
    for (int64_t i = 0; i < b->n; i++) {
        bool ready;
        int64_t size = b->h * b->w * b->c;
        input_watch_nonsense(b->metas[i].path, b->img + i * size, size, &c->told_nonsense);
        TRY(predictor_feed(p, b, i, o->head, false, out, &ready, err));
        if (!ready)
            continue;
        dataset_item item = dataset_item_at(ds, b->metas[i].index);
        if (!o->no_truth)
            TRY(count_image(c, &item, head, false, out, b, i, err));
        if (c->of_dates)
            TRY(count_dates(p, m, &item, c, b, i, err));
        ++*done;
        if (o->each)
            TRY(o->each(o->arg, b, i, out, *done, all, err));
    }
    return CSEG_OK;
}

bool evaluators_measure(const experiment_evaluation *e)
{
    for (; e; e = e->next)
        if (!e->format_only)
            return true;
    return false;
}

cseg_status evaluate(predictor *p, const model *m, const dataset *ds, loader *l, const evaluate_options *o, arena *mem,
                     evaluation *out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    prediction pred;
    if (o->how->refused && !o->no_truth)
        return fail(err, CSEG_UNSUPPORTED, "%s", o->how->refused);
    memset(&pred, 0, sizeof pred);
    memset(out, 0, sizeof *out);
    countings c = {0};
    if (!o->no_truth)
        TRY(open_countings(m, model_head_at(m, o->head), ds, o->how, mem, &c, err));
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
        status = one_batch(p, m, ds, o, &c, &b, &pred, &done, all, err);
        loader_give_back(l, &b);
        if (status != CSEG_OK)
            goto done;
    }
    out->images = all;
    out->seconds = all ? (usage_seconds() - begin) / (double)all : 0;
    out->data_seconds = all ? waited / (double)all : 0;
    if (!o->no_truth)
        status = compute(&c, mem, out, err);
done:
    prediction_release(&pred);
    return status;
}
