/* JPU: joint pyramid upsampling, which stands in for a dilated backbone (Wu et al. 2019, arXiv:1903.11816). */
#include "model/layers/layers.h"
#include "model/necks/neck_inputs.h"

typedef struct jpu_config {
    ints in_channels, dilations;
    int64_t mid_channels, start_level, end_level;
    bool align_corners;
    const value *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} jpu_config;

enum { LEVELS_MAX = 64 }; /* each halves the last: more are a slip */

static const field fields[] = {
    FIELD_RANGE(jpu_config, F_INT_LIST, in_channels, "(512, 1024, 2048)", 1, 1 << 20,
                "channels of each map that it takes"),
    FIELD_RANGE(jpu_config, F_INT, mid_channels, "512", 1, 1 << 20, "channels that each map, and each dilation, gets"),
    FIELD_RANGE(jpu_config, F_INT, start_level, "0", 0, LEVELS_MAX - 1, "the first map that is used"),
    FIELD_RANGE(jpu_config, F_INT, end_level, "-1", -1, LEVELS_MAX, "behind the last that is used; -1: all"),
    FIELD_RANGE(jpu_config, F_INT_LIST, dilations, "(1, 2, 4, 8)", 1, 1024, "a convolution over all maps for each"),
    FIELD(jpu_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD(jpu_config, F_VALUE, conv_cfg, "None", "kind of convolution of each map"),
    FIELD(jpu_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(jpu_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(jpu_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, jpu_config);

typedef struct jpu {
    int start, end; /* levels of the input that are used */
    module *levels, *dilated;
} jpu;

static bool check_levels(module *m, jpu *s)
{
    const jpu_config *c = m->config;
    int ins = (int)c->in_channels.n;
    s->start = (int)c->start_level;
    s->end = c->end_level == -1 ? ins : (int)c->end_level;
    if (s->end > ins || s->start >= s->end)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "start_level"),
                   "JPU: levels %d to %d of %d maps are none that could be used", s->start, s->end - 1, ins);
    else if (!c->dilations.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "dilations"), "JPU: dilations may not be empty");
    return !model_failed(m->model);
}

static void build(module *m)
{
    const jpu_config *c = m->config;
    jpu *s = m->state = module_state(m, sizeof *s);
    if (!s || !check_levels(m, s))
        return;
    int64_t mid = c->mid_channels, all = (s->end - s->start) * mid;
    m->init_cfg = c->init_cfg;
    s->levels = module_new(m, "conv_layers");
    for (int i = s->start; i < s->end; i++)
        conv_module_new(sequential_new(s->levels, module_index(m, i - s->start)), "0",
                        (conv_module_spec){.conv = conv_square(c->in_channels.at[i], mid, 3, 1, 1, 1),
                                           .conv_cfg = c->conv_cfg,
                                           .norm_cfg = c->norm_cfg,
                                           .act_cfg = c->act_cfg});
    s->dilated = module_new(m, "dilation_layers");
    for (size_t i = 0; i < c->dilations.n; i++) {
        int64_t d = c->dilations.at[i];
        separable_conv_spec spec = separable_conv(conv_square(all, mid, 3, 1, d, d), NULL, c->norm_cfg, c->act_cfg);
        spec.depthwise.act_cfg = NULL;
        separable_conv_new(sequential_new(s->dilated, module_index(m, (int64_t)i)), "0", spec);
    }
}

/* The maps but the last of those that are used, as they are, then the joint one. */
static features forward(module *m, graph *g, features x)
{
    const jpu_config *c = m->config;
    jpu *s = m->state;
    features out = features_new(g, 0), maps = features_new(g, 0), joint = features_new(g, 0);
    if (!neck_inputs_fit(m, g, x, c->in_channels))
        return out;
    for (int i = s->start; i < s->end; i++) {
        tensor *y = layer_run(s->levels->children.at[i - s->start], g, x.at[i]);
        features_add(g, &maps, maps.n ? resize_like(g, y, maps.at[0], c->align_corners) : y);
    }
    tensor *all = op_concat(g, maps.at, maps.n, -1);
    for (size_t i = 0; i < s->dilated->children.n; i++)
        features_add(g, &joint, layer_run(s->dilated->children.at[i], g, all));
    for (int i = s->start; i < s->end - 1; i++)
        features_add(g, &out, x.at[i]);
    features_add(g, &out, op_concat(g, joint.at, joint.n, -1));
    return out;
}

const kind kind_jpu = {
    .family = FAMILY_NECK,
    .name = "JPU",
    .about =
        "Joint pyramid upsampling: fine maps from coarse ones by dilated convolutions (FastFCN, arXiv:1903.11816).",
    .fields = &table,
    .build = build,
    .as.neck = {.forward = forward},
};
