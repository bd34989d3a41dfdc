/* lr_config and momentum_config of 0.x. Follows mmcv 1.7's LrUpdaterHook and its kin: each rate is computed from the
 * initial one. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "engine/schedule/policy.h"

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

static double fixed_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)p, (void)t, (void)now;
    return base;
}

static double step_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t at = progress(p, t), times = 0;
    if (p->three_phase) /* `step` was one number: every so many */
        times = at / p->steps.at[0];
    else
        while (times < (int64_t)p->steps.n && at >= p->steps.at[times])
            times++;
    double v = base * pow(p->gamma, (double)times);
    return p->floor_set && v < p->eta_min ? p->eta_min : v;
}

static double exp_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return base * pow(p->gamma, (double)progress(p, t));
}

static double poly_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    double rest = 1 - (double)progress(p, t) / (double)whole(p, t);
    return (base - p->eta_min) * pow(rest < 0 ? 0 : rest, p->power) + p->eta_min;
}

static double inv_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return base * pow(1 + p->gamma * (double)progress(p, t), -p->power);
}

static double cosine_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return schedule_annealed(p->linear, base, target(p, base), (double)progress(p, t) / (double)whole(p, t));
}

static double flat_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t start = (int64_t)nearbyint((double)whole(p, t) * p->pct_start), at = progress(p, t) - start;
    return at < 0 ? base : schedule_annealed(false, base, target(p, base), (double)at / (double)(whole(p, t) - start));
}

static double restart_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t first = 0, at = progress(p, t);
    for (size_t i = 0; i < p->steps.n; i++) {
        if (at < first + p->steps.at[i] || i + 1 == p->steps.n) {
            double share = (double)(at - first) / (double)p->steps.at[i], low = target(p, base);
            return low + 0.5 * p->weights.at[i] * (base - low) * (cos(PI * (share > 1 ? 1 : share)) + 1);
        }
        first += p->steps.at[i];
    }
    return base;
}

static double cyclic_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t phase = whole(p, t) / p->total, up, at;
    if (phase < 1)
        phase = 1;
    up = (int64_t)(p->pct_start * (double)phase);
    at = t->iter % phase;
    double scale = pow(p->gamma, (double)(t->iter / phase)), high = p->weights.at[0], low = p->weights.at[1];
    if (at < up)
        return schedule_annealed(p->linear, base, base * (1 - scale + high * scale), (double)at / (double)up);
    return schedule_annealed(p->linear, base * (1 - scale + high * scale), base * low, (double)(at - up) / (double)(phase - up));
}

static double one_cycle_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now, (void)base;
    double start = p->eta_min / p->div_factor, total = (double)(p->total > 0 ? p->total : whole(p, t));
    double end[3] = {p->pct_start * total - 1, 2 * p->pct_start * total - 2, total - 1};
    double from[3] = {1, p->div_factor, 1}, to[3] = {p->div_factor, 1, 1 / p->final_div_factor};
    int phases = p->three_phase ? 3 : 2;
    if (phases == 2) {
        end[1] = total - 1;
        to[1] = 1 / p->final_div_factor;
    }
    double begin = 0, at = (double)t->iter;
    for (int i = 0; i < phases; i++) {
        if (at <= end[i] || i == phases - 1)
            return schedule_annealed(p->linear, start * from[i], start * to[i], (at - begin) / (end[i] - begin));
        begin = end[i];
    }
    return start;
}

typedef struct zero_x_config {
    const char *policy, *warmup, *anneal_strategy;
    bool by_epoch, warmup_by_epoch, three_phase;
    int64_t warmup_iters, cyclic_times, total_steps;
    double warmup_ratio, gamma, power, start_percent, step_ratio_up, pct_start, div_factor, final_div_factor;
    value *step, *min_lr, *min_lr_ratio, *min_momentum, *min_momentum_ratio, *max_lr, *target_ratio;
    ints periods;
    floats restart_weights;
} zero_x_config;

