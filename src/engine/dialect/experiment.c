#include "engine/dialect/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "config/scope.h"
#include "data/datasets/dataset.h"
#include "engine/dialect/dialect.h"
#include "engine/dialect/unread.h"
#include "engine/train/optim/constructor.h"

static cseg_status wrong_type(const value *v, const char *key, const char *wanted, cseg_error *err)
{
    char place[512];
    return fail(err, CSEG_CONFIG, "%s%s is %s, but %s is needed", value_place(v, place), key, value_kind_name(v),
                wanted);
}

cseg_status read_int(const value *dict, const char *key, int64_t *out, cseg_error *err)
{
    const value *v = value_get(dict, key);
    return value_is_none(v) || value_integer(v, out) ? CSEG_OK : wrong_type(v, key, "a whole number", err);
}

static cseg_status read_from(const value *dict, const char *key, int64_t least, int64_t *out, cseg_error *err)
{
    char place[512];
    const value *v = value_get(dict, key);
    TRY(read_int(dict, key, out, err));
    return *out >= least ? CSEG_OK
                         : fail(err, CSEG_CONFIG, "%s%s is %lld and must be %lld or more", value_place(v, place), key,
                                (long long)*out, (long long)least);
}

cseg_status read_count(const value *dict, const char *key, int64_t *out, cseg_error *err)
{
    return read_from(dict, key, 1, out, err);
}

cseg_status read_count_or_zero(const value *dict, const char *key, int64_t *out, cseg_error *err)
{
    return read_from(dict, key, 0, out, err);
}

cseg_status dialect_read_number(const value *dict, const char *key, double *out, cseg_error *err)
{
    const value *v = value_get(dict, key);
    return value_is_none(v) || value_number(v, out) ? CSEG_OK : wrong_type(v, key, "a number", err);
}

cseg_status read_bool(const value *dict, const char *key, bool *out, cseg_error *err)
{
    const value *v = value_get(dict, key);
    if (value_is_none(v))
        return CSEG_OK;
    if (v->kind != V_BOOL && v->kind != V_INT)
        return wrong_type(v, key, "True or False", err);
    *out = value_true(v);
    return CSEG_OK;
}

cseg_status read_text(const value *dict, const char *key, const char **out, cseg_error *err)
{
    const value *v = value_get(dict, key);
    if (value_is_none(v))
        return CSEG_OK;
    if (!value_text(v))
        return wrong_type(v, key, "a string", err);
    *out = value_text(v);
    return CSEG_OK;
}

cseg_status read_texts(const value *dict, const char *key, arena *mem, const char ***out, int *n, cseg_error *err)
{
    const value *v = value_get(dict, key);
    if (value_is_none(v))
        return CSEG_OK;
    size_t count = value_is_list(v) ? value_count(v) : 1;
    *out = ARENA_ARRAY(mem, count + 1, const char *);
    if (!*out)
        return fail_memory(err);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = value_text(value_is_list(v) ? value_item(v, i) : v);
        if (!text)
            return wrong_type(v, key, "a string or a list of strings", err);
        (*out)[(*n)++] = text;
    }
    return CSEG_OK;
}

cseg_status check_constructor(experiment *e, cseg_error *err)
{
    char place[512];
    if (e->groups)
        return CSEG_OK;
    strbuf known = {.mem = e->mem};
    for (const group_constructor *one = e->profile->constructors; one->name; one++)
        strbuf_addf(&known, "%s%s", known.n ? ", " : "", one->name);
    e->optimizer_refused =
        arena_printf(e->mem, "%sthe optimizer constructor %s is not done here; there are %s",
                     value_place(e->constructor, place), value_text(e->constructor), known.text ? known.text : "");
    return e->optimizer_refused ? CSEG_OK : fail_memory(err);
}

cseg_status check_length(const value *loop, bool by_epoch, const char *what, cseg_error *err)
{
    const value *other = value_get(loop, by_epoch ? "max_iters" : "max_epochs");
    char place[512];
    if (value_is_none(other))
        return CSEG_OK;
    return fail(err, CSEG_CONFIG, "%s%s counts %s: it is %s that says how long, and %s has no meaning",
                value_place(other, place), what, by_epoch ? "epochs" : "iterations",
                by_epoch ? "max_epochs" : "max_iters", by_epoch ? "max_iters" : "max_epochs");
}

