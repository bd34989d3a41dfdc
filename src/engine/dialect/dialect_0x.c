/* The 0.x dialect: data, optimizer, lr_config, runner or total_iters, *_config hooks, workflow. */
#include <string.h>

#include "base/log.h"
#include "engine/dialect/dialect.h"
#include "engine/dialect/keys.h"
#include "engine/train/log/run_log.h"
#include "engine/train/optim/constructor.h"

/* data=dict(samples_per_gpu, workers_per_gpu, train, val, test, train_dataloader, ...). */
static cseg_status read_data(const value *data, const char *part, bool train, experiment_data *d, arena *mem,
                             cseg_error *err)
{
    d->dataset = value_get(data, part);
    if (value_is_none(d->dataset))
        d->dataset = NULL;
    d->batch_size = 1;
    d->workers = 2;
    char *key = arena_printf(mem, "%s_dataloader", part);
    if (!key)
        return fail_memory(err);
    const value *own = value_get(data, key);
    if (train)
        TRY(read_count(data, "samples_per_gpu", &d->batch_size, err));
    TRY(read_count_or_zero(data, "workers_per_gpu", &d->workers, err));
    TRY(read_count(own, "samples_per_gpu", &d->batch_size, err));
    TRY(read_count_or_zero(own, "workers_per_gpu", &d->workers, err));
    bool shuffle = train;
    d->drop_last = train;
    if (train) {
        TRY(read_bool(data, "shuffle", &shuffle, err));
        TRY(read_bool(data, "drop_last", &d->drop_last, err));
    }
    TRY(read_bool(own, "shuffle", &shuffle, err));
    TRY(read_bool(own, "drop_last", &d->drop_last, err));
    d->order = shuffle ? ORDER_SHUFFLE : ORDER_SEQUENTIAL;
    return CSEG_OK;
}

static cseg_status read_runner(experiment *e, cseg_error *err)
{
    const value *r = value_get(e->cfg, "runner");
    const char *type = value_type_name(r);
    char place[512];
    if (value_is_none(r)) {
        /* The oldest style has only a number, which decides the runner. */
        e->by_epoch = value_is_none(value_get(e->cfg, "total_iters"));
        return read_int(e->cfg, e->by_epoch ? "total_epochs" : "total_iters", &e->max, err);
    }
    e->by_epoch = type && strcmp(type, "EpochBasedRunner") == 0;
    if (type && !e->by_epoch && strcmp(type, "IterBasedRunner") != 0)
        return fail(err, CSEG_CONFIG, "%sthere is no runner '%s' here; known are IterBasedRunner and EpochBasedRunner",
                    value_place(value_blame(r, "type"), place), type);
    TRY(check_length(r, e->by_epoch, "runner", err));
    return read_int(r, e->by_epoch ? "max_epochs" : "max_iters", &e->max, err);
}

static cseg_status read_workflow(experiment *e, cseg_error *err)
{
    const value *w = value_get(e->cfg, "workflow");
    char place[512];
    e->workflow[0] = (experiment_phase){PHASE_TRAIN, 1};
    e->n_workflow = 1;
    if (value_count(w) == 0)
        return CSEG_OK;
    if (value_count(w) > 8)
        return fail(err, CSEG_CONFIG, "%sa workflow of more than 8 phases", value_place(w, place));
    e->n_workflow = 0;
    bool trains = false;
    for (size_t i = 0; i < value_count(w); i++) {
        const value *p = value_item(w, i);
        const char *mode = value_text(value_item(p, 0));
        experiment_phase *out = &e->workflow[e->n_workflow++];
        bool val = mode && strcmp(mode, "val") == 0;
        if (!mode || (!val && strcmp(mode, "train") != 0) || !value_integer(value_item(p, 1), &out->n) || out->n < 1)
            return fail(err, CSEG_CONFIG, "%sa workflow is a list of ('train' or 'val', iterations)",
                        value_place(p, place));
        out->mode = val ? PHASE_VAL : PHASE_TRAIN;
        trains |= !val;
    }
    return trains ? CSEG_OK : fail(err, CSEG_CONFIG, "%sthis workflow never trains", value_place(w, place));
}

static cseg_status read_evaluation(experiment *e, cseg_error *err)
{
    static const char *const usual[] = {"mIoU"};
    const value *v = value_get(e->cfg, "evaluation");
    experiment_evaluation *out = &e->val_eval;
    *out = (experiment_evaluation){.metrics = (const char **)(uintptr_t)usual,
                                   .n_metrics = 1,
                                   .beta = 1,
                                   .style = {.fractions = true, .by_class = true, .summary = true}};
    TRY(read_texts(v, "metric", e->mem, &out->metrics, &out->n_metrics, err));
    TRY(check_metrics(v, out, err));
    e->test_eval = *out;
    int64_t every = 1, start = 0;
    TRY(read_int(v, "interval", &every, err));
    TRY(read_int(v, "start", &start, err));
    /* The runner decides what is counted, whatever evaluation.by_epoch says. */
    e->validate_by_epoch = e->by_epoch;
    e->validate[0] = (experiment_interval){start, value_is_none(v) ? (e->by_epoch ? 1 : 0) : every};
    e->n_validate = 1;
    char place[512];
    const value *best = value_get(v, "save_best");
    if (value_is_list(best))
        return fail(err, CSEG_CONFIG, "%ssave_best is one figure in this dialect; 1.x takes a list",
                    value_place(best, place));
    return read_save_best(v, e->mem, &e->checkpoint, err);
}

