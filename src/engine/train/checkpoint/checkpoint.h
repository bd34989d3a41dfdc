/* Checkpoints, in the reference's layout (checkpoint_layout of the experiment's profile). */
#ifndef ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_H
#define ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_H

#include "data/datasets/dataset.h"
#include "engine/dialect/experiment.h"
#include "engine/setup/learned_from.h"
#include "engine/train/checkpoint/run_files.h"
#include "engine/train/ema.h"
#include "engine/train/schedule/schedule.h"

/* What a checkpoint holds besides weights. */
typedef struct run_state {
    int64_t iter, epoch; /* done; epoch of iteration-based runs: the last iteration's, from 0 */
    int64_t inner_iter;  /* done of the epoch, for a resume in its midst */
    uint64_t seed;
    run_files files;    /* checkpoints of this run, and the best of save_best */
    int64_t bad_rounds; /* of early stopping, and the best it has seen */
    double watched;
    bool has_watched;
    int64_t summed; /* iterations whose gradients wait in checkpoint_parts.sum for a step */
} run_state;

typedef struct checkpoint_parts {
    const experiment *e;
    model *m;
    optimizer *o; /* NULL: not saved, not asked for */
    schedule *s;
    ema *average; /* NULL: none */
    const dataset_meta *meta;
    float *sum; /* of gradients, [m->flat_count]; NULL: each iteration makes a step */
    run_state *state;
    const learned_from *learned; /* stated for who uses the model; NULL: not */
    const char *out_dir;         /* the folder that this run's checkpoints are in */
} checkpoint_parts;

/* Written beside, synced, renamed: `path` holds the old file or the whole new one. */
cseg_status checkpoint_save(const char *path, const checkpoint_parts *c, cseg_error *err);
/* Weights, optimizer, schedules, averages and counters: the run continues as if it had not stopped. From checkpoints of
 * the reference too, as far as they hold these. Every count is checked against its range and against the run
 * (checkpoint_counters.h): CSEG_CORRUPT or CSEG_SHAPE, and the run does not begin. */
cseg_status checkpoint_resume(const char *path, const checkpoint_parts *c, const schedule_time *t, cseg_error *err);
/* The seed that a run began with; left alone where the file tells none. */
cseg_status checkpoint_peek_seed(const char *path, uint64_t *seed, cseg_error *err);

#endif
