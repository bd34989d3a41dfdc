/* Saves and resumes checkpoints, in the layout of the config's MMSegmentation release.
 *
 *     run_state state = {0};
 *     checkpoint_parts parts = {.e = e, .m = m, .o = opt, .state = &state, .out_dir = "work_dirs/fcn"};
 *     TRY(checkpoint_save("work_dirs/fcn/iter_500.pth", &parts, err));
 */
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
    int64_t iter, epoch; /* done; epoch of iteration-based runs: that of the last iteration, from 0 */
    int64_t inner_iter;  /* iterations done in the epoch, to resume within it */
    uint64_t seed;
    run_files files;    /* checkpoints of this run, and the best ones of save_best */
    int64_t bad_rounds; /* of early stopping: rounds without improvement, and the best value */
    double watched;
    bool has_watched;
    int64_t summed; /* iterations whose gradients in checkpoint_parts.sum wait for a step */
} run_state;

typedef struct checkpoint_parts {
    const experiment *e;
    model *m;
    optimizer *o; /* NULL: neither saved nor loaded */
    schedule *s;
    ema *average; /* NULL: none */
    const dataset_meta *meta;
    float *sum; /* of gradients, [m->flat_count]; NULL: each iteration is a step */
    run_state *state;
    const learned_from *learned; /* written for users of the model; NULL: not */
    const char *out_dir;         /* folder of this run's checkpoints */
} checkpoint_parts;

/* Saves a checkpoint: writes a temporary file, syncs and renames it, so `path` is always a whole file, old or new. */
cseg_status checkpoint_save(const char *path, const checkpoint_parts *c, cseg_error *err);
/* Loads weights, optimizer, schedules, averages and counters, so that the run continues as if it had not stopped. Also
 * takes MMSegmentation's checkpoints, as far as they hold these. Checks every count against its range and against the
 * run (checkpoint_counters.h). CSEG_CORRUPT or CSEG_SHAPE: the run must not begin. */
cseg_status checkpoint_resume(const char *path, const checkpoint_parts *c, const schedule_time *t, cseg_error *err);
/* Reads the seed of the run; leaves *seed unchanged if the file has none. */
cseg_status checkpoint_peek_seed(const char *path, uint64_t *seed, cseg_error *err);

#endif
