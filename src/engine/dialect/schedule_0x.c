/* lr_config and momentum_config. Follows mmcv 1.7's LrUpdaterHook and its subclasses. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fields.h"
#include "engine/dialect/dialect.h"
#include "engine/train/schedule/policy.h"

typedef struct updater {
    const char *policy, *warmup, *anneal_strategy;
    bool warmup_by_epoch, three_phase;
    int64_t warmup_iters, cyclic_times, total_steps;
    double warmup_ratio, gamma, power, start_percent, step_ratio_up, pct_start, div_factor, final_div_factor,
        base_momentum, max_momentum;
    value *by_epoch, *step, *low, *low_ratio, *max_lr, *target_ratio;
    ints periods;
    floats restart_weights;
} updater;

#define FIELD_AS(name_, member_, about_) FIELD_AT(name_, F_VALUE, updater, member_, "None", about_)
#define COMMON(warmup_ratio_)                                                                                          \
    FIELD(updater, F_STR, policy, NULL, "the rule"),                                                                   \
        FIELD(updater, F_VALUE, by_epoch, "None", "progress is counted in epochs; None: as the runner counts"),        \
        FIELD_CHOICE(updater, warmup, "None", "constant|linear|exp", "how the first iterations rise"),                 \
        FIELD_RANGE(updater, F_INT, warmup_iters, "0", 0, 1e12, "iterations of warm-up"),                              \
        FIELD_RANGE(updater, F_FLOAT, warmup_ratio, warmup_ratio_, 0, 1, "share at which warm-up begins")
#define LR_COMMON COMMON("0.1"), FIELD(updater, F_BOOL, warmup_by_epoch, "False", "warmup_iters counts epochs")
#define MOMENTUM_COMMON COMMON("0.9")
#define LR_FLOORS                                                                                                      \
    FIELD_AS("min_lr", low, "lowest rate"),                                                                            \
        FIELD_AS("min_lr_ratio", low_ratio, "lowest rate, as a share of the initial one")
#define MOMENTUM_FLOORS                                                                                                \
    FIELD_AS("min_momentum", low, "lowest momentum"),                                                                  \
        FIELD_AS("min_momentum_ratio", low_ratio, "lowest momentum, as a share of the initial one")
#define CYCLIC(ratios_)                                                                                                \
    FIELD(updater, F_VALUE, target_ratio, ratios_, "highest and lowest value, as shares"),                             \
        FIELD_RANGE(updater, F_INT, cyclic_times, "1", 1, 1e9, "cycles in the run"),                                   \
        FIELD_RANGE(updater, F_FLOAT, step_ratio_up, "0.4", 0, 1, "share of a cycle that rises"),                      \
        FIELD_RANGE(updater, F_FLOAT, gamma, "1", 0, 1, "each cycle's height, as a share of the one before"), STRATEGY
#define STRATEGY FIELD_CHOICE(updater, anneal_strategy, "'cos'", "cos|linear", "shape between the ends")
#define ONE_CYCLE                                                                                                      \
    FIELD_RANGE(updater, F_FLOAT, pct_start, "0.3", 0, 1, "share of the run that rises"), STRATEGY,                    \
        FIELD(updater, F_BOOL, three_phase, "False", "down as long as up, then to the end")
#define STEP(gamma_)                                                                                                   \
    FIELD(updater, F_VALUE, step, NULL, "every so many, or a list of milestones"),                                     \
        FIELD(updater, F_FLOAT, gamma, gamma_, "factor at each")

static const field fixed_fields[] = {LR_COMMON};
static const field step_fields[] = {LR_COMMON, STEP("0.1"), FIELD_AS("min_lr", low, "lowest rate")};
static const field exp_fields[] = {LR_COMMON, FIELD(updater, F_FLOAT, gamma, NULL, "factor each time")};
static const field poly_fields[] = {LR_COMMON, FIELD(updater, F_FLOAT, power, "1.0", "exponent"),
                                    FIELD_AS("min_lr", low, "lowest rate")};
static const field inv_fields[] = {LR_COMMON, FIELD(updater, F_FLOAT, gamma, NULL, "steepness"),
                                   FIELD(updater, F_FLOAT, power, "1.0", "exponent")};
static const field annealing_fields[] = {LR_COMMON, LR_FLOORS};
static const field flat_fields[] = {
    LR_COMMON, LR_FLOORS, FIELD_RANGE(updater, F_FLOAT, start_percent, "0.75", 0, 1, "share of the run that is flat")};
static const field restart_fields[] = {LR_COMMON, LR_FLOORS,
                                       FIELD_RANGE(updater, F_INTS, periods, NULL, 1, 1e9, "lengths"),
                                       FIELD(updater, F_FLOATS, restart_weights, "[1]", "heights")};
static const field cyclic_fields[] = {LR_COMMON, CYCLIC("(10, 1e-4)")};
static const field one_cycle_fields[] = {
    LR_COMMON,
    ONE_CYCLE,
    FIELD(updater, F_VALUE, max_lr, NULL, "highest rate, or one for each group"),
    FIELD_RANGE(updater, F_INT, total_steps, "0", 0, 1e12, "0: those of the run"),
    FIELD_RANGE(updater, F_FLOAT, div_factor, "25.", 1e-12, 1e12, "max_lr / first rate"),
    FIELD_RANGE(updater, F_FLOAT, final_div_factor, "1e4", 1e-12, 1e12, "first / last rate")};
static const field momentum_step_fields[] = {MOMENTUM_COMMON, STEP("0.5"),
                                             FIELD_AS("min_momentum", low, "lowest momentum")};
static const field momentum_annealing_fields[] = {MOMENTUM_COMMON, MOMENTUM_FLOORS};
static const field momentum_cyclic_fields[] = {MOMENTUM_COMMON, CYCLIC("(0.85 / 0.95, 1.)")};
static const field momentum_one_cycle_fields[] = {MOMENTUM_COMMON, ONE_CYCLE,
                                                  FIELD(updater, F_FLOAT, base_momentum, "0.85", "lowest"),
                                                  FIELD(updater, F_FLOAT, max_momentum, "0.95", "highest")};

#define TABLE(fields_) FIELD_TABLE(fields_, updater)
/* Reads what a policy has beyond the common keys. cfg: for messages. */
typedef cseg_status read_special(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                                 arena *mem, cseg_error *err);

