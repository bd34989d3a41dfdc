/* What the two dialects' schedules share: a list of policies, each moving one hyper-parameter of all groups. */
#ifndef ENGINE_TRAIN_SCHEDULE_POLICY_H
#define ENGINE_TRAIN_SCHEDULE_POLICY_H

#include "engine/train/schedule/schedule.h"

typedef struct policy policy;
struct policy {
    const char *type;
    bool momentum; /* moves the momentum (or first beta) instead of the learning rate */
    bool by_epoch;
    /* 1.x: the value for `last_step`, from the present one. 0.x: from the initial one, at progress t. */
    double (*value)(const policy *p, const schedule_time *t, double base, double present);
    int64_t begin, end, last_step, global_step; /* 1.x */
    double factor, end_factor, gamma, power, eta_min, eta_min_ratio;
    bool has_eta_min_ratio, floor_set;
    ints steps;     /* step sizes, milestones, periods */
    floats weights; /* of restarts; target ratios; */
    int64_t total;  /* total_iters, T_max, total_steps */
    double pct_start, div_factor, final_div_factor;
    bool three_phase, linear;
    /* 0.x */
    bool idle;  /* counts epochs in a run that has none: never moves anything, as in mmcv */
    bool every; /* steps.at[0] is an interval, no milestone */
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
    bool one_x;
    policy *policies;
    int n;
};

double schedule_annealed(bool linear, double start, double end, double share);
/* The hyper-parameter that p moves. */
double *policy_slot(const policy *p, optim_group *g);
double policy_base(const policy *p, const optim_group *g);

#endif