static cseg_status read_checkpoint(experiment *e, cseg_error *err)
{
    const value *h = value_get(e->cfg, "checkpoint_config");
    experiment_checkpoint *c = &e->checkpoint;
    *c = (experiment_checkpoint){.on = !value_is_none(h),
                                 .interval = -1,
                                 .by_epoch = e->by_epoch,
                                 .max_keep = -1,
                                 .save_last = true,
                                 .save_optimizer = true,
                                 .link = true};
    if (value_get(h, "by_epoch"))
        TRY(read_bool(h, "by_epoch", &c->by_epoch, err));
    TRY(read_int(h, "interval", &c->interval, err));
    TRY(read_int(h, "max_keep_ckpts", &c->max_keep, err));
    TRY(read_bool(h, "save_last", &c->save_last, err));
    TRY(read_bool(h, "save_optimizer", &c->save_optimizer, err));
    TRY(read_bool(h, "create_symlink", &c->link, err));
    return read_text(h, "out_dir", &c->out_dir, err);
}

/* Hooks that make the steps: whether gradients are summed over iterations, and whether they compute in half
 * precision. */
typedef struct step_hook {
    const char *name;
    bool accumulates, mixed;
} step_hook;

static const step_hook step_hooks[] = {{"OptimizerHook", false, false},
                                       {"GradientCumulativeOptimizerHook", true, false},
                                       {"Fp16OptimizerHook", false, true},
                                       {"GradientCumulativeFp16OptimizerHook", true, true}};

static const step_hook *find_step_hook(const char *type)
{
    for (size_t i = 0; i < sizeof step_hooks / sizeof *step_hooks; i++)
        if (strcmp(step_hooks[i].name, type) == 0)
            return &step_hooks[i];
    return NULL;
}

/* In this dialect two keys concern mixed precision. Training, and validation during training, use it if the optimizer's
 * hook is one of mmcv's Fp16 hooks, whatever `fp16` says. Testing uses it if there is an `fp16`, even an empty one,
 * whatever the hook is (tools/test.py). So MAE's configs, which only have `fp16`, train in float32. */
static cseg_status read_step_hook(experiment *e, const value *hook, cseg_error *err)
{
    char place[512];
    const char *type = value_type_name(hook) ? value_type_name(hook) : "OptimizerHook";
    const step_hook *h = find_step_hook(type);
    const value *fp16 = value_get(e->cfg, "fp16");
    if (!h) {
        e->optimizer_refused = arena_printf(e->mem,
                                            "%sthere is no optimizer hook '%s' here; known are OptimizerHook, "
                                            "Fp16OptimizerHook and GradientCumulative ones of both",
                                            value_place(value_get(hook, "type"), place), type);
        if (!e->optimizer_refused)
            return fail_memory(err);
        h = &step_hooks[0];
    }
    if (h->accumulates)
        TRY(read_count(hook, "cumulative_iters", &e->accumulate, err));
    e->amp = e->val_bf16 = h->mixed;
    e->test_bf16 = !value_is_none(fp16);
    e->fp16_unused = h->mixed || value_is_none(fp16) ? NULL : fp16;
    return CSEG_OK;
}

static cseg_status read_optimizer(experiment *e, cseg_error *err)
{
    const value *cfg = e->cfg, *hook = value_get(cfg, "optimizer_config");
    TRY(check_constructor(e, err));
    TRY(read_step_hook(e, hook, err));
    const value *clip = value_get(hook, "grad_clip");
    TRY(dialect_read_number(clip, "max_norm", &e->clip_norm, err));
    TRY(dialect_read_number(clip, "norm_type", &e->clip_norm_type, err));
    e->rates = value_get(cfg, "lr_config");
    e->momenta = value_get(cfg, "momentum_config");
    return CSEG_OK;
}

cseg_status read_ema_0x(experiment *e, const value *hook, cseg_error *err)
{
    experiment_ema *m = &e->ema;
    char place[512];
    *m = (experiment_ema){.on = true,
                          .kind = EMA_WARMED,
                          .momentum = 0.0002,
                          .warm_up = 100,
                          .interval = 1,
                          .shown = e->by_epoch,
                          .between_epochs = true};
    TRY(read_ema_share(m, hook, err));
    if (!m->shown)
        log_say(LOG_WARNING,
                "%sin iteration-based runs of this dialect averages are kept in the checkpoint (ema_*), but "
                "never evaluated",
                value_place(hook, place));
    TRY(read_int(hook, "warm_up", &m->warm_up, err));
    return m->warm_up > 0 ? CSEG_OK : fail(err, CSEG_CONFIG, "%swarm_up must be at least 1", value_place(hook, place));
}

