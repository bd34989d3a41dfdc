/* The inside of a run, shared by the runner's files.
 *
 *     trainer run = {.e = e, .mem = mem, .m = m, .b = b};
 *     TRY(trainer_iteration(&run, err));
 *     if (trainer_must_stop(&run))
 *         return trainer_interrupted(&run, err);
 */
#ifndef ENGINE_TRAIN_TRAINER_H
#define ENGINE_TRAIN_TRAINER_H

#include "engine/setup/build.h"
#include "engine/train/checkpoint/checkpoint.h"
#include "engine/train/log/run_log.h"
#include "engine/train/runner.h"
#include "graph/plan.h"

enum { TRAINER_PLANS = 4 };

/* The plan of the loss for one shape of batch. */
typedef struct loss_plan {
    graph *g;
    plan *p;
    int64_t n, h, w;
    trace_options data;
    bool train;
    uint64_t used;
} loss_plan;

/* The losses of a batch by name, the last one their sum, "loss". */
typedef struct losses {
    arena *mem; /* set by the owner: room for them is allocated there once */
    const char **names;
    double *values; /* [n] */
    int n, room;
} losses;

typedef struct trainer {
    experiment *e;
    const runner_options *options;
    arena *mem;
    model *m;
    backend *b, *val_b; /* val_b: for validation; equal to b if the precision is the same */
    preprocessor pre;
    dataset *train_set, *val_set, *workflow_set;
    loader *train, *val, *workflow_val;
    predictor *predictor;
    optimizer *o;
    schedule *s;
    ema *average;
    run_log *log;
    run_state state;
    learned_from learned;
    bool stop_greater; /* early stopping: a greater value is better */
    int64_t epoch_length, max_iters, max_epochs;
    loss_plan plans[TRAINER_PLANS];
    uint64_t clock;
    unsigned passes;
    const char *out_dir; /* folder of checkpoints: the work dir, or a folder in checkpoint.out_dir */
    float *sum;          /* sum of gradients, laid out as they are, when several iterations are one step */
    losses last;
    double data_seconds, seconds, grad_norm, lr, base_lr, momentum; /* of the last iteration */
    bool resumed;
    int64_t begun_iter; /* first iteration of this process */
    int64_t saved_iter; /* iteration of the newest checkpoint; -1: none yet */
} trainer;

/* Computes the losses of a batch, and if train also the gradients. Makes a plan if the batch's shape is new. */
cseg_status trainer_losses(trainer *t, const batch *b, bool train, losses *out, cseg_error *err);
/* Runs an iteration: batch, losses, gradients, step. */
cseg_status trainer_iteration(trainer *t, cseg_error *err);
void trainer_release_plans(trainer *t);
/* To be called when weights have changed otherwise than by a step, frozen ones too: plans may hold what follows from
 * them. */
void trainer_weights_changed(trainer *t);
/* Checks whether the model can be trained on the last batch of an epoch if that has only one image. This is known
 * before the first step if the pipeline gives all images one size. */
cseg_status trainer_check_last_batch(trainer *t, cseg_error *err);

schedule_time trainer_time(const trainer *t);
log_step trainer_log_step(const trainer *t);

/* run_folder.c. Makes the folders that the run writes into, locks them against other trainings until t->mem is freed,
 * and removes half-written files of killed runs. CSEG_IO: another process holds the lock; the message names it. */
cseg_status trainer_open_folders(trainer *t, cseg_error *err);
/* Updates the text file that names the newest checkpoint, or the link to it. Either is replaced atomically. */
cseg_status trainer_point_to(trainer *t, const char *path, cseg_error *err);
/* Finds the last checkpoint in the run's folders (by last_checkpoint, latest.pth, or the highest number); *out NULL:
 * none. A name or folder that cannot be read is an error, since a run that starts anew would overwrite the old one. */
cseg_status trainer_last_checkpoint(const trainer *t, char **out, cseg_error *err);
/* Removes a file of the run by its name; a missing file is no error. */
void trainer_drop(const trainer *t, const char *name);
void trainer_drop_old(trainer *t); /* removes all checkpoints but the newest max_keep_ckpts */

/* saving.c. Saves the checkpoint of this iteration or epoch, removes old ones, and updates last_checkpoint or
 * latest.pth. */
cseg_status trainer_save(trainer *t, bool by_epoch, cseg_error *err);
/* Saves, unless that was done at this iteration. Always fails: with CSEG_INTERRUPTED, or with the error of saving. */
cseg_status trainer_interrupted(trainer *t, cseg_error *err);
/* Writes a checkpoint of the present state. CSEG_NUMERIC, and no file: a weight is NaN or infinite. */
cseg_status trainer_write(trainer *t, const char *path, cseg_error *err);

/* best.c, for save_best. trainer_watch_best fills t->state.files.best from the experiment before a resume; the next one
 * completes it with the names that evaluation gives (CSEG_CONFIG: it gives no such figure); the last one saves the
 * checkpoints of the best figures so far, each in place of the previous one. */
cseg_status trainer_watch_best(trainer *t, cseg_error *err);
cseg_status trainer_check_best(trainer *t, const evaluation *v, cseg_error *err);
cseg_status trainer_save_best(trainer *t, const evaluation *v, arena *mem, cseg_error *err);

/* validate.c. trainer_check_figures checks that evaluation gives the figures that save_best, early stopping and
 * schedules watch. */
cseg_status trainer_check_figures(trainer *t, cseg_error *err);
cseg_status trainer_evaluate(trainer *t, bool *stop_early, cseg_error *err);
cseg_status trainer_workflow_val(trainer *t, int64_t iterations, cseg_error *err);

bool trainer_must_stop(const trainer *t);
checkpoint_parts trainer_parts(trainer *t);

#endif
