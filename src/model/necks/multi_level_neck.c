/* MultiLevelNeck: maps of one size, as a transformer gives them, become a pyramid. */
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/necks/neck_inputs.h"

typedef struct multi_level_config {
    ints in_channels;
    int64_t out_channels;
    floats scales;
    const value *norm_cfg, *act_cfg;
} multi_level_config;

static const field fields[] = {
    FIELD_RANGE(multi_level_config, F_INT_LIST, in_channels, NULL, 1, 1 << 20, "channels of each map that it takes"),
    FIELD_RANGE(multi_level_config, F_INT, out_channels, NULL, 1, 1 << 20, "channels of each map that it gives"),
    FIELD_RANGE(multi_level_config, F_FLOATS, scales, "[0.5, 1, 2, 4]", 1e-3, 64,
                "by which each map is resized; a single map is resized by all of them"),
    FIELD(multi_level_config, F_VALUE, norm_cfg, "None", "kind of normalisation"),
    FIELD(multi_level_config, F_VALUE, act_cfg, "None", "kind of activation"),
};
static const field_table table = FIELD_TABLE(fields, multi_level_config);

typedef struct multi_level {
    module *lateral_convs, *convs;
} multi_level;

static void set_xavier(module *m)
{
    param *weight = module_own(m, "weight");
    if (weight && weight->rank == 4)
        init_layer(m, INIT_XAVIER_UNIFORM, 1, 0, false);
}

/* The class's own rule. */
static void init(module *m)
{
    module_each(m, set_xavier);
}

static void conv_module(module *list, const multi_level_config *c, int64_t in, int64_t kernel)
{
    conv_module_new(list, list ? module_index(list, (int64_t)list->children.n) : NULL,
                    (conv_module_spec){.conv = conv_square(in, c->out_channels, kernel, 1, kernel / 2, 1),
                                       .norm_cfg = c->norm_cfg,
                                       .act_cfg = c->act_cfg});
}

static void build(module *m)
{
    const multi_level_config *c = m->config;
    multi_level *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    if (!c->in_channels.n || !c->scales.n || (c->in_channels.n > 1 && c->scales.n > c->in_channels.n)) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "scales"),
                   "MultiLevelNeck: there are %zu scales for the %zu maps of in_channels; each map has one, and a "
                   "single map any number",
                   c->scales.n, c->in_channels.n);
        return;
    }
    m->init = init;
    s->lateral_convs = module_new(m, "lateral_convs");
    s->convs = module_new(m, "convs");
    for (size_t i = 0; i < c->in_channels.n; i++)
        conv_module(s->lateral_convs, c, c->in_channels.at[i], 1);
    for (size_t i = 0; i < c->scales.n; i++)
        conv_module(s->convs, c, c->out_channels, 3);
}

static tensor *scaled(graph *g, tensor *x, double scale)
{
    if (!x || scale == 1)
        return x;
    resize_attr how = resize_by("bilinear", false);
    how.h = (int64_t)((double)x->dim[1] * scale);
    how.w = (int64_t)((double)x->dim[2] * scale);
    how.scale_h = how.scale_w = scale;
    return op_resize(g, x, how);
}

static features forward(module *m, graph *g, features x)
{
    const multi_level_config *c = m->config;
    const multi_level *s = m->state;
    features lateral = features_new(g, 0), out = features_new(g, 0);
    if (!neck_inputs_fit(m, g, x, c->in_channels))
        return out;
    /* Also of maps beyond the scales, which the reference makes and leaves: running statistics move. */
    for (int i = 0; i < x.n; i++)
        features_add(g, &lateral, layer_run(s->lateral_convs->children.at[i], g, x.at[i]));
    for (int i = 0; i < (int)c->scales.n && lateral.n == x.n; i++) {
        tensor *y = scaled(g, lateral.at[x.n == 1 ? 0 : i], c->scales.at[i]);
        features_add(g, &out, layer_run(s->convs->children.at[i], g, y));
    }
    return out;
}

const kind kind_multi_level_neck = {
    .family = FAMILY_NECK,
    .name = "MultiLevelNeck",
    .about = "Makes a pyramid of maps of one size, as a transformer gives them.",
    .fields = &table,
    .build = build,
    .as.neck = {.forward = forward},
};
