/* Keys of the 1.x dialect. Follows the signatures of mmengine 0.10's classes. */
#include <string.h>

#include "base/log.h"
#include "engine/dialect/keys.h"

/* ---- top level: the runner's; all others are variables of the config's own ------------------------------------------
 */

/* Everything that mmengine's Runner reads by name. */
static const field runner_fields[] = {
    FIELD_ELSEWHERE(default_scope, "read where models are built"),
    FIELD_IGNORED(env_cfg, "of CUDA, OpenCV and processes: there is one process, and --threads"),
    FIELD_IGNORED(launcher, "one process trains"),
    FIELD_IGNORED(log_level, "all lines are written; --quiet keeps the terminal still"),
    FIELD_IGNORED(sync_bn, "one process sees the whole batch"),
    FIELD_IGNORED(find_unused_parameters, "of several processes"),
    FIELD_IGNORED(model_wrapper_cfg, "of several processes"),
    FIELD_IGNORED(activation_checkpointing, "memory is planned here; the numbers are the same"),
    FIELD_IGNORED(compile, "graphs are always compiled here"),
    FIELD_WARNED(experiment_name, "", "a run is called by its config and the time"),
    FIELD_WARNED(efficient_conv_bn_eval, "", "norms that are evaluated stay as they are in training"),
    FIELD_WARNED(strategy, "", "of FlexibleRunner: one process trains, with the plain strategy"),
    FIELD_IGNORED(tta_model, "views are averaged as SegTTAModel averages them"),
    FIELD_FIXED(runner_type, "'Runner'|'FlexibleRunner'", "there are no others"),
};
static const field randomness_fields[] = {
    FIELD_WARNED(diff_rank_seed, "False", "one process trains"),
    KEY(seed),
    KEY(deterministic),
};
KEYS_TABLE(randomness_table, randomness_fields);
static const field processor_fields[] = {
    KEY(window_size), KEY(by_epoch), KEY(custom_cfg), KEY(num_digits), KEY(log_with_hierarchy), KEY(mean_pattern),
};
KEYS_TABLE(processor_table, processor_fields);
static const field scale_fields[] = {KEY(base_batch_size), KEY(enable)};
KEYS_TABLE(scale_table, scale_fields);

/* Checks only keys in the table: fields_check would refuse the config's own variables. */
static cseg_status check_top(const experiment *e, cseg_error *err)
{
    for (size_t i = 0; i < sizeof runner_fields / sizeof *runner_fields; i++) {
        const value *v = value_get(e->cfg, runner_fields[i].name);
        value *alone = v ? value_new(e->mem, V_DICT, v->at) : NULL;
        if (!v)
            continue;
        if (!alone || !value_set(e->mem, alone, runner_fields[i].name, (value *)(uintptr_t)v))
            return fail_memory(err);
        const field_table one = {&runner_fields[i], 1, 0, false};
        TRY(fields_check(&one, "the config", alone, e->mem, err));
    }
    TRY(fields_check(&randomness_table, "randomness", value_get(e->cfg, "randomness"), e->mem, err));
    TRY(fields_check(&processor_table, "log_processor", value_get(e->cfg, "log_processor"), e->mem, err));
    return fields_check(&scale_table, "auto_scale_lr", value_get(e->cfg, "auto_scale_lr"), e->mem, err);
}

/* ---- loops ------------------------------------------------------------------------------------------------------- */

static const field train_loop_fields[] = {
    KEY(by_epoch), KEY(max_epochs), KEY(max_iters), KEY(val_begin), KEY(val_interval), KEY(dynamic_intervals),
};
KEYS_TABLE(train_loop_table, train_loop_fields);
static const field val_loop_fields[] = {KEY(fp16)};
KEYS_TABLE(val_loop_table, val_loop_fields);

