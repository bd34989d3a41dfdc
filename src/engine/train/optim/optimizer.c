/* Builds optimizers: hyper-parameters and groups. Follows mmengine's DefaultOptimWrapperConstructor (1.x) and mmcv's
 * DefaultOptimizerConstructor (0.x), and in constructor.c the constructors by depth. The two differ: mmcv gives frozen
 * parameters groups too, puts the rule of depthwise convolutions before that of biases, and does not know
 * flat_decay_mult. */
#include "engine/train/optim/constructor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/fields.h"
#include "graph/memory.h"

#define TORCH_FIELDS                                                                                                   \
    FIELD_FIXED(maximize, "False", "losses are made small"), FIELD_IGNORED(foreach, "how torch loops"),                \
        FIELD_IGNORED(fused, "how torch loops"),                                                                       \
        FIELD_FIXED(differentiable, "False", "there are no gradients of the step itself"),                             \
        FIELD_ELSEWHERE(paramwise_cfg, "read by the constructor"),                                                     \
        FIELD_ELSEWHERE(constructor, "read by the dialect"),
typedef struct sgd_config {
    double lr, momentum, dampening, weight_decay;
    bool nesterov;
} sgd_config;
static const field sgd_fields[] = {
    FIELD_RANGE(sgd_config, F_FLOAT, lr, "0.001", 0, 1e6, "learning rate"),
    FIELD_RANGE(sgd_config, F_FLOAT, momentum, "0", 0, 1e6, "share of the last step that is kept"),
    FIELD(sgd_config, F_FLOAT, dampening, "0", "share of the gradient that is not taken"),
    FIELD(sgd_config, F_FLOAT, weight_decay, "0", "L2 penalty, added to the gradient"),
    FIELD(sgd_config, F_BOOL, nesterov, "False", "Nesterov's momentum"),
    TORCH_FIELDS};

typedef struct adam_config {
    double lr, eps, weight_decay;
    floats betas;
    bool amsgrad;
} adam_config;
#define ADAM_FIELDS(decay)                                                                                             \
    {                                                                                                                  \
        FIELD_RANGE(adam_config, F_FLOAT, lr, "0.001", 0, 1e6, "learning rate"),                                       \
            FIELD_RANGE(adam_config, F_FLOATS, betas, "(0.9, 0.999)", 0, 1, "decay of the two averages"),              \
            FIELD(adam_config, F_FLOAT, eps, "1e-8", "added to the denominator"),                                      \
            FIELD(adam_config, F_FLOAT, weight_decay, decay, "L2 penalty; AdamW: share by which weights shrink"),      \
            FIELD(adam_config, F_BOOL, amsgrad, "False", "the largest second average instead of the present one"),     \
            FIELD_IGNORED(capturable, "of CUDA graphs"), TORCH_FIELDS                                                  \
    }
static const field adam_fields[] = ADAM_FIELDS("0");
static const field adamw_fields[] = ADAM_FIELDS("0.01");

#define COUNT(a) (sizeof(a) / sizeof *(a))
static const field_table sgd_table = {sgd_fields, COUNT(sgd_fields), sizeof(sgd_config), false};
static const field_table adam_table = {adam_fields, COUNT(adam_fields), sizeof(adam_config), false};
static const field_table adamw_table = {adamw_fields, COUNT(adamw_fields), sizeof(adam_config), false};

