/* cseg train: the reference's tools/train.py. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "engine/train/runner.h"

typedef struct train_args {
    str_list cfg_options;
    const char *work_dir, *load_from, *resume_from, *resume, *backend, *seed;
    int64_t threads;
    bool auto_resume, no_validate, deterministic, amp, memory, allow_remote;
} train_args;

static void show(void *arg, const runner_progress *p)
{
    (void)arg;
    bool val = strcmp(p->doing, "val") == 0;
    progress_show(&(progress){.done = val ? p->done : p->iter,
                              .all = val ? p->all : p->max_iters,
                              .what = p->doing,
                              .has_loss = !val,
                              .loss = p->loss});
}

static void choose_resume(const train_args *o, experiment *e)
{
    if (o->resume_from)
        e->resume_from = o->resume_from;
    if (o->resume || o->auto_resume)
        e->resume = true;
}

/* *seed is -1 where none was given. */
static cseg_status read_seed(const char *text, int64_t *seed, cseg_error *err)
{
    char *end;
    *seed = -1;
    if (!text)
        return CSEG_OK;
    *seed = strtoll(text, &end, 10);
    if (end == text || *end || *seed < 0 || *seed > 4294967295)
        return fail(err, CSEG_USAGE, "--seed needs a whole number from 0 to 4294967295, not '%s'", text);
    return CSEG_OK;
}

/* Whether the run may write a checkpoint of this name: iter_500.pth, epoch_3.pth, best_mIoU_iter_500.pth. */
static bool is_checkpoint_name(const experiment *e, const char *name)
{
    const char *begin = e->checkpoint.by_epoch ? "epoch_" : "iter_";
    if (str_starts(name, "best_"))
        return e->checkpoint.save_best != NULL;
    if (!str_starts(name, begin))
        return false;
    char *end;
    int64_t n = strtoll(name + strlen(begin), &end, 10);
    return strcmp(end, ".pth") == 0 && n > 0 && n <= e->max;
}

/* Weights to start from that lie where the run's own checkpoints go: a run that goes on from them would write there
 * what comes after, a new one starts counting again and takes their place. */
static cseg_status plan_checkpoint(const experiment *e, outputs *o, const char *weights, arena *mem, cseg_error *err)
{
    char *real = weights ? realpath(weights, NULL) : NULL;
    cseg_status status = CSEG_OK;
    if (real && is_checkpoint_name(e, path_base(real))) {
        char *path = e->checkpoint.out_dir && strcmp(e->checkpoint.out_dir, e->work_dir) != 0
                         ? arena_printf(mem, "%s/%s/%s", e->checkpoint.out_dir, path_base(e->work_dir), path_base(real))
                         : path_join(mem, e->work_dir, path_base(real));
        status = path ? outputs_add_input(o, real, "the weights to start from,", err) : fail_memory(err);
        if (status == CSEG_OK)
            status = outputs_add(o, path, "a checkpoint of this run", NULL, err);
    }
    free(real);
    return status;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The resolved config is written into the work dir under the config's name: never over one of its bases. (Over the
 * config itself it is not written at all.) */
static cseg_status check_outputs(const experiment *e, arena *mem, cseg_error *err)
{
    outputs *o = outputs_new(mem);
    const char *base = path_base(e->path);
    char *dump = arena_printf(mem, "%s/%.*s.py", e->work_dir, (int)(strlen(base) - strlen(path_ext(base))), base);
    if (!o || !dump)
        return fail_memory(err);
    TRY(inputs_add_config(o, e->cfg, e->path, mem, err));
    if (!same_file(dump, e->path))
        TRY(outputs_add(o, dump, "the resolved config", NULL, err));
    if (!e->resume && !e->resume_from)
        TRY(plan_checkpoint(e, o, e->load_from, mem, err));
    return outputs_check(o, "give another --work-dir", err);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const train_args *o = options;
    experiment *e;
    int64_t seed;
    TRY(read_seed(o->seed, &seed, err));
    common_allow_remote(o->allow_remote);
    TRY(experiment_load(args->at[0], o->cfg_options.at, (int)o->cfg_options.n, mem, &e, err));
    if (o->work_dir)
        e->work_dir = o->work_dir;
    if (o->load_from)
        e->load_from = o->load_from;
    choose_resume(o, e);
    if (seed >= 0) {
        e->seed = seed;
        e->has_seed = true;
    }
    e->deterministic |= o->deterministic;
    e->amp |= o->amp;
    TRY(check_outputs(e, mem, err));
    interrupt_watch();
    runner_options how = {.backend = o->backend,
                          .threads = (int)o->threads,
                          .no_validate = o->no_validate,
                          .memory = o->memory,
                          .stop = interrupt_seen,
                          .progress = show};
    return runner_train(e, &how, err);
}

