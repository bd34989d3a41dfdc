/* Keys of the 0.x dialect. Follows mmseg 0.30's train_segmentor and the signatures of mmcv 1.7's hooks. */
#include <string.h>

#include "base/log.h"
#include "engine/dialect/keys.h"

cseg_status keys_of_each(const experiment *e, const value *list, keys_each *check, cseg_error *err)
{
    if (value_is_none(list))
        return CSEG_OK;
    if (!value_is_list(list))
        return check(e, list, err);
    for (size_t i = 0; i < value_count(list); i++)
        TRY(check(e, value_item(list, i), err));
    return CSEG_OK;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

#define LOADER_KEYS                                                                                                    \
    KEY(samples_per_gpu), KEY(workers_per_gpu), KEY(shuffle), KEY(drop_last),                                          \
        FIELD_IGNORED(persistent_workers, "threads read; they always stay"),                                           \
        FIELD_IGNORED(pin_memory, "there is one memory"),                                                              \
        FIELD_IGNORED(prefetch_factor, "how far threads read ahead is not a matter of results"),                       \
        FIELD_IGNORED(timeout, "of worker processes"), FIELD_IGNORED(num_gpus, "there is one device"),                 \
        FIELD_IGNORED(dist, "one process trains"),                                                                     \
        FIELD_IGNORED(multiprocessing_context, "threads read, not processes"),                                         \
        FIELD_WARNED(seed, "", "the order follows the run's seed")
static const field data_fields[] = {
    LOADER_KEYS, KEY(train), KEY(val), KEY(test), KEY(train_dataloader), KEY(val_dataloader), KEY(test_dataloader),
};
KEYS_TABLE(data_table, data_fields);
static const field loader_fields[] = {LOADER_KEYS};
KEYS_TABLE(loader_table, loader_fields);

static cseg_status check_data(const experiment *e, cseg_error *err)
{
    static const char *const parts[] = {"train_dataloader", "val_dataloader", "test_dataloader"};
    const value *data = value_get(e->cfg, "data");
    TRY(fields_check(&data_table, "data", data, e->mem, err));
    for (int i = 0; i < 3; i++)
        TRY(fields_check(&loader_table, parts[i], value_get(data, parts[i]), e->mem, err));
    return CSEG_OK;
}

/* ---- training -------------------------------------------------------------------------------------------------------
 */

static const field runner_fields[] = {KEY(max_iters), KEY(max_epochs)};
KEYS_TABLE(runner_table, runner_fields);
#define OPTIMIZER_KEYS                                                                                                 \
    KEY(grad_clip), FIELD_IGNORED(detect_anomalous_params, "parameters without a gradient stay as they are")
static const field optimizer_hook_fields[] = {OPTIMIZER_KEYS};
KEYS_TABLE(optimizer_hook_table, optimizer_hook_fields);
static const field wide_hook_fields[] = {
    OPTIMIZER_KEYS,
    KEY(cumulative_iters),
    FIELD_IGNORED(loss_scale, "bfloat16 has float32's range: losses need no scale"),
    FIELD_IGNORED(coalesce, "of several processes"),
    FIELD_IGNORED(bucket_size_mb, "of several processes"),
    FIELD_IGNORED(distributed, "of several processes"),
};
KEYS_TABLE(wide_hook_table, wide_hook_fields);
static const field clip_fields[] = {
    KEY(max_norm),
    KEY(norm_type),
    FIELD_IGNORED(error_if_nonfinite, "a loss or weight that is no number ends the run in any case"),
    FIELD_IGNORED(foreach, "how torch loops"),
};
KEYS_TABLE(clip_table, clip_fields);

static cseg_status check_optimizer_hook(const experiment *e, cseg_error *err)
{
    static const char *const known[] = {"OptimizerHook", "Fp16OptimizerHook", "GradientCumulativeOptimizerHook",
                                        "GradientCumulativeFp16OptimizerHook"};
    const value *hook = value_get(e->cfg, "optimizer_config");
    const char *type = value_type_name(hook);
    bool found = !type;
    for (int i = 0; i < 4 && !found; i++)
        found = strcmp(type, known[i]) == 0;
    if (!found) /* read_step_hook refuses it for training; testing does not use it */
        return CSEG_OK;
    bool plain = !type || strcmp(type, known[0]) == 0;
    TRY(fields_check(plain ? &optimizer_hook_table : &wide_hook_table, type ? type : "optimizer_config", hook, e->mem,
                     err));
    return fields_check(&clip_table, "grad_clip", value_get(hook, "grad_clip"), e->mem, err);
}

/* ---- evaluation and checkpoints -------------------------------------------------------------------------------------
 */

/* The arguments of EvalHook; all others go to the dataset's evaluate(), which drops them. */
static const field evaluation_fields[] = {
    KEY(interval),
    KEY(start),
    KEY(metric),
    KEY(save_best),
    KEY(rule),
    KEY(greater_keys),
    KEY(less_keys),
    FIELD_IGNORED(by_epoch, "the runner decides what is counted, as in mmseg"),
    FIELD_IGNORED(pre_eval, "maps are counted as they come in any case"),
    FIELD_IGNORED(efficient_test, "maps are counted as they come in any case"),
    FIELD_IGNORED(tmpdir, "one process measures"),
    FIELD_IGNORED(gpu_collect, "one process measures"),
    FIELD_IGNORED(broadcast_bn_buffer, "one process measures"),
    FIELD_FIXED(out_dir, "", "best checkpoints lie beside the others: checkpoint_config.out_dir"),
    FIELD_FIXED(test_fn, "", "there is one way to test"),
    FIELD_LOCAL(file_client_args, "files are written to the disk"),
};
KEYS_TABLE(evaluation_table, evaluation_fields);

static cseg_status check_evaluation(const experiment *e, cseg_error *err)
{
    const value *v = value_get(e->cfg, "evaluation");
    char place[512];
    if (value_is_none(v))
        return CSEG_OK;
    if (v->kind != V_DICT)
        return fields_check(&evaluation_table, "evaluation", v, e->mem, err);
    value *known = value_new(e->mem, V_DICT, v->at);
    if (!known)
        return fail_memory(err);
    for (size_t i = 0; i < v->as.dict.n; i++) {
        const char *key = v->as.dict.entry[i].key;
        bool found = false;
        for (size_t k = 0; k < evaluation_table.n && !found; k++)
            found = strcmp(evaluation_table.at[k].name, key) == 0;
        if (!found)
            log_warn_once("%sevaluation: '%s' has no effect, as in mmseg: the dataset's evaluate() drops it",
                          value_place(v->as.dict.entry[i].item, place), key);
        else if (!value_set(e->mem, known, key, v->as.dict.entry[i].item))
            return fail_memory(err);
    }
    return fields_check(&evaluation_table, "evaluation", known, e->mem, err);
}

static const field checkpoint_fields[] = {
    KEY(interval),
    KEY(by_epoch),
    KEY(save_optimizer),
    KEY(out_dir),
    KEY(max_keep_ckpts),
    KEY(save_last),
    KEY(create_symlink),
    FIELD_IGNORED(sync_buffer, "one process trains"),
    FIELD_IGNORED(meta, "classes, palette and config are always written"),
    FIELD_FIXED(filename_tmpl, "'iter_{}.pth'|'epoch_{}.pth'", "checkpoints are called so"),
    FIELD_LOCAL(file_client_args, "files are written to the disk"),
};
KEYS_TABLE(checkpoint_table, checkpoint_fields);

/* ---- hooks ------------------------------------------------------------------------------------------------------- */

#define PRIORITY FIELD_IGNORED(priority, "hooks have one order here, the reference's usual one")
#define LOGGER_KEYS                                                                                                    \
    KEY(by_epoch), KEY(ignore_last), FIELD_WARNED(interval, "", "log_config.interval is that of all"),                 \
        FIELD_IGNORED(reset_flag, "means over the interval are begun anew in any case"), PRIORITY
static const field text_fields[] = {
    LOGGER_KEYS,
    KEY(interval_exp_name),
    FIELD_WARNED(out_dir, "", "logs stay in the work dir"),
    FIELD_IGNORED(out_suffix, "of out_dir"),
    FIELD_IGNORED(keep_local, "of out_dir"),
    FIELD_LOCAL(file_client_args, "files are written to the disk"),
};
KEYS_TABLE(text_table, text_fields);
static const field board_fields[] = {LOGGER_KEYS, FIELD_WARNED(log_dir, "", "logs stay in the work dir: tf_logs")};
KEYS_TABLE(board_table, board_fields);
static const field log_fields[] = {KEY(interval), KEY(hooks)};
KEYS_TABLE(log_table, log_fields);
static const field ema_fields[] = {
    KEY(momentum), KEY(interval), KEY(warm_up), FIELD_FIXED(resume_from, "", "averages come back with --resume-from"),
    PRIORITY,
};
KEYS_TABLE(ema_table, ema_fields);

static cseg_status check_hook_keys(const experiment *e, const value *h, cseg_error *err)
{
    const char *type = value_type_name(h);
    const field_table *table = !type                                        ? NULL
                               : strcmp(type, "TextLoggerHook") == 0        ? &text_table
                               : strcmp(type, "TensorboardLoggerHook") == 0 ? &board_table
                               : strcmp(type, "EMAHook") == 0               ? &ema_table
                                                                            : NULL;
    return table ? fields_check(table, type, h, e->mem, err) : CSEG_OK;
}

/* ---- top level: mmseg's; all others are variables of the config's own
 * ------------------------------------------------ */

/* Listed for the documentation: these make no difference here. */
static const field top_fields[] = {
    FIELD_IGNORED(dist_params, "one process trains"),
    FIELD_IGNORED(log_level, "all lines are written; --quiet keeps the terminal still"),
    FIELD_IGNORED(cudnn_benchmark, "of CUDA"),
    FIELD_IGNORED(find_unused_parameters, "of several processes"),
    FIELD_IGNORED(gpu_ids, "the CPU computes"),
    FIELD_IGNORED(device, "the CPU computes"),
    FIELD_IGNORED(mp_start_method, "threads read, not processes"),
    FIELD_IGNORED(opencv_num_threads, "--threads"),
    FIELD_IGNORED(omp_num_threads, "--threads"),
    FIELD_IGNORED(mkl_num_threads, "--threads"),
};

cseg_status keys_check_0x(const experiment *e, cseg_error *err)
{
    (void)top_fields;
    TRY(check_data(e, err));
    TRY(fields_check(&runner_table, "runner", value_get(e->cfg, "runner"), e->mem, err));
    TRY(check_optimizer_hook(e, err));
    TRY(check_evaluation(e, err));
    TRY(fields_check(&checkpoint_table, "checkpoint_config", value_get(e->cfg, "checkpoint_config"), e->mem, err));
    TRY(fields_check(&log_table, "log_config", value_get(e->cfg, "log_config"), e->mem, err));
    TRY(keys_of_each(e, value_find(e->cfg, "log_config.hooks"), check_hook_keys, err));
    return keys_of_each(e, value_get(e->cfg, "custom_hooks"), check_hook_keys, err);
}

/* Keys that the reference's runners and tools read, and those of this program. */
const char *const keys_names_0x[] = {"model",
                                     "train_cfg",
                                     "test_cfg",
                                     "data",
                                     "optimizer",
                                     "optimizer_config",
                                     "lr_config",
                                     "momentum_config",
                                     "runner",
                                     "total_iters",
                                     "total_epochs",
                                     "checkpoint_config",
                                     "evaluation",
                                     "log_config",
                                     "custom_hooks",
                                     "workflow",
                                     "load_from",
                                     "adapt_in_channels",
                                     "resume_from",
                                     "auto_resume",
                                     "revise_keys",
                                     "seed",
                                     "deterministic",
                                     "fp16",
                                     "work_dir",
                                     "custom_imports",
                                     "dist_params",
                                     "log_level",
                                     "cudnn_benchmark",
                                     "find_unused_parameters",
                                     "gpu_ids",
                                     "device",
                                     "mp_start_method",
                                     "opencv_num_threads",
                                     "omp_num_threads",
                                     "mkl_num_threads",
                                     NULL};
