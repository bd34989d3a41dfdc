/* mmseg's InvertedResidualV3 (Howard et al. 2019, arXiv:1905.02244). */
#include "model/layers/layers.h"

typedef struct inverted_residual_v3 {
    bool add, with_cp;
    module *expand, *depthwise, *se, *linear; /* expand, se: NULL if there is none */
} inverted_residual_v3;

static tensor *forward(module *m, graph *g, tensor *x)
{
    const inverted_residual_v3 *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    tensor *y = s->expand ? layer_run(s->expand, g, x) : x;
    y = layer_run(s->depthwise, g, y);
    y = s->se ? layer_run(s->se, g, y) : y;
    y = layer_run(s->linear, g, y);
    if (s->add)
        y = op_add(g, x, y);
    graph_pop_checkpoint(g, outer);
    return y;
}

module *inverted_residual_v3_new(module *parent, const char *name, inverted_residual_v3_spec c)
{
    module *m = module_new(parent, name);
    inverted_residual_v3 *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "InvertedResidualV3";
    m->state = s;
    m->forward = forward;
    s->add = !c.halves && c.in == c.out;
    s->with_cp = c.with_cp;
    conv_module_spec spec = {.conv = conv_square(c.in, c.wide, 1, 1, 0, 1),
                             .conv_cfg = c.conv_cfg,
                             .norm_cfg = c.norm_cfg,
                             .act_cfg = c.act_cfg};
    if (c.in != c.wide)
        s->expand = conv_module_new(m, "expand_conv", spec);
    spec.conv = conv_square(c.wide, c.wide, c.kernel, c.stride, c.dilation * (c.kernel / 2), c.dilation);
    spec.conv.groups = c.wide;
    if (c.halves)
        spec.conv_cfg = module_literal(m, "dict(type='Conv2dAdaptivePadding')");
    s->depthwise = conv_module_new(m, "depthwise_conv", spec);
    if (c.se_ratio)
        s->se = se_layer_new(m, "se", c.wide, c.se_ratio);
    spec.conv = conv_square(c.wide, c.out, 1, 1, 0, 1);
    spec.conv_cfg = c.conv_cfg;
    spec.act_cfg = NULL;
    s->linear = conv_module_new(m, "linear_conv", spec);
    return model_failed(m->model) ? NULL : m;
}