static const field zero_x_fields[] = {
    FIELD(zero_x_config, F_STR, policy, NULL, "fixed, step, exp, poly, inv, CosineAnnealing, FlatCosineAnnealing, ..."),
    FIELD(zero_x_config, F_BOOL, by_epoch, "True", "progress is counted in epochs"),
    FIELD_CHOICE(zero_x_config, warmup, "None", "constant|linear|exp", "how the first iterations rise"),
    FIELD(zero_x_config, F_INT, warmup_iters, "0", ""),
    FIELD(zero_x_config, F_FLOAT, warmup_ratio, "0.1", "share at which warm-up begins"),
    FIELD(zero_x_config, F_BOOL, warmup_by_epoch, "False", "warmup_iters counts epochs"),
    FIELD(zero_x_config, F_VALUE, step, "None", "step: every so many, or a list of milestones"),
    FIELD(zero_x_config, F_FLOAT, gamma, "0.1", "step, exp, inv, cyclic"),
    FIELD(zero_x_config, F_FLOAT, power, "1.0", "poly, inv"),
    FIELD(zero_x_config, F_VALUE, min_lr, "None", "lowest rate"),
    FIELD(zero_x_config, F_VALUE, min_lr_ratio, "None", "the same, as a share of the initial one"),
    FIELD(zero_x_config, F_VALUE, min_momentum, "None", "lowest momentum"),
    FIELD(zero_x_config, F_VALUE, min_momentum_ratio, "None", "the same, as a share of the initial one"),
    FIELD(zero_x_config, F_FLOAT, start_percent, "0.75", "FlatCosineAnnealing"),
    FIELD_RANGE(zero_x_config, F_INTS, periods, "None", 1, 1e9, "CosineRestart"),
    FIELD(zero_x_config, F_FLOATS, restart_weights, "[1]", "CosineRestart"),
    FIELD(zero_x_config, F_VALUE, target_ratio, "(10, 1e-4)", "cyclic: highest and lowest, as shares"),
    FIELD_RANGE(zero_x_config, F_INT, cyclic_times, "1", 1, 1e9, "cyclic"),
    FIELD(zero_x_config, F_FLOAT, step_ratio_up, "0.4", "cyclic: share of a cycle that rises"),
    FIELD_CHOICE(zero_x_config, anneal_strategy, "'cos'", "cos|linear", "cyclic, OneCycle"),
    FIELD(zero_x_config, F_VALUE, max_lr, "None", "OneCycle"),
    FIELD(zero_x_config, F_INT, total_steps, "0", "OneCycle; 0: all"),
    FIELD(zero_x_config, F_FLOAT, pct_start, "0.3", "OneCycle"),
    FIELD(zero_x_config, F_FLOAT, div_factor, "25.", "OneCycle"),
    FIELD(zero_x_config, F_FLOAT, final_div_factor, "1e4", "OneCycle"),
    FIELD(zero_x_config, F_BOOL, three_phase, "False", "OneCycle"),
};
static const field_table zero_x_table = {zero_x_fields, sizeof zero_x_fields / sizeof *zero_x_fields, sizeof(zero_x_config),
                                         false};

typedef struct zero_x_kind {
    const char *name; /* as mmcv spells the hook, lower case: lr_config's policy is made title case there */
    double (*value)(const policy *, const schedule_time *, double, double);
} zero_x_kind;
static const zero_x_kind kinds[] = {
    {"fixed", fixed_value},   {"step", step_value},
    {"exp", exp_value},       {"poly", poly_value},
    {"inv", inv_value},       {"cosineannealing", cosine_value},
    {"linearannealing", cosine_value}, {"flatcosineannealing", flat_value},
    {"cosinerestart", restart_value},  {"cyclic", cyclic_value},
    {"onecycle", one_cycle_value},
};

static bool same_word(const char *a, const char *lower)
{
    for (; *a && *lower; a++, lower++)
        if ((*a >= 'A' && *a <= 'Z' ? *a + 32 : *a) != *lower)
            return false;
    return *a == *lower;
}

static cseg_status bad(const value *cfg, const char *what, cseg_error *err)
{
    char place[512];
    return fail(err, CSEG_CONFIG, "%s%s", value_place(cfg, place), what);
}

static cseg_status read_steps(policy *p, const zero_x_config *c, const value *cfg, arena *mem, cseg_error *err)
{
    size_t n = value_is_list(c->step) ? value_count(c->step) : 1;
    p->steps.at = ARENA_ARRAY(mem, n + 1, int64_t);
    if (!p->steps.at)
        return fail_memory(err);
    p->three_phase = !value_is_list(c->step);
    for (size_t i = 0; i < n; i++)
        if (!c->step || !value_integer(p->three_phase ? c->step : value_item(c->step, i), &p->steps.at[i]) ||
            p->steps.at[i] < 1)
            return bad(cfg, "policy 'step' needs step, a positive number or a list of them", err);
    p->steps.n = n;
    return CSEG_OK;
}

static cseg_status read_ratios(policy *p, const value *v, arena *mem, cseg_error *err)
{
    p->weights = (floats){.n = 2, .at = ARENA_ARRAY(mem, 2, double)};
    if (!p->weights.at)
        return fail_memory(err);
    const value *first = value_is_list(v) ? value_item(v, 0) : v, *second = value_is_list(v) ? value_item(v, 1) : NULL;
    if (!first || !value_number(first, &p->weights.at[0]))
        return bad(v, "target_ratio is a number or two", err);
    p->weights.at[1] = p->weights.at[0] / 1e5;
    if (second)
        value_number(second, &p->weights.at[1]);
    return CSEG_OK;
}

