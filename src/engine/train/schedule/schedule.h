/* Changes learning rates and momenta over time: every lr_config of 0.x and every param_scheduler of 1.x, with
 * MMSegmentation's arithmetic. 1.x multiplies the present rate, so schedules compose; 0.x computes each rate from the
 * initial one.
 *
 *     schedule *rates;
 *     schedule_time now = {.epoch_length = 100, .max_iters = 20000};
 *     schedule_reader schedule_read_1x;
 *     TRY(schedule_read_1x(cfg, NULL, opt, &now, mem, &rates, err));
 *     schedule_before_iter(rates, &now);
 *     schedule_after_iter(rates);
 */
#ifndef ENGINE_TRAIN_SCHEDULE_SCHEDULE_H
#define ENGINE_TRAIN_SCHEDULE_SCHEDULE_H

#include "config/config.h"
#include "engine/train/optim/optimizer.h"

typedef struct schedule schedule;

typedef struct schedule_time {
    int64_t iter, epoch;           /* done so far */
    int64_t epoch_length;          /* in iterations; for iteration-based runs an epoch is one pass over the dataset */
    int64_t max_iters, max_epochs; /* of the run; one of them may be derived, or 0 */
    bool by_epoch;                 /* of the run */
} schedule_time;

/* Reads what a config says of rates and momenta; each may be None. *out is in `mem`. Stepped schedules take step 0. */
typedef cseg_status schedule_reader(const value *rates, const value *momenta, optimizer *o, const schedule_time *t,
                                    arena *mem, schedule **out, cseg_error *err);

/* Direct schedules: sets the groups' rates for the coming iteration. */
void schedule_before_iter(schedule *s, const schedule_time *t);
/* Stepped schedules: moves on after an iteration, and after an epoch. */
void schedule_after_iter(schedule *s);
void schedule_after_epoch(schedule *s);
/* ReduceOnPlateau: takes a measured figure. */
void schedule_metric(schedule *s, const char *name, double v);
/* Returns the figure that the i-th of these watches; NULL: there are no more. */
const char *schedule_monitor(const schedule *s, int i);

/* Sets the state after t->iter iterations, as if they had been run; rates loaded from a checkpoint are kept. */
void schedule_resume(schedule *s, const schedule_time *t);
/* Returns the list of state dicts for a checkpoint; empty for direct schedules. */
pth_value *schedule_state(const schedule *s, pth_builder *b);
/* Reads such a list, also MMSegmentation's: the state of ReduceOnPlateau. The other schedules' state follows from
 * schedule_resume. CSEG_CORRUPT: a count is out of range. */
cseg_status schedule_load(schedule *s, pth *file, const pickle_node *list, cseg_error *err);

#endif
