/* Runs schedules: when policies change values, and which state of them is saved. */
#include "engine/train/schedule/schedule.h"

#include <math.h>
#include <string.h>

#include "engine/train/checkpoint/saved.h"
#include "engine/train/schedule/policy.h"

static const double PI = 3.14159265358979323846;

double schedule_annealed(bool linear, double start, double end, double share)
{
    return linear ? start + (end - start) * share : end + 0.5 * (start - end) * (cos(PI * share) + 1);
}

double *policy_slot(const policy *p, optim_group *g)
{
    return p->momentum ? &g->momentum : &g->lr;
}

double policy_base(const policy *p, const optim_group *g)
{
    return p->momentum ? g->initial_momentum : g->initial_lr;
}

void schedule_step(schedule *s, policy *p)
{
    p->global_step++;
    if (p->global_step < p->begin || p->global_step >= p->end)
        return;
    p->last_step++;
    for (int g = 0; g < s->optimizer->n_paced; g++) {
        optim_group *group = &s->optimizer->groups[g];
        double *at = policy_slot(p, group);
        *at = p->value(p, NULL, policy_base(p, group), *at);
    }
}

static void step_all(schedule *s, bool by_epoch)
{
    for (int i = 0; s->stepped && i < s->n; i++)
        if (s->policies[i].by_epoch == by_epoch) {
            if (s->policies[i].plateau)
                s->policies[i].global_step++;
            else
                schedule_step(s, &s->policies[i]);
        }
}

void schedule_after_iter(schedule *s)
{
    step_all(s, false);
}

void schedule_after_epoch(schedule *s)
{
    step_all(s, true);
}

const char *schedule_monitor(const schedule *s, int i)
{
    for (int k = 0; k < s->n; k++)
        if (s->policies[k].plateau && i-- == 0)
            return s->policies[k].monitor;
    return NULL;
}

/* NaN is never better, not even than no value: mmengine starts with an infinity. */
static bool better(const policy *p, double v)
{
    if (!p->has_best)
        return p->greater ? v > -INFINITY : v < INFINITY;
    if (p->absolute)
        return p->greater ? v > p->best + p->threshold : v < p->best - p->threshold;
    return p->greater ? v > p->best * (p->threshold + 1) : v < p->best * (1 - p->threshold);
}

void schedule_metric(schedule *s, const char *name, double v)
{
    for (int i = 0; i < s->n; i++) {
        policy *p = &s->policies[i];
        if (!p->plateau || strcmp(p->monitor, name) != 0 || p->global_step < p->begin || p->global_step >= p->end)
            continue;
        p->last_step++;
        bool good = better(p, v);
        if (good)
            p->best = v;
        p->has_best |= good;
        p->bad = good ? 0 : p->bad + 1;
        if (p->cooling > 0) {
            p->cooling--;
            p->bad = 0;
        }
        if (p->bad <= p->patience)
            continue;
        for (int g = 0; g < s->optimizer->n_paced; g++) {
            double *at = policy_slot(p, &s->optimizer->groups[g]), now = fmax(*at * p->factor, p->min_value);
            if (*at - now > p->eps)
                *at = now;
        }
        p->cooling = p->cooldown;
        p->bad = 0;
    }
}

void schedule_resume(schedule *s, const schedule_time *t)
{
    for (int i = 0; s->stepped && i < s->n; i++) {
        policy *p = &s->policies[i];
        p->global_step = p->by_epoch ? t->epoch : t->iter;
        int64_t last = p->global_step < p->end ? p->global_step : p->end - 1;
        p->last_step = last < p->begin ? -1 : last - p->begin;
    }
}

pth_value *schedule_state(const schedule *s, pth_builder *b)
{
    pth_value *list = pth_list(b);
    for (int i = 0; s->stepped && i < s->n; i++) {
        const policy *p = &s->policies[i];
        pth_value *d = pth_dict(b);
        pth_set(b, d, "param_name", pth_str(b, p->momentum ? "momentum" : "lr"));
        pth_set(b, d, "begin", pth_int(b, p->begin));
        pth_set(b, d, "end", pth_int(b, p->end));
        pth_set(b, d, "by_epoch", pth_bool(b, p->by_epoch));
        pth_set(b, d, "last_step", pth_int(b, p->last_step));
        pth_set(b, d, "_global_step", pth_int(b, p->global_step));
        if (p->plateau) {
            pth_set(b, d, "best", pth_float(b, p->has_best ? p->best : p->greater ? -INFINITY : INFINITY));
            pth_set(b, d, "num_bad_epochs", pth_int(b, p->bad));
            pth_set(b, d, "cooldown_counter", pth_int(b, p->cooling));
        }
        pth_add(b, list, d);
    }
    return list;
}

static cseg_status load_plateau(policy *p, pth *file, const pickle_node *d, cseg_error *err)
{
    p->has_best = pickle_number(pickle_get(d, "best"), &p->best) && isfinite(p->best);
    TRY(saved_count(file, d, "num_bad_epochs", 0, SAVED_LARGEST, &p->bad, err));
    TRY(saved_count(file, d, "cooldown_counter", 0, SAVED_LARGEST, &p->cooling, err));
    return saved_count(file, d, "last_step", -1, SAVED_LARGEST, &p->last_step, err);
}

cseg_status schedule_load(schedule *s, pth *file, const pickle_node *list, cseg_error *err)
{
    for (int i = 0; s->stepped && i < s->n; i++)
        if (s->policies[i].plateau && pickle_item(list, (size_t)i))
            TRY(load_plateau(&s->policies[i], file, pickle_item(list, (size_t)i), err));
    return CSEG_OK;
}

/* The factor of warm-up; momentum is divided by it. */
static double warmed(const policy *p, int64_t iter)
{
    if (!p->warmup || iter >= p->warmup_iters)
        return 1;
    if (strcmp(p->warmup, "constant") == 0)
        return p->warmup_ratio;
    double rest = 1 - (double)iter / (double)p->warmup_iters;
    return strcmp(p->warmup, "exp") == 0 ? pow(p->warmup_ratio, rest) : 1 - rest * (1 - p->warmup_ratio);
}

void schedule_before_iter(schedule *s, const schedule_time *t)
{
    for (int i = 0; !s->stepped && i < s->n; i++) {
        const policy *p = &s->policies[i];
        double share = warmed(p, t->iter);
        for (int g = 0; !p->idle && g < s->optimizer->n_paced; g++) {
            optim_group *group = &s->optimizer->groups[g];
            double v = p->value(p, t, policy_base(p, group), 0);
            *policy_slot(p, group) = p->momentum ? v / share : v * share;
        }
    }
}