static cseg_status read_policy(const value *cfg, const schedule_time *t, bool momentum, arena *mem, policy *p,
                               cseg_error *err)
{
    zero_x_config c;
    memset(&c, 0, sizeof c);
    TRY(fields_parse(&zero_x_table, momentum ? "momentum_config" : "lr_config", cfg, NULL, mem, &c, err));
    const zero_x_kind *k = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (same_word(c.policy, kinds[i].name))
            k = &kinds[i];
    if (!k)
        return bad(value_get(cfg, "policy"), "there is no such policy; known are fixed, step, exp, poly, inv, "
                   "CosineAnnealing, LinearAnnealing, FlatCosineAnnealing, CosineRestart, cyclic and OneCycle", err);
    *p = (policy){.type = c.policy, .momentum = momentum, .by_epoch = c.by_epoch, .value = k->value, .gamma = c.gamma,
                  .power = c.power, .steps = c.periods, .weights = c.restart_weights, .warmup = c.warmup,
                  .warmup_iters = c.warmup_by_epoch ? c.warmup_iters * t->epoch_length : c.warmup_iters,
                  .warmup_ratio = c.warmup_ratio, .pct_start = c.start_percent, .three_phase = c.three_phase,
                  .div_factor = c.div_factor, .final_div_factor = c.final_div_factor, .total = c.total_steps};
    const value *low = momentum ? c.min_momentum : c.min_lr;
    const value *ratio = momentum ? c.min_momentum_ratio : c.min_lr_ratio;
    p->floor_set = low && value_number(low, &p->eta_min);
    p->has_eta_min_ratio = ratio && value_number(ratio, &p->eta_min_ratio);
    p->linear = same_word(c.policy, "linearannealing") || strcmp(c.anneal_strategy, "linear") == 0;
    if (k->value == step_value)
        TRY(read_steps(p, &c, cfg, mem, err));
    if (k->value == restart_value && (!p->steps.n || p->steps.n != p->weights.n))
        return bad(cfg, "CosineRestart needs periods and restart_weights of the same length", err);
    if (k->value == cyclic_value) {
        p->total = c.cyclic_times;
        p->pct_start = c.step_ratio_up;
        p->gamma = value_get(cfg, "gamma") ? c.gamma : 1;
        p->by_epoch = false;
        TRY(read_ratios(p, c.target_ratio, mem, err));
    }
    if (k->value == one_cycle_value) {
        p->pct_start = c.pct_start;
        p->by_epoch = false;
        if (!c.max_lr || !value_number(c.max_lr, &p->eta_min))
            return bad(cfg, "OneCycle needs max_lr, a number", err);
    }
    if (c.warmup && c.warmup_iters < 1)
        return bad(value_get(cfg, "warmup"), "warmup needs warmup_iters, at least 1", err);
    return CSEG_OK;
}

cseg_status schedule_build_0x(const value *lr_config, const value *momentum_config, optimizer *o, const schedule_time *t,
                              arena *mem, schedule **out, cseg_error *err)
{
    schedule *s = ARENA_NEW(mem, schedule);
    if (!s || !(s->policies = ARENA_ARRAY(mem, 2, policy)))
        return fail_memory(err);
    s->optimizer = o;
    const value *both[2] = {lr_config, momentum_config};
    for (int i = 0; i < 2; i++)
        if (!value_is_none(both[i]))
            TRY(read_policy(both[i], t, i == 1, mem, &s->policies[s->n++], err));
    *out = s;
    return CSEG_OK;
}

/* The share of the regular rate that warm-up lets through. */
static double warmed(const policy *p, int64_t iter)
{
    if (strcmp(p->warmup, "constant") == 0)
        return p->warmup_ratio;
    double rest = 1 - (double)iter / (double)p->warmup_iters;
    return strcmp(p->warmup, "exp") == 0 ? pow(p->warmup_ratio, rest) : 1 - rest * (1 - p->warmup_ratio);
}

void schedule_before_iter(schedule *s, const schedule_time *t)
{
    for (int i = 0; !s->one_x && i < s->n; i++) {
        const policy *p = &s->policies[i];
        double share = p->warmup && t->iter < p->warmup_iters ? warmed(p, t->iter) : 1;
        for (int g = 0; g < s->optimizer->n_groups; g++) {
            optim_group *group = &s->optimizer->groups[g];
            *policy_slot(p, group) = p->value(p, t, policy_base(p, group), 0) * share;
        }
    }
}