void read_log_0x(experiment *e)
{
    const value *hooks = value_find(e->cfg, "log_config.hooks"), *logger = NULL;
    for (size_t i = 0; i < value_count(hooks) && !logger; i++) {
        const char *type = value_type_name(value_item(hooks, i));
        if (type && strcmp(type, "TextLoggerHook") == 0)
            logger = value_item(hooks, i);
    }
    read_log(e, logger, value_get(logger, "by_epoch"));
}

static cseg_status read_hooks(experiment *e, cseg_error *err)
{
    const value *log = value_get(e->cfg, "log_config"), *hooks = value_get(log, "hooks");
    e->log.interval = 10;
    TRY(read_int(log, "interval", &e->log.interval, err));
    read_log_0x(e);
    for (size_t i = 0; i < value_count(hooks); i++) {
        const char *type = value_type_name(value_item(hooks, i));
        if (type && strcmp(type, "TensorboardLoggerHook") == 0)
            e->log.tensorboard = true;
        else if (type && strcmp(type, "TextLoggerHook") != 0)
            ignored_hook(value_item(hooks, i));
    }
    const value *custom = value_get(e->cfg, "custom_hooks");
    for (size_t i = 0; i < value_count(custom); i++) {
        const value *h = value_item(custom, i);
        TRY(check_hook(h, err));
        const char *type = value_type_name(h);
        if (type && strcmp(type, "EMAHook") == 0)
            TRY(read_ema_0x(e, h, err));
        else
            ignored_hook(h);
    }
    return CSEG_OK;
}

static void begin(experiment *e)
{
    e->train_cfg = value_get(e->cfg, "train_cfg");
    e->test_cfg = value_get(e->cfg, "test_cfg");
    e->optimizer = value_get(e->cfg, "optimizer");
    e->paramwise = value_get(e->optimizer, "paramwise_cfg");
    e->constructor = value_get(e->optimizer, "constructor");
}

static cseg_status read_all(experiment *e, cseg_error *err)
{
    const value *cfg = e->cfg, *data = value_get(cfg, "data");
    TRY(keys_check_0x(e, err));
    e->opacity = 0.5;
    TRY(read_data(data, "train", true, &e->train, e->mem, err));
    TRY(read_data(data, "val", false, &e->val, e->mem, err));
    TRY(read_data(data, "test", false, &e->test, e->mem, err));
    TRY(read_runner(e, err));
    TRY(read_workflow(e, err));
    TRY(read_checkpoint(e, err));
    TRY(read_evaluation(e, err));
    TRY(read_optimizer(e, err));
    TRY(read_hooks(e, err));
    TRY(read_text(cfg, "resume_from", &e->resume_from, err));
    TRY(read_bool(cfg, "auto_resume", &e->resume, err));
    e->has_seed = !value_is_none(value_get(cfg, "seed"));
    TRY(read_int(cfg, "seed", &e->seed, err));
    return read_bool(cfg, "deterministic", &e->deterministic, err);
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

static const char *data_key(const char *part, arena *mem)
{
    (void)part;
    return arena_strdup(mem, "data");
}

static const char *data_text(const char *part, arena *mem)
{
    return arena_printf(mem, "data=dict(%s=...)", part);
}

/* Follows mmcv 1.7's runners and hooks, and mmseg 0.30's tools. */
static const experiment_profile profile = {
    .reference = "0.30.0",
    .data = &data_rules_0x,
    .log = &log_format_mmcv,
    .constructors = group_constructors_mmcv,
    .schedules = schedule_read_0x,
    .average_over_pixels = true,
    .dice_by_class = true,
    .patches_have_bias = true,
    .measures_on_request = true,
    .validates_from_begin = true,
    .checkpoint = {.config_key = "config",
                   .name_key = "exp_name",
                   .time_format = "%a %b %e %H:%M:%S %Y",
                   .hook_messages = true,
                   .classes_in_meta = true,
                   .counts_from_one = true,
                   .averages_in_model = true},
    .words = {.batch_size = "data.samples_per_gpu",
              .drop_last = "data=dict(train_dataloader=dict(drop_last=True))",
              .same_size = "crop and pad them alike, by RandomCrop and Pad(size=...), or train with samples_per_gpu=1"},
};

static const char *const telling[] = {"runner", "optimizer_config", "lr_config", "checkpoint_config", "data", NULL};
/* --aug-test of tools/test.py: the test pipeline's second step is MultiScaleFlipAug. */
static const char *const views[] = {"data.test.pipeline.1.img_ratios=[0.5,0.75,1.0,1.25,1.5,1.75]",
                                    "data.test.pipeline.1.flip=True", NULL};

const dialect dialect_0x = {.version = "0.x",
                            .other = &dialect_1x,
                            .profile = &profile,
                            .names = keys_names_0x,
                            .telling = telling,
                            .views = views,
                            .data_key = data_key,
                            .data_text = data_text,
                            .begin = begin,
                            .read = read_all};
