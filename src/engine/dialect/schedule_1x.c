/* param_scheduler. Follows mmengine.optim.scheduler. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fields.h"
#include "engine/dialect/dialect.h"
#include "engine/train/schedule/policy.h"

enum { EVER = 1000000000 };

typedef struct scheduler {
    int64_t begin, end, step_size, T_max, total_steps, patience, cooldown;
    bool by_epoch, convert_to_iter_based, three_phase;
    double factor, start_factor, end_factor, gamma, power, eta_max, pct_start, div_factor, final_div_factor, threshold,
        min_value, eps;
    value *eta_min, *eta_min_ratio;
    ints milestones, periods;
    floats restart_weights;
    const char *anneal_strategy, *param_name, *monitor, *rule, *threshold_rule;
} scheduler;

#define COMMON                                                                                                         \
    FIELD(scheduler, F_INT, begin, "0", "first step"),                                                                 \
        FIELD(scheduler, F_INT, end, "1000000000", "step at which it ends"),                                           \
        FIELD(scheduler, F_BOOL, by_epoch, "True", "steps are epochs, not iterations"),                                \
        FIELD(scheduler, F_BOOL, convert_to_iter_based, "False", "given in epochs, applied each iteration"),           \
        FIELD(scheduler, F_STR, param_name, "None", "of the ...ParamScheduler types: lr or momentum"),                 \
        FIELD_IGNORED(verbose, "rates stand in the log"), FIELD_FIXED(last_step, "-1", "resuming sets it")
#define FLOORS                                                                                                         \
    FIELD(scheduler, F_VALUE, eta_min, "None", "lowest value"),                                                        \
        FIELD(scheduler, F_VALUE, eta_min_ratio, "None", "lowest value, as a share of the initial one")

static const field constant_fields[] = {COMMON,
                                        FIELD_RANGE(scheduler, F_FLOAT, factor, "0.333333333333333333", 0, 1, "")};
static const field linear_fields[] = {COMMON,
                                      FIELD_RANGE(scheduler, F_FLOAT, start_factor, "0.333333333333333333", 0, 1, ""),
                                      FIELD_RANGE(scheduler, F_FLOAT, end_factor, "1.0", 0, 1, "")};
static const field poly_fields[] = {COMMON, FLOORS, FIELD(scheduler, F_FLOAT, power, "1.0", "")};
static const field step_fields[] = {COMMON, FIELD_RANGE(scheduler, F_INT, step_size, NULL, 1, 1e9, ""),
                                    FIELD(scheduler, F_FLOAT, gamma, "0.1", "")};
static const field multi_step_fields[] = {COMMON, FIELD(scheduler, F_INTS, milestones, NULL, ""),
                                          FIELD(scheduler, F_FLOAT, gamma, "0.1", "")};
static const field exponential_fields[] = {COMMON, FIELD(scheduler, F_FLOAT, gamma, NULL, "")};
static const field cosine_fields[] = {COMMON, FLOORS,
                                      FIELD(scheduler, F_INT, T_max, "0", "half a period; 0: end - begin")};
static const field restart_fields[] = {COMMON, FLOORS, FIELD_RANGE(scheduler, F_INTS, periods, NULL, 1, 1e9, ""),
                                       FIELD(scheduler, F_FLOATS, restart_weights, "(1,)", "")};
static const field one_cycle_fields[] = {COMMON,
                                         FIELD(scheduler, F_FLOAT, eta_max, NULL, "highest value"),
                                         FIELD(scheduler, F_INT, total_steps, "0", "0: end - begin"),
                                         FIELD_RANGE(scheduler, F_FLOAT, pct_start, "0.3", 0, 1, ""),
                                         FIELD_CHOICE(scheduler, anneal_strategy, "'cos'", "cos|linear", ""),
                                         FIELD(scheduler, F_FLOAT, div_factor, "25.", ""),
                                         FIELD(scheduler, F_FLOAT, final_div_factor, "1e4", ""),
                                         FIELD(scheduler, F_BOOL, three_phase, "False", "")};
static const field plateau_fields[] = {COMMON,
                                       FIELD(scheduler, F_STR, monitor, "'loss'", "figure that is watched"),
                                       FIELD_CHOICE(scheduler, rule, "'less'", "less|greater", ""),
                                       FIELD_RANGE(scheduler, F_FLOAT, factor, "0.1", 0, 1, ""),
                                       FIELD(scheduler, F_INT, patience, "10", ""),
                                       FIELD(scheduler, F_FLOAT, threshold, "1e-4", ""),
                                       FIELD_CHOICE(scheduler, threshold_rule, "'rel'", "rel|abs", ""),
                                       FIELD(scheduler, F_INT, cooldown, "0", ""),
                                       FIELD(scheduler, F_FLOAT, min_value, "0.", ""),
                                       FIELD(scheduler, F_FLOAT, eps, "1e-8", "")};

#define TABLE(fields_) FIELD_TABLE(fields_, scheduler)
/* Reads what a kind has beyond the common keys. cfg: for messages. */
typedef cseg_status read_special(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem,
                                 cseg_error *err);

typedef struct scheduler_kind {
    const char *stem;    /* without LR, Momentum, ParamScheduler */
    policy_value *value; /* NULL: depends on a figure, and steps when that is measured */
    field_table table;
    bool short_by_one;     /* takes end - begin - 1 steps */
    read_special *special; /* may be NULL */
} scheduler_kind;

