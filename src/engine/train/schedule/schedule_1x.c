/* The param_schedulers of 1.x. Follows mmengine.optim.scheduler: each step multiplies or shifts what it finds, so that
 * several compose. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/train/checkpoint/saved.h"
#include "engine/train/schedule/policy.h"

static const double PI = 3.14159265358979323846;
enum { EVER = 1000000000 };

static double constant_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    if (p->last_step == 0)
        return now * p->factor;
    return p->last_step == p->total ? now * (1.0 / p->factor) : now;
}

static double linear_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    double rise = p->end_factor - p->factor;
    if (p->last_step == 0)
        return now * p->factor;
    return now * (1.0 + rise / ((double)p->total * p->factor + (double)(p->last_step - 1) * rise));
}

static double poly_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    if (p->last_step == 0)
        return now;
    return (now - p->eta_min) * pow(1 - 1.0 / (double)(p->total - p->last_step + 1), p->power) + p->eta_min;
}

static double step_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    return p->last_step == 0 || p->last_step % p->steps.at[0] != 0 ? now : now * p->gamma;
}

static double multi_step_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    int times = 0;
    for (size_t i = 0; i < p->steps.n; i++)
        times += p->steps.at[i] == p->last_step;
    return times ? now * pow(p->gamma, times) : now;
}

static double exponential_value(const policy *p, const schedule_time *t, double base, double now)
{
    (void)t, (void)base;
    return p->last_step == 0 ? now : now * p->gamma;
}

static double floor_of(const policy *p, double base)
{
    return p->has_eta_min_ratio ? base * p->eta_min_ratio : p->eta_min;
}

static double cosine_value(const policy *p, const schedule_time *t, double base, double now)
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

static double restart_value(const policy *p, const schedule_time *t, double base, double now)
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

static double one_cycle_value(const policy *p, const schedule_time *t, double base, double now)
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

typedef struct one_x_config {
    int64_t begin, end, step_size, T_max, total_steps, patience, cooldown;
    bool by_epoch, convert_to_iter_based, three_phase;
    double factor, start_factor, end_factor, gamma, power, eta_max, pct_start, div_factor, final_div_factor, threshold,
        min_value, eps;
    value *eta_min, *eta_min_ratio;
    ints milestones, periods;
    floats restart_weights;
    const char *anneal_strategy, *param_name, *monitor, *rule, *threshold_rule;
} one_x_config;

#define COMMON                                                                                                         \
    FIELD(one_x_config, F_INT, begin, "0", "first step"),                                                              \
        FIELD(one_x_config, F_INT, end, "1000000000", "step at which it ends"),                                        \
        FIELD(one_x_config, F_BOOL, by_epoch, "True", "steps are epochs, not iterations"),                             \
        FIELD(one_x_config, F_BOOL, convert_to_iter_based, "False", "given in epochs, applied each iteration"),        \
        FIELD(one_x_config, F_STR, param_name, "None", "of the ...ParamScheduler types: lr or momentum"),              \
        FIELD_IGNORED(verbose, "rates stand in the log"), FIELD_FIXED(last_step, "-1", "resuming sets it")
#define FLOORS                                                                                                         \
    FIELD(one_x_config, F_VALUE, eta_min, "None", "lowest value"),                                                     \
        FIELD(one_x_config, F_VALUE, eta_min_ratio, "None", "lowest value, as a share of the initial one")

static const field constant_fields[] = {COMMON,
                                        FIELD_RANGE(one_x_config, F_FLOAT, factor, "0.333333333333333333", 0, 1, "")};
static const field linear_fields[] = {
    COMMON, FIELD_RANGE(one_x_config, F_FLOAT, start_factor, "0.333333333333333333", 0, 1, ""),
    FIELD_RANGE(one_x_config, F_FLOAT, end_factor, "1.0", 0, 1, "")};
static const field poly_fields[] = {COMMON, FLOORS, FIELD(one_x_config, F_FLOAT, power, "1.0", "")};
static const field step_fields[] = {COMMON, FIELD_RANGE(one_x_config, F_INT, step_size, NULL, 1, 1e9, ""),
                                    FIELD(one_x_config, F_FLOAT, gamma, "0.1", "")};
static const field multi_step_fields[] = {COMMON, FIELD(one_x_config, F_INTS, milestones, NULL, ""),
                                          FIELD(one_x_config, F_FLOAT, gamma, "0.1", "")};
static const field exponential_fields[] = {COMMON, FIELD(one_x_config, F_FLOAT, gamma, NULL, "")};
static const field cosine_fields[] = {COMMON, FLOORS,
                                      FIELD(one_x_config, F_INT, T_max, "0", "half a period; 0: end - begin")};
static const field restart_fields[] = {COMMON, FLOORS, FIELD_RANGE(one_x_config, F_INTS, periods, NULL, 1, 1e9, ""),
                                       FIELD(one_x_config, F_FLOATS, restart_weights, "(1,)", "")};
static const field one_cycle_fields[] = {COMMON,
                                         FIELD(one_x_config, F_FLOAT, eta_max, NULL, "highest value"),
                                         FIELD(one_x_config, F_INT, total_steps, "0", "0: end - begin"),
                                         FIELD_RANGE(one_x_config, F_FLOAT, pct_start, "0.3", 0, 1, ""),
                                         FIELD_CHOICE(one_x_config, anneal_strategy, "'cos'", "cos|linear", ""),
                                         FIELD(one_x_config, F_FLOAT, div_factor, "25.", ""),
                                         FIELD(one_x_config, F_FLOAT, final_div_factor, "1e4", ""),
                                         FIELD(one_x_config, F_BOOL, three_phase, "False", "")};
static const field plateau_fields[] = {COMMON,
                                       FIELD(one_x_config, F_STR, monitor, "'loss'", "figure that is watched"),
                                       FIELD_CHOICE(one_x_config, rule, "'less'", "less|greater", ""),
                                       FIELD_RANGE(one_x_config, F_FLOAT, factor, "0.1", 0, 1, ""),
                                       FIELD(one_x_config, F_INT, patience, "10", ""),
                                       FIELD(one_x_config, F_FLOAT, threshold, "1e-4", ""),
                                       FIELD_CHOICE(one_x_config, threshold_rule, "'rel'", "rel|abs", ""),
                                       FIELD(one_x_config, F_INT, cooldown, "0", ""),
                                       FIELD(one_x_config, F_FLOAT, min_value, "0.", ""),
                                       FIELD(one_x_config, F_FLOAT, eps, "1e-8", "")};

#define TABLE(fields_) FIELD_TABLE(fields_, one_x_config)
typedef struct one_x_kind {
    const char *stem; /* without LR, Momentum, ParamScheduler */
    double (*value)(const policy *, const schedule_time *, double, double);
    field_table table;
} one_x_kind;
static const one_x_kind kinds[] = {
    {"Constant", constant_value, TABLE(constant_fields)},
    {"Linear", linear_value, TABLE(linear_fields)},
    {"Poly", poly_value, TABLE(poly_fields)},
    {"Step", step_value, TABLE(step_fields)},
    {"MultiStep", multi_step_value, TABLE(multi_step_fields)},
    {"Exponential", exponential_value, TABLE(exponential_fields)},
    {"CosineAnnealing", cosine_value, TABLE(cosine_fields)},
    {"CosineRestart", restart_value, TABLE(restart_fields)},
    {"OneCycle", one_cycle_value, TABLE(one_cycle_fields)},
    {"ReduceOnPlateau", NULL, TABLE(plateau_fields)},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const one_x_kind *find(const char *type, bool *momentum)
{
    static const char *const ends[] = {"LR", "Momentum", "ParamScheduler"};
    for (int e = 0; e < 3; e++)
        for (int i = 0; i < KINDS && str_ends(type, ends[e]); i++)
            if (strlen(type) == strlen(kinds[i].stem) + strlen(ends[e]) && str_starts(type, kinds[i].stem)) {
                *momentum = e == 1;
                return &kinds[i];
            }
    return NULL;
}

/* build_iter_from_epoch: what was given in epochs is stretched to iterations. A gamma stays what it was, so that
 * ExponentialLR falls faster; so it is in the reference. */
static void stretch(policy *p, int64_t length)
{
    p->by_epoch = false;
    p->begin *= length;
    if (p->end != EVER)
        p->end *= length;
    for (size_t i = 0; i < p->steps.n; i++)
        p->steps.at[i] *= length;
    if (p->total > 0)
        p->total *= length;
}

static cseg_status read_policy(const value *cfg, const schedule_time *t, optimizer *o, arena *mem, policy *p,
                               cseg_error *err)
{
    char place[512];
    const char *type = value_type_name(cfg);
    bool momentum = false;
    const one_x_kind *k = type ? find(type, &momentum) : NULL;
    if (!k)
        return fail(
            err, CSEG_CONFIG,
            "%sthere is no schedule '%s' here; known are ConstantLR, LinearLR, PolyLR, StepLR, "
            "MultiStepLR, ExponentialLR, CosineAnnealingLR, CosineRestartLR, OneCycleLR, ReduceOnPlateauLR, and "
            "each with Momentum for LR",
            value_place(value_blame(cfg, "type"), place), type ? type : "(no type)");
    one_x_config c;
    memset(&c, 0, sizeof c);
    TRY(fields_parse(&k->table, type, cfg, NULL, mem, &c, err));
    if (c.end <= c.begin)
        return fail(err, CSEG_CONFIG, "%s%s: end (%lld) must be larger than begin (%lld)", value_place(cfg, place),
                    type, (long long)c.end, (long long)c.begin);
    if (k->value == linear_value && c.start_factor <= 0)
        return fail(err, CSEG_CONFIG, "%s%s: start_factor must be larger than 0: each step multiplies the value before",
                    value_place(value_blame(cfg, "start_factor"), place), type);
    if (k->value && c.by_epoch && !t->by_epoch && !c.convert_to_iter_based)
        log_say(LOG_WARNING,
                "%s%s counts epochs (by_epoch=True, which is the default) in a run that counts iterations: it never "
                "steps; set by_epoch=False",
                value_place(value_blame(cfg, "by_epoch"), place), type);
    if (!k->value && !c.by_epoch)
        return fail(err, CSEG_CONFIG, "%s%s counts evaluations of epochs: by_epoch=False has no meaning",
                    value_place(cfg, place), type);
    if (c.param_name && strcmp(c.param_name, "momentum") == 0)
        momentum = true;
    *p = (policy){.type = type,
                  .momentum = momentum,
                  .by_epoch = c.by_epoch,
                  .value = k->value,
                  .begin = c.begin,
                  .end = c.end,
                  .last_step = -1,
                  .global_step = -1,
                  .factor = c.factor,
                  .end_factor = c.end_factor,
                  .gamma = c.gamma,
                  .power = c.power,
                  .steps = c.milestones,
                  .weights = c.restart_weights,
                  .pct_start = c.pct_start,
                  .div_factor = c.div_factor,
                  .final_div_factor = c.final_div_factor,
                  .three_phase = c.three_phase,
                  .plateau = !k->value,
                  .monitor = c.monitor,
                  .threshold = c.threshold,
                  .min_value = c.min_value,
                  .eps = c.eps,
                  .patience = c.patience,
                  .cooldown = c.cooldown};
    p->has_eta_min_ratio = c.eta_min_ratio && value_number(c.eta_min_ratio, &p->eta_min_ratio);
    if (c.eta_min)
        value_number(c.eta_min, &p->eta_min);
    p->linear = c.anneal_strategy && strcmp(c.anneal_strategy, "linear") == 0;
    p->greater = c.rule && strcmp(c.rule, "greater") == 0;
    p->absolute = c.threshold_rule && strcmp(c.threshold_rule, "abs") == 0;
    if (k->value == linear_value)
        p->factor = c.start_factor;
    for (int g = 0; k->value == one_cycle_value && g < o->n_paced; g++)
        o->groups[g].initial_lr = c.eta_max / c.div_factor;
    if (k->value == one_cycle_value)
        p->eta_min = c.eta_max;
    if (k->value == step_value) {
        p->steps.n = 1;
        p->steps.at = ARENA_NEW(mem, int64_t);
        if (!p->steps.at)
            return fail_memory(err);
        p->steps.at[0] = c.step_size;
    }
    if (k->value == restart_value) {
        p->steps = c.periods;
        if (p->steps.n != p->weights.n)
            return fail(err, CSEG_CONFIG, "%s%s: periods and restart_weights differ in length", value_place(cfg, place),
                        type);
    }
    p->total = k->value == cosine_value ? c.T_max : k->value == one_cycle_value ? c.total_steps : 0;
    if (c.convert_to_iter_based && c.by_epoch)
        stretch(p, t->epoch_length);
    if (k->value == constant_value || k->value == linear_value || k->value == poly_value)
        p->total = p->end - p->begin - 1;
    else if (p->total == 0)
        p->total = p->end - p->begin;
    return CSEG_OK;
}

static void step(schedule *s, policy *p)
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

cseg_status schedule_build_1x(const value *list, optimizer *o, const schedule_time *t, arena *mem, schedule **out,
                              cseg_error *err)
{
    size_t n = value_is_list(list) ? value_count(list) : value_is_none(list) ? 0 : 1;
    schedule *s = ARENA_NEW(mem, schedule);
    if (!s || !(s->policies = ARENA_ARRAY(mem, n + 1, policy)))
        return fail_memory(err);
    s->optimizer = o;
    s->one_x = true;
    for (size_t i = 0; i < n; i++) {
        policy *p = &s->policies[s->n++];
        TRY(read_policy(value_is_list(list) ? value_item(list, i) : list, t, o, mem, p, err));
        if (p->plateau)
            p->global_step = 0;
        else
            step(s, p);
    }
    *out = s;
    return CSEG_OK;
}

static void step_all(schedule *s, bool by_epoch)
{
    for (int i = 0; s->one_x && i < s->n; i++)
        if (s->policies[i].by_epoch == by_epoch) {
            if (s->policies[i].plateau)
                s->policies[i].global_step++;
            else
                step(s, &s->policies[i]);
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

/* NaN is never better, not even than no value at all: mmengine begins at an infinity. */
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
    for (int i = 0; s->one_x && i < s->n; i++) {
        policy *p = &s->policies[i];
        p->global_step = p->by_epoch ? t->epoch : t->iter;
        int64_t last = p->global_step < p->end ? p->global_step : p->end - 1;
        p->last_step = last < p->begin ? -1 : last - p->begin;
    }
}

pth_value *schedule_state(const schedule *s, pth_builder *b)
{
    pth_value *list = pth_list(b);
    for (int i = 0; s->one_x && i < s->n; i++) {
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
    for (int i = 0; s->one_x && i < s->n; i++)
        if (s->policies[i].plateau && pickle_item(list, (size_t)i))
            TRY(load_plateau(&s->policies[i], file, pickle_item(list, (size_t)i), err));
    return CSEG_OK;
}
