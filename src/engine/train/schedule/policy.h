/* The contents of a schedule: a list of policies, each of which changes one hyper-parameter of all groups. The config's
 * readers (engine/dialect/schedule_*.c) fill the list; schedule.c runs it.
 *
 *     policy fixed = {.value = direct_fixed};
 *     schedule_time t = {.epoch_length = 100, .max_iters = 20000};
 *     printf("%g\n", fixed.value(&fixed, &t, 0.01, 0.01));
 */
#ifndef ENGINE_TRAIN_SCHEDULE_POLICY_H
#define ENGINE_TRAIN_SCHEDULE_POLICY_H

#include "engine/train/schedule/schedule.h"

typedef struct policy policy;
/* Computes a value. Stepped: the value for p->last_step, from the present one; t is NULL. Direct: the value at t, from
 * the initial one. */
typedef double policy_value(const policy *p, const schedule_time *t, double base, double present);

struct policy {
    bool momentum; /* changes the momentum (or first beta) instead of the learning rate */
    bool by_epoch;
    policy_value *value;
    int64_t begin, end, last_step, global_step; /* stepped */
    double factor, end_factor, gamma, power, eta_min, eta_min_ratio;
    bool has_eta_min_ratio, floor_set;
    ints steps;     /* step sizes, milestones, periods */
    floats weights; /* weights of restarts, or target ratios */
    int64_t total;  /* total_iters, T_max, total_steps */
    double pct_start, div_factor, final_div_factor;
    bool three_phase, linear;
    /* direct policies: */
    bool idle;  /* counts epochs in a run that has none, so it never changes anything, as in mmcv */
    bool every; /* steps.at[0] is an interval, not a milestone */
    const char *warmup;
    int64_t warmup_iters;
    double warmup_ratio;
    /* ReduceOnPlateau */
    bool plateau;
    const char *monitor;
    bool greater, absolute;
    double threshold, best, min_value, eps;
    int64_t patience, cooldown, cooling, bad;
    bool has_best;
};

struct schedule {
    optimizer *optimizer;
    bool stepped; /* true: all policies are stepped, after iterations or epochs; false: all are direct, before
                     iterations */
    policy *policies;
    int n;
};

double schedule_annealed(bool linear, double start, double end, double share);
/* Returns the hyper-parameter of a group that p changes. */
double *policy_slot(const policy *p, optim_group *g);
double policy_base(const policy *p, const optim_group *g);
void schedule_step(schedule *s, policy *p); /* runs a stepped policy */

/* policy_stepped.c: mmengine's schedulers. */
policy_value stepped_constant, stepped_linear, stepped_poly, stepped_step, stepped_multi_step, stepped_exponential,
    stepped_cosine, stepped_restart, stepped_one_cycle;
/* policy_direct.c: mmcv's updaters. */
policy_value direct_fixed, direct_step, direct_exp, direct_poly, direct_inv, direct_annealing, direct_flat,
    direct_restart, direct_cyclic, direct_one_cycle, direct_one_cycle_momentum;

#endif