typedef struct updater_kind {
    const char *name;
    policy_value *value;
    field_table table;
    bool needs_floor;       /* one of min_lr and min_lr_ratio must be given */
    bool counts_iterations; /* by_epoch must be False */
    bool linear;            /* linear instead of cosine */
    read_special *special;  /* may be NULL */
} updater_kind;

/* ---- what some have of their own --------------------------------------------------------------------------------- */

static cseg_status bad(const value *cfg, const char *what, cseg_error *err)
{
    char place[512];
    return fail(err, CSEG_CONFIG, "%s%s", value_place(cfg, place), what);
}

static cseg_status read_steps(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                              arena *mem, cseg_error *err)
{
    (void)o, (void)t;
    const value *step = c->step;
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

static cseg_status read_flat(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                             arena *mem, cseg_error *err)
{
    (void)cfg, (void)o, (void)t, (void)mem, (void)err;
    p->pct_start = c->start_percent;
    return CSEG_OK;
}

static cseg_status check_periods(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                                 arena *mem, cseg_error *err)
{
    (void)c, (void)o, (void)t, (void)mem;
    if (!p->steps.n || p->steps.n != p->weights.n)
        return bad(cfg, "CosineRestart needs periods and restart_weights of the same length", err);
    return CSEG_OK;
}

static cseg_status read_cycles(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                               arena *mem, cseg_error *err)
{
    (void)cfg, (void)o, (void)t;
    const value *v = c->target_ratio;
    p->pct_start = c->step_ratio_up;
    p->total = c->cyclic_times;
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

/* OneCycle's first rate is max_lr / div_factor, whatever the optimizer's rate is. */
static cseg_status read_peak(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                             arena *mem, cseg_error *err)
{
    (void)mem;
    const value *v = c->max_lr;
    if (p->total > 0 && p->total < t->max_iters)
        return bad(value_get(cfg, "total_steps"), "total_steps is less than the run's iterations", err);
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

static cseg_status read_bounds(policy *p, const updater *c, const value *cfg, optimizer *o, const schedule_time *t,
                               arena *mem, cseg_error *err)
{
    (void)cfg, (void)t;
    p->weights = (floats){.n = 2, .at = ARENA_ARRAY(mem, 2, double)};
    if (!p->weights.at)
        return fail_memory(err);
    p->weights.at[0] = c->base_momentum;
    p->weights.at[1] = c->max_momentum;
    for (int g = 0; g < o->n_paced; g++)
        o->groups[g].momentum = c->max_momentum;
    return CSEG_OK;
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const updater_kind rate_kinds[] = {
    {.name = "Fixed", .value = direct_fixed, .table = TABLE(fixed_fields)},
    {.name = "Step", .value = direct_step, .table = TABLE(step_fields), .special = read_steps},
    {.name = "Exp", .value = direct_exp, .table = TABLE(exp_fields)},
    {.name = "Poly", .value = direct_poly, .table = TABLE(poly_fields)},
    {.name = "Inv", .value = direct_inv, .table = TABLE(inv_fields)},
    {.name = "CosineAnnealing", .value = direct_annealing, .table = TABLE(annealing_fields), .needs_floor = true},
    {.name = "LinearAnnealing",
     .value = direct_annealing,
     .table = TABLE(annealing_fields),
     .needs_floor = true,
     .linear = true},
    {.name = "FlatCosineAnnealing",
     .value = direct_flat,
     .table = TABLE(flat_fields),
     .needs_floor = true,
     .special = read_flat},
    {.name = "CosineRestart",
     .value = direct_restart,
     .table = TABLE(restart_fields),
     .needs_floor = true,
     .special = check_periods},
    {.name = "Cyclic",
     .value = direct_cyclic,
     .table = TABLE(cyclic_fields),
     .counts_iterations = true,
     .special = read_cycles},
    {.name = "OneCycle",
     .value = direct_one_cycle,
     .table = TABLE(one_cycle_fields),
     .counts_iterations = true,
     .special = read_peak},
};
static const updater_kind momentum_kinds[] = {
    {.name = "Step", .value = direct_step, .table = TABLE(momentum_step_fields), .special = read_steps},
    {.name = "CosineAnnealing",
     .value = direct_annealing,
     .table = TABLE(momentum_annealing_fields),
     .needs_floor = true},
    {.name = "LinearAnnealing",
     .value = direct_annealing,
     .table = TABLE(momentum_annealing_fields),
     .needs_floor = true,
     .linear = true},
    {.name = "Cyclic",
     .value = direct_cyclic,
     .table = TABLE(momentum_cyclic_fields),
     .counts_iterations = true,
     .special = read_cycles},
    {.name = "OneCycle",
     .value = direct_one_cycle_momentum,
     .table = TABLE(momentum_one_cycle_fields),
     .counts_iterations = true,
     .special = read_bounds},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* mmcv turns a lower-case word into a title; other spellings must be the hook's. */
static cseg_status find_kind(const value *cfg, bool momentum, const updater_kind **out, cseg_error *err)
{
    const updater_kind *kinds = momentum ? momentum_kinds : rate_kinds;
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

static cseg_status read_floor(policy *p, const updater_kind *k, const updater *c, const value *cfg, cseg_error *err)
{
    p->floor_set = !value_is_none(c->low);
    p->has_eta_min_ratio = !value_is_none(c->low_ratio);
    if ((p->floor_set && !value_number(c->low, &p->eta_min)) ||
        (p->has_eta_min_ratio && !value_number(c->low_ratio, &p->eta_min_ratio)))
        return bad(p->floor_set ? c->low : c->low_ratio, "the lowest value is a number", err);
    if (k->needs_floor && p->floor_set == p->has_eta_min_ratio)
        return bad(cfg,
                   p->momentum ? "this policy needs min_momentum or min_momentum_ratio, one of them"
                               : "this policy needs min_lr or min_lr_ratio, one of them",
                   err);
    return CSEG_OK;
}

/* The default of by_epoch: IterBasedRunner sets False for learning rates, but not for momentum, which then never moves,
 * since that runner has no epochs. */
static cseg_status read_counting(policy *p, const updater_kind *k, const updater *c, const value *cfg,
                                 const schedule_time *t, cseg_error *err)
{
    char place[512];
    p->by_epoch = !k->counts_iterations && (p->momentum || t->by_epoch);
    if (!value_is_none(c->by_epoch))
        p->by_epoch = value_true(c->by_epoch);
    if (k->counts_iterations && p->by_epoch)
        return bad(c->by_epoch, "this policy counts iterations: by_epoch must be False", err);
    p->idle = p->by_epoch && !t->by_epoch;
    if (p->idle)
        log_say(LOG_WARNING,
                "%sthis policy counts epochs in a run that counts iterations, and never changes anything; "
                "set by_epoch=False",
                value_place(value_is_none(c->by_epoch) ? cfg : c->by_epoch, place));
    return CSEG_OK;
}

static cseg_status read_policy(const value *cfg, bool momentum, optimizer *o, const schedule_time *t, arena *mem,
                               policy *p, cseg_error *err)
{
    updater c;
    const updater_kind *k = NULL;
    memset(&c, 0, sizeof c);
    TRY(find_kind(cfg, momentum, &k, err));
    TRY(fields_parse(&k->table, momentum ? "momentum_config" : "lr_config", cfg, NULL, mem, &c, err));
    *p = (policy){.momentum = momentum,
                  .value = k->value,
                  .gamma = c.gamma,
                  .power = c.power,
                  .steps = c.periods,
                  .weights = c.restart_weights,
                  .warmup = c.warmup,
                  .warmup_ratio = c.warmup_ratio,
                  .warmup_iters = c.warmup_by_epoch ? c.warmup_iters * t->epoch_length : c.warmup_iters,
                  .pct_start = c.pct_start,
                  .three_phase = c.three_phase,
                  .div_factor = c.div_factor,
                  .final_div_factor = c.final_div_factor,
                  .total = c.total_steps,
                  .linear = k->linear || (c.anneal_strategy && strcmp(c.anneal_strategy, "linear") == 0)};
    if (c.warmup && c.warmup_iters < 1)
        return bad(value_get(cfg, "warmup"), "warmup needs warmup_iters, at least 1", err);
    if (c.warmup && c.warmup_ratio <= 0)
        return bad(value_get(cfg, "warmup_ratio"), "warmup_ratio must be greater than 0", err);
    TRY(read_counting(p, k, &c, cfg, t, err));
    TRY(read_floor(p, k, &c, cfg, err));
    return k->special ? k->special(p, &c, cfg, o, t, mem, err) : CSEG_OK;
}

cseg_status schedule_read_0x(const value *rates, const value *momenta, optimizer *o, const schedule_time *t, arena *mem,
                             schedule **out, cseg_error *err)
{
    schedule *s = ARENA_NEW(mem, schedule);
    if (!s || !(s->policies = ARENA_ARRAY(mem, 2, policy)))
        return fail_memory(err);
    s->optimizer = o;
    const value *both[2] = {rates, momenta};
    for (int i = 0; i < 2; i++)
        if (!value_is_none(both[i]))
            TRY(read_policy(both[i], i == 1, o, t, mem, &s->policies[s->n++], err));
    *out = s;
    return CSEG_OK;
}
