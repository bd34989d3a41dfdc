/* mmseg's TransformerEncoderLayer, and the same under the names of mmcv's BaseTransformerLayer. */
#include "model/layers/layers.h"

typedef struct encoder_layer {
    module *norm1, *attn, *norm2, *ffn;
    bool with_cp;
} encoder_layer;

static tensor *attend(const module *m, graph *g, attention_inputs in)
{
    const encoder_layer *s = m->state;
    tensor *x = in.identity;
    int outer = graph_push_checkpoint(g, s->with_cp);
    in.query = layer_run(s->norm1, g, x);
    in.key = in.key ? layer_run(s->norm1, g, in.key) : NULL;
    x = attention_run(s->attn, g, in);
    x = ffn_run(s->ffn, g, layer_run(s->norm2, g, x), x);
    graph_pop_checkpoint(g, outer);
    return x;
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    return attend(m, g, (attention_inputs){.identity = x});
}

tensor *encoder_layer_run(module *m, graph *g, tensor *x, tensor *mask, tensor *hidden)
{
    graph_push_scope(g, m->name);
    tensor *y = attend(m, g, (attention_inputs){.identity = x, .mask = mask, .hidden = hidden});
    graph_pop_scope(g);
    return y;
}

tensor *encoder_layer_look(module *m, graph *g, tensor *x, tensor *keys, tensor *mask, tensor *hidden)
{
    graph_push_scope(g, m->name);
    tensor *y = attend(m, g, (attention_inputs){.identity = x, .key = keys, .mask = mask, .hidden = hidden});
    graph_pop_scope(g);
    return y;
}

static module *begin(module *parent, const char *name, const char *class_name, const encoder_layer_spec *c)
{
    module *m = module_new(parent, name);
    encoder_layer *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = class_name;
    m->base = true;
    m->state = s;
    m->forward = forward;
    s->with_cp = c->with_cp;
    return m;
}

static module *attention_of(module *parent, const char *name, const encoder_layer_spec *c)
{
    return attention_new(parent, name,
                         (attention_spec){.channels = c->channels,
                                          .heads = c->heads,
                                          .bias = c->qkv_bias,
                                          .attn_drop = c->attn_drop,
                                          .proj_drop = c->drop});
}

/* The class gives its FFN alone a DropPath. */
static module *ffn_of(module *parent, const char *name, const encoder_layer_spec *c)
{
    return ffn_new(parent, name,
                   (ffn_spec){.channels = c->channels,
                              .hidden = c->hidden,
                              .num_fcs = c->num_fcs,
                              .drop = c->drop,
                              .add_identity = true,
                              .act_cfg = c->act_cfg,
                              .dropout_layer = drop_path_cfg(parent, c->drop_path)});
}

module *encoder_layer_new(module *parent, const char *name, encoder_layer_spec c)
{
    module *m = begin(parent, name, "TransformerEncoderLayer", &c);
    if (!m)
        return NULL;
    encoder_layer *s = m->state;
    s->norm1 = norm_new_of(m, norm_name(m, c.norm_cfg, "1"), c.norm_cfg, c.channels, NORM_OF_TOKENS);
    s->attn = attention_of(m, "attn", &c);
    s->norm2 = norm_new_of(m, norm_name(m, c.norm_cfg, "2"), c.norm_cfg, c.channels, NORM_OF_TOKENS);
    s->ffn = ffn_of(m, "ffn", &c);
    return model_failed(m->model) ? NULL : m;
}

module *base_layer_new(module *parent, const char *name, encoder_layer_spec c)
{
    module *m = begin(parent, name, "BaseTransformerLayer", &c);
    if (!m)
        return NULL;
    encoder_layer *s = m->state;
    s->attn = attention_of(module_list_new(m, "attentions"), "0", &c);
    s->ffn = ffn_of(module_list_new(m, "ffns"), "0", &c);
    module *norms = module_list_new(m, "norms");
    s->norm1 = norm_new_of(norms, "0", c.norm_cfg, c.channels, NORM_OF_TOKENS);
    s->norm2 = norm_new_of(norms, "1", c.norm_cfg, c.channels, NORM_OF_TOKENS);
    return model_failed(m->model) ? NULL : m;
}
