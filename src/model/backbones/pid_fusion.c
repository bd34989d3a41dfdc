#include "model/backbones/pid_fusion.h"

typedef struct fusion {
    module *of_i, *of_p;
    module *both; /* Bag's convolution; NULL: the two above */
} fusion;

/* Returns b + share * (a - b). */
static tensor *mixed(graph *g, tensor *share, tensor *a, tensor *b)
{
    return op_add(g, b, op_mul(g, op_sub(g, a, b), share));
}

static module *fusion_new(module *parent, const char *name, const char *class_name)
{
    module *m = module_new(parent, name);
    fusion *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = class_name;
    m->base = true;
    m->state = s;
    return m;
}

module *pid_pixel_attention_new(module *parent, const char *name, int64_t in, int64_t channels)
{
    module *m = fusion_new(parent, name, "PagFM");
    if (!m)
        return NULL;
    fusion *s = m->state;
    conv_module_spec c = {.conv = conv_square(in, channels, 1, 1, 0, 1),
                          .norm_cfg = module_literal(m, "dict(type='BN')")};
    s->of_i = conv_module_new(m, "f_i", c);
    s->of_p = conv_module_new(m, "f_p", c);
    return model_failed(m->model) ? NULL : m;
}

tensor *pid_pixel_attention_run(module *m, graph *g, tensor *p, tensor *i)
{
    const fusion *s = m->state;
    graph_push_scope(g, m->name);
    tensor *of_i = resize_like(g, layer_run(s->of_i, g, i), p, false);
    tensor *product = op_mul(g, layer_run(s->of_p, g, p), of_i);
    tensor *share = op_sigmoid(g, op_reduce_sum(g, product, 1 << 3, true));
    tensor *y = mixed(g, share, resize_like(g, i, p, false), p);
    graph_pop_scope(g);
    return y;
}

module *pid_border_attention_new(module *parent, const char *name, int64_t channels, bool light, const value *norm_cfg,
                                 const value *act_cfg)
{
    module *m = fusion_new(parent, name, light ? "LightBag" : "Bag");
    if (!m)
        return NULL;
    fusion *s = m->state;
    conv_module_spec c = {.conv = conv_square(channels, channels, light ? 1 : 3, 1, light ? 0 : 1, 1),
                          .norm_cfg = norm_cfg,
                          .act_cfg = light ? NULL : act_cfg,
                          .order = light ? ORDER_CONV_NORM_ACT : ORDER_NORM_ACT_CONV};
    if (light) {
        s->of_p = conv_module_new(m, "f_p", c);
        s->of_i = conv_module_new(m, "f_i", c);
    } else {
        s->both = conv_module_new(m, "conv", c);
    }
    return model_failed(m->model) ? NULL : m;
}

tensor *pid_border_attention_run(module *m, graph *g, tensor *p, tensor *i, tensor *d)
{
    const fusion *s = m->state;
    tensor *y, *share = op_sigmoid(g, d);
    graph_push_scope(g, m->name);
    if (s->both) {
        y = layer_run(s->both, g, mixed(g, share, p, i));
    } else {
        tensor *rest = op_mul(g, op_scale(g, share, -1, 1), i);
        tensor *of_p = layer_run(s->of_p, g, op_add(g, rest, p));
        y = op_add(g, of_p, layer_run(s->of_i, g, op_add(g, i, op_mul(g, share, p))));
    }
    graph_pop_scope(g);
    return y;
}
