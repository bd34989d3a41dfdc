/* mmseg's EfficientMultiheadAttention: keys and values are a smaller map. */
#include "model/layers/layers.h"

module *efficient_attention_new(module *parent, const char *name, attention_spec c, int64_t ratio,
                                const value *norm_cfg)
{
    module *m = attention_new(parent, name, c);
    if (!m)
        return NULL;
    m->class_name = "EfficientMultiheadAttention";
    if (ratio > 1) {
        conv_spec s = conv_square(c.channels, c.channels, ratio, ratio, 0, 1);
        s.bias = true;
        conv2d_new(m, "sr", NULL, s);
        norm_new_of(m, "norm", norm_cfg, c.channels, NORM_OF_TOKENS);
    }
    return model_failed(m->model) ? NULL : m;
}

tensor *efficient_attention_run(module *m, graph *g, tensor *x, tensor *identity)
{
    module *sr = module_child(m, "sr");
    if (!x)
        return NULL;
    attention_inputs in = {.query = map_tokens(g, x), .identity = map_tokens(g, identity)};
    if (sr)
        in.key = map_tokens(g, layer_run(module_child(m, "norm"), g, layer_run(sr, g, x)));
    if (sr && !in.key)
        return NULL;
    return op_reshape(g, attention_run(m, g, in), 4, x->dim);
}
