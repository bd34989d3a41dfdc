/* MobileNetV2: inverted residuals, wide and depthwise inside, narrow between (Sandler et al. 2018, arXiv:1801.04381).
 */
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct mobilenet_config {
    double widen_factor;
    ints strides, dilations, out_indices;
    int64_t frozen_stages;
    bool norm_eval, with_cp;
    const char *pretrained;
    const value *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} mobilenet_config;

enum { LAYERS = 7, CHANNELS = 3 };

static const struct {
    int64_t expand, channels, blocks;
} architecture[LAYERS] = {{1, 16, 1}, {6, 24, 2}, {6, 32, 3}, {6, 64, 4}, {6, 96, 3}, {6, 160, 3}, {6, 320, 1}};

static const field fields[] = {
    FIELD_RANGE(mobilenet_config, F_FLOAT, widen_factor, "1.0", 0.001, 64, "multiplies all channels"),
    FIELD_RANGE(mobilenet_config, F_INTS, strides, "(1, 2, 2, 2, 1, 2, 1)", 1, 2, "of the first block of each layer"),
    FIELD_RANGE(mobilenet_config, F_INTS, dilations, "(1, 1, 1, 1, 1, 1, 1)", 1, 1024,
                "of the first block of each layer"),
    FIELD_RANGE(mobilenet_config, F_INTS, out_indices, "(1, 2, 4, 6)", 0, 63, "layers whose maps are given"),
    FIELD_RANGE(mobilenet_config, F_INT, frozen_stages, "-1", -1, LAYERS - 1,
                "the first convolution (0) and as many layers do not learn"),
    FIELD(mobilenet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(mobilenet_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(mobilenet_config, F_VALUE, act_cfg, "dict(type='ReLU6')", "kind of activation"),
    FIELD(mobilenet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(mobilenet_config, F_BOOL, with_cp, "False", "each block's inner maps are made again in the backward pass"),
    FIELD(mobilenet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(mobilenet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, mobilenet_config);

typedef struct mobilenet {
    module *conv1, *layer[LAYERS];
} mobilenet;

static int64_t widened(const mobilenet_config *c, int64_t channels)
{
    return channels_in_eights((double)channels * c->widen_factor);
}

static bool check(module *m, const mobilenet_config *c)
{
    if (c->strides.n != LAYERS || c->dilations.n != LAYERS)
        model_fail(m->model, CSEG_CONFIG, module_at(m, c->strides.n != LAYERS ? "strides" : "dilations"),
                   "MobileNetV2 has %d layers, but strides has %zu entries and dilations %zu", LAYERS, c->strides.n,
                   c->dilations.n);
    return out_indices_check(m, c->out_indices, LAYERS) && !model_failed(m->model);
}

static module *layer_new(module *m, int i, inverted_residual_spec s)
{
    module *layer = sequential_new(m, module_text(m, "layer%d", i + 1));
    for (int64_t k = 0; k < architecture[i].blocks; k++) {
        inverted_residual_new(layer, module_index(m, k), s);
        s.in = s.out;
        s.stride = s.dilation = 1;
    }
    return layer;
}

/* The first convolution's norm goes on moving its statistics, as in the reference. */
static void freeze(mobilenet *s, const mobilenet_config *c)
{
    if (c->frozen_stages >= 0)
        module_freeze_gradients(s->conv1);
    for (int64_t i = 0; i < c->frozen_stages; i++)
        module_freeze(s->layer[i]);
}

static void build(module *m)
{
    const mobilenet_config *c = m->config;
    mobilenet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    int64_t in = widened(c, 32);
    s->conv1 = conv_module_new(m, "conv1",
                               (conv_module_spec){.conv = conv_square(CHANNELS, in, 3, 2, 1, 1),
                                                  .conv_cfg = c->conv_cfg,
                                                  .norm_cfg = c->norm_cfg,
                                                  .act_cfg = c->act_cfg});
    for (int i = 0; i < LAYERS; i++) {
        int64_t out = widened(c, architecture[i].channels);
        s->layer[i] = layer_new(m, i,
                                (inverted_residual_spec){.in = in,
                                                         .out = out,
                                                         .stride = c->strides.at[i],
                                                         .dilation = c->dilations.at[i],
                                                         .expand = architecture[i].expand,
                                                         .with_cp = c->with_cp,
                                                         .conv_cfg = c->conv_cfg,
                                                         .norm_cfg = c->norm_cfg,
                                                         .act_cfg = c->act_cfg});
        in = out;
    }
    if (model_failed(m->model))
        return;
    freeze(s, c);
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = CHANNELS;
}

static features forward(module *m, graph *g, tensor *x)
{
    const mobilenet_config *c = m->config;
    mobilenet *s = m->state;
    features out = features_new(g, 0);
    x = layer_run(s->conv1, g, x);
    for (int i = 0; i < LAYERS; i++) {
        x = layer_run(s->layer[i], g, x);
        if (out_indices_has(c->out_indices, i))
            features_add(g, &out, x);
    }
    return out;
}

const kind kind_mobilenet_v2 = {
    .family = FAMILY_BACKBONE,
    .name = "MobileNetV2",
    .about = "Inverted residuals of depthwise convolutions (arXiv:1801.04381).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
