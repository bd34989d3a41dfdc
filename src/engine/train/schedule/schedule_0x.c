/* lr_config and momentum_config of 0.x. Follows mmcv 1.7's LrUpdaterHook and its kin: each rate is computed from the
 * initial one. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
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
    if (p->every)
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

static double annealing_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    return schedule_annealed(p->linear, base, target(p, base), (double)progress(p, t) / (double)whole(p, t));
}

static double flat_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    /* Python's round(): half to even. */
    int64_t start = (int64_t)nearbyint((double)whole(p, t) * p->pct_start), at = progress(p, t) - start;
    return at < 0 ? base : schedule_annealed(false, base, target(p, base), (double)at / (double)(whole(p, t) - start));
}

/* Beyond the last period, where mmcv stops with an error, its end is kept. */
static double restart_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    int64_t first = 0, at = progress(p, t);
    size_t i = 0;
    while (i + 1 < p->steps.n && at >= first + p->steps.at[i])
        first += p->steps.at[i++];
    double share = (double)(at - first) / (double)p->steps.at[i], low = target(p, base);
    return low + 0.5 * p->weights.at[i] * (base - low) * (cos(PI * (share > 1 ? 1 : share)) + 1);
}

static double cyclic_value(const policy *p, const schedule_time *t, double base, double now)
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

/* The phases of one cycle, from[] to to[]: two, or three that end where the first began. */
static double in_cycle(const policy *p, const schedule_time *t, const double *from, const double *to)
{
    double total = (double)(p->total > 0 ? p->total : t->max_iters), at = (double)t->iter, begin = 0;
    double end[3] = {p->pct_start * total - 1, p->three_phase ? 2 * p->pct_start * total - 2 : total - 1, total - 1};
    int last = p->three_phase ? 2 : 1, i = 0;
    while (i < last && at > end[i])
        begin = end[i++];
    return schedule_annealed(p->linear, from[i], to[i], (at - begin) / (end[i] - begin));
}

static double one_cycle_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)now;
    double high = base * p->div_factor, low = base / p->final_div_factor;
    return in_cycle(p, t, (double[]){base, high, base}, (double[]){high, p->three_phase ? base : low, low});
}

/* base is not the optimizer's momentum here: weights hold the lowest and the highest one. */
static double one_cycle_momentum(const policy *p, const schedule_time *t, double base, double now)
{
    (void)base, (void)now;
    double low = p->weights.at[0], high = p->weights.at[1];
    return in_cycle(p, t, (double[]){high, low, high}, (double[]){low, high, high});
}

typedef struct zero_x_config {
    const char *policy, *warmup, *anneal_strategy;
    bool warmup_by_epoch, three_phase;
    int64_t warmup_iters, cyclic_times, total_steps;
    double warmup_ratio, gamma, power, start_percent, step_ratio_up, pct_start, div_factor, final_div_factor,
        base_momentum, max_momentum;
    value *by_epoch, *step, *low, *low_ratio, *max_lr, *target_ratio;
    ints periods;
    floats restart_weights;
} zero_x_config;

#define FIELD_AS(name_, member_, about_) FIELD_AT(name_, F_VALUE, zero_x_config, member_, "None", about_)
#define COMMON(warmup_ratio_)                                                                                          \
    FIELD(zero_x_config, F_STR, policy, NULL, "the rule"),                                                             \
        FIELD(zero_x_config, F_VALUE, by_epoch, "None", "progress is counted in epochs; None: as the runner counts"),  \
        FIELD_CHOICE(zero_x_config, warmup, "None", "constant|linear|exp", "how the first iterations rise"),           \
        FIELD_RANGE(zero_x_config, F_INT, warmup_iters, "0", 0, 1e12, "iterations of warm-up"),                        \
        FIELD_RANGE(zero_x_config, F_FLOAT, warmup_ratio, warmup_ratio_, 0, 1, "share at which warm-up begins")
#define LR_COMMON COMMON("0.1"), FIELD(zero_x_config, F_BOOL, warmup_by_epoch, "False", "warmup_iters counts epochs")
#define MOMENTUM_COMMON COMMON("0.9")
#define LR_FLOORS                                                                                                      \
    FIELD_AS("min_lr", low, "lowest rate"),                                                                            \
        FIELD_AS("min_lr_ratio", low_ratio, "lowest rate, as a share of the initial one")
