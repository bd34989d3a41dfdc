/* Dropout of elements, of channels and of samples, as mmcv builds them. They pass on their input unchanged in
 * inference, and under model_options.no_dropout. */
#include <math.h>
#include <string.h>

#include "model/layers/layers.h"

typedef tensor *drop_op(graph *g, tensor *x, float p);
typedef struct drop_state {
    drop_op *op;
    float p;
    bool frozen;
} drop_state;

bool dropout_acts(const module *m, const graph *g)
{
    const drop_state *s = m->state;
    return g->train && s->p > 0 && !s->frozen && !m->model->options.no_dropout;
}

float dropout_rate(const module *m, const graph *g)
{
    const drop_state *s = m->state;
    return dropout_acts(m, g) ? s->p : 0;
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const drop_state *s = m->state;
    return dropout_acts(m, g) ? s->op(g, x, s->p) : x;
}

static void freeze(module *m)
{
    if (m->forward == forward)
        ((drop_state *)m->state)->frozen = true;
}

void dropout_freeze(module *m)
{
    module_each(m, freeze);
}

static module *drop_new(module *parent, const char *name, const char *class_name, drop_op *op, double p)
{
    module *m = module_new(parent, name);
    drop_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    *s = (drop_state){.op = op, .p = (float)p};
    m->class_name = class_name;
    m->state = s;
    m->forward = forward;
    return m;
}

module *dropout_new(module *parent, const char *name, double p)
{
    return drop_new(parent, name, "Dropout", op_dropout, p);
}

module *dropout2d_new(module *parent, const char *name, double p)
{
    return drop_new(parent, name, "Dropout2d", op_dropout2d, p);
}

module *drop_path_new(module *parent, const char *name, double p)
{
    return drop_new(parent, name, "DropPath", op_drop_path, p);
}

double drop_path_rate(double last, int64_t i, int64_t n)
{
    if (n < 2)
        return 0;
    float end = (float)last, step = end / (float)(n - 1);
    return i < n / 2 ? step * (float)i : fmaf(-step, (float)(n - 1 - i), end);
}

typedef struct drop_config {
    double drop_prob;
} drop_config;

#define DROP_PROB(initial) FIELD_RANGE(drop_config, F_FLOAT, drop_prob, initial, 0, 1, "share that is set to zero")
static const field dropout_fields[] = {DROP_PROB("0.5"),
                                       FIELD_IGNORED(inplace, "memory is planned here, whatever it says")};
static const field path_fields[] = {DROP_PROB("0.1")};
static const struct {
    const char *name;
    drop_op *op;
    field_table table;
} types[] = {
    {"Dropout", op_dropout, {dropout_fields, sizeof dropout_fields / sizeof(field), sizeof(drop_config), false}},
    {"DropPath", op_drop_path, {path_fields, sizeof path_fields / sizeof(field), sizeof(drop_config), false}},
};

module *dropout_layer_new(module *parent, const char *name, const value *cfg)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    model *m = parent->model;
    const char *type = value_type_name(cfg);
    drop_config c = {0};
    if (value_is_none(cfg) || !value_true(cfg)) /* also {}, as in mmcv */
        return dropout_new(parent, name, 0);
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, type) == 0) {
            if (fields_parse(&types[i].table, type, cfg, NULL, m->mem, &c, &m->error) != CSEG_OK)
                return NULL;
            return drop_new(parent, name, types[i].name, types[i].op, c.drop_prob);
        }
    model_fail(m, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: dropout_layer of type %s is not supported; there are Dropout and DropPath", parent->name,
               type ? type : value_kind_name(cfg));
    return NULL;
}

const value *drop_path_cfg(module *m, double p)
{
    return module_literal(m, module_text(m, "dict(type='DropPath', drop_prob=%.17g)", p));
}
