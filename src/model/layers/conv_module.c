/* mmcv's ConvModule. */
#include <string.h>

#include "base/str.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct conv_module {
    module *layer[3]; /* in order of execution; NULL: none */
    float slope;      /* of a leaky activation, for the weights' initial values */
} conv_module;

static tensor *forward(module *m, graph *g, tensor *x)
{
    conv_module *s = m->state;
    for (int i = 0; i < 3; i++)
        if (s->layer[i])
            x = layer_run(s->layer[i], g, x);
    return x;
}

/* ConvModule.init_weights of mmcv: Kaiming's normal by fan out; ones and zeros for the norm. */
static void init(module *m)
{
    conv_module *s = m->state;
    for (size_t i = 0; i < m->children.n; i++) {
        module *layer = m->children.at[i];
        if (layer == module_child(m, "conv"))
            init_layer(layer, INIT_KAIMING_NORMAL, s->slope, 0, true);
        else if (layer != module_child(m, "activate"))
            init_layer(layer, INIT_CONSTANT, 1, 0, false);
    }
}

static float slope_of(const value *act_cfg)
{
    const char *type = value_type_name(act_cfg);
    double slope = 0.01;
    if (!type || !str_starts(type, "LeakyReLU"))
        return 0;
    value_number(value_get(act_cfg, "negative_slope"), &slope);
    return (float)slope;
}

/* The reference's class hands `inplace` to its activation, which Clamp's does not take. */
static bool act_fits(module *m, const value *act_cfg)
{
    const char *type = value_type_name(act_cfg);
    if (type && (strcmp(type, "Clamp") == 0 || strcmp(type, "Clip") == 0))
        model_fail(m->model, CSEG_CONFIG, value_blame(act_cfg, "type"),
                   "%s: %s cannot be the activation of a ConvModule; HSigmoid with min_value and max_value bounds, too",
                   m->name, type);
    return !model_failed(m->model);
}

bool conv_module_check(module *m, const value *conv_cfg, const value *act_cfg)
{
    return conv2d_check(m, conv_cfg) && (value_is_none(act_cfg) || (act_fits(m, act_cfg) && act_check(m, act_cfg)));
}

module *conv_module_new(module *parent, const char *name, conv_module_spec c)
{
    module *m = module_new(parent, name);
    conv_module *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "ConvModule";
    m->state = s;
    m->forward = forward;
    m->init = init;
    s->slope = slope_of(c.act_cfg);
    bool norm = !value_is_none(c.norm_cfg), act = !value_is_none(c.act_cfg);
    c.conv.bias = c.bias == BIAS_AUTO ? !norm : c.bias == BIAS_YES;
    module *conv_layer = conv2d_new(m, "conv", c.conv_cfg, c.conv), *norm_layer = NULL, *act_layer = NULL;
    if (norm)
        norm_layer = norm_new_of(m, norm_name(m, c.norm_cfg, ""), c.norm_cfg,
                                 c.order == ORDER_NORM_ACT_CONV ? c.conv.in : c.conv.out,
                                 conv_is_line(c.conv_cfg) ? NORM_OF_LINE : NORM_OF_MAP);
    if (act && act_fits(m, c.act_cfg))
        act_layer = act_new(m, "activate", c.act_cfg);
    module *const orders[][3] = {[ORDER_CONV_NORM_ACT] = {conv_layer, norm_layer, act_layer},
                                 [ORDER_ACT_CONV_NORM] = {act_layer, conv_layer, norm_layer},
                                 [ORDER_NORM_ACT_CONV] = {norm_layer, act_layer, conv_layer}};
    for (int i = 0; i < 3; i++)
        s->layer[i] = orders[c.order][i];
    if (model_failed(m->model))
        return NULL;
    init(m);
    return m;
}

conv_module_spec conv_bn_relu(module *m, conv_spec s)
{
    return (conv_module_spec){
        .conv = s, .norm_cfg = module_literal(m, "dict(type='BN')"), .act_cfg = module_literal(m, "dict(type='ReLU')")};
}
