/* The 1.x dialect: *_dataloader, optim_wrapper, param_scheduler, *_cfg loops, default_hooks. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/scope.h"
#include "engine/dialect/dialect.h"
#include "engine/dialect/keys.h"
#include "engine/train/log/run_log.h"
#include "engine/train/optim/constructor.h"

static cseg_status read_loader(const value *cfg, const char *key, bool train, experiment_data *d, cseg_error *err)
{
    const value *l = value_get(cfg, key);
    if (value_is_none(l))
        return CSEG_OK;
    d->dataset = value_get(l, "dataset");
    d->batch_size = 1;
    TRY(read_count(l, "batch_size", &d->batch_size, err));
    TRY(read_count_or_zero(l, "num_workers", &d->workers, err));
    TRY(read_bool(l, "drop_last", &d->drop_last, err));
    TRY(read_int(l, "num_batch_per_epoch", &d->limit, err));
    const value *sampler = value_get(l, "sampler");
    const char *type = value_type_name(sampler);
    bool shuffle = train;
    TRY(read_bool(sampler, "shuffle", &shuffle, err));
    if (!type || strcmp(type, "DefaultSampler") == 0)
        d->order = shuffle ? ORDER_SHUFFLE : ORDER_SEQUENTIAL;
    else if (strcmp(type, "InfiniteSampler") == 0)
        d->order = shuffle ? ORDER_INFINITE : ORDER_INFINITE_SEQUENTIAL;
    else {
        char place[512];
        return fail(err, CSEG_CONFIG, "%sthere is no sampler '%s' here; known are DefaultSampler and InfiniteSampler",
                    value_place(value_blame(sampler, "type"), place), type);
    }
    return CSEG_OK;
}

/* In the other dialect both were in the optimizer's dict; here that dict is passed to torch's optimizer. */
static cseg_status check_misplaced(experiment *e, cseg_error *err)
{
    static const char *const keys[] = {"paramwise_cfg", "constructor"};
    char place[512];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const value *v = value_get(e->optimizer, keys[i]);
        if (!v || e->optimizer_refused)
            continue;
        e->optimizer_refused = arena_printf(e->mem,
                                            "%s%s belongs beside the optimizer, into optim_wrapper: the "
                                            "optimizer itself takes none, in the reference neither",
                                            value_place(v, place), keys[i]);
        if (!e->optimizer_refused)
            return fail_memory(err);
    }
    return CSEG_OK;
}

static cseg_status read_optimizer(experiment *e, cseg_error *err)
{
    const value *w = value_get(e->cfg, "optim_wrapper");
    if (value_is_none(w))
        return CSEG_OK;
    const char *type = value_type_name(w);
    char place[512];
    if (type && strcmp(type, "OptimWrapper") != 0 && strcmp(type, "AmpOptimWrapper") != 0)
        return fail(err, CSEG_CONFIG, "%sthere is no optimizer wrapper '%s' here",
                    value_place(value_blame(w, "type"), place), type);
    e->amp = type && strcmp(type, "AmpOptimWrapper") == 0;
    TRY(check_constructor(e, err));
    TRY(check_misplaced(e, err));
    TRY(read_count(w, "accumulative_counts", &e->accumulate, err));
    const value *clip = value_get(w, "clip_grad");
    if (value_is_none(clip))
        return CSEG_OK;
    const char *how = "norm";
    TRY(read_text(clip, "type", &how, err));
    TRY(dialect_read_number(clip, "norm_type", &e->clip_norm_type, err));
    if (strcmp(how, "value") == 0)
        return dialect_read_number(clip, "clip_value", &e->clip_value, err);
    return dialect_read_number(clip, "max_norm", &e->clip_norm, err);
}

