/* mmcv's FFN: the linear layers between a transformer's attentions. */
#include "model/layers/layers.h"

typedef struct ffn {
    module *layers, *drop_path;
    param *gamma; /* LayerScale; NULL: none */
    bool add_identity;
} ffn;

static void build_layers(module *m, ffn *s, const ffn_spec *c)
{
    s->layers = sequential_new(m, "layers");
    for (int64_t i = 0; i < c->num_fcs - 1; i++) {
        module *one = sequential_new(s->layers, module_index(m, i));
        linear_new(one, "0", i ? c->hidden : c->channels, c->hidden, true);
        act_new(one, "1", c->act_cfg);
        dropout_new(one, "2", c->drop);
    }
    linear_new(s->layers, module_index(m, c->num_fcs - 1), c->hidden, c->channels, true);
    dropout_new(s->layers, module_index(m, c->num_fcs), c->drop);
}

module *ffn_new(module *parent, const char *name, ffn_spec c)
{
    module *m = module_new(parent, name);
    ffn *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    if (c.num_fcs < 2) {
        model_fail(m->model, CSEG_CONFIG, parent->cfg, "%s: num_fcs is 2 or more, not %lld", m->name,
                   (long long)c.num_fcs);
        return NULL;
    }
    m->class_name = "FFN";
    m->base = true;
    m->init_cfg = c.init_cfg;
    m->state = s;
    s->add_identity = c.add_identity;
    build_layers(m, s, &c);
    s->drop_path = dropout_layer_new(m, "dropout_layer", c.dropout_layer);
    if (c.layer_scale > 0) {
        module *scale = module_new(m, "gamma2");
        if (scale)
            scale->class_name = "LayerScale";
        s->gamma = module_param(scale, "weight", 1, &c.channels, INIT_CONSTANT, (float)c.layer_scale, 0);
    }
    return model_failed(m->model) ? NULL : m;
}

tensor *ffn_run(module *m, graph *g, tensor *x, tensor *identity)
{
    const ffn *s = m->state;
    graph_push_scope(g, m->name);
    tensor *y = layer_run(s->layers, g, x);
    if (s->gamma)
        y = channel_scale(g, y, s->gamma);
    y = layer_run(s->drop_path, g, y);
    if (s->add_identity)
        y = op_add(g, identity ? identity : x, y);
    graph_pop_scope(g);
    return y;
}