static cseg_status check_loops(const experiment *e, cseg_error *err)
{
    static const char *const keys[] = {"val_cfg", "test_cfg"}, *const types[] = {"ValLoop", "TestLoop"};
    char place[512];
    TRY(fields_check(&train_loop_table, "train_cfg", value_get(e->cfg, "train_cfg"), e->mem, err));
    for (int i = 0; i < 2; i++) {
        const value *v = value_get(e->cfg, keys[i]);
        const char *type = value_type_name(v);
        if (type && strcmp(type, types[i]) != 0)
            return fail(err, CSEG_CONFIG, "%sthere is no loop '%s' here for %s; known is %s",
                        value_place(value_blame(v, "type"), place), type, keys[i], types[i]);
        TRY(fields_check(&val_loop_table, keys[i], v, e->mem, err));
    }
    return CSEG_OK;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static const field loader_fields[] = {
    KEY(dataset),
    KEY(batch_size),
    KEY(num_workers),
    KEY(drop_last),
    KEY(num_batch_per_epoch),
    KEY(sampler),
    FIELD_IGNORED(persistent_workers, "threads read; they always stay"),
    FIELD_IGNORED(pin_memory, "there is one memory"),
    FIELD_IGNORED(pin_memory_device, "there is one memory"),
    FIELD_IGNORED(prefetch_factor, "how far threads read ahead is not a matter of results"),
    FIELD_IGNORED(timeout, "of worker processes"),
    FIELD_IGNORED(multiprocessing_context, "threads read, not processes"),
    FIELD_IGNORED(worker_init_fn, "each sample has random numbers of its own, by seed and place"),
    FIELD_FIXED(collate_fn, "dict(type='pseudo_collate')|dict(type='default_collate')", "batches have one form"),
    FIELD_FIXED(batch_sampler, "dict(type='BatchSampler')", "batches are of batch_size in the sampler's order"),
};
KEYS_TABLE(loader_table, loader_fields);
static const field sampler_fields[] = {
    KEY(shuffle),
    FIELD_IGNORED(round_up, "of several processes"),
    FIELD_WARNED(seed, "", "the order follows the run's seed, randomness.seed"),
};
KEYS_TABLE(sampler_table, sampler_fields);

static cseg_status check_loaders(const experiment *e, cseg_error *err)
{
    static const char *const keys[] = {"train_dataloader", "val_dataloader", "test_dataloader"};
    char place[512];
    for (int i = 0; i < 3; i++) {
        const value *l = value_get(e->cfg, keys[i]), *s = value_get(l, "sampler");
        const value *drop = value_get(l, "drop_last");
        TRY(fields_check(&loader_table, keys[i], l, e->mem, err));
        if (i > 0 && value_true(drop))
            log_say(LOG_WARNING, "%s%s: drop_last=True has no effect on what is measured: that is every image",
                    value_place(drop, place), keys[i]);
        TRY(fields_check(&sampler_table, value_type_name(s) ? value_type_name(s) : "sampler", s, e->mem, err));
    }
    return CSEG_OK;
}

/* ---- optimizer wrapper ----------------------------------------------------------------------------------------------
 */

static const field wrapper_fields[] = {
    KEY(optimizer), KEY(paramwise_cfg), KEY(constructor), KEY(accumulative_counts), KEY(clip_grad),
};
KEYS_TABLE(wrapper_table, wrapper_fields);
static const field amp_fields[] = {
    KEY(optimizer),
    KEY(paramwise_cfg),
    KEY(constructor),
    KEY(accumulative_counts),
    KEY(clip_grad),
    FIELD_IGNORED(loss_scale, "bfloat16 has float32's range: losses need no scale"),
    FIELD_WARNED(dtype, "'bfloat16'|'float16'", "mixed precision is bfloat16 here"),
    FIELD_FIXED(use_fsdp, "False", "one process trains"),
};
KEYS_TABLE(amp_table, amp_fields);
static const field clip_fields[] = {
    KEY(type),
    KEY(max_norm),
    KEY(norm_type),
    KEY(clip_value),
    FIELD_IGNORED(error_if_nonfinite, "a loss or weight that is no number ends the run in any case"),
    FIELD_IGNORED(foreach, "how torch loops"),
};
KEYS_TABLE(clip_table, clip_fields);

static cseg_status check_wrapper(const experiment *e, cseg_error *err)
{
    const value *w = value_get(e->cfg, "optim_wrapper");
    const char *type = value_type_name(w);
    bool amp = type && strcmp(type, "AmpOptimWrapper") == 0;
    TRY(fields_check(amp ? &amp_table : &wrapper_table, amp ? "AmpOptimWrapper" : "OptimWrapper", w, e->mem, err));
    return fields_check(&clip_table, "clip_grad", value_get(w, "clip_grad"), e->mem, err);
}

/* ---- hooks ------------------------------------------------------------------------------------------------------- */

#define PRIORITY FIELD_IGNORED(priority, "hooks have one order here, the reference's usual one")
static const field checkpoint_fields[] = {
    KEY(interval),
    KEY(by_epoch),
    KEY(save_optimizer),
    KEY(save_param_scheduler),
    KEY(out_dir),
    KEY(max_keep_ckpts),
    KEY(save_last),
    KEY(save_best),
    KEY(rule),
    KEY(greater_keys),
    KEY(less_keys),
    KEY(save_begin),
    FIELD_FIXED(filename_tmpl, "'iter_{}.pth'|'epoch_{}.pth'", "checkpoints are called so"),
    FIELD_WARNED(published_keys, "", "nothing is published when training ends"),
    FIELD_LOCAL(file_client_args, "files are written to the disk"),
    FIELD_LOCAL(backend_args, "files are written to the disk"),
    PRIORITY,
};
KEYS_TABLE(checkpoint_table, checkpoint_fields);
static const field logger_fields[] = {
    KEY(interval),
    KEY(ignore_last),
    KEY(interval_exp_name),
    KEY(log_metric_by_epoch),
    FIELD_WARNED(out_dir, "", "logs stay in the work dir"),
    FIELD_IGNORED(out_suffix, "of out_dir"),
    FIELD_IGNORED(keep_local, "of out_dir"),
    FIELD_LOCAL(file_client_args, "files are written to the disk"),
    FIELD_LOCAL(backend_args, "files are written to the disk"),
    PRIORITY,
};
KEYS_TABLE(logger_table, logger_fields);
static const field visualization_fields[] = {
    FIELD_WARNED(draw, "False", "cseg test --show-dir DIR and cseg infer write pictures"),
    FIELD_WARNED(show, "False", "no window is opened"),
    FIELD_IGNORED(interval, "of draw"),
    FIELD_IGNORED(wait_time, "of show"),
    FIELD_LOCAL(backend_args, "files are read from the disk"),
    PRIORITY,
};
KEYS_TABLE(visualization_table, visualization_fields);
static const field ema_fields[] = {
    KEY(ema_type),
    KEY(momentum),
    KEY(gamma),
    KEY(interval),
    KEY(update_buffers),
    KEY(begin_iter),
    KEY(begin_epoch),
    FIELD_IGNORED(strict_load, "a checkpoint whose averages do not fit is refused"),
    FIELD_IGNORED(device, "there is one memory"),
    PRIORITY,
};
KEYS_TABLE(ema_table, ema_fields);
static const field stopping_fields[] = {
    KEY(monitor),
    KEY(rule),
    KEY(min_delta),
    KEY(check_finite),
    KEY(patience),
    KEY(stopping_threshold),
    FIELD_IGNORED(strict, "a figure that there is not is refused before the first step"),
    PRIORITY,
};
KEYS_TABLE(stopping_table, stopping_fields);

typedef struct hook_keys {
    const char *type;
    const field_table *table;
} hook_keys;
static const hook_keys hooks[] = {
    {"CheckpointHook", &checkpoint_table},
    {"LoggerHook", &logger_table},
    {"EMAHook", &ema_table},
    {"EarlyStoppingHook", &stopping_table},
    {"SegVisualizationHook", &visualization_table},
};

static cseg_status check_hook_keys(const experiment *e, const value *hook, cseg_error *err)
{
    const char *type = value_type_name(hook);
    for (size_t i = 0; type && i < sizeof hooks / sizeof *hooks; i++)
        if (strcmp(type, hooks[i].type) == 0)
            return fields_check(hooks[i].table, type, hook, e->mem, err);
    return CSEG_OK;
}

/* default_hooks: each has its usual type; None removes it. */
static const struct {
    const char *key, *type;
    const field_table *table;
    const char *without; /* why it cannot be removed; NULL: None is allowed */
} usual[] = {
    {"timer", "IterTimerHook", NULL, NULL},
    {"logger", "LoggerHook", &logger_table, "the log is always written"},
    {"param_scheduler", "ParamSchedulerHook", NULL, "schedules always step; param_scheduler=None makes none"},
    {"checkpoint", "CheckpointHook", &checkpoint_table, NULL},
    {"sampler_seed", "DistSamplerSeedHook", NULL, "each epoch has an order of its own"},
    {"visualization", "SegVisualizationHook", &visualization_table, NULL},
    {"runtime_info", "RuntimeInfoHook", NULL, NULL},
    {"sync_buffers", "SyncBuffersHook", NULL, NULL},
};
enum { USUAL = sizeof usual / sizeof *usual };

bool keys_usual_hook(const char *key, const char *type)
{
    for (int i = 0; i < USUAL; i++)
        if (strcmp(usual[i].key, key) == 0)
            return !type || strcmp(usual[i].type, type) == 0;
    return false;
}

static cseg_status check_default_hooks(const experiment *e, cseg_error *err)
{
    const value *d = value_get(e->cfg, "default_hooks");
    char place[512];
    for (int i = 0; i < USUAL; i++) {
        const value *h = value_get(d, usual[i].key);
        const char *type = value_type_name(h);
        if (!h)
            continue;
        if (value_is_none(h) && usual[i].without)
            log_say(LOG_WARNING, "%sdefault_hooks.%s=None has no effect here: %s", value_place(h, place), usual[i].key,
                    usual[i].without);
        else if (usual[i].table && (!type || strcmp(type, usual[i].type) == 0))
            TRY(fields_check(usual[i].table, usual[i].type, h, e->mem, err));
    }
    for (size_t i = 0; d && d->kind == V_DICT && i < d->as.dict.n; i++)
        if (!keys_usual_hook(d->as.dict.entry[i].key, value_type_name(d->as.dict.entry[i].item)))
            TRY(check_hook_keys(e, d->as.dict.entry[i].item, err));
    return CSEG_OK;
}

/* ---- pictures and scalars -------------------------------------------------------------------------------------------
 */

static const field backend_fields[] = {
    FIELD_WARNED(save_dir, "", "logs stay in the work dir"),
    FIELD_IGNORED(img_save_dir, "no pictures are made in training"),
    FIELD_IGNORED(config_save_file, "the config is written in any case"),
    FIELD_IGNORED(scalar_save_file, "scalars are written in any case"),
};
KEYS_TABLE(backend_table, backend_fields);

static const field visualizer_fields[] = {
    KEY(vis_backends),
    KEY(alpha),
    FIELD_IGNORED(name, "there is one"),
    FIELD_IGNORED(dataset_name, "names and colours are the dataset's"),
    FIELD_WARNED(save_dir, "", "logs stay in the work dir"),
    FIELD_WARNED(classes, "", "names and colours are the dataset's"),
    FIELD_WARNED(palette, "", "names and colours are the dataset's"),
    FIELD_IGNORED(image, "of windows"),
    FIELD_IGNORED(fig_save_cfg, "of windows"),
    FIELD_IGNORED(fig_show_cfg, "of windows"),
};
KEYS_TABLE(visualizer_table, visualizer_fields);

static cseg_status check_backend(const experiment *e, const value *b, cseg_error *err)
{
    const char *type = value_type_name(b);
    char place[512];
    if (!type)
        return CSEG_OK;
    if (strcmp(type, "LocalVisBackend") == 0 || strcmp(type, "TensorboardVisBackend") == 0)
        return fields_check(&backend_table, type, b, e->mem, err);
    log_say(LOG_WARNING, "%s%s gets nothing from this program; there are LocalVisBackend and TensorboardVisBackend",
            value_place(b, place), type);
    return CSEG_OK;
}

cseg_status keys_check_1x(const experiment *e, cseg_error *err)
{
    TRY(check_top(e, err));
    TRY(check_loops(e, err));
    TRY(check_loaders(e, err));
    TRY(check_wrapper(e, err));
    TRY(check_default_hooks(e, err));
    TRY(keys_of_each(e, value_get(e->cfg, "custom_hooks"), check_hook_keys, err));
    TRY(fields_check(&visualizer_table, "visualizer", value_get(e->cfg, "visualizer"), e->mem, err));
    const value *backends = value_get(e->cfg, "vis_backends");
    if (!backends)
        backends = value_find(e->cfg, "visualizer.vis_backends");
    return keys_of_each(e, backends, check_backend, err);
}

/* Keys that the reference's runners and tools read, and those of this program. */
const char *const keys_names_1x[] = {"model",
                                     "data_preprocessor",
                                     "train_dataloader",
                                     "val_dataloader",
                                     "test_dataloader",
                                     "train_cfg",
                                     "val_cfg",
                                     "test_cfg",
                                     "auto_scale_lr",
                                     "optim_wrapper",
                                     "param_scheduler",
                                     "val_evaluator",
                                     "test_evaluator",
                                     "default_hooks",
                                     "custom_hooks",
                                     "load_from",
                                     "adapt_in_channels",
                                     "resume",
                                     "launcher",
                                     "env_cfg",
                                     "log_processor",
                                     "log_level",
                                     "visualizer",
                                     "vis_backends",
                                     "default_scope",
                                     "randomness",
                                     "experiment_name",
                                     "work_dir",
                                     "tta_model",
                                     "tta_pipeline",
                                     "custom_imports",
                                     "runner_type",
                                     "sync_bn",
                                     "find_unused_parameters",
                                     "model_wrapper_cfg",
                                     "activation_checkpointing",
                                     "compile",
                                     "efficient_conv_bn_eval",
                                     "strategy",
                                     NULL};