static cseg_status read_loops(experiment *e, cseg_error *err)
{
    const value *t = value_get(e->cfg, "train_cfg");
    const char *type = value_type_name(t);
    char place[512];
    TRY(read_bool(value_get(e->cfg, "val_cfg"), "fp16", &e->val_bf16, err));
    TRY(read_bool(value_get(e->cfg, "test_cfg"), "fp16", &e->test_bf16, err));
    if (value_is_none(t))
        return CSEG_OK;
    bool by_epoch = false;
    TRY(read_bool(t, "by_epoch", &by_epoch, err));
    bool epochs = type && strcmp(type, "EpochBasedTrainLoop") == 0;
    if (type && value_get(t, "by_epoch") && by_epoch != epochs)
        return fail(err, CSEG_CONFIG, "%sby_epoch=%s is not what %s does; say one of the two",
                    value_place(value_get(t, "by_epoch"), place), by_epoch ? "True" : "False", type);
    if (epochs)
        by_epoch = true;
    else if (type && strcmp(type, "IterBasedTrainLoop") != 0)
        return fail(err, CSEG_CONFIG,
                    "%sthere is no loop '%s' here; known are IterBasedTrainLoop and EpochBasedTrainLoop",
                    value_place(value_blame(t, "type"), place), type);
    e->by_epoch = by_epoch;
    TRY(check_length(t, by_epoch, "train_cfg", err));
    TRY(read_int(t, by_epoch ? "max_epochs" : "max_iters", &e->max, err));
    e->workflow[0] = (experiment_phase){PHASE_TRAIN, by_epoch ? 1 : e->max};
    e->n_workflow = 1;
    int64_t begin = 1, every = by_epoch ? 1 : 1000;
    TRY(read_int(t, "val_begin", &begin, err));
    TRY(read_int(t, "val_interval", &every, err));
    e->validate_by_epoch = by_epoch;
    e->validate[e->n_validate++] = (experiment_interval){begin, every};
    const value *dynamic = value_get(t, "dynamic_intervals");
    if (value_count(dynamic) > 7)
        return fail(err, CSEG_CONFIG, "%sdynamic_intervals has %zu entries; there is room for 7",
                    value_place(dynamic, place), value_count(dynamic));
    for (size_t i = 0; i < value_count(dynamic); i++) {
        experiment_interval *v = &e->validate[e->n_validate++];
        const value *pair = value_item(dynamic, i);
        if (!value_integer(value_item(pair, 0), &v->begin) || !value_integer(value_item(pair, 1), &v->every))
            return fail(err, CSEG_CONFIG, "%sdynamic_intervals is a list of (begin, interval)",
                        value_place(dynamic, place));
    }
    return CSEG_OK;
}

/* If default_hooks has no checkpoint hook there is one nevertheless, every epoch; checkpoint=None removes it. */
static cseg_status read_checkpoint(experiment *e, const value *h, cseg_error *err)
{
    experiment_checkpoint *c = &e->checkpoint;
    bool none = h && value_is_none(h);
    *c = (experiment_checkpoint){.on = !none,
                                 .interval = h ? -1 : 1,
                                 .by_epoch = true,
                                 .max_keep = -1,
                                 .save_last = true,
                                 .save_optimizer = true,
                                 .save_schedule = true};
    TRY(read_int(h, "interval", &c->interval, err));
    TRY(read_int(h, "save_begin", &c->begin, err));
    TRY(read_bool(h, "by_epoch", &c->by_epoch, err));
    TRY(read_int(h, "max_keep_ckpts", &c->max_keep, err));
    TRY(read_bool(h, "save_last", &c->save_last, err));
    TRY(read_bool(h, "save_optimizer", &c->save_optimizer, err));
    TRY(read_bool(h, "save_param_scheduler", &c->save_schedule, err));
    TRY(read_text(h, "out_dir", &c->out_dir, err));
    return read_save_best(h, e->mem, c, err);
}

cseg_status read_ema_1x(experiment *e, const value *hook, cseg_error *err)
{
    experiment_ema *m = &e->ema;
    static const char *const kinds[] = {"ExponentialMovingAverage", "MomentumAnnealingEMA", "ExpMomentumEMA",
                                        "StochasticWeightAverage"};
    const char *type = kinds[EMA_EXPONENTIAL];
    char place[512];
    int k = 0;
    *m = (experiment_ema){.on = true, .momentum = 0.0002, .interval = 1, .shown = true};
    TRY(read_ema_share(m, hook, err));
    TRY(read_text(hook, "ema_type", &type, err));
    while (k < 4 && strcmp(type, kinds[k]) != 0)
        k++;
    if (k == 4) {
        const char *near = str_nearest(type, kinds, 4);
        return fail(err, CSEG_CONFIG, "%sthere is no ema_type '%s'%s%s; known are %s, %s, %s and %s",
                    value_place(value_blame(hook, "ema_type"), place), type, near ? ", did you mean " : "",
                    near ? near : "", kinds[0], kinds[1], kinds[2], kinds[3]);
    }
    m->kind = (ema_kind)k;
    m->gamma = m->kind == EMA_ANNEALED ? 100 : 2000;
    TRY(read_int(hook, "gamma", &m->gamma, err));
    TRY(read_bool(hook, "update_buffers", &m->update_buffers, err));
    TRY(read_int(hook, "begin_iter", &m->begin_iter, err));
    TRY(read_int(hook, "begin_epoch", &m->begin_epoch, err));
    if (m->gamma < 1)
        return fail(err, CSEG_CONFIG, "%sgamma must be at least 1", value_place(hook, place));
    return CSEG_OK;
}

