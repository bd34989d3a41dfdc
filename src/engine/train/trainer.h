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

/* A graph of the loss for one shape of batch. */
typedef struct loss_plan {
    graph *g;
    plan *p;
    int64_t n, h, w;
    trace_options data;
    bool train;
    uint64_t used;
} loss_plan;

/* Of one batch: each by its name, then their sum, "loss". */
typedef struct losses {
    arena *mem; /* set by who has it: where room for them is taken from, once */
    const char **names;
    double *values; /* [n] */
    int n, room;
} losses;

typedef struct trainer {
    experiment *e;
    const runner_options *options;
    arena *mem;
    model *m;
    backend *b, *val_b; /* val_b: of validation; the same one if the precision is */
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
    bool stop_greater; /* early stopping: the figure is better when it is greater */
    int64_t epoch_length, max_iters, max_epochs;
    loss_plan plans[TRAINER_PLANS];
    uint64_t clock;
    unsigned passes;
    const char *out_dir; /* of checkpoints: the work dir, or checkpoint.out_dir's folder for it */
    float *sum;          /* of gradients, where they are, when several iterations make a step */
    losses last;
    double data_seconds, seconds, grad_norm, lr, base_lr, momentum; /* of the last iteration */
    bool resumed;
    int64_t begun_iter; /* where this process began */
    int64_t saved_iter; /* of the newest checkpoint; -1: none yet */
} trainer;

/* The losses of a batch, by a plan that is made when its shape is new; gradients too if train. */
cseg_status trainer_losses(trainer *t, const batch *b, bool train, losses *out, cseg_error *err);
/* One iteration: batch, losses, gradients, step. */
cseg_status trainer_iteration(trainer *t, cseg_error *err);
void trainer_release_plans(trainer *t);
/* Where an epoch ends in a batch of one image: whether the model can learn from that. Known before the first step if
 * all images come out of the pipeline in one size. */
cseg_status trainer_check_last_batch(trainer *t, cseg_error *err);

schedule_time trainer_time(const trainer *t);
log_step trainer_log_step(const trainer *t);

/* run_folder.c. Makes the folders that the run writes into, locks them against other trainings until t->mem goes, and
 * removes what killed runs left there half written. CSEG_IO: another process has the lock; the message names it. */
cseg_status trainer_open_folders(trainer *t, cseg_error *err);
/* Renews the text file that names the newest checkpoint, or the link to it. Both are replaced at once, never half. */
cseg_status trainer_point_to(trainer *t, const char *path, cseg_error *err);
/* The checkpoint that the run's folders tell to be the last (last_checkpoint, latest.pth, or the highest number); *out
 * NULL: none. A name or folder that cannot be read is an error: a run that begins anew would write over the old one. */
cseg_status trainer_last_checkpoint(const trainer *t, char **out, cseg_error *err);
/* Removes a file of the run by its name; one that is not there is fine. */
void trainer_drop(const trainer *t, const char *name);
void trainer_drop_old(trainer *t); /* all checkpoints but the newest max_keep_ckpts */

/* saving.c. Saves ITER or EPOCH's checkpoint, drops old ones, renews last_checkpoint or latest.pth. */
cseg_status trainer_save(trainer *t, bool by_epoch, cseg_error *err);
/* Saves unless that has been done at this iteration; always fails, with CSEG_INTERRUPTED unless saving does. */
cseg_status trainer_interrupted(trainer *t, cseg_error *err);
/* One checkpoint of the present state. CSEG_NUMERIC, and no file, where a weight is no finite number. */
cseg_status trainer_write(trainer *t, const char *path, cseg_error *err);

/* best.c. save_best's figures: t->state.files.best is filled from the experiment before a resume, and completed from
 * what evaluation gives (CSEG_CONFIG: a figure that it does not); then the checkpoints where they are the best so far,
 * each in place of the one before. */
cseg_status trainer_watch_best(trainer *t, cseg_error *err);
cseg_status trainer_check_best(trainer *t, const evaluation *v, cseg_error *err);
cseg_status trainer_save_best(trainer *t, const evaluation *v, arena *mem, cseg_error *err);

/* validate.c. The figures that save_best, early stopping and schedules watch are those that evaluation gives. */
cseg_status trainer_check_figures(trainer *t, cseg_error *err);
cseg_status trainer_evaluate(trainer *t, bool *stop_early, cseg_error *err);
cseg_status trainer_workflow_val(trainer *t, int64_t iterations, cseg_error *err);

bool trainer_must_stop(const trainer *t);
checkpoint_parts trainer_parts(trainer *t);

#endif
