/* Values that each step multiplies or shifts, so that several compose. Follows mmengine.optim.scheduler. */
#include <math.h>

#include "engine/train/schedule/policy.h"

static const double PI = 3.14159265358979323846;

double stepped_constant(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    if (p->last_step == 0)
        return now * p->factor;
    return p->last_step == p->total ? now * (1.0 / p->factor) : now;
}

double stepped_linear(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    double rise = p->end_factor - p->factor;
    if (p->last_step == 0)
        return now * p->factor;
    return now * (1.0 + rise / ((double)p->total * p->factor + (double)(p->last_step - 1) * rise));
}

double stepped_poly(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    if (p->last_step == 0)
        return now;
    return (now - p->eta_min) * pow(1 - 1.0 / (double)(p->total - p->last_step + 1), p->power) + p->eta_min;
}

double stepped_step(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    return p->last_step == 0 || p->last_step % p->steps.at[0] != 0 ? now : now * p->gamma;
}

double stepped_multi_step(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    int times = 0;
    for (size_t i = 0; i < p->steps.n; i++)
        times += p->steps.at[i] == p->last_step;
    return times ? now * pow(p->gamma, times) : now;
}

double stepped_exponential(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    return p->last_step == 0 ? now : now * p->gamma;
}

static double floor_of(const policy *p, double base)
{
    return p->has_eta_min_ratio ? base * p->eta_min_ratio : p->eta_min;
}

double stepped_cosine(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t;
    double low = floor_of(p, base), length = (double)p->total;
    int64_t s = p->last_step;
    if (s == 0)
        return now;
    if ((s - 1 - p->total) % (2 * p->total) == 0)
        return now + (base - low) * (1 - cos(PI / length)) / 2;
    return (1 + cos(PI * (double)s / length)) / (1 + cos(PI * (double)(s - 1) / length)) * (now - low) + low;
}

double stepped_restart(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t;
    int64_t first = 0;
    for (size_t i = 0; i < p->steps.n; i++) {
        int64_t period = p->steps.at[i], s = p->last_step - first;
        if (s < period) {
            double low = floor_of(p, base), length = (double)period;
            if (s == 0)
                return base * p->weights.at[i];
            return (1 + cos(PI * (double)s / length)) / (1 + cos(PI * (double)(s - 1) / length)) * (now - low) + low;
        }
        first += period;
    }
    return now;
}

double stepped_one_cycle(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base, (void)now;
    double high = p->eta_min, start = high / p->div_factor, low = start / p->final_div_factor, total = (double)p->total;
    double end[3] = {p->pct_start * total - 1, 2 * p->pct_start * total - 2, total - 1};
    double from[3] = {start, high, start}, to[3] = {high, start, low};
    int phases = 3;
    if (!p->three_phase) {
        phases = 2;
        end[1] = total - 1;
        to[1] = low;
    }
    double begin = 0, s = (double)p->last_step;
    for (int i = 0; i < phases; i++) {
        if (s <= end[i] || i == phases - 1)
            return schedule_annealed(p->linear, from[i], to[i], (s - begin) / (end[i] - begin));
        begin = end[i];
    }
    return low;
}