#define MOMENTUM_FLOORS                                                                                                \
    FIELD_AS("min_momentum", low, "lowest momentum"),                                                                  \
        FIELD_AS("min_momentum_ratio", low_ratio, "lowest momentum, as a share of the initial one")
#define CYCLIC(ratios_)                                                                                                \
    FIELD(zero_x_config, F_VALUE, target_ratio, ratios_, "highest and lowest value, as shares"),                       \
        FIELD_RANGE(zero_x_config, F_INT, cyclic_times, "1", 1, 1e9, "cycles in the run"),                             \
        FIELD_RANGE(zero_x_config, F_FLOAT, step_ratio_up, "0.4", 0, 1, "share of a cycle that rises"),                \
        FIELD_RANGE(zero_x_config, F_FLOAT, gamma, "1", 0, 1, "each cycle's height, as a share of the one before"),    \
        STRATEGY
#define STRATEGY FIELD_CHOICE(zero_x_config, anneal_strategy, "'cos'", "cos|linear", "shape between the ends")
#define ONE_CYCLE                                                                                                      \
    FIELD_RANGE(zero_x_config, F_FLOAT, pct_start, "0.3", 0, 1, "share of the run that rises"), STRATEGY,              \
        FIELD(zero_x_config, F_BOOL, three_phase, "False", "down as long as up, then to the end")
#define STEP(gamma_)                                                                                                   \
    FIELD(zero_x_config, F_VALUE, step, NULL, "every so many, or a list of milestones"),                               \
        FIELD(zero_x_config, F_FLOAT, gamma, gamma_, "factor at each")

static const field fixed_fields[] = {LR_COMMON};
static const field step_fields[] = {LR_COMMON, STEP("0.1"), FIELD_AS("min_lr", low, "lowest rate")};
static const field exp_fields[] = {LR_COMMON, FIELD(zero_x_config, F_FLOAT, gamma, NULL, "factor each time")};
static const field poly_fields[] = {LR_COMMON, FIELD(zero_x_config, F_FLOAT, power, "1.0", "exponent"),
                                    FIELD_AS("min_lr", low, "lowest rate")};
static const field inv_fields[] = {LR_COMMON, FIELD(zero_x_config, F_FLOAT, gamma, NULL, "steepness"),
                                   FIELD(zero_x_config, F_FLOAT, power, "1.0", "exponent")};
static const field annealing_fields[] = {LR_COMMON, LR_FLOORS};
static const field flat_fields[] = {
    LR_COMMON, LR_FLOORS,
    FIELD_RANGE(zero_x_config, F_FLOAT, start_percent, "0.75", 0, 1, "share of the run that is flat")};
static const field restart_fields[] = {LR_COMMON, LR_FLOORS,
                                       FIELD_RANGE(zero_x_config, F_INTS, periods, NULL, 1, 1e9, "lengths"),
                                       FIELD(zero_x_config, F_FLOATS, restart_weights, "[1]", "heights")};
static const field cyclic_fields[] = {LR_COMMON, CYCLIC("(10, 1e-4)")};
static const field one_cycle_fields[] = {
    LR_COMMON,
    ONE_CYCLE,
    FIELD(zero_x_config, F_VALUE, max_lr, NULL, "highest rate, or one for each group"),
    FIELD_RANGE(zero_x_config, F_INT, total_steps, "0", 0, 1e12, "0: those of the run"),
    FIELD_RANGE(zero_x_config, F_FLOAT, div_factor, "25.", 1e-12, 1e12, "max_lr / first rate"),
    FIELD_RANGE(zero_x_config, F_FLOAT, final_div_factor, "1e4", 1e-12, 1e12, "first / last rate")};
static const field momentum_step_fields[] = {MOMENTUM_COMMON, STEP("0.5"),
                                             FIELD_AS("min_momentum", low, "lowest momentum")};
