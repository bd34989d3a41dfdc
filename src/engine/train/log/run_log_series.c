/* Collects the figures of a run between two lines of its log. Follows mmengine's HistoryBuffer and LogProcessor (1.x)
 * and mmcv's LogBuffer (0.x). */
#include <math.h>
#include <string.h>

#include "base/pairwise_sum.h"
#include "engine/train/log/run_log_internal.h"

enum { WINDOW = 10, DIGITS = 4, HISTORY = 1000000 }; /* defaults of LogProcessor; length of a HistoryBuffer */

/* ---- what the config says --------------------------------------------------------------------------------------- */

/* Python's regular expressions and POSIX's extended ones agree except for this. */
static bool is_posix_too(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (p[0] == '\\' && p[1]) {
            if ((p[1] >= '0' && p[1] <= '9') || (((p[1] | 32) >= 'a' && (p[1] | 32) <= 'z') && !strchr("wWsSbB", p[1])))
                return false;
            p++;
        } else if (strchr("(*+?}", p[0]) && p[1] == '?') {
            return false;
        }
    }
    return true;
}

static void free_pattern(void *p)
{
    regfree(p);
}

static cseg_status read_pattern(run_log *l, const value *said, cseg_error *err)
{
    char place[512];
    const char *pattern = value_is_none(said) ? "loss|time|grad_norm" : value_text(said);
    if (!pattern)
        return fail(err, CSEG_CONFIG, "%slog_processor.mean_pattern is %s, not a str", value_place(said, place),
                    value_kind_name(said));
    if (!is_posix_too(pattern) || regcomp(&l->rules.averaged, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return fail(err, CSEG_UNSUPPORTED,
                    "%slog_processor.mean_pattern=%s is not understood here; use names, '.', '*', '+', '|' and groups",
                    value_place(said, place), pattern);
    return arena_defer(l->mem, free_pattern, &l->rules.averaged) ? CSEG_OK : fail_memory(err);
}

static cseg_status read_window(const value *rule, bool by_epoch, int64_t *out, cseg_error *err)
{
    char place[512];
    const value *said = value_get(rule, "window_size");
    const char *word = value_text(said);
    *out = LOG_WINDOW_ALL;
    if (value_is_none(said))
        return CSEG_OK;
    if (word && strcmp(word, "global") == 0) {
        *out = LOG_WINDOW_GLOBAL;
    } else if (word && strcmp(word, "epoch") == 0) {
        if (!by_epoch)
            return fail(err, CSEG_CONFIG, "%swindow_size='epoch' needs log_processor.by_epoch=True",
                        value_place(said, place));
        *out = LOG_WINDOW_EPOCH;
    } else if (word || !value_integer(said, out) || *out < 1) {
        return fail(err, CSEG_CONFIG, "%swindow_size is neither a positive int nor 'epoch' nor 'global'",
                    value_place(said, place));
    }
    return CSEG_OK;
}

static cseg_status read_rule(run_log *l, const value *rule, cseg_error *err)
{
    static const char *const methods[] = {"mean", "max", "min", "current"};
    char place[512];
    const char *method = value_text(value_get(rule, "method_name"));
    log_rule r = {.source = value_text(value_get(rule, "data_src")), .name = value_text(value_get(rule, "log_name"))};
    if (!r.source)
        return fail(err, CSEG_CONFIG, "%san entry of log_processor.custom_cfg has no data_src",
                    value_place(rule, place));
    if (!r.name)
        r.name = r.source;
    int known = 0;
    while (known < 4 && !(method && strcmp(method, methods[known]) == 0))
        known++;
    if (known == 4)
        return fail(err, CSEG_CONFIG, "%smethod_name of log_processor.custom_cfg is none of mean, max, min, current",
                    value_place(rule, place));
    r.method = (log_method)known;
    for (size_t i = 0; i < l->rules.custom.n; i++)
        if (strcmp(l->rules.custom.at[i].name, r.name) == 0)
            return fail(err, CSEG_CONFIG, "%slog_processor.custom_cfg gives %s twice", value_place(rule, place),
                        r.name);
    TRY(read_window(rule, l->e->log.by_epoch, &r.window, err));
    return vec_push(l->mem, &l->rules.custom, r) ? CSEG_OK : fail_memory(err);
}

cseg_status log_rules_read(run_log *l, cseg_error *err)
{
    log_rules *r = &l->rules;
    char place[512];
    const value *cfg = l->e->log.processor, *custom = value_get(cfg, "custom_cfg");
    int64_t window = WINDOW, digits = DIGITS;
    const value *window_said = value_get(cfg, "window_size"), *digits_said = value_get(cfg, "num_digits");
    if (window_said && (!value_integer(window_said, &window) || window < 1))
        return fail(err, CSEG_CONFIG, "%slog_processor.window_size is not a positive int",
                    value_place(window_said, place));
    if (digits_said && (!value_integer(digits_said, &digits) || digits < 0 || digits > 30))
        return fail(err, CSEG_CONFIG, "%slog_processor.num_digits is not an int of 0 to 30",
                    value_place(digits_said, place));
    *r = (log_rules){.window = window, .digits = (int)digits};
    r->hierarchy = value_true(value_get(cfg, "log_with_hierarchy"));
    TRY(read_pattern(l, value_get(cfg, "mean_pattern"), err));
    for (size_t i = 0; i < value_count(custom); i++)
        TRY(read_rule(l, value_item(custom, i), err));
    return CSEG_OK;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static size_t length_to_keep(const log_rules *r, const char *name)
{
    int64_t most = r->window;
    for (size_t i = 0; i < r->custom.n; i++) {
        const log_rule *c = &r->custom.at[i];
        if (strcmp(c->source, name) != 0 || c->method == LOG_CURRENT)
            continue;
        if (c->window <= 0)
            most = HISTORY;
        else if (c->window > most)
            most = c->window;
    }
    return (size_t)(most < 1 ? 1 : most > HISTORY ? HISTORY : most);
}

static log_series *find_series(const run_log *l, const char *name)
{
    for (size_t i = 0; i < l->kept.n; i++)
        if (strcmp(l->kept.at[i].name, name) == 0)
            return &l->kept.at[i];
    return NULL;
}

cseg_status log_note(run_log *l, const char *name, double v, cseg_error *err)
{
    log_series *s = find_series(l, name);
    if (!s) {
        log_series fresh = {.name = arena_strdup(l->mem, name), .keep = length_to_keep(&l->rules, name)};
        if (!fresh.name || !vec_push(l->mem, &l->kept, fresh))
            return fail_memory(err);
        s = &l->kept.at[l->kept.n - 1];
    }
    if (s->values.n == 2 * s->keep) {
        memmove(s->values.at, s->values.at + s->keep, s->keep * sizeof(double));
        s->values.n = s->keep;
    }
    return vec_push(l->mem, &s->values, v) ? CSEG_OK : fail_memory(err);
}

void log_forget(run_log *l)
{
    for (size_t i = 0; i < l->kept.n; i++)
        l->kept.at[i].values.n = 0;
}

/* Over the last `window` values (0: all); as in numpy, a NaN among them is the minimum and maximum. */
static double statistic(const log_series *s, log_method method, int64_t window)
{
    size_t n = window > 0 && (uint64_t)window < s->values.n ? (size_t)window : s->values.n;
    const double *a = s->values.at + (s->values.n - n);
    if (n == 0)
        return NAN;
    if (method == LOG_CURRENT)
        return a[n - 1];
    if (method == LOG_MEAN)
        return sum_doubles(a, n) / (double)n;
    double extreme = a[0];
    for (size_t i = 1; i < n && !isnan(extreme); i++)
        if (isnan(a[i]) || (method == LOG_MAX ? a[i] > extreme : a[i] < extreme))
            extreme = a[i];
    return extreme;
}

/* ---- what a line says ------------------------------------------------------------------------------------------- */

cseg_status log_items_add(run_log *l, log_items *i, const char *name, double v, bool whole, cseg_error *err)
{
    return vec_push(l->line_mem, i, ((log_item){name, v, whole})) ? CSEG_OK : fail_memory(err);
}

const log_item *log_items_find(const log_items *i, const char *name)
{
    for (size_t k = 0; k < i->n; k++)
        if (strcmp(i->at[k].name, name) == 0)
            return &i->at[k];
    return NULL;
}

cseg_status log_collect(run_log *l, int64_t inner, int64_t iter, log_items *out, cseg_error *err)
{
    const log_rules *r = &l->rules;
    for (size_t i = 0; i < l->kept.n; i++) {
        const log_series *s = &l->kept.at[i];
        bool averaged = r->averages_all || regexec(&r->averaged, s->name, 0, NULL, 0) == 0;
        if (s->values.n > 0)
            TRY(log_items_add(l, out, s->name, statistic(s, averaged ? LOG_MEAN : LOG_CURRENT, r->window), false, err));
    }
    for (size_t i = 0; i < r->custom.n; i++) {
        const log_rule *c = &r->custom.at[i];
        const log_series *s = find_series(l, c->source);
        if (!s)
            continue;
        int64_t window = c->window == LOG_WINDOW_EPOCH ? inner : c->window == LOG_WINDOW_GLOBAL ? iter : c->window;
        double v = statistic(s, c->method, window);
        size_t at = 0;
        while (at < out->n && strcmp(out->at[at].name, c->name) != 0)
            at++;
        if (at < out->n)
            out->at[at].value = v;
        else
            TRY(log_items_add(l, out, c->name, v, false, err));
    }
    return CSEG_OK;
}