static cseg_status read_stopping(experiment *e, const value *hook, cseg_error *err)
{
    e->stopping.on = true;
    e->stopping.patience = 5;
    e->stopping.min_delta = 0.1;
    e->stopping.check_finite = true;
    e->stopping.threshold = NAN;
    TRY(read_text(hook, "monitor", &e->stopping.monitor, err));
    TRY(read_text(hook, "rule", &e->stopping.rule, err));
    TRY(read_int(hook, "patience", &e->stopping.patience, err));
    TRY(read_bool(hook, "check_finite", &e->stopping.check_finite, err));
    TRY(dialect_read_number(hook, "stopping_threshold", &e->stopping.threshold, err));
    return dialect_read_number(hook, "min_delta", &e->stopping.min_delta, err);
}

static cseg_status read_hook(experiment *e, const value *h, cseg_error *err)
{
    TRY(check_hook(h, err));
    const char *type = value_type_name(h);
    if (strcmp(type, "EMAHook") == 0)
        return read_ema_1x(e, h, err);
    if (strcmp(type, "EarlyStoppingHook") == 0)
        return read_stopping(e, h, err);
    ignored_hook(h);
    return CSEG_OK;
}

/* default_hooks also takes further hooks, under any name, and others in place of the usual ones. */
static cseg_status read_other_hooks(experiment *e, const value *d, cseg_error *err)
{
    for (size_t i = 0; d && d->kind == V_DICT && i < d->as.dict.n; i++) {
        const value *h = d->as.dict.entry[i].item;
        if (!value_is_none(h) && !keys_usual_hook(d->as.dict.entry[i].key, value_type_name(h)))
            TRY(read_hook(e, h, err));
    }
    return CSEG_OK;
}

/* Linear in the batch size, as mmengine's scale_lr, for any number of processes. */
static cseg_status read_scale(experiment *e, cseg_error *err)
{
    const value *v = value_get(e->cfg, "auto_scale_lr");
    bool on = false;
    int64_t base = 0;
    char place[512];
    TRY(read_bool(v, "enable", &on, err));
    if (!on)
        return CSEG_OK;
    TRY(read_int(v, "base_batch_size", &base, err));
    if (base < 1)
        return fail(err, CSEG_CONFIG, "%sauto_scale_lr needs a base_batch_size of 1 or more", value_place(v, place));
    e->lr_scale = (double)e->train.batch_size / (double)base;
    log_say(LOG_INFO, "learning rates are those of the config times %g: auto_scale_lr, batches of %lld, not %lld",
            e->lr_scale, (long long)e->train.batch_size, (long long)base);
    return CSEG_OK;
}

void read_log_1x(experiment *e)
{
    const value *logger = value_find(e->cfg, "default_hooks.logger"), *said = value_get(logger, "log_metric_by_epoch");
    e->log.processor = value_get(e->cfg, "log_processor");
    read_log(e, logger, value_get(e->log.processor, "by_epoch"));
    e->log.figures_by_epoch = !said || value_true(said);
}

static cseg_status read_hooks(experiment *e, cseg_error *err)
{
    const value *d = value_get(e->cfg, "default_hooks"), *logger = value_get(d, "logger");
    const value *checkpoint = value_get(d, "checkpoint");
    TRY(read_checkpoint(e, checkpoint, err));
    e->log.interval = 10;
    TRY(read_int(logger, "interval", &e->log.interval, err));
    read_log_1x(e);
    const value *custom = value_get(e->cfg, "custom_hooks");
    for (size_t i = 0; i < value_count(custom); i++)
        TRY(read_hook(e, value_item(custom, i), err));
    TRY(read_other_hooks(e, d, err));
    const value *backends = value_get(e->cfg, "vis_backends"), *visualizer = value_get(e->cfg, "visualizer");
    if (!backends)
        backends = value_get(visualizer, "vis_backends");
    for (size_t i = 0; i < value_count(backends); i++) {
        const char *type = value_type_name(value_item(backends, i));
        e->log.tensorboard |= type && strcmp(type, "TensorboardVisBackend") == 0;
    }
    return CSEG_OK;
}

