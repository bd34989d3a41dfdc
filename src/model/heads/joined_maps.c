#include "model/heads/joined_maps.h"

static module *pointwise(module *parent, const char *name, int64_t in, int64_t out, const value *norm_cfg,
                         const value *act_cfg)
{
    conv_module_spec s = {.conv = conv_square(in, out, 1, 1, 0, 1), .norm_cfg = norm_cfg, .act_cfg = act_cfg};
    return conv_module_new(parent, name, s);
}

void joined_maps_new(module *m, joined_maps *out, joined_maps_spec s)
{
    out->convs = module_new(m, "convs");
    for (size_t i = 0; i < s.in.n; i++)
        pointwise(out->convs, module_index(m, (int64_t)i), s.in.at[i], s.channels, s.norm_cfg, s.act_cfg);
    out->fusion = pointwise(m, "fusion_conv", (int64_t)s.in.n * s.channels, s.out, s.norm_cfg,
                            module_literal(m, "dict(type='ReLU')"));
}

tensor *joined_maps_run(const joined_maps *s, graph *g, features x, resize_attr how)
{
    for (int i = 0; i < x.n; i++)
        x.at[i] = resize_like_by(g, layer_run(s->convs->children.at[i], g, x.at[i]), x.at[0], how);
    return layer_run(s->fusion, g, op_concat(g, x.at, x.n, -1));
}
