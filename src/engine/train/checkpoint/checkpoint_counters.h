/* Checks the counters in a checkpoint against their ranges and against the run that resumes from it. */
#ifndef ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_COUNTERS_H
#define ENGINE_TRAIN_CHECKPOINT_CHECKPOINT_COUNTERS_H

#include "engine/train/checkpoint/checkpoint.h"

/* Reads meta's seed; leaves *seed unchanged if there is none. */
cseg_status counters_seed(pth *file, uint64_t *seed, cseg_error *err);
/* Reads iterations, epochs, seed, best figure and the rounds of early stopping. CSEG_CORRUPT: one is out of range, or
 * the file belongs to no run; CSEG_SHAPE: the run stopped within an epoch that this run's data do not have. `t`
 * describes the run before it resumes. */
cseg_status counters_read(pth *file, const schedule_time *t, run_state *s, cseg_error *err);
/* Checks the step counts of the optimizer, which must be loaded: at most one for each iteration. */
cseg_status counters_check_steps(pth *file, const optimizer *o, const run_state *s, cseg_error *err);

#endif