/* mmseg's metric also writes these maps at every validation. */
static void warn_unwritten(const experiment *e, const value *evaluator)
{
    char place[512];
    if (e->val_eval.output_dir && e->train.dataset)
        log_say(LOG_WARNING, "%sno maps are written to %s while a model is trained; cseg test --out DIR writes them",
                value_place(evaluator, place), e->val_eval.output_dir);
}

/* visualizer.alpha, if it is given. */
static double opacity_of(const value *cfg)
{
    double said;
    bool sound = value_number(value_find(cfg, "visualizer.alpha"), &said) && said > 0 && said <= 1;
    return sound ? said : 0.8;
}

static void begin(experiment *e)
{
    const value *w = value_get(e->cfg, "optim_wrapper");
    e->optimizer = value_get(w, "optimizer");
    e->paramwise = value_get(w, "paramwise_cfg");
    e->constructor = value_get(w, "constructor");
}

static cseg_status read_all(experiment *e, cseg_error *err)
{
    const value *cfg = e->cfg;
    TRY(keys_check_1x(e, err));
    e->preprocessor = value_get(e->model, "data_preprocessor");
    if (!e->preprocessor)
        e->preprocessor = value_get(cfg, "data_preprocessor");
    e->tta_pipeline = value_get(cfg, "tta_pipeline");
    e->opacity = opacity_of(cfg);
    TRY(read_loader(cfg, "train_dataloader", true, &e->train, err));
    TRY(read_loader(cfg, "val_dataloader", false, &e->val, err));
    TRY(read_loader(cfg, "test_dataloader", false, &e->test, err));
    TRY(read_evaluators(value_get(cfg, "val_evaluator"), e->mem, &e->val_eval, err));
    TRY(read_evaluators(value_get(cfg, "test_evaluator"), e->mem, &e->test_eval, err));
    warn_unwritten(e, value_get(cfg, "val_evaluator"));
    TRY(read_optimizer(e, err));
    e->rates = value_get(cfg, "param_scheduler");
    TRY(read_scale(e, err));
    TRY(read_loops(e, err));
    TRY(read_hooks(e, err));
    TRY(read_bool(cfg, "resume", &e->resume, err));
    if (e->resume && e->load_from)
        e->resume_from = e->load_from;
    const value *randomness = value_get(cfg, "randomness");
    e->has_seed = !value_is_none(value_get(randomness, "seed"));
    TRY(read_int(randomness, "seed", &e->seed, err));
    return read_bool(randomness, "deterministic", &e->deterministic, err);
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static const char *data_key(const char *part, arena *mem)
{
    return arena_printf(mem, "%s_dataloader", part);
}

static const char *data_text(const char *part, arena *mem)
{
    return arena_printf(mem, "%s_dataloader=dict(dataset=...)", part);
}

/* Follows mmengine's loops and hooks, and mmseg 1.2's tools. */
static const experiment_profile profile = {
    .reference = "1.2.2",
    .data = &data_rules_1x,
    .log = &log_format_mmengine,
    .constructors = group_constructors_mmengine,
    .schedules = schedule_read_1x,
    .tta_is_a_pipeline = true,
    .tests_have_folders = true,
    .validates_last = true,
    .checkpoint = {.config_key = "cfg", .name_key = "experiment_name", .time_format = "%Y%m%d_%H%M%S", .marked = true},
    .words = {.batch_size = "train_dataloader.batch_size", .drop_last = "train_dataloader=dict(drop_last=True)"},
};

static const char *const telling[] = {"optim_wrapper", "param_scheduler", "train_dataloader",
                                      "default_hooks", "default_scope",   NULL};
static const char *const views[] = {NULL};

const dialect dialect_1x = {.version = "1.x",
                            .other = &dialect_0x,
                            .profile = &profile,
                            .names = keys_names_1x,
                            .telling = telling,
                            .views = views,
                            .data_key = data_key,
                            .data_text = data_text,
                            .begin = begin,
                            .read = read_all};
