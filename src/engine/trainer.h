/* The inside of a run, shared by the runner's files. */
#ifndef ENGINE_TRAINER_H
#define ENGINE_TRAINER_H

#include "engine/build.h"
#include "engine/checkpoint.h"
#include "engine/run_log.h"
#include "engine/runner.h"
#include "graph/plan.h"

enum { TRAINER_PLANS = 4, TRAINER_LOSSES = 64 };

/* A graph of the loss for one shape of batch. */
typedef struct loss_plan {
    graph *g;
    plan *p;
    int64_t n, h, w;
    bool weights, train;
    uint32_t weighted; /* model.weighted */
    uint64_t used;
} loss_plan;

typedef struct losses {
    const char *names[TRAINER_LOSSES];
    double values[TRAINER_LOSSES];
    int n;
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
    int64_t epoch_length, max_iters, max_epochs;
    loss_plan plans[TRAINER_PLANS];
    uint64_t clock;
    unsigned passes;
    const char *out_dir; /* of checkpoints: the work dir, or checkpoint.out_dir's folder for it */
    float *sum;          /* of gradients, when several iterations make a step */
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

/* Makes the folders that the run writes into, and removes what killed runs left there half written. */
cseg_status trainer_open_folders(trainer *t, cseg_error *err);
/* Whether evaluation gives the figures that save_best and early stopping watch. */
cseg_status trainer_check_figures(const trainer *t, cseg_error *err);
/* Saves ITER or EPOCH's checkpoint, drops old ones, renews last_checkpoint or latest.pth. */
cseg_status trainer_save(trainer *t, bool by_epoch, cseg_error *err);
/* Saves unless that has been done at this iteration; always fails, with CSEG_INTERRUPTED unless saving does. */
cseg_status trainer_interrupted(trainer *t, cseg_error *err);
cseg_status trainer_evaluate(trainer *t, bool *stop_early, cseg_error *err);
cseg_status trainer_workflow_val(trainer *t, int64_t iterations, cseg_error *err);
bool trainer_must_stop(const trainer *t);
checkpoint_parts trainer_parts(trainer *t);

#endif
