/* mmseg's MixFFN (Xie et al. 2021, arXiv:2105.15203): a depthwise convolution between two linear layers. */
#include "model/layers/layers.h"

typedef struct mix_ffn {
    module *activate, *in, *around, *out, *drop, *drop_path;
} mix_ffn;

tensor *mix_ffn_run(module *m, graph *g, tensor *x, tensor *identity)
{
    const mix_ffn *s = m->state;
    if (!identity)
        identity = x;
    graph_push_scope(g, m->name);
    x = layer_run(s->activate, g, layer_run(s->around, g, layer_run(s->in, g, x)));
    x = layer_run(s->drop, g, layer_run(s->out, g, layer_run(s->drop, g, x)));
    x = op_add(g, identity, layer_run(s->drop_path, g, x));
    graph_pop_scope(g);
    return x;
}

/* The activation is two attributes of the class. */
module *mix_ffn_new(module *parent, const char *name, mix_ffn_spec spec)
{
    module *m = module_new(parent, name);
    mix_ffn *s = module_state(m, sizeof *s);
    conv_spec around = conv_square(spec.hidden, spec.hidden, 3, 1, 1, 1);
    around.groups = spec.hidden;
    around.bias = true;
    if (!s)
        return NULL;
    m->class_name = "MixFFN";
    m->base = true;
    m->state = s;
    s->activate = act_new(m, "activate", spec.act_cfg);
    module *layers = sequential_new(m, "layers");
    s->in = pointwise_conv_new(layers, "0", spec.channels, spec.hidden);
    s->around = conv2d_new(layers, "1", NULL, around);
    module_twin(layers, "2", s->activate);
    s->drop = dropout_new(layers, "3", spec.drop);
    s->out = pointwise_conv_new(layers, "4", spec.hidden, spec.channels);
    s->drop_path = dropout_layer_new(m, "dropout_layer", spec.dropout_layer);
    return model_failed(m->model) ? NULL : m;
}