cseg_status check_metrics(const value *at, const experiment_evaluation *e, cseg_error *err)
{
    static const char *const known[] = {"mIoU", "mDice", "mFscore"};
    char place[512];
    for (int i = 0; i < e->n_metrics; i++) {
        bool found = false;
        for (int k = 0; k < 3; k++)
            found |= strcmp(e->metrics[i], known[k]) == 0;
        if (found)
            continue;
        const char *near = str_nearest(e->metrics[i], known, 3);
        return fail(err, CSEG_CONFIG, "%sthere is no metric '%s'%s%s; known are mIoU, mDice and mFscore",
                    value_place(at, place), e->metrics[i], near ? ", did you mean " : "", near ? near : "");
    }
    return CSEG_OK;
}

cseg_status read_ema_share(experiment_ema *m, const value *hook, cseg_error *err)
{
    char place[512];
    TRY(dialect_read_number(hook, "momentum", &m->momentum, err));
    TRY(read_int(hook, "interval", &m->interval, err));
    if (!(m->momentum > 0 && m->momentum < 1) || m->interval < 1)
        return fail(err, CSEG_CONFIG, "%sEMAHook needs a momentum between 0 and 1, and an interval of at least 1",
                    value_place(hook, place));
    return CSEG_OK;
}

void read_log(experiment *e, const value *logger, const value *by_epoch)
{
    const value *last = value_get(logger, "ignore_last");
    e->log.by_epoch = by_epoch ? value_true(by_epoch) : e->by_epoch;
    e->log.ignore_last = last ? value_true(last) : true;
    e->log.figures_by_epoch = true;
    if (!value_integer(value_get(logger, "interval_exp_name"), &e->log.name_every) || e->log.name_every < 1)
        e->log.name_every = 1000;
}

cseg_status read_save_best(const value *hook, arena *mem, experiment_checkpoint *c, cseg_error *err)
{
    const value *best = value_get(hook, "save_best");
    char place[512];
    TRY(read_texts(hook, "save_best", mem, &c->save_best, &c->n_best, err));
    TRY(read_texts(hook, "rule", mem, &c->rules, &c->n_rules, err));
    TRY(read_texts(hook, "greater_keys", mem, &c->greater_keys, &c->n_greater, err));
    TRY(read_texts(hook, "less_keys", mem, &c->less_keys, &c->n_less, err));
    for (int i = 0; i < c->n_best; i++) {
        if (strcmp(c->save_best[i], "auto") == 0 && c->n_best > 1)
            return fail(err, CSEG_CONFIG, "%s'auto' stands alone in save_best", value_place(best, place));
        for (int k = 0; k < i; k++)
            if (strcmp(c->save_best[i], c->save_best[k]) == 0)
                return fail(err, CSEG_CONFIG, "%ssave_best has '%s' twice", value_place(best, place), c->save_best[i]);
    }
    if (c->n_best > 0 && c->n_rules > 1 && c->n_rules != c->n_best)
        return fail(err, CSEG_CONFIG, "%srule has %d entries for %d figures of save_best; one for all or one each",
                    value_place(value_get(hook, "rule"), place), c->n_rules, c->n_best);
    for (int i = 0; i < c->n_rules; i++)
        if (strcmp(c->rules[i], "greater") != 0 && strcmp(c->rules[i], "less") != 0)
            return fail(err, CSEG_CONFIG, "%srule='%s' must be 'greater' or 'less'",
                        value_place(value_get(hook, "rule"), place), c->rules[i]);
    return CSEG_OK;
}

cseg_status check_hook(const value *hook, cseg_error *err)
{
    char place[512];
    if (value_type_name(hook))
        return CSEG_OK;
    return fail(err, CSEG_CONFIG, "%sa hook is a dict with a type, but here is %s", value_place(hook, place),
                hook->kind == V_DICT ? "a dict without" : value_kind_name(hook));
}

void ignored_hook(const value *hook)
{
    char place[512];
    const char *type = value_type_name(hook);
    log_say(LOG_WARNING, "%sthe hook %s is not known here and has no effect",
            value_place(value_blame(hook, "type"), place), type ? type : "without a type");
}

static cseg_status default_work_dir(experiment *e, cseg_error *err)
{
    if (e->work_dir)
        return CSEG_OK;
    const char *base = path_base(e->path), *ext = path_ext(e->path);
    e->work_dir = arena_printf(e->mem, "work_dirs/%.*s", (int)(strlen(base) - strlen(ext)), base);
    return e->work_dir ? CSEG_OK : fail_memory(err);
}

