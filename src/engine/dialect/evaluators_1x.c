/* Evaluators of 1.x: one or several, each with its metrics, its prefix and its ignored label. */
#include <string.h>

#include "base/log.h"
#include "config/fields.h"
#include "config/scope.h"
#include "engine/dialect/dialect.h"

/* IoUMetric takes **kwargs and drops them. */
static const field metric_fields[] = {
    FIELD_ELSEWHERE(ignore_index, "the label that is not counted"),
    FIELD_ELSEWHERE(iou_metrics, "what is measured"),
    FIELD_ELSEWHERE(nan_to_num, "in place of figures that are no numbers"),
    FIELD_ELSEWHERE(beta, "of the F-score"),
    FIELD_ELSEWHERE(output_dir, "gets the maps as PNG"),
    FIELD_ELSEWHERE(format_only, "no figures"),
    FIELD_ELSEWHERE(prefix, "of the figures' names"),
    FIELD_IGNORED(collect_device, "one process measures"),
    FIELD_IGNORED(collect_dir, "one process measures"),
    FIELD_IGNORED(keep_results, "of CityscapesMetric: its own program is not run"),
    FIELD_LOCAL(backend_args, "files are read from the disk"),
};
static const field_table metric_table = {metric_fields, sizeof metric_fields / sizeof *metric_fields, 0, false};
/* Open-CD's SCDMetric has these besides. */
static const field semantic_fields[] = {
    FIELD_ELSEWHERE(semantic_prefix, "of the names of the figures of both dates' maps"),
    FIELD_ELSEWHERE(cal_sek, "Sek and SCD_Score"),
};

/* The dict without those, which metric_table then knows. */
static const value *without_semantic(const value *v, arena *mem)
{
    value *copy = value_copy(mem, v);
    for (size_t i = 0; copy && i < sizeof semantic_fields / sizeof *semantic_fields; i++)
        value_remove(copy, semantic_fields[i].name);
    return copy;
}

static cseg_status read_semantic(const value *v, experiment_evaluation *e, cseg_error *err)
{
    char place[512];
    e->semantic = true;
    e->semantic_prefix = "semantic";
    if (!value_get(v, "prefix"))
        e->prefix = "binary";
    TRY(read_text(v, "semantic_prefix", &e->semantic_prefix, err));
    TRY(read_bool(v, "cal_sek", &e->cal_sek, err));
    const char *a = e->prefix ? e->prefix : "", *b = e->semantic_prefix ? e->semantic_prefix : "";
    if (strcmp(a, b) == 0)
        return fail(err, CSEG_CONFIG, "%sprefix and semantic_prefix are equal, so that figures cannot be told apart",
                    value_place(v, place));
    bool iou = false;
    for (int i = 0; i < e->n_metrics; i++)
        iou = iou || strcmp(e->metrics[i], "mIoU") == 0;
    if (e->cal_sek && !iou)
        return fail(err, CSEG_CONFIG, "%scal_sek needs 'mIoU' among iou_metrics: SCD_Score is made of it",
                    value_place(value_blame(v, "cal_sek"), place));
    return CSEG_OK;
}

static cseg_status refuse(experiment_evaluation *first, const value *v, const char *why, arena *mem, cseg_error *err)
{
    char place[512];
    if (first->refused)
        return CSEG_OK;
    first->refused = arena_printf(mem, "%s%s", value_place(value_blame(v, "type"), place), why);
    return first->refused ? CSEG_OK : fail_memory(err);
}

static cseg_status read_metric(const value *v, arena *mem, experiment_evaluation *e, cseg_error *err)
{
    char place[512];
    const value *ignored = value_get(v, "ignore_index");
    bool semantic = strcmp(value_type_name(v), "SCDMetric") == 0;
    const value *plain = semantic ? without_semantic(v, mem) : v;
    if (!plain)
        return fail_memory(err);
    TRY(fields_check(&metric_table, value_type_name(v), plain, mem, err));
    TRY(read_texts(v, "iou_metrics", mem, &e->metrics, &e->n_metrics, err));
    TRY(check_metrics(v, e, err));
    TRY(dialect_read_number(v, "beta", &e->beta, err));
    e->has_nan_to_num = !value_is_none(value_get(v, "nan_to_num"));
    TRY(dialect_read_number(v, "nan_to_num", &e->nan_to_num, err));
    TRY(read_text(v, "prefix", &e->prefix, err));
    if (e->prefix && !*e->prefix)
        e->prefix = NULL;
    e->has_ignore_index = true;
    e->ignore_index = 255;
    TRY(read_int(v, "ignore_index", &e->ignore_index, err));
    if (ignored && value_is_none(ignored))
        return fail(err, CSEG_CONFIG, "%signore_index=None: the label that is not counted is a number",
                    value_place(ignored, place));
    TRY(read_bool(v, "format_only", &e->format_only, err));
    TRY(read_text(v, "output_dir", &e->output_dir, err));
    return semantic ? read_semantic(v, e, err) : CSEG_OK;
}

