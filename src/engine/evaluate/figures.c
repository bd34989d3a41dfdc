#include "engine/evaluate/figures.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/str.h"

bool figure_is_better(bool greater, bool has_best, double best, double now)
{
    if (greater)
        return now > (has_best ? best : -INFINITY);
    return now < (has_best ? best : INFINITY);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static void lower(const char *text, char out[static 256])
{
    size_t i = 0;
    for (; text[i] && i < 255; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = 0;
}

static bool matches(const char *name, const char *const *keys, int n, bool whole)
{
    char low[256], key[256];
    lower(name, low);
    for (int i = 0; i < n; i++) {
        lower(keys[i], key);
        if (whole ? strcmp(low, key) == 0 : strstr(low, key) != NULL)
            return true;
    }
    return false;
}

cseg_status figure_rule(const char *what, const char *name, const char *rule, const figure_keys *keys, bool *greater,
                        cseg_error *err)
{
    static const char *const usual_greater[] = {"acc", "top",   "AR@",  "auc",  "precision",
                                                "mAP", "mDice", "mIoU", "mAcc", "aAcc"};
    static const char *const usual_less[] = {"loss"};
    figure_keys k = keys ? *keys : (figure_keys){0};
    if (rule) {
        *greater = strcmp(rule, "greater") == 0;
        return *greater || strcmp(rule, "less") == 0
                   ? CSEG_OK
                   : fail(err, CSEG_CONFIG, "%s: rule='%s' must be 'greater' or 'less'", what, rule);
    }
    if (!k.greater) {
        k.greater = usual_greater;
        k.n_greater = (int)(sizeof usual_greater / sizeof *usual_greater);
    }
    bool named = k.less != NULL;
    if (!k.less) {
        k.less = usual_less;
        k.n_less = 1;
    }
    *greater = true;
    for (int part = 0; part < 2; part++) {
        if (matches(name, k.greater, k.n_greater, part == 0))
            return CSEG_OK;
        if (matches(name, k.less, k.n_less, part == 0)) {
            *greater = false;
            return named ? CSEG_OK
                         : fail(err, CSEG_CONFIG,
                                "%s='%s': because of 'loss' in its name the reference would take the lowest value for "
                                "the best; say rule='greater' or rule='less'",
                                what, name);
        }
    }
    return CSEG_OK;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

const metrics_entry *figure_find(const evaluation *v, const char *name)
{
    for (int64_t i = 0; i < v->n; i++)
        if (strcmp(v->entries[i].key, name) == 0)
            return &v->entries[i];
    return NULL;
}

cseg_status figure_missing(const evaluation *v, const char *what, const char *wanted, cseg_error *err)
{
    enum { SHOWN = 24 };
    arena *mem = arena_new();
    const char **names = mem ? ARENA_ARRAY(mem, (size_t)v->n + 1, const char *) : NULL;
    strbuf list = {.mem = mem};
    if (!names) {
        arena_free(mem);
        return fail_memory(err);
    }
    for (int64_t i = 0; i < v->n; i++) {
        names[i] = v->entries[i].key;
        if (i < SHOWN)
            strbuf_addf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    if (v->n > SHOWN)
        strbuf_addf(&list, " and %lld more", (long long)(v->n - SHOWN));
    const char *near = str_nearest(wanted, names, (size_t)v->n);
    cseg_status status =
        fail(err, CSEG_CONFIG, "%s='%s' is none of the figures that evaluation gives%s%s%s; there are %s", what, wanted,
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
             v->n == 0     ? "none: every evaluator has format_only"
             : list.failed ? "others"
                           : list.text);
    arena_free(mem);
    return status;
}

/* ---- stopping --------------------------------------------------------------------------------------------------- */

const char *stopping_next(const stopping *how, const char *name, double now, stopping_state *s, arena *mem)
{
    double best = s->has_best ? s->best : how->greater ? -INFINITY : INFINITY;
    double bar = how->greater ? best + how->min_delta : best - how->min_delta;
    if (how->check_finite && !isfinite(now))
        return arena_printf(mem, "%s is %f, which is no finite number; its best was %.4f: training ends early", name,
                            now, best);
    if (!isnan(how->threshold) && (how->greater ? now > how->threshold : now < how->threshold)) {
        s->best = now;
        s->has_best = true;
        return arena_printf(mem, "%s is %.4f, beyond the stopping_threshold of %g: training ends early", name, now,
                            how->threshold);
    }
    /* An equal value counts as better, and so does anything after a NaN, as in mmengine. */
    if (how->greater ? bar > now : bar < now) {
        if (++s->bad_rounds < how->patience)
            return NULL;
        return arena_printf(mem, "%s has not improved for %lld evaluations: training ends early", name,
                            (long long)s->bad_rounds);
    }
    s->best = now;
    s->has_best = true;
    s->bad_rounds = 0;
    return NULL;
}