static cseg_status read_rule(optimizer *o, const value *cfg, optim_group *base, arena *mem, cseg_error *err)
{
    static const char *const known[] = {"SGD", "Adam", "AdamW"};
    char place[512];
    o->type = value_type_name(cfg);
    if (!o->type)
        return fail(err, CSEG_CONFIG, "%sthe optimizer has no type", value_place(cfg, place));
    if (strcmp(o->type, "SGD") == 0) {
        sgd_config c;
        TRY(fields_parse(&sgd_table, "SGD", cfg, NULL, mem, &c, err));
        o->rule = OPTIM_SGD;
        o->nesterov = c.nesterov;
        o->dampening = c.dampening;
        *base = (optim_group){.lr = c.lr, .momentum = c.momentum, .weight_decay = c.weight_decay};
        return CSEG_OK;
    }
    bool w = strcmp(o->type, "AdamW") == 0;
    if (!w && strcmp(o->type, "Adam") != 0) {
        const char *near = str_nearest(o->type, known, COUNT(known));
        return fail(err, CSEG_CONFIG, "%sthere is no optimizer '%s' here%s%s; known are SGD, Adam and AdamW",
                    value_place(value_get(cfg, "type"), place), o->type, near ? ", did you mean " : "",
                    near ? near : "");
    }
    adam_config c;
    TRY(fields_parse(w ? &adamw_table : &adam_table, o->type, cfg, NULL, mem, &c, err));
    if (c.betas.n != 2)
        return fail(err, CSEG_CONFIG, "%sbetas are two numbers", value_place(value_get(cfg, "betas"), place));
    o->rule = w ? OPTIM_ADAMW : OPTIM_ADAM;
    o->beta2 = c.betas.at[1];
    o->eps = c.eps;
    o->amsgrad = c.amsgrad;
    *base = (optim_group){.lr = c.lr, .momentum = c.betas.at[0], .weight_decay = c.weight_decay};
    return CSEG_OK;
}

const group_rules group_rules_mmcv = {
    .order = {DECAY_NORM, DECAY_DEPTHWISE, DECAY_BIAS}, .n_order = 3, .frozen_too = true};
const group_rules group_rules_mmengine = {.order = {DECAY_NORM, DECAY_BIAS, DECAY_DEPTHWISE, DECAY_FLAT},
                                          .n_order = 4,
                                          .passes_ungiven = true,
                                          .keys_set_values = true,
                                          .tells_base = true};

typedef struct paramwise {
    const group_rules *rules;
    const value *custom; /* dict */
    const char **names;  /* its keys: longest first, then by name */
    size_t n;
    double bias_lr, decay[DECAY_RULES];
    bool has_bias_lr, has_decay[DECAY_RULES];
} paramwise;

static int longest_first(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    size_t n = strlen(x), m = strlen(y);
    return n != m ? (n < m ? 1 : -1) : strcmp(x, y);
}

typedef struct paramwise_config {
    value *custom_keys, *bias_lr_mult, *bias_decay_mult, *norm_decay_mult, *dwconv_decay_mult, *flat_decay_mult;
} paramwise_config;
static const field paramwise_fields[] = {
    FIELD(paramwise_config, F_VALUE, custom_keys, "None", "parts of names, each with lr_mult and decay_mult"),
    FIELD(paramwise_config, F_VALUE, bias_lr_mult, "None", "of biases that belong to no norm"),
    FIELD(paramwise_config, F_VALUE, bias_decay_mult, "None", "of biases that belong to no norm"),
    FIELD(paramwise_config, F_VALUE, norm_decay_mult, "None", "of norm layers' weights and biases"),
    FIELD(paramwise_config, F_VALUE, dwconv_decay_mult, "None", "of depthwise convolutions"),
    FIELD(paramwise_config, F_VALUE, flat_decay_mult, "None", "of one-dimensional parameters"),
    FIELD_IGNORED(bypass_duplicate, "parameters appear once here in any case"),
    FIELD_IGNORED(dcn_offset_lr_mult, "there are no deformable convolutions here"),
    FIELD_IGNORED(force_default_settings, "of other constructors"),
};
static const field_table paramwise_table = {paramwise_fields, COUNT(paramwise_fields), sizeof(paramwise_config), false};

static bool number_of(const value *v, double *out)
{
    return v && value_number(v, out);
}

/* The reference reads these two and accepts any other key. */
static const field custom_fields[] = {FIELD_ELSEWHERE(lr_mult, "of the rate"),
                                      FIELD_ELSEWHERE(decay_mult, "of the weight decay")};
static const field_table custom_table = {custom_fields, COUNT(custom_fields), 0, true};

static cseg_status check_custom(const value *keys, arena *mem, cseg_error *err)
{
    char place[512];
    if (value_is_none(keys))
        return CSEG_OK;
    if (keys->kind != V_DICT)
        return fail(err, CSEG_CONFIG, "%scustom_keys is a dict of dicts, as dict(head=dict(lr_mult=10.)), not %s",
                    value_place(keys, place), value_kind_name(keys));
    for (size_t i = 0; i < keys->as.dict.n; i++) {
        const char *what = arena_printf(mem, "custom_keys['%s']", keys->as.dict.entry[i].key);
        if (!what)
            return fail_memory(err);
        TRY(fields_check(&custom_table, what, keys->as.dict.entry[i].item, mem, err));
    }
    return CSEG_OK;
}

