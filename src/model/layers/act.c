/* Activation layers, as mmcv builds them. */
#include <string.h>

#include "model/layers/layers.h"

typedef struct act_config {
    double negative_slope, alpha, min, max, min_value, max_value, bias, divisor, init;
    int64_t num_parameters;
    const char *approximate;
} act_config;

#define INPLACE FIELD_IGNORED(inplace, "memory is planned here, whatever it says")
static const field inplace_fields[] = {INPLACE};
static const field leaky_fields[] = {INPLACE, FIELD(act_config, F_FLOAT, negative_slope, "0.01", "slope below zero")};
static const field elu_fields[] = {INPLACE, FIELD(act_config, F_FLOAT, alpha, "1.0", "depth below zero")};
static const field prelu_fields[] = {
    FIELD_RANGE(act_config, F_INT, num_parameters, "1", 1, 1 << 20, "slopes: 1, or one a channel"),
    FIELD(act_config, F_FLOAT, init, "0.25", "slope at the start")};
static const field gelu_fields[] = {
    FIELD_CHOICE(act_config, approximate, "'none'", "none|tanh", "the exact function, by erf, or one by tanh")};
static const field clamp_fields[] = {FIELD(act_config, F_FLOAT, min, "-1.0", "lower bound"),
                                     FIELD(act_config, F_FLOAT, max, "1.0", "upper bound")};
static const field hsigmoid_fields[] = {FIELD(act_config, F_FLOAT, bias, "3.0", "added to x"),
                                        FIELD(act_config, F_FLOAT, divisor, "6.0", "divides the sum"),
                                        FIELD(act_config, F_FLOAT, min_value, "0.0", "lower bound"),
                                        FIELD(act_config, F_FLOAT, max_value, "1.0", "upper bound")};

enum { ACT_PRELU = -1, ACT_GELU_TANH = -2, ACT_HSIGMOID = -3, ACT_QUICK_GELU = -4 };
typedef struct act_type {
    const char *name;
    int kind; /* unary_kind, or one of the above */
    const field *fields;
    size_t n;
} act_type;

#define TYPE(name, kind, fields)                                                                                       \
    {                                                                                                                  \
        name, kind, fields, sizeof fields / sizeof *fields                                                             \
    }
#define TYPE_BARE(name, kind)                                                                                          \
    {                                                                                                                  \
        name, kind, NULL, 0                                                                                            \
    }
static const act_type types[] = {
    TYPE("ReLU", UNARY_RELU, inplace_fields),
    TYPE("LeakyReLU", UNARY_LEAKY_RELU, leaky_fields),
    TYPE("PReLU", ACT_PRELU, prelu_fields),
    TYPE("ReLU6", UNARY_RELU6, inplace_fields),
    TYPE("ELU", UNARY_ELU, elu_fields),
    TYPE_BARE("Sigmoid", UNARY_SIGMOID),
    TYPE_BARE("Tanh", UNARY_TANH),
    TYPE("GELU", UNARY_GELU, gelu_fields),
    TYPE_BARE("QuickGELU", ACT_QUICK_GELU),
    TYPE("SiLU", UNARY_SILU, inplace_fields),
    TYPE_BARE("Swish", UNARY_SILU),
    TYPE("HSwish", UNARY_HSWISH, inplace_fields),
    TYPE("HSigmoid", UNARY_HSIGMOID, hsigmoid_fields),
    TYPE("Clamp", UNARY_CLAMP, clamp_fields),
    TYPE("Clip", UNARY_CLAMP, clamp_fields),
};
enum { TYPES = sizeof types / sizeof *types };

typedef struct act_state {
    int kind;
    unary_attr attr;
    param *slope;       /* PReLU */
    unary_attr between; /* ACT_HSIGMOID: its bounds */
} act_state;

/* x * sigmoid(2 z), z = sqrt(2 / pi) * (x + 0.044715 x^3): the same as x / 2 * (1 + tanh(z)). */
static tensor *gelu_by_tanh(graph *g, tensor *x)
{
    const float twice = 1.5957691216f;
    tensor *z = op_scale(g, op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE}), 0.044715f * twice, twice);
    return op_mul(g, x, op_sigmoid(g, op_mul(g, x, z)));
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    act_state *s = m->state;
    if (s->slope)
        return op_prelu(g, x, graph_param(g, s->slope));
    if (s->kind == ACT_GELU_TANH)
        return gelu_by_tanh(g, x);
    if (s->kind == ACT_QUICK_GELU)
        return op_mul(g, x, op_sigmoid(g, op_scale(g, x, 1.702f, 0)));
    if (s->kind == ACT_HSIGMOID)
        return op_unary(g, op_scale(g, x, 1 / s->attr.beta, s->attr.alpha / s->attr.beta), s->between);
    return s->attr.kind == UNARY_RELU ? op_relu(g, x) : op_unary(g, x, s->attr);
}

/* The ops that a type stands for may hang on its arguments. */
static int kind_of(const act_type *t, const act_config *c)
{
    if (t->kind == UNARY_GELU && strcmp(c->approximate, "tanh") == 0)
        return ACT_GELU_TANH;
    if (t->kind == UNARY_HSIGMOID && (c->min_value != 0 || c->max_value != 1))
        return ACT_HSIGMOID;
    return t->kind;
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

static bool read_config(module *parent, const act_type *t, const value *cfg, act_config *c)
{
    model *m = parent->model;
    field_table table = {t->fields, t->n, sizeof *c, false};
    if (fields_parse(&table, t->name, cfg, NULL, m->mem, c, &m->error) != CSEG_OK)
        return false;
    if (t->kind == UNARY_HSIGMOID && c->divisor == 0)
        model_fail(m, CSEG_CONFIG, value_blame(cfg, "divisor"), "%s: HSigmoid's divisor may not be 0", parent->name);
    return !model_failed(m);
}

static const act_type *find_type(module *parent, const value *cfg, act_config *c)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    const char *name = value_type_name(cfg);
    for (int i = 0; name && i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return read_config(parent, &types[i], cfg, c) ? &types[i] : NULL;
    model_fail(parent->model, CSEG_UNSUPPORTED, cfg,
               "%s: act_cfg of type %s is not supported; there are ReLU, LeakyReLU, PReLU, ReLU6, ELU, Sigmoid, Tanh, "
               "GELU, QuickGELU, SiLU, Swish, HSwish, HSigmoid and Clamp",
               parent->name, name ? name : value_kind_name(cfg));
    return NULL;
}

bool act_check(module *m, const value *act_cfg)
{
    act_config c;
    return find_type(m, act_cfg, &c);
}

module *act_new(module *parent, const char *name, const value *act_cfg)
{
    act_config c;
    const act_type *t = find_type(parent, act_cfg, &c);
    module *m = t ? module_new(parent, name) : NULL;
    act_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = t->name;
    m->state = s;
    m->forward = forward;
    s->kind = kind_of(t, &c);
    s->between = (unary_attr){.kind = UNARY_CLAMP, .alpha = (float)c.min_value, .beta = (float)c.max_value};
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
