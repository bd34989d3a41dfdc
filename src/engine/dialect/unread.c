#include "engine/dialect/unread.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"

/* What the reference's runners and tools ask for by name, and this program. */
static const char *const names_1x[] = {"model",
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
                                       "strategy"};
static const char *const names_0x[] = {"model",
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
                                       "mkl_num_threads"};
enum { N_1X = sizeof names_1x / sizeof *names_1x, N_0X = sizeof names_0x / sizeof *names_0x };

typedef struct names {
    const char *const *at;
    size_t n;
} names;

static names names_of(bool one_x)
{
    return one_x ? (names){names_1x, N_1X} : (names){names_0x, N_0X};
}

static bool has(names known, const char *name)
{
    for (size_t i = 0; i < known.n; i++)
        if (strcmp(known.at[i], name) == 0)
            return true;
    return false;
}

/* Short names are near to everything. */
static const char *slip_of(names known, const char *name)
{
    enum { SHORT = 6, SLIPS = 2 };
    const char *near = strlen(name) < SHORT ? NULL : str_nearest(name, known.at, known.n);
    return near && str_distance(name, near) <= SLIPS ? near : NULL;
}

void unread_warn_names(const experiment *e)
{
    bool one_x = e->dialect == DIALECT_1X;
    names known = names_of(one_x), others = names_of(!one_x);
    char place[512];
    for (size_t i = 0; i < e->cfg->as.dict.n; i++) {
        const char *name = e->cfg->as.dict.entry[i].key;
        const char *near = has(known, name) || has(others, name) ? NULL : slip_of(known, name);
        if (near)
            log_say(LOG_WARNING,
                    "%s'%s' is taken for a variable of the config's own, which changes nothing by itself; "
                    "is '%s' meant?",
                    value_place(e->cfg->as.dict.entry[i].item, place), name, near);
    }
}

const char *unread_first_name(const char *override, arena *mem)
{
    return arena_strndup(mem, override, strcspn(override, ".[="));
}

/* Two of them are looked at where something else is missing. */
static bool reads_variable(const experiment *e, const char *name)
{
    return strcmp(name, "test_pipeline") == 0 && !e->test.dataset && !e->val.dataset;
}

void unread_warn_override(const experiment *e, const char *override, bool was_there)
{
    bool one_x = e->dialect == DIALECT_1X;
    names known = names_of(one_x), others = names_of(!one_x);
    const char *name = unread_first_name(override, e->mem);
    if (!name || has(known, name) || reads_variable(e, name))
        return;
    if (has(others, name))
        log_say(LOG_WARNING,
                "--cfg-options %s has no effect: '%s' is a key of MMSegmentation %s, and this config is written as for "
                "%s",
                override, name, one_x ? "0.x" : "1.x", one_x ? "1.x" : "0.x");
    else if (was_there)
        log_say(LOG_WARNING,
                "--cfg-options %s does not reach the model or the data%s: '%s' is a variable of the config's own, and "
                "what is made of it was made when the file was read; name the keys that are to change (cseg config "
                "prints them all)",
                override,
                strcmp(name, "crop_size") == 0 ? " (windows of scenes and cseg model's default size follow it)" : "",
                name);
    else if (!slip_of(known, name)) /* else unread_warn_names tells */
        log_say(LOG_WARNING, "--cfg-options %s has no effect: no part of the program looks for '%s'", override, name);
}
