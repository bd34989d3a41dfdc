#include "model/init.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "model/layers/layers.h"

void init_set(param *p, init_rule rule, float a, float b, bool fan_out)
{
    *param_start_of(p) = (param_start){rule, a, b, fan_out};
}

void init_layer(module *layer, init_rule rule, float a, float b, bool fan_out)
{
    param *weight = layer ? module_own(layer, "weight") : NULL, *bias = layer ? module_own(layer, "bias") : NULL;
    if (weight)
        init_set(weight, rule, a, b, fan_out);
    if (bias)
        init_set(bias, INIT_ZERO, 0, 0, false);
}

void init_values(param *p, const float *values)
{
    ((model_param *)p)->values = values;
}

void init_matrices_below(module *m, init_rule rule)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->params.n; i++)
        if (m->params.at[i]->rank > 1)
            init_set(m->params.at[i], rule, 1, 0, false);
    for (size_t i = 0; i < m->children.n; i++)
        init_matrices_below(m->children.at[i], rule);
}

void init_default(module *m, const char *text)
{
    const value *v = module_literal(m, text);
    if (v)
        m->init_cfg = v;
}

/* In place of a class's own init_weights(): what a file gives is not initialised, nor what is below. */
static void from_file(module *m)
{
    (void)m;
}

void init_choose(module *m, const value *init_cfg, const char *pretrained, const char *text)
{
    bool given = init_cfg && value_true(init_cfg);
    if (given && pretrained) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "pretrained"), "%s: init_cfg and pretrained cannot both be set",
                   m->class_name);
        return;
    }
    if (pretrained) {
        model_pretrained p = {m->name, pretrained, NULL, NULL, module_at(m, "pretrained")};
        m->init = from_file;
        if (!vec_push(m->model->mem, &m->model->pretrained, p))
            model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    } else if (given) {
        m->init_cfg = init_cfg;
    } else if (text) {
        init_default(m, text);
    }
}

/* ---- the initializers ------------------------------------------------------------------------------------------ */

typedef struct init_config {
    double val, bias, gain, mean, std, a, b;
    const value *bias_prob, *layer, *override;
    const char *distribution, *mode, *nonlinearity, *checkpoint, *prefix, *adapt_in_channels;
} init_config;

#define COMMON                                                                                                         \
    FIELD(init_config, F_FLOAT, bias, "0", "of the biases"),                                                           \
        FIELD(init_config, F_VALUE, bias_prob, "None", "the biases start so that a sigmoid gives this"),               \
        FIELD(init_config, F_VALUE, layer, "None", "PyTorch's classes that are initialised"),                          \
        FIELD(init_config, F_VALUE, override, "None", "other rules for children by name")
#define DISTRIBUTION FIELD_CHOICE(init_config, distribution, "'normal'", "normal|uniform", "of the values")

static const field constant_fields[] = {COMMON, FIELD(init_config, F_FLOAT, val, NULL, "of the weights")};
static const field xavier_fields[] = {COMMON, DISTRIBUTION, FIELD(init_config, F_FLOAT, gain, "1", "scale")};
static const field normal_fields[] = {COMMON, FIELD(init_config, F_FLOAT, mean, "0", "mean"),
                                      FIELD(init_config, F_FLOAT, std, "1", "deviation")};
static const field trunc_normal_fields[] = {
    COMMON, FIELD(init_config, F_FLOAT, mean, "0", "mean"), FIELD(init_config, F_FLOAT, std, "1", "deviation"),
    FIELD(init_config, F_FLOAT, a, "-2", "cut below"), FIELD(init_config, F_FLOAT, b, "2", "cut above")};
static const field uniform_fields[] = {COMMON, FIELD(init_config, F_FLOAT, a, "0", "lower bound"),
                                       FIELD(init_config, F_FLOAT, b, "1", "upper bound")};
static const field kaiming_fields[] = {
    COMMON, DISTRIBUTION, FIELD(init_config, F_FLOAT, a, "0", "negative slope of a leaky ReLU"),
    FIELD_CHOICE(init_config, mode, "'fan_out'", "fan_in|fan_out", "what keeps its variance"),
    FIELD_CHOICE(init_config, nonlinearity, "'relu'", "relu|leaky_relu", "what follows the layer")};
static const field caffe2_fields[] = {COMMON};
static const field pretrained_fields[] = {
    FIELD(init_config, F_STR, checkpoint, NULL, "file, address or open-mmlab:// name"),
    FIELD(init_config, F_STR, prefix, "None", "of the keys that are taken"),
    FIELD(init_config, F_STR, adapt_in_channels, "None",
          "weights for another number of bands: mean, repeat, zero, rgb-first=4,3,2"),
    FIELD_IGNORED(map_location, "there is one device")};