const dialect *dialect_of(const value *cfg)
{
    return config_dialect_of(cfg) == DIALECT_0X ? &dialect_0x : &dialect_1x;
}

void experiment_begin(const value *cfg, experiment *out)
{
    const dialect *d = dialect_of(cfg);
    *out = (experiment){.cfg = cfg, .dialect = d, .profile = d->profile};
    d->begin(out);
    out->groups = group_constructor_find(d->profile->constructors, value_text(out->constructor));
}

cseg_status experiment_augment(value *cfg, arena *mem, cseg_error *err)
{
    for (const char *const *view = dialect_of(cfg)->views; *view; view++)
        TRY(config_override(cfg, *view, mem, err));
    return CSEG_OK;
}

cseg_status experiment_read(const value *cfg, const char *path, arena *mem, experiment **out, cseg_error *err)
{
    experiment *e = ARENA_NEW(mem, experiment);
    if (!e)
        return fail_memory(err);
    experiment_begin(cfg, e);
    e->mem = mem;
    e->path = path;
    e->model = value_get(cfg, "model");
    if (!e->model)
        return fail(err, CSEG_CONFIG, "%s: there is no model in this config", path);
    TRY(scope_check_default(cfg, err));
    e->accumulate = 1;
    e->lr_scale = 1;
    e->clip_norm_type = 2;
    e->log.interval = 50;
    TRY(read_text(cfg, "load_from", &e->load_from, err));
    TRY(read_text(cfg, "adapt_in_channels", &e->adapt_in_channels, err));
    TRY(read_text(cfg, "work_dir", &e->work_dir, err));
    TRY(default_work_dir(e, err));
    TRY(e->dialect->read(e, err));
    *out = e;
    return CSEG_OK;
}

cseg_status experiment_load(const char *path, const char *const *overrides, int n_overrides, arena *mem,
                            experiment **out, cseg_error *err)
{
    value *cfg;
    char *name = arena_strdup(mem, path);
    if (!name)
        return fail_memory(err);
    TRY(config_load(path, mem, &cfg, err));
    bool *was_there = ARENA_ARRAY(mem, (size_t)n_overrides + 1, bool);
    if (!was_there)
        return fail_memory(err);
    for (int i = 0; i < n_overrides; i++) {
        const char *first = unread_first_name(overrides[i], mem);
        if (!first)
            return fail_memory(err);
        was_there[i] = value_get(cfg, first) != NULL;
        TRY(config_override(cfg, overrides[i], mem, err));
    }
    TRY(experiment_read(cfg, name, mem, out, err));
    unread_warn_names(*out);
    for (int i = 0; i < n_overrides; i++)
        unread_warn_override(*out, overrides[i], was_there[i]);
    return CSEG_OK;
}

/* Returns the first key that only the config's own dialect has; NULL: none. */
static const value *key_of_dialect(const experiment *e, const char **key)
{
    for (const char *const *one = e->dialect->telling; *one; one++) {
        *key = *one;
        if (value_get(e->cfg, *key))
            return value_get(e->cfg, *key);
    }
    return NULL;
}

const value *experiment_meta(const experiment *e)
{
    return dataset_innermost(e->test.dataset ? e->test.dataset : e->val.dataset ? e->val.dataset : e->train.dataset);
}

cseg_status experiment_no_data(const experiment *e, const char *part, cseg_error *err)
{
    char place[512], told[512];
    const char *key, *what = strcmp(part, "train") == 0 ? "train" : strcmp(part, "val") == 0 ? "validate" : "test";
    const dialect *d = e->dialect;
    const char *ours = d->data_text(part, e->mem), *others = d->other->data_key(part, e->mem);
    if (!ours || !others)
        return fail_memory(err);
    const value *other = value_get(e->cfg, others);
    const value *because = key_of_dialect(e, &key);
    if (value_is_none(other))
        return fail(err, CSEG_CONFIG, "%s: there is no dataset to %s on in this config: %s is missing", e->path, what,
                    ours);
    return fail(err, CSEG_CONFIG,
                "%s%s is how MMSegmentation %s writes data, but this config is read as one of %s%s%s%s, where it is "
                "%s: there is no dataset to %s on. Write all of it in one of the two (docs/own-data.md)",
                value_place(other, place), others, d->other->version, d->version, because ? ", for " : "",
                because ? value_place(because, told) : "", because ? key : "", ours, what);
}
