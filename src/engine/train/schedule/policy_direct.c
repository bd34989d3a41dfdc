/* Values that are computed from the initial one, whatever the present one is. Follows mmcv 1.7's LrUpdaterHook and its
 * subclasses. */
#include <math.h>

#include "engine/train/schedule/policy.h"

static const double PI = 3.14159265358979323846;

static int64_t progress(const policy *p, const schedule_time *t)
{
    return p->by_epoch ? t->epoch : t->iter;
}
static int64_t whole(const policy *p, const schedule_time *t)
{
    int64_t n = p->by_epoch ? t->max_epochs : t->max_iters;
    return n > 0 ? n : 1;
}
static double target(const policy *p, double base)
{
    return p->has_eta_min_ratio ? base * p->eta_min_ratio : p->eta_min;
}

double direct_fixed(const policy *p, const schedule_time *t, double base, double now)
{
    (void)p, (void)t, (void)now;
    return base;
}

double direct_step(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t at = progress(p, t), times = 0;
    if (p->every)
        times = at / p->steps.at[0];
    else
        while (times < (int64_t)p->steps.n && at >= p->steps.at[times])
            times++;
    double v = base * pow(p->gamma, (double)times);
    return p->floor_set && v < p->eta_min ? p->eta_min : v;
}

double direct_exp(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return base * pow(p->gamma, (double)progress(p, t));
}

double direct_poly(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    double rest = 1 - (double)progress(p, t) / (double)whole(p, t);
    return (base - p->eta_min) * pow(rest < 0 ? 0 : rest, p->power) + p->eta_min;
}

double direct_inv(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return base * pow(1 + p->gamma * (double)progress(p, t), -p->power);
}

double direct_annealing(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return schedule_annealed(p->linear, base, target(p, base), (double)progress(p, t) / (double)whole(p, t));
}

double direct_flat(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    /* Python's round(): half to even. */
    int64_t start = (int64_t)nearbyint((double)whole(p, t) * p->pct_start), at = progress(p, t) - start;
    return at < 0 ? base : schedule_annealed(false, base, target(p, base), (double)at / (double)(whole(p, t) - start));
}

/* Beyond the last period, where mmcv fails, the last value is kept. */
double direct_restart(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t first = 0, at = progress(p, t);
    size_t i = 0;
    while (i + 1 < p->steps.n && at >= first + p->steps.at[i])
        first += p->steps.at[i++];
    double share = (double)(at - first) / (double)p->steps.at[i], low = target(p, base);
    return low + 0.5 * p->weights.at[i] * (base - low) * (cos(PI * (share > 1 ? 1 : share)) + 1);
}

double direct_cyclic(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t cycle = t->max_iters / p->total, up, at;
    if (cycle < 1)
        cycle = 1;
    up = (int64_t)(p->pct_start * (double)cycle);
    at = t->iter % cycle;
    double scale = pow(p->gamma, (double)(t->iter / cycle)), low = base * p->weights.at[1];
    double high = base * (1 - scale + p->weights.at[0] * scale);
    if (at < up)
        return schedule_annealed(p->linear, base, high, (double)at / (double)up);
    return schedule_annealed(p->linear, high, low, (double)(at - up) / (double)(cycle - up));
}

/* The phases of a cycle, from[] to to[]: two, or three of which the last ends where the first began. */
static double in_cycle(const policy *p, const schedule_time *t, const double *from, const double *to)
{
    double total = (double)(p->total > 0 ? p->total : t->max_iters), at = (double)t->iter, begin = 0;
    double end[3] = {p->pct_start * total - 1, p->three_phase ? 2 * p->pct_start * total - 2 : total - 1, total - 1};
    int last = p->three_phase ? 2 : 1, i = 0;
    while (i < last && at > end[i])
        begin = end[i++];
    return schedule_annealed(p->linear, from[i], to[i], (at - begin) / (end[i] - begin));
}

double direct_one_cycle(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    double high = base * p->div_factor, low = base / p->final_div_factor;
    return in_cycle(p, t, (double[]){base, high, base}, (double[]){high, p->three_phase ? base : low, low});
}

/* base is not the optimizer's momentum here: weights hold the lowest and highest one. */
double direct_one_cycle_momentum(const policy *p, const schedule_time *t, double base, double now)
{
    (void)base, (void)now;
    double low = p->weights.at[0], high = p->weights.at[1];
    return in_cycle(p, t, (double[]){high, low, high}, (double[]){low, high, high});
}