typedef enum { CONSTANT, XAVIER, NORMAL, TRUNC_NORMAL, UNIFORM, KAIMING, CAFFE2_XAVIER, PRETRAINED } initializer;
#define TABLE(name, fields_)                                                                                           \
    {                                                                                                                  \
        name, FIELD_TABLE(fields_, init_config)                                                                        \
    }
static const struct {
    const char *name;
    field_table table;
} initializers[] = {
    [CONSTANT] = TABLE("Constant", constant_fields),
    [XAVIER] = TABLE("Xavier", xavier_fields),
    [NORMAL] = TABLE("Normal", normal_fields),
    [TRUNC_NORMAL] = TABLE("TruncNormal", trunc_normal_fields),
    [UNIFORM] = TABLE("Uniform", uniform_fields),
    [KAIMING] = TABLE("Kaiming", kaiming_fields),
    [CAFFE2_XAVIER] = TABLE("Caffe2Xavier", caffe2_fields),
    [PRETRAINED] = TABLE("Pretrained", pretrained_fields),
};
enum { INITIALIZERS = sizeof initializers / sizeof *initializers };

/* mmengine also knows them as ConstantInit, PretrainedInit and so on. */
static bool same_initializer(const char *type, const char *name)
{
    size_t n = strlen(name);
    return strncmp(type, name, n) == 0 && (type[n] == '\0' || strcmp(type + n, "Init") == 0);
}

static bool parse(module *m, const value *cfg, initializer *which, init_config *c)
{
    const char *type = value_type_name(cfg);
    for (int i = 0; type && i < INITIALIZERS; i++) {
        if (!same_initializer(type, initializers[i].name))
            continue;
        *which = (initializer)i;
        model *mod = m->model;
        return fields_parse(&initializers[i].table, initializers[i].name, cfg, NULL, mod->mem, c, &mod->error) ==
               CSEG_OK;
    }
    model_fail(m->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"), "%s: init_cfg of type %s is not supported",
               m->class_name, type ? type : value_kind_name(cfg));
    return false;
}

/* What a rule does to the weight and bias of a layer. */
typedef struct init_action {
    initializer which;
    init_config c;
    float bias;
    bool whole; /* all layers, not only those of c.layer */
} init_action;

static bool needs_two_axes(initializer w)
{
    return w == XAVIER || w == KAIMING || w == CAFFE2_XAVIER;
}

static void set_weight(param *p, const init_action *a)
{
    const init_config *c = &a->c;
    bool uniform = c->distribution && strcmp(c->distribution, "uniform") == 0;
    switch (a->which) {
    case CONSTANT:
        init_set(p, INIT_CONSTANT, (float)c->val, 0, false);
        break;
    case XAVIER:
        init_set(p, uniform ? INIT_XAVIER_UNIFORM : INIT_XAVIER_NORMAL, (float)c->gain, 0, false);
        break;
    case NORMAL:
        init_set(p, INIT_NORMAL, (float)c->mean, (float)c->std, false);
        break;
    case TRUNC_NORMAL:
        init_set(p, INIT_TRUNC_NORMAL, (float)c->std, 0, false);
        break;
    case UNIFORM:
        init_set(p, INIT_UNIFORM, (float)c->a, (float)c->b, false);
        break;
    case KAIMING:
        init_set(p, uniform ? INIT_KAIMING_UNIFORM : INIT_KAIMING_NORMAL,
                 strcmp(c->nonlinearity, "relu") == 0 ? 0 : (float)c->a, 0, strcmp(c->mode, "fan_out") == 0);
        break;
    case CAFFE2_XAVIER:
        init_set(p, INIT_KAIMING_UNIFORM, 1, 0, false);
        break;
    case PRETRAINED:
        break;
    }
}

/* Returns whether a layer has this class name, or a base class of this name. */
static bool is_class(const module *m, const char *name)
{
    static const char *const bases[][2] = {{"Conv2d", "_ConvNd"},
                                           {"Conv2dAdaptivePadding", "Conv2d"},
                                           {"ConvWS2d", "Conv2d"},
                                           {"ConvAWS2d", "Conv2d"},
                                           {"Conv1d", "_ConvNd"},
                                           {"BatchNorm2d", "_BatchNorm"},
                                           {"BatchNorm1d", "_BatchNorm"},
                                           {"SyncBatchNorm", "_BatchNorm"},
                                           {"InstanceNorm2d", "_InstanceNorm"},
                                           {"LayerNorm2d", "LayerNorm"},
                                           {"NonDynamicallyQuantizableLinear", "Linear"}};
    if (strcmp(m->class_name, name) == 0)
        return true;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (strcmp(bases[i][0], m->class_name) == 0 && strcmp(bases[i][1], name) == 0)
            return true;
    return false;
}

