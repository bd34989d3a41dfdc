/* Activation layers, as mmcv builds them. */
#include <string.h>

#include "model/layers/layers.h"

typedef struct act_config {
    double negative_slope, alpha, min, max, min_value, max_value, bias, divisor, init;
    int64_t num_parameters;
    const char *approximate;
} act_config;

#define INPLACE FIELD_IGNORED(inplace, "memory is planned here, whatever it says")
static const field plain_fields[] = {INPLACE};
static const field leaky_fields[] = {INPLACE, FIELD(act_config, F_FLOAT, negative_slope, "0.01", "slope below zero")};
static const field elu_fields[] = {INPLACE, FIELD(act_config, F_FLOAT, alpha, "1.0", "depth below zero")};
static const field prelu_fields[] = {
    FIELD_RANGE(act_config, F_INT, num_parameters, "1", 1, 1 << 20, "slopes: 1, or one a channel"),
    FIELD(act_config, F_FLOAT, init, "0.25", "slope at the start")};
static const field gelu_fields[] = {
    FIELD_CHOICE(act_config, approximate, "'none'", "none", "the exact function, by erf")};
static const field clamp_fields[] = {FIELD(act_config, F_FLOAT, min, "-1.0", "lower bound"),
                                     FIELD(act_config, F_FLOAT, max, "1.0", "upper bound")};
static const field hsigmoid_fields[] = {FIELD(act_config, F_FLOAT, bias, "3.0", "added to x"),
                                        FIELD(act_config, F_FLOAT, divisor, "6.0", "divides the sum"),
                                        FIELD(act_config, F_FLOAT, min_value, "0.0", "lower bound"),
                                        FIELD(act_config, F_FLOAT, max_value, "1.0", "upper bound")};

enum { ACT_PRELU = -1 };
typedef struct act_type {
    const char *name;
    int kind; /* unary_kind, or ACT_PRELU */
    const field *fields;
    size_t n;
} act_type;

#define TYPE(name, kind, fields)                                                                                       \
    {                                                                                                                  \
        name, kind, fields, sizeof fields / sizeof *fields                                                             \
    }
static const act_type types[] = {
    TYPE("ReLU", UNARY_RELU, plain_fields),     TYPE("LeakyReLU", UNARY_LEAKY_RELU, leaky_fields),
    TYPE("PReLU", ACT_PRELU, prelu_fields),     TYPE("ReLU6", UNARY_RELU6, plain_fields),
    TYPE("ELU", UNARY_ELU, elu_fields),         TYPE("Sigmoid", UNARY_SIGMOID, plain_fields),
    TYPE("Tanh", UNARY_TANH, plain_fields),     TYPE("GELU", UNARY_GELU, gelu_fields),
    TYPE("SiLU", UNARY_SILU, plain_fields),     TYPE("Swish", UNARY_SILU, plain_fields),
    TYPE("HSwish", UNARY_HSWISH, plain_fields), TYPE("HSigmoid", UNARY_HSIGMOID, hsigmoid_fields),
    TYPE("Clamp", UNARY_CLAMP, clamp_fields),   TYPE("Clip", UNARY_CLAMP, clamp_fields),
};
enum { TYPES = sizeof types / sizeof *types };

typedef struct act_state {
    unary_attr attr;
    param *slope; /* PReLU */
} act_state;

static tensor *forward(module *m, graph *g, tensor *x)
{
    act_state *s = m->state;
    if (s->slope)
        return op_prelu(g, x, graph_param(g, s->slope));
    return s->attr.kind == UNARY_RELU ? op_relu(g, x) : op_unary(g, x, s->attr);
}

static unary_attr attributes(const act_type *t, const act_config *c)
{
    unary_attr a = {.kind = (unary_kind)t->kind};
    switch (t->kind) {
    case UNARY_LEAKY_RELU:
        a.alpha = (float)c->negative_slope;
        break;
    case UNARY_ELU:
        a.alpha = (float)c->alpha;
        break;
    case UNARY_HSIGMOID:
        a.alpha = (float)c->bias;
        a.beta = (float)c->divisor;
        break;
    case UNARY_CLAMP:
        a.alpha = (float)c->min;
        a.beta = (float)c->max;
        break;
    default:
        break;
    }
    return a;
}

static const act_type *find_type(module *parent, const value *cfg)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    const char *name = value_type_name(cfg);
    for (int i = 0; name && i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    model_fail(parent->model, CSEG_UNSUPPORTED, cfg,
               "%s: act_cfg of type %s is not supported; there are ReLU, LeakyReLU, PReLU, ReLU6, ELU, Sigmoid, Tanh, "
               "GELU, SiLU, Swish, HSwish, HSigmoid and Clamp",
               parent->name, name ? name : value_kind_name(cfg));
    return NULL;
}

module *act_new(module *parent, const char *name, const value *act_cfg)
{
    const act_type *t = find_type(parent, act_cfg);
    module *m = t ? module_new(parent, name) : NULL;
    act_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    act_config c = {0};
    field_table table = {t->fields, t->n, sizeof c, false};
    if (fields_parse(&table, t->name, act_cfg, NULL, m->model->mem, &c, &m->model->error) != CSEG_OK)
        return NULL;
    if (t->kind == UNARY_HSIGMOID && (c.min_value != 0 || c.max_value != 1 || c.divisor == 0)) {
        model_fail(m->model, CSEG_UNSUPPORTED, act_cfg, "%s: HSigmoid is bounded by 0 and 1 here, its divisor not 0",
                   m->name);
        return NULL;
    }
    m->class_name = t->name;
    m->state = s;
    m->forward = forward;
    if (t->kind == ACT_PRELU)
        s->slope = module_param(m, "weight", 1, &c.num_parameters, INIT_CONSTANT, (float)c.init, 0);
    else
        s->attr = attributes(t, &c);
    return model_failed(m->model) ? NULL : m;
}

module *relu_new(module *parent, const char *name)
{
    module *m = module_new(parent, name);
    act_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    s->attr.kind = UNARY_RELU;
    m->class_name = "ReLU";
    m->state = s;
    m->forward = forward;
    return m;
}