/* ---- what some have of their own --------------------------------------------------------------------------------- */

static cseg_status read_linear(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem,
                               cseg_error *err)
{
    (void)o, (void)mem;
    char place[512];
    if (c->start_factor <= 0)
        return fail(err, CSEG_CONFIG, "%s%s: start_factor must be larger than 0: each step multiplies the value before",
                    value_place(value_blame(cfg, "start_factor"), place), value_type_name(cfg));
    p->factor = c->start_factor;
    return CSEG_OK;
}

static cseg_status read_step(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem, cseg_error *err)
{
    (void)cfg, (void)o;
    p->steps = (ints){.n = 1, .at = ARENA_NEW(mem, int64_t)};
    if (!p->steps.at)
        return fail_memory(err);
    p->steps.at[0] = c->step_size;
    return CSEG_OK;
}

static cseg_status read_cosine(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem,
                               cseg_error *err)
{
    (void)cfg, (void)o, (void)mem, (void)err;
    p->total = c->T_max;
    return CSEG_OK;
}

static cseg_status read_periods(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem,
                                cseg_error *err)
{
    (void)o, (void)mem;
    char place[512];
    p->steps = c->periods;
    if (p->steps.n != p->weights.n)
        return fail(err, CSEG_CONFIG, "%s%s: periods and restart_weights differ in length", value_place(cfg, place),
                    value_type_name(cfg));
    return CSEG_OK;
}

static cseg_status read_peak(policy *p, const scheduler *c, const value *cfg, optimizer *o, arena *mem, cseg_error *err)
{
    (void)cfg, (void)mem, (void)err;
    for (int g = 0; g < o->n_paced; g++)
        o->groups[g].initial_lr = c->eta_max / c->div_factor;
    p->eta_min = c->eta_max;
    p->total = c->total_steps;
    return CSEG_OK;
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const scheduler_kind kinds[] = {
    {.stem = "Constant", .value = stepped_constant, .table = TABLE(constant_fields), .short_by_one = true},
    {.stem = "Linear",
     .value = stepped_linear,
     .table = TABLE(linear_fields),
     .short_by_one = true,
     .special = read_linear},
    {.stem = "Poly", .value = stepped_poly, .table = TABLE(poly_fields), .short_by_one = true},
    {.stem = "Step", .value = stepped_step, .table = TABLE(step_fields), .special = read_step},
    {.stem = "MultiStep", .value = stepped_multi_step, .table = TABLE(multi_step_fields)},
    {.stem = "Exponential", .value = stepped_exponential, .table = TABLE(exponential_fields)},
    {.stem = "CosineAnnealing", .value = stepped_cosine, .table = TABLE(cosine_fields), .special = read_cosine},
    {.stem = "CosineRestart", .value = stepped_restart, .table = TABLE(restart_fields), .special = read_periods},
    {.stem = "OneCycle", .value = stepped_one_cycle, .table = TABLE(one_cycle_fields), .special = read_peak},
    {.stem = "ReduceOnPlateau", .value = NULL, .table = TABLE(plateau_fields)},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const scheduler_kind *find(const char *type, bool *momentum)
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

/* build_iter_from_epoch: converts lengths in epochs to iterations. A gamma is not changed, so ExponentialLR falls
 * faster, as in the reference. */
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
    const scheduler_kind *k = type ? find(type, &momentum) : NULL;
    if (!k)
        return fail(
            err, CSEG_CONFIG,
            "%sthere is no schedule '%s' here; known are ConstantLR, LinearLR, PolyLR, StepLR, "
            "MultiStepLR, ExponentialLR, CosineAnnealingLR, CosineRestartLR, OneCycleLR, ReduceOnPlateauLR, and "
            "each with Momentum for LR",
            value_place(value_blame(cfg, "type"), place), type ? type : "(no type)");
    scheduler c;
    memset(&c, 0, sizeof c);
    TRY(fields_parse(&k->table, type, cfg, NULL, mem, &c, err));
    if (c.end <= c.begin)
        return fail(err, CSEG_CONFIG, "%s%s: end (%lld) must be larger than begin (%lld)", value_place(cfg, place),
                    type, (long long)c.end, (long long)c.begin);
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
    *p = (policy){.momentum = momentum,
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
    if (k->special)
        TRY(k->special(p, &c, cfg, o, mem, err));
    if (c.convert_to_iter_based && c.by_epoch)
        stretch(p, t->epoch_length);
    if (k->short_by_one)
        p->total = p->end - p->begin - 1;
    else if (p->total == 0)
        p->total = p->end - p->begin;
    return CSEG_OK;
}

cseg_status schedule_read_1x(const value *list, const value *momenta, optimizer *o, const schedule_time *t, arena *mem,
                             schedule **out, cseg_error *err)
{
    (void)momenta; /* they are in the list */
    size_t n = value_is_list(list) ? value_count(list) : value_is_none(list) ? 0 : 1;
    schedule *s = ARENA_NEW(mem, schedule);
    if (!s || !(s->policies = ARENA_ARRAY(mem, n + 1, policy)))
        return fail_memory(err);
    s->optimizer = o;
    s->stepped = true;
    for (size_t i = 0; i < n; i++) {
        policy *p = &s->policies[s->n++];
        TRY(read_policy(value_is_list(list) ? value_item(list, i) : list, t, o, mem, p, err));
        if (p->plateau)
            p->global_step = 0;
        else
            schedule_step(s, p);
    }
    *out = s;
    return CSEG_OK;
}