/* Reads one of several; `first` is the first of the list. */
static cseg_status read_one(const value *v, bool alone, arena *mem, experiment_evaluation *first,
                            experiment_evaluation *e, bool *skipped, cseg_error *err)
{
    char place[512];
    const char *type = value_type_name(v);
    *skipped = false;
    if (!type)
        return fail(err, CSEG_CONFIG, "%san evaluator is a dict with a type, but here is %s", value_place(v, place),
                    v->kind == V_DICT ? "a dict without" : value_kind_name(v));
    if (strcmp(type, "CityscapesMetric") == 0) {
        log_say(LOG_WARNING, "%sCityscapesMetric's own program is not used here: mIoU is measured as IoUMetric does",
                value_place(value_blame(v, "type"), place));
        *skipped = !alone;
    } else if ((strcmp(type, "IoUMetric") != 0 && strcmp(type, "SCDMetric") != 0) ||
               scope_of(v) & (SCOPE_FOREIGN | SCOPE_TORCH)) {
        char full[160];
        char *why =
            arena_printf(mem, "there is no metric '%s' here; known are mmseg's IoUMetric and Open-CD's SCDMetric%s",
                         scope_full_name(v, full),
                         strcmp(type, "DumpResults") == 0 ? "; cseg test --out FILE.pkl dumps the maps" : "");
        *skipped = true;
        return why ? refuse(first, v, why, mem, err) : fail_memory(err);
    }
    return *skipped ? CSEG_OK : read_metric(v, mem, e, err);
}

/* Figures of the same name cannot be distinguished; mmengine fails at the end of the first validation. */
static cseg_status check_names(const value *list, const experiment_evaluation *first, cseg_error *err)
{
    char place[512];
    for (const experiment_evaluation *a = first; a; a = a->next)
        for (const experiment_evaluation *b = a->next; b; b = b->next) {
            const char *x = a->prefix ? a->prefix : "", *y = b->prefix ? b->prefix : "";
            if (!a->format_only && !b->format_only && strcmp(x, y) == 0)
                return fail(err, CSEG_CONFIG,
                            "%stwo evaluators give figures of the same names (%s%saAcc); a prefix='...' of its own "
                            "for each tells them apart",
                            value_place(list, place), x, *x ? "/" : "");
        }
    return CSEG_OK;
}

/* Maps are written only once, to one folder. */
static cseg_status gather_output(const value *v, experiment_evaluation *first, experiment_evaluation *e, arena *mem,
                                 cseg_error *err)
{
    const char *dir = e->output_dir;
    if (e == first || !dir)
        return CSEG_OK;
    if (first->output_dir && strcmp(first->output_dir, dir) != 0)
        return refuse(first, v, "two evaluators with an output_dir each: maps are written to one folder here", mem,
                      err);
    first->output_dir = dir;
    return CSEG_OK;
}

cseg_status read_evaluators(const value *v, arena *mem, experiment_evaluation *out, cseg_error *err)
{
    static const char *const usual[] = {"mIoU"};
    const experiment_evaluation plain = {.metrics = (const char **)(uintptr_t)usual, .n_metrics = 1, .beta = 1};
    *out = plain;
    if (value_is_none(v))
        return CSEG_OK;
    /* mmengine turns a list into Evaluator(metrics=[...]). */
    if (value_type_name(v) && strcmp(value_type_name(v), "Evaluator") == 0)
        v = value_get(v, "metrics");
    size_t n = value_is_list(v) ? value_count(v) : value_is_none(v) ? 0 : 1;
    char place[512];
    if (n == 0)
        return fail(err, CSEG_CONFIG, "%sthere is no evaluator in this list; there are IoUMetric and others",
                    value_place(v, place));
    experiment_evaluation *last = NULL;
    for (size_t i = 0; i < n; i++) {
        const value *one = value_is_list(v) ? value_item(v, i) : v;
        experiment_evaluation *e = last ? ARENA_NEW(mem, experiment_evaluation) : out;
        bool skipped;
        const char *refused = out->refused;
        if (!e)
            return fail_memory(err);
        *e = plain;
        if (e == out)
            e->refused = refused;
        TRY(read_one(one, n == 1, mem, out, e, &skipped, err));
        if (skipped)
            continue;
        TRY(gather_output(one, out, e, mem, err));
        if (last)
            last->next = e;
        last = e;
    }
    return check_names(v, out, err);
}