static const cli_option options[] = {
    {.names = "--work-dir",
     .type = O_STR,
     .offset = offsetof(train_args, work_dir),
     .value = "DIR",
     .about = "where checkpoints and logs go; default work_dirs/NAME of the config"},
    {.names = "--load-from",
     .type = O_STR,
     .offset = offsetof(train_args, load_from),
     .value = "FILE",
     .about = "weights to start from: a file, an address, or open-mmlab://NAME"},
    {.names = "--resume-from",
     .type = O_STR,
     .offset = offsetof(train_args, resume_from),
     .value = "FILE",
     .about = "go on from this checkpoint, as if the run had not stopped"},
    {.names = "--resume",
     .type = O_MAYBE,
     .offset = offsetof(train_args, resume),
     .value = "auto",
     .choices = "auto",
     .about = "the same, from the last checkpoint of the work dir"},
    {.names = "--auto-resume",
     .type = O_FLAG,
     .offset = offsetof(train_args, auto_resume),
     .about = "go on from the last checkpoint of the work dir, if there is one"},
    {.names = "--no-validate",
     .type = O_FLAG,
     .offset = offsetof(train_args, no_validate),
     .about = "no evaluation during training"},
    {.names = "--seed",
     .type = O_STR,
     .offset = offsetof(train_args, seed),
     .value = "N",
     .about = "of weights, order and augmentation; default: the config's, else by the clock"},
    {.names = "--deterministic",
     .type = O_FLAG,
     .offset = offsetof(train_args, deterministic),
     .about = "the same bits for any number of threads"},
    {.names = "--amp",
     .type = O_FLAG,
     .offset = offsetof(train_args, amp),
     .about = "mixed precision: maps and convolutions in bfloat16 where the CPU has it, weights and losses in float32"},
    {.names = "--memory",
     .type = O_FLAG,
     .offset = offsetof(train_args, memory),
     .about = "tell at the first step what it holds in memory: the plan, its bound, the largest tensors"},
    OPTION_CFG(train_args),
    OPTION_ALLOW_REMOTE(train_args),
    OPTION_THREADS(train_args),
    {.names = "--backend",
     .type = O_STR,
     .offset = offsetof(train_args, backend),
     .choices = "cpu|ref",
     .about = "what computes; ref is slow and for checking"},
    {.names = "--launcher",
     .type = O_IGNORED,
     .value = "NAME",
     .choices = "none|pytorch|slurm|mpi",
     .about = "one process trains"},
    {.names = "--local_rank|--local-rank", .type = O_IGNORED, .value = "N", .about = "one process trains"},
    {.names = "--gpus|--gpu-id", .type = O_IGNORED, .value = "N", .about = "the CPU computes"},
    {.names = "--gpu-ids", .type = O_IGNORED, .value = "N", .about = "the CPU computes"},
    {.names = "--diff_seed|--diff-seed", .type = O_IGNORED_FLAG, .about = "there is one process"},
    OPTIONS_END,
};
const cli_command command_train = {
    .name = "train",
    .arguments = "CONFIG",
    .about = "train the model of a config",
    .details =
        "Writes checkpoints that PyTorch and MMSegmentation load, and logs in the reference's format. Ctrl-C and "
        "SIGTERM end the iteration, save a checkpoint and exit; --resume goes on bit for bit.",
    .min_args = 1,
    .max_args = 1,
    .computes = true,
    .options = options,
    .size = sizeof(train_args),
    .run = run,
};
