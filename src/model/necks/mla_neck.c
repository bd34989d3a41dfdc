/* MLANeck: each map of a transformer plus the sum of those behind it (SETR, Zheng et al. 2020, arXiv:2012.15840). */
#include "model/layers/layers.h"
#include "model/necks/neck_inputs.h"

typedef struct mla_config {
    ints in_channels;
    int64_t out_channels;
    const value *norm_layer, *norm_cfg, *act_cfg;
} mla_config;

static const field fields[] = {
    FIELD_RANGE(mla_config, F_INT_LIST, in_channels, NULL, 1, 1 << 20, "channels of each map that it takes"),
    FIELD_RANGE(mla_config, F_INT, out_channels, NULL, 1, 1 << 20, "channels of each map that it gives"),
    FIELD(mla_config, F_VALUE, norm_layer, "dict(type='LN', eps=1e-6, requires_grad=True)",
          "kind of normalisation of what it takes"),
    FIELD(mla_config, F_VALUE, norm_cfg, "None", "kind of normalisation of its convolutions"),
    FIELD(mla_config, F_VALUE, act_cfg, "None", "kind of activation"),
};
static const field_table table = FIELD_TABLE(fields, mla_config);

typedef struct mla {
    module *norm, *channel_proj, *feat_extract;
} mla;

static void build(module *m)
{
    const mla_config *c = m->config;
    mla *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    s->norm = module_new(m, "norm");
    for (size_t i = 0; i < c->in_channels.n; i++)
        norm_new_of(s->norm, module_index(m, (int64_t)i), c->norm_layer, c->in_channels.at[i], NORM_OF_TOKENS);
    module *inner = module_new(m, "mla");
    s->channel_proj = module_new(inner, "channel_proj");
    s->feat_extract = module_new(inner, "feat_extract");
    conv_module_spec spec = {.norm_cfg = c->norm_cfg, .act_cfg = c->act_cfg};
    for (size_t i = 0; i < c->in_channels.n; i++) {
        spec.conv = conv_square(c->in_channels.at[i], c->out_channels, 1, 1, 0, 1);
        conv_module_new(s->channel_proj, module_index(m, (int64_t)i), spec);
    }
    for (size_t i = 0; i < c->in_channels.n; i++) {
        spec.conv = conv_square(c->out_channels, c->out_channels, 3, 1, 1, 1);
        conv_module_new(s->feat_extract, module_index(m, (int64_t)i), spec);
    }
}

/* The last map comes first. */
static features forward(module *m, graph *g, features x)
{
    const mla *s = m->state;
    features out = features_new(g, 0), part = features_new(g, 0);
    if (!neck_inputs_fit(m, g, x, ((const mla_config *)m->config)->in_channels))
        return out;
    for (int i = 0; i < x.n; i++) {
        tensor *y = layer_run(s->norm->children.at[i], g, x.at[i]);
        features_add(g, &part, layer_run(s->channel_proj->children.at[i], g, y));
    }
    tensor *sum = NULL;
    for (int i = 0; i < x.n && part.n == x.n; i++) {
        tensor *y = part.at[x.n - 1 - i];
        sum = i ? op_add(g, sum, y) : y;
        features_add(g, &out, layer_run(s->feat_extract->children.at[i], g, sum));
    }
    return out;
}

const kind kind_mla_neck = {
    .family = FAMILY_NECK,
    .name = "MLANeck",
    .about = "Each map of a transformer plus the sum of those behind it (SETR-MLA, arXiv:2012.15840).",
    .fields = &table,
    .build = build,
    .as.neck = {.forward = forward},
};