static const field momentum_annealing_fields[] = {MOMENTUM_COMMON, MOMENTUM_FLOORS};
static const field momentum_cyclic_fields[] = {MOMENTUM_COMMON, CYCLIC("(0.85 / 0.95, 1.)")};
static const field momentum_one_cycle_fields[] = {MOMENTUM_COMMON, ONE_CYCLE,
                                                  FIELD(zero_x_config, F_FLOAT, base_momentum, "0.85", "lowest"),
                                                  FIELD(zero_x_config, F_FLOAT, max_momentum, "0.95", "highest")};

#define TABLE(fields_) FIELD_TABLE(fields_, zero_x_config)
typedef struct zero_x_kind {
    const char *name;
    double (*value)(const policy *, const schedule_time *, double, double);
    field_table table;
} zero_x_kind;
static const zero_x_kind rate_kinds[] = {
    {"Fixed", fixed_value, TABLE(fixed_fields)},
    {"Step", step_value, TABLE(step_fields)},
    {"Exp", exp_value, TABLE(exp_fields)},
    {"Poly", poly_value, TABLE(poly_fields)},
    {"Inv", inv_value, TABLE(inv_fields)},
    {"CosineAnnealing", annealing_value, TABLE(annealing_fields)},
    {"LinearAnnealing", annealing_value, TABLE(annealing_fields)},
    {"FlatCosineAnnealing", flat_value, TABLE(flat_fields)},
    {"CosineRestart", restart_value, TABLE(restart_fields)},
    {"Cyclic", cyclic_value, TABLE(cyclic_fields)},
    {"OneCycle", one_cycle_value, TABLE(one_cycle_fields)},
};
static const zero_x_kind momentum_kinds[] = {
    {"Step", step_value, TABLE(momentum_step_fields)},
    {"CosineAnnealing", annealing_value, TABLE(momentum_annealing_fields)},
    {"LinearAnnealing", annealing_value, TABLE(momentum_annealing_fields)},
    {"Cyclic", cyclic_value, TABLE(momentum_cyclic_fields)},
    {"OneCycle", one_cycle_momentum, TABLE(momentum_one_cycle_fields)},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static cseg_status bad(const value *cfg, const char *what, cseg_error *err)
{
    char place[512];
    return fail(err, CSEG_CONFIG, "%s%s", value_place(cfg, place), what);
}

/* mmcv makes a word in lower case a title; all others must be spelt as the hook is. */
static cseg_status find_kind(const value *cfg, bool momentum, const zero_x_kind **out, cseg_error *err)
{
    const zero_x_kind *kinds = momentum ? momentum_kinds : rate_kinds;
    size_t n = momentum ? COUNT(momentum_kinds) : COUNT(rate_kinds);
    const value *v = value_get(cfg, "policy");
    const char *text = value_text(v), *names[COUNT(rate_kinds)];
    char place[512];
    if (!text)
        return bad(cfg, momentum ? "momentum_config needs a policy" : "lr_config needs a policy", err);
    for (size_t i = 0; i < n; i++) {
        char first = kinds[i].name[0];
        names[i] = kinds[i].name;
        *out = &kinds[i];
        if (strcmp(text, names[i]) == 0)
            return CSEG_OK;
        if (text[0] == first + 'a' - 'A' && strcmp(text + 1, names[i] + 1) == 0)
            return CSEG_OK;
    }
    const char *near = str_nearest(text, names, n);
    return fail(
        err, CSEG_CONFIG, "%sthere is no policy '%s' for %s%s%s; known are %s", value_place(v, place), text,
        momentum ? "momentum" : "learning rates", near ? ", did you mean " : "", near ? near : "",
        momentum ? "step, CosineAnnealing, LinearAnnealing, cyclic and OneCycle"
                 : "fixed, step, exp, poly, inv, CosineAnnealing, LinearAnnealing, FlatCosineAnnealing, CosineRestart, "
                   "cyclic and OneCycle");
}

static cseg_status read_steps(policy *p, const value *step, const value *cfg, arena *mem, cseg_error *err)
{
    p->every = !value_is_list(step);
    size_t n = p->every ? 1 : value_count(step);
    p->steps.at = ARENA_ARRAY(mem, n + 1, int64_t);
    if (!p->steps.at)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (!value_integer(p->every ? step : value_item(step, i), &p->steps.at[i]) || p->steps.at[i] < 1)
            return bad(cfg, "policy 'step' needs step, a positive number or a list of them", err);
    p->steps.n = n;
    return CSEG_OK;
}

static cseg_status read_ratios(policy *p, const value *v, arena *mem, cseg_error *err)
{
    p->weights = (floats){.n = 2, .at = ARENA_ARRAY(mem, 2, double)};
    if (!p->weights.at)
        return fail_memory(err);
    size_t n = value_is_list(v) ? value_count(v) : 1;
    if (n < 1 || n > 2 || !value_number(value_is_list(v) ? value_item(v, 0) : v, &p->weights.at[0]))
        return bad(v, "target_ratio is a number or two", err);
    p->weights.at[1] = p->weights.at[0] / 1e5;
    if (n == 2 && !value_number(value_item(v, 1), &p->weights.at[1]))
        return bad(v, "target_ratio is a number or two", err);
    return CSEG_OK;
}

/* OneCycle's first rate is max_lr / div_factor, whatever the optimizer's is. */
static cseg_status read_rates(const policy *p, const value *v, optimizer *o, cseg_error *err)
{
    bool list = value_is_list(v);
    if (list && value_count(v) != (size_t)o->n_groups)
        return bad(v, "max_lr needs as many numbers as there are parameter groups", err);
    for (int g = 0; g < o->n_paced; g++) {
        double high;
        if (!value_number(list ? value_item(v, (size_t)g) : v, &high))
            return bad(v, "max_lr is a number, or a list of them", err);
        o->groups[g].initial_lr = high / p->div_factor;
    }
    return CSEG_OK;
}

static cseg_status read_floor(policy *p, const zero_x_config *c, const value *cfg, cseg_error *err)
{
    p->floor_set = !value_is_none(c->low);
    p->has_eta_min_ratio = !value_is_none(c->low_ratio);
    if ((p->floor_set && !value_number(c->low, &p->eta_min)) ||
        (p->has_eta_min_ratio && !value_number(c->low_ratio, &p->eta_min_ratio)))
        return bad(p->floor_set ? c->low : c->low_ratio, "the lowest value is a number", err);
    bool needed = p->value == annealing_value || p->value == flat_value || p->value == restart_value;
    if (needed && p->floor_set == p->has_eta_min_ratio)
        return bad(cfg,
                   p->momentum ? "this policy needs min_momentum or min_momentum_ratio, one of them"
                               : "this policy needs min_lr or min_lr_ratio, one of them",
                   err);
    return CSEG_OK;
}

/* What counts by_epoch when the config does not say: IterBasedRunner sets False for learning rates, not for momentum;
 * then nothing ever moves, since it has no epochs. */
static cseg_status read_counting(policy *p, const zero_x_config *c, const value *cfg, const schedule_time *t,
                                 cseg_error *err)
{
    char place[512];
    bool by_iter_only = p->value == cyclic_value || p->value == one_cycle_value || p->value == one_cycle_momentum;
    p->by_epoch = !by_iter_only && (p->momentum || t->by_epoch);
    if (!value_is_none(c->by_epoch))
        p->by_epoch = value_true(c->by_epoch);
    if (by_iter_only && p->by_epoch)
        return bad(c->by_epoch, "this policy counts iterations: by_epoch must be False", err);
    p->idle = p->by_epoch && !t->by_epoch;
    if (p->idle)
        log_say(LOG_WARNING,
                "%sthis policy counts epochs in a run that counts iterations, and never changes anything; "
                "set by_epoch=False",
                value_place(value_is_none(c->by_epoch) ? cfg : c->by_epoch, place));
    return CSEG_OK;
}

static cseg_status read_special(policy *p, const zero_x_config *c, const value *cfg, optimizer *o,
                                const schedule_time *t, arena *mem, cseg_error *err)
{
    if (p->value == step_value)
        return read_steps(p, c->step, cfg, mem, err);
    if (p->value == restart_value && (!p->steps.n || p->steps.n != p->weights.n))
        return bad(cfg, "CosineRestart needs periods and restart_weights of the same length", err);
    if (p->value == cyclic_value)
        return read_ratios(p, c->target_ratio, mem, err);
    if (p->value == one_cycle_value && p->total > 0 && p->total < t->max_iters)
        return bad(value_get(cfg, "total_steps"), "total_steps is less than the run's iterations", err);
    if (p->value == one_cycle_value)
        return read_rates(p, c->max_lr, o, err);
    if (p->value != one_cycle_momentum)
        return CSEG_OK;
    p->weights = (floats){.n = 2, .at = ARENA_ARRAY(mem, 2, double)};
    if (!p->weights.at)
        return fail_memory(err);
    p->weights.at[0] = c->base_momentum;
    p->weights.at[1] = c->max_momentum;
    for (int g = 0; g < o->n_paced; g++)
        o->groups[g].momentum = c->max_momentum;
    return CSEG_OK;
}

static cseg_status read_policy(const value *cfg, bool momentum, optimizer *o, const schedule_time *t, arena *mem,
                               policy *p, cseg_error *err)
{
    zero_x_config c;
    const zero_x_kind *k = NULL;
    memset(&c, 0, sizeof c);
    TRY(find_kind(cfg, momentum, &k, err));
    TRY(fields_parse(&k->table, momentum ? "momentum_config" : "lr_config", cfg, NULL, mem, &c, err));
    *p = (policy){.type = k->name,
                  .momentum = momentum,
                  .value = k->value,
                  .gamma = c.gamma,
                  .power = c.power,
                  .steps = c.periods,
                  .weights = c.restart_weights,
                  .warmup = c.warmup,
                  .warmup_ratio = c.warmup_ratio,
                  .warmup_iters = c.warmup_by_epoch ? c.warmup_iters * t->epoch_length : c.warmup_iters,
                  .pct_start = k->value == flat_value     ? c.start_percent
                               : k->value == cyclic_value ? c.step_ratio_up
                                                          : c.pct_start,
                  .three_phase = c.three_phase,
                  .div_factor = c.div_factor,
                  .final_div_factor = c.final_div_factor,
                  .total = k->value == cyclic_value ? c.cyclic_times : c.total_steps};
    p->linear =
        strcmp(k->name, "LinearAnnealing") == 0 || (c.anneal_strategy && strcmp(c.anneal_strategy, "linear") == 0);
    if (c.warmup && c.warmup_iters < 1)
        return bad(value_get(cfg, "warmup"), "warmup needs warmup_iters, at least 1", err);
    if (c.warmup && c.warmup_ratio <= 0)
        return bad(value_get(cfg, "warmup_ratio"), "warmup_ratio must be greater than 0", err);
    TRY(read_counting(p, &c, cfg, t, err));
    TRY(read_floor(p, &c, cfg, err));
    return read_special(p, &c, cfg, o, t, mem, err);
}

cseg_status schedule_build_0x(const value *lr_config, const value *momentum_config, optimizer *o,
                              const schedule_time *t, arena *mem, schedule **out, cseg_error *err)
{
    schedule *s = ARENA_NEW(mem, schedule);
    if (!s || !(s->policies = ARENA_ARRAY(mem, 2, policy)))
        return fail_memory(err);
    s->optimizer = o;
    const value *both[2] = {lr_config, momentum_config};
    for (int i = 0; i < 2; i++)
        if (!value_is_none(both[i]))
            TRY(read_policy(both[i], i == 1, o, t, mem, &s->policies[s->n++], err));
    *out = s;
    return CSEG_OK;
}

/* The share of the regular value that warm-up lets through; of momentum it is a divisor. */
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
    for (int i = 0; !s->one_x && i < s->n; i++) {
        const policy *p = &s->policies[i];
        double share = warmed(p, t->iter);
        for (int g = 0; !p->idle && g < s->optimizer->n_paced; g++) {
            optim_group *group = &s->optimizer->groups[g];
            double v = p->value(p, t, policy_base(p, group), 0);
            *policy_slot(p, group) = p->momentum ? v / share : v * share;
        }
    }
}
