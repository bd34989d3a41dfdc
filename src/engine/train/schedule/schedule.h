/* Learning rates and momenta over time, with the reference's arithmetic: schedules that step multiply the rate they
 * find, so that several compose (mmengine's); direct ones compute each rate from the start (mmcv's).
 *
 *     TRY(e->profile->schedules(e->rates, e->momenta, o, &t, mem, &s, err));
 *     for each iteration: schedule_before_iter(s, &t); (a step) schedule_after_iter(s);
 */
#ifndef ENGINE_TRAIN_SCHEDULE_SCHEDULE_H
#define ENGINE_TRAIN_SCHEDULE_SCHEDULE_H

#include "config/config.h"
#include "engine/train/optim/optimizer.h"

typedef struct schedule schedule;

typedef struct schedule_time {
    int64_t iter, epoch;           /* done so far */
    int64_t epoch_length;          /* iterations; of iteration-based runs: 1 epoch is the data set once */
    int64_t max_iters, max_epochs; /* of the run; one may be derived, or 0 */
    bool by_epoch;                 /* of the run */
} schedule_time;

/* Reads what a config says of rates and momenta; each may be None. *out lives in `mem`. Schedules that step apply step
 * 0. */
typedef cseg_status schedule_reader(const value *rates, const value *momenta, optimizer *o, const schedule_time *t,
                                    arena *mem, schedule **out, cseg_error *err);

/* Direct ones: sets the groups' rates for the coming iteration. */
void schedule_before_iter(schedule *s, const schedule_time *t);
/* Those that step: after an iteration, and after an epoch. */
void schedule_after_iter(schedule *s);
void schedule_after_epoch(schedule *s);
/* ReduceOnPlateau: what validation measured. */
void schedule_metric(schedule *s, const char *name, double v);
/* The figure that the i-th of these watches; NULL: there are no more. */
const char *schedule_monitor(const schedule *s, int i);

/* Goes to the state after t->iter iterations, as if they had been run; rates that a checkpoint gave are kept. */
void schedule_resume(schedule *s, const schedule_time *t);
/* The list of state dicts for a checkpoint; empty of direct ones. */
pth_value *schedule_state(const schedule *s, pth_builder *b);
/* From such a list, also the reference's: what ReduceOnPlateau remembers. The others follow from schedule_resume.
 * CSEG_CORRUPT: a count out of range. */
cseg_status schedule_load(schedule *s, pth *file, const pickle_node *list, cseg_error *err);

#endif
