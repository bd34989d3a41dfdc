/* Checks what a checkpoint says of the run that wrote it, against the range of each number and against the run that
 * resumes. */
#ifndef ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_COUNTERS_H
#define ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_COUNTERS_H

#include "engine/train/checkpoint/checkpoint.h"

/* meta's seed; *seed stays where there is none. */
cseg_status counters_seed(pth *file, uint64_t *seed, cseg_error *err);
/* Iterations, epochs, seed, best figure, early stopping's rounds. CSEG_CORRUPT: one is out of range, or the file is of
 * no run; CSEG_SHAPE: it stopped within an epoch that this run's data do not have. `t` is of the run, before it goes
 * on. */
cseg_status counters_read(pth *file, const schedule_time *t, run_state *s, cseg_error *err);
/* Step counts of the optimizer, which has been loaded: at most one for each iteration. */
cseg_status counters_check_steps(pth *file, const optimizer *o, const run_state *s, cseg_error *err);

#endif