static cseg_status read_paramwise(const value *cfg, const group_rules *rules, arena *mem, paramwise *out,
                                  cseg_error *err)
{
    paramwise_config c;
    TRY(fields_parse(&paramwise_table, "paramwise_cfg", cfg, NULL, mem, &c, err));
    const value *given[DECAY_RULES] = {[DECAY_NORM] = c.norm_decay_mult,
                                       [DECAY_BIAS] = c.bias_decay_mult,
                                       [DECAY_DEPTHWISE] = c.dwconv_decay_mult,
                                       [DECAY_FLAT] = c.flat_decay_mult};
    *out = (paramwise){.rules = rules, .custom = c.custom_keys, .n = value_count(c.custom_keys)};
    out->has_bias_lr = number_of(c.bias_lr_mult, &out->bias_lr);
    for (int i = 0; i < DECAY_RULES; i++)
        out->has_decay[i] = number_of(given[i], &out->decay[i]);
    out->names = ARENA_ARRAY(mem, out->n + 1, const char *);
    if (!out->names)
        return fail_memory(err);
    TRY(check_custom(c.custom_keys, mem, err));
    for (size_t i = 0; i < out->n; i++)
        out->names[i] = c.custom_keys->as.dict.entry[i].key;
    qsort(out->names, out->n, sizeof *out->names, longest_first);
    return CSEG_OK;
}

static bool is_norm(const param *p)
{
    return str_starts(p->owner, "BatchNorm") || str_starts(p->owner, "SyncBatchNorm") ||
           str_starts(p->owner, "InstanceNorm") || strcmp(p->owner, "GroupNorm") == 0 ||
           str_starts(p->owner, "LayerNorm"); /* LayerNorm2d too */
}

/* in_channels == groups, as the reference tests it: also true for a convolution with one channel. */
static bool is_depthwise(const model *m, const param *p)
{
    char weight[512];
    const char *dot = strrchr(p->name, '.');
    bool conv = str_starts(p->owner, "Conv2d") || strcmp(p->owner, "ConvWS2d") == 0 ||
                strcmp(p->owner, "ConvAWS2d") == 0; /* Conv2dAdaptivePadding too */
    if (!conv || !dot)
        return false;
    snprintf(weight, sizeof weight, "%.*s.weight", (int)(dot - p->name), p->name);
    const param *w = model_find(m, weight);
    return w && w->rank == 4 && w->dim[1] == 1;
}

static void set_by_key(optim_group *g, const paramwise *w, const value *key)
{
    double v;
    g->lr *= number_of(value_get(key, "lr_mult"), &v) ? v : 1;
    g->weight_decay *= number_of(value_get(key, "decay_mult"), &v) ? v : 1;
    if (!w->rules->keys_set_values)
        return;
    /* mmengine copies all other keys into the group. */
    number_of(value_get(key, "lr"), &g->lr);
    number_of(value_get(key, "momentum"), &g->momentum);
    number_of(value_get(key, "weight_decay"), &g->weight_decay);
}

static double decay_of(const paramwise *w, const bool applies[DECAY_RULES])
{
    for (int i = 0; i < w->rules->n_order; i++) {
        decay_rule r = w->rules->order[i];
        if (applies[r] && (w->has_decay[r] || !w->rules->passes_ungiven))
            return w->has_decay[r] ? w->decay[r] : 1;
    }
    return 1;
}

static void set_group(optim_group *g, const paramwise *w, const model *m, const param *p)
{
    for (size_t i = 0; i < w->n; i++)
        if (strstr(p->name, w->names[i])) {
            set_by_key(g, w, value_get(w->custom, w->names[i]));
            return;
        }
    bool norm = is_norm(p), bias = str_ends(p->name, ".bias");
    if (bias && !norm && w->has_bias_lr)
        g->lr *= w->bias_lr;
    const bool applies[DECAY_RULES] = {
        [DECAY_NORM] = norm, [DECAY_BIAS] = bias, [DECAY_DEPTHWISE] = is_depthwise(m, p), [DECAY_FLAT] = p->rank == 1};
    g->weight_decay *= decay_of(w, applies);
}