static bool is_meant(const module *m, const init_action *a)
{
    if (a->whole)
        return true;
    const char *one = value_text(a->c.layer);
    if (one)
        return is_class(m, one);
    for (size_t i = 0; i < value_count(a->c.layer); i++) {
        const char *name = value_text(value_item(a->c.layer, i));
        if (name && is_class(m, name))
            return true;
    }
    return false;
}

static void apply_below(module *m, const init_action *a, const value *cfg)
{
    param *weight = module_own(m, "weight"), *bias = module_own(m, "bias");
    if (is_meant(m, a)) {
        if (weight && weight->rank < 2 && needs_two_axes(a->which))
            model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "type"),
                       "init_cfg of type %s makes no sense for %s, which has one axis", initializers[a->which].name,
                       weight->name);
        if (weight)
            set_weight(weight, a);
        if (bias)
            init_set(bias, INIT_CONSTANT, a->bias, 0, false);
    }
    for (size_t i = 0; i < m->children.n; i++)
        apply_below(m->children.at[i], a, cfg);
}

static bool is_default_cut(const init_config *c)
{
    return c->mean == 0 && c->a == -2 && c->b == 2;
}

static void add_pretrained(module *m, const init_config *c, const value *cfg)
{
    model_pretrained p = {m->name, c->checkpoint, c->prefix, c->adapt_in_channels, cfg};
    if (!vec_push(m->model->mem, &m->model->pretrained, p))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

static void apply(module *m, const value *cfg, bool whole, init_config *parsed)
{
    init_action a = {.whole = whole};
    if (!parse(m, cfg, &a.which, &a.c))
        return;
    if (parsed)
        *parsed = a.c;
    if (a.which == PRETRAINED) {
        add_pretrained(m, &a.c, cfg);
        return;
    }
    if (a.which == TRUNC_NORMAL && !is_default_cut(&a.c)) {
        model_fail(m->model, CSEG_UNSUPPORTED, cfg, "TruncNormal is supported with mean=0, a=-2 and b=2 only");
        return;
    }
    double prob;
    a.bias = (float)a.c.bias;
    if (value_number(a.c.bias_prob, &prob))
        a.bias = (float)-log((1 - prob) / prob);
    apply_below(m, &a, cfg);
}

/* Finds a child by the attribute's name: norm2 means the norm layer called bn2, gn2 or in2. */
static module *attribute(module *m, const char *name)
{
    module *child = module_child(m, name);
    if (child || !str_starts(name, "norm"))
        return child;
    static const char *const abbreviations[] = {"bn", "gn", "ln", "in"};
    for (size_t i = 0; i < sizeof abbreviations / sizeof *abbreviations && !child; i++) {
        const char *local = module_text(m, "%s%s", abbreviations[i], name + strlen("norm"));
        child = local ? module_child(m, local) : NULL;
    }
    return child;
}

static void apply_override(module *m, const value *override, const value *cfg)
{
    if (!override || override->kind != V_DICT) {
        model_fail(m->model, CSEG_CONFIG, override, "override of an init_cfg is a dict or a list of dicts, not %s",
                   value_kind_name(override));
        return;
    }
    const char *name = value_text(value_get(override, "name"));
    module *child = name ? attribute(m, name) : NULL;
    if (!child) {
        model_fail(m->model, CSEG_CONFIG, override, "override of %s's init_cfg names no part of it: %s", m->class_name,
                   name ? name : "`name` is missing");
        return;
    }
    bool own = value_count(override) > 1;
    if (own && !value_get(override, "type")) {
        model_fail(m->model, CSEG_CONFIG, override, "override of an init_cfg needs a `type` beside other keys");
        return;
    }
    value *rule = value_copy(m->model->mem, own ? override : cfg);
    if (!rule) {
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
        return;
    }
    value_remove(rule, "name");
    value_remove(rule, "override");
    apply(child, rule, true, NULL);
}

static void apply_with_overrides(module *m, const value *cfg)
{
    init_config c = {0};
    apply(m, cfg, false, &c);
    if (value_is_none(c.override) || model_failed(m->model))
        return;
    if (!value_is_list(c.override)) {
        apply_override(m, c.override, cfg);
        return;
    }
    for (size_t i = 0; i < value_count(c.override); i++)
        apply_override(m, value_item(c.override, i), cfg);
}

static void walk(module *m)
{
    if (m->init && !model_failed(m->model))
        m->init(m);
    else
        init_by_cfg(m);
}

void init_by_cfg(module *m)
{
    if (model_failed(m->model))
        return;
    if (value_is_list(m->init_cfg))
        for (size_t i = 0; i < value_count(m->init_cfg); i++)
            apply_with_overrides(m, value_item(m->init_cfg, i));
    else if (m->init_cfg && value_true(m->init_cfg))
        apply_with_overrides(m, m->init_cfg);
    const char *type = m->init_cfg ? value_type_name(m->init_cfg) : NULL;
    if (type && same_initializer(type, initializers[PRETRAINED].name))
        return;
    for (size_t i = 0; i < m->children.n; i++)
        if (m->children.at[i]->base || m->children.at[i]->init)
            walk(m->children.at[i]);
}

void init_from_torchvision(module *m, const value *pretrained, const char *name)
{
    bool flag = pretrained && pretrained->kind == V_BOOL;
    const char *file = value_text(pretrained);
    if (value_is_none(pretrained) || (flag && !value_true(pretrained)))
        return;
    if (flag)
        file = module_text(m, "torchvision://%s", name);
    if (file)
        add_pretrained(m, &(init_config){.checkpoint = file}, module_at(m, "pretrained"));
    else
        model_fail(m->model, CSEG_CONFIG, pretrained,
                   "%s: pretrained is True (torchvision's weights), False, or a file of weights, not %s", m->class_name,
                   value_kind_name(pretrained));
}

void init_from_file(module *m, const value *init_cfg)
{
    if (value_is_none(init_cfg))
        return;
    const char *checkpoint = init_cfg->kind == V_DICT ? value_text(value_get(init_cfg, "checkpoint")) : NULL;
    if (checkpoint)
        add_pretrained(m, &(init_config){.checkpoint = checkpoint}, init_cfg);
    else
        model_fail(m->model, CSEG_CONFIG, init_cfg,
                   "%s: init_cfg of %s is dict(type='Pretrained', checkpoint=...) or None: the class has rules of its "
                   "own for the weights",
                   m->name, m->class_name);
}

static void set_kaiming(module *m)
{
    param *weight = module_own(m, "weight");
    if (weight && is_class(m, "Conv2d"))
        init_set(weight, INIT_KAIMING_NORMAL, 0, 0, true);
    else if (is_class(m, "_BatchNorm"))
        init_layer(m, INIT_CONSTANT, 1, 0, false);
}

void init_kaiming_below(module *m)
{
    module_each(m, set_kaiming);
}

static void set_linear(module *m)
{
    if (is_class(m, "Linear"))
        init_layer(m, INIT_TRUNC_NORMAL, 0.02f, 0, false);
    else if (is_class(m, "LayerNorm"))
        init_layer(m, INIT_CONSTANT, 1, 0, false);
}

void init_linear_below(module *m)
{
    module_each(m, set_linear);
}

static void set_as_transformer(module *m)
{
    param *weight = module_own(m, "weight");
    set_linear(m);
    if (weight && is_class(m, "Conv2d")) {
        int64_t fan = weight->dim[0] * weight->dim[2] * weight->dim[3] / conv_groups(m);
        init_layer(m, INIT_NORMAL, 0, (float)sqrt(2.0 / (double)fan), false);
    }
}

void init_transformer_below(module *m)
{
    module_each(m, set_as_transformer);
}

static void set_jax(module *m, size_t root)
{
    bool linear = is_class(m, "Linear");
    if (is_class(m, "Conv2d"))
        init_layer(m, INIT_KAIMING_NORMAL, 0, 0, false);
    else if (is_class(m, "_BatchNorm") || is_class(m, "GroupNorm") || is_class(m, "LayerNorm"))
        init_layer(m, INIT_CONSTANT, 1, 0, false);
    else if (linear)
        init_layer(m, INIT_TRUNC_NORMAL, 0.02f, 0, false);
    param *bias = linear && strstr(m->name + root, "ffn") ? module_own(m, "bias") : NULL;
    if (bias)
        init_set(bias, INIT_NORMAL, 0, 1e-6f, false);
    for (size_t i = 0; i < m->children.n; i++)
        set_jax(m->children.at[i], root);
}

void init_jax_below(module *m)
{
    set_jax(m, strlen(m->name));
}

bool init_from_part(module *m, const value *init_cfg, const char *prefix)
{
    const char *type = init_cfg && init_cfg->kind == V_DICT ? value_type_name(init_cfg) : NULL;
    if (!type || strcmp(type, "Pretrained_Part") != 0)
        return false;
    const char *checkpoint = value_text(value_get(init_cfg, "checkpoint"));
    m->init = from_file;
    if (checkpoint)
        add_pretrained(m, &(init_config){.checkpoint = checkpoint, .prefix = prefix}, init_cfg);
    else
        model_fail(m->model, CSEG_CONFIG, init_cfg, "%s: init_cfg of type Pretrained_Part has a checkpoint, a file",
                   m->name);
    return true;
}

void init_resolve(model *m)
{
    walk(m->root);
}
