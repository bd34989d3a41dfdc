/* mmseg's SELayer: what the whole map holds weighs each of its channels (Hu et al. 2018, arXiv:1709.01507). */
#include "model/layers/layers.h"

typedef struct se_layer {
    module *squeeze, *excite;
} se_layer;

static tensor *forward(module *m, graph *g, tensor *x)
{
    const se_layer *s = m->state;
    tensor *of_all = op_adaptive_avg_pool(g, x, 1, 1);
    return op_mul(g, x, layer_run(s->excite, g, layer_run(s->squeeze, g, of_all)));
}

module *se_layer_new(module *parent, const char *name, int64_t channels, int64_t ratio)
{
    module *m = module_new(parent, name);
    se_layer *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "SELayer";
    m->state = s;
    m->forward = forward;
    int64_t inner = channels_in_eights((double)(channels / ratio));
    s->squeeze = conv_module_new(m, "conv1",
                                 (conv_module_spec){.conv = conv_square(channels, inner, 1, 1, 0, 1),
                                                    .act_cfg = module_literal(m, "dict(type='ReLU')")});
    s->excite = conv_module_new(
        m, "conv2",
        (conv_module_spec){.conv = conv_square(inner, channels, 1, 1, 0, 1),
                           .act_cfg = module_literal(m, "dict(type='HSigmoid', bias=3.0, divisor=6.0)")});
    return model_failed(m->model) ? NULL : m;
}