static void finish_group(optim_group *g, int64_t first, int64_t n)
{
    g->initial_lr = g->lr;
    g->initial_momentum = g->momentum;
    g->first = first;
    g->n = n;
}

static cseg_status make_groups(optimizer *o, const value *paramwise_cfg, const group_rules *rules, optim_group base,
                               arena *mem, cseg_error *err)
{
    model *m = o->model;
    o->per_parameter = value_count(paramwise_cfg) > 0;
    o->entries = ARENA_ARRAY(mem, m->params.n + 1, optim_entry);
    bool one = !o->per_parameter && !(rules && rules->depth);
    o->groups = ARENA_ARRAY(mem, one ? 2 : m->params.n + 2, optim_group);
    paramwise w = {0};
    if (!o->entries || !o->groups)
        return fail_memory(err);
    if (rules && rules->depth == DEPTH_DECAY && !o->per_parameter)
        log_say(LOG_WARNING, "the optimizer constructor has no paramwise_cfg: all parameters learn at one rate");
    else if (rules && rules->depth)
        return depth_groups_make(o, paramwise_cfg, rules->depth, base, mem, err);
    if (o->per_parameter)
        TRY(read_paramwise(paramwise_cfg, rules, mem, &w, err));
    for (size_t i = 0; i < m->params.n; i++) {
        param *p = m->params.at[i];
        if (p->role != PARAM_TRAINED || (o->per_parameter && !rules->frozen_too && !p->requires_grad))
            continue;
        o->entries[o->n_entries] = (optim_entry){.p = p, .used = p->requires_grad, .group = o->n_groups};
        if (o->per_parameter) {
            optim_group *g = &o->groups[o->n_groups++];
            *g = base;
            if (p->requires_grad)
                set_group(g, &w, m, p);
            finish_group(g, o->n_entries, 1);
        }
        o->n_entries++;
    }
    if (!o->per_parameter) {
        o->groups[0] = base;
        finish_group(&o->groups[0], 0, o->n_entries);
        o->n_groups = 1;
    }
    return CSEG_OK;
}

static void add_base_group(optimizer *o, const group_rules *rules, optim_group base)
{
    o->n_paced = o->n_groups;
    if (o->n_groups > 1 && rules->tells_base) {
        o->groups[o->n_paced] = base;
        finish_group(&o->groups[o->n_paced++], o->n_entries, 0);
    }
}

void optimizer_scale_rates(optimizer *o, double by)
{
    for (int i = 0; i < o->n_groups; i++) {
        o->groups[i].lr *= by;
        o->groups[i].initial_lr *= by;
    }
}

cseg_status optimizer_build(const value *cfg, const value *paramwise_cfg, const group_rules *rules, model *m,
                            arena *mem, optimizer **out, cseg_error *err)
{
    optimizer *o = ARENA_NEW(mem, optimizer);
    if (!o)
        return fail_memory(err);
    o->model = m;
    optim_group base = {0};
    TRY(read_rule(o, cfg, &base, mem, err));
    TRY(make_groups(o, paramwise_cfg, rules, base, mem, err));
    add_base_group(o, rules, base);
    bool adam = o->rule != OPTIM_SGD;
    size_t bytes = m->flat_count * sizeof(float);
    o->started = ARENA_ARRAY(mem, (size_t)o->n_entries + 1, bool);
    o->steps = ARENA_ARRAY(mem, (size_t)o->n_entries + 1, int64_t);
    o->sgd = ARENA_ARRAY(mem, adam ? 1 : (size_t)o->n_entries + 1, sgd_part);
    o->adam = ARENA_ARRAY(mem, adam ? (size_t)o->n_entries + 1 : 1, adam_part);
    o->clipped = ARENA_ARRAY(mem, (size_t)o->n_entries + 1, vector_part);
    o->norms = ARENA_ARRAY(mem, (size_t)o->n_entries + 1, double);
    o->first = memory_in_arena(m->backend, bytes, mem);
    if (!o->started || !o->steps || !o->sgd || !o->adam || !o->clipped || !o->norms || !o->first)
        return fail_memory(err);
    if (adam && !(o->second = memory_in_arena(m->backend, bytes, mem)))
        return fail_memory(err);
    if (o->amsgrad && !(o->largest = memory_in_arena(m->backend, bytes, mem)))
        return fail_memory(err);
    *out = o;
    return CSEG_OK;
}
