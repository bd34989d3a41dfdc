/* MobileNetV3: inverted residuals with attention to channels, the last ones dilated (Howard et al. 2019,
 * arXiv:1905.02244). */
#include <string.h>

#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct mobilenet_config {
    const char *arch, *pretrained;
    ints out_indices;
    int64_t frozen_stages, reduction_factor;
    bool norm_eval, with_cp;
    const value *conv_cfg, *norm_cfg, *init_cfg;
} mobilenet_config;

enum { IMAGE_CHANNELS = 3, STEM_CHANNELS = 16, SE_RATIO = 4, BLOCKS_MAX = 15, LAYERS_MAX = BLOCKS_MAX + 2 };

static const field fields[] = {
    FIELD_CHOICE(mobilenet_config, arch, "'small'", "small|large", "which of the two networks"),
    FIELD(mobilenet_config, F_VALUE, conv_cfg, "None", "kind of convolution, but the first and those that halve a map"),
    FIELD(mobilenet_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD_RANGE(mobilenet_config, F_INTS, out_indices, "(0, 1, 12)", 0, LAYERS_MAX - 1, "layers whose maps are given"),
    FIELD_RANGE(mobilenet_config, F_INT, frozen_stages, "-1", -1, LAYERS_MAX - 1,
                "the layers up to this one do not learn"),
    FIELD_RANGE(mobilenet_config, F_INT, reduction_factor, "1", 1, 1 << 14, "divides the channels of the last blocks"),
    FIELD(mobilenet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(mobilenet_config, F_BOOL, with_cp, "False", "each block's inner maps are made again in the backward pass"),
    FIELD(mobilenet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(mobilenet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, mobilenet_config);

typedef struct block {
    int64_t kernel, wide, out;
    bool se, hswish, halves;
} block;

/* Layer 0 is the first convolution, block i is layer i + 1, one convolution follows. Layers from dilated[0] on have
 * dilation 2 and those from dilated[1] on 4; of these two layers the strides are taken away. */
typedef struct architecture {
    const char *name;
    int blocks, dilated[2], reduced; /* blocks from `reduced` on are divided by reduction_factor */
    int64_t last;                    /* channels of the last convolution */
    block block[BLOCKS_MAX];
} architecture;

static const architecture architectures[] = {
    {"small",
     11,
     {4, 9},
     8,
     576,
     {{3, 16, 16, true, false, true},
      {3, 72, 24, false, false, true},
      {3, 88, 24, false, false, false},
      {5, 96, 40, true, true, true},
      {5, 240, 40, true, true, false},
      {5, 240, 40, true, true, false},
      {5, 120, 48, true, true, false},
      {5, 144, 48, true, true, false},
      {5, 288, 96, true, true, true},
      {5, 576, 96, true, true, false},
      {5, 576, 96, true, true, false}}},
    {"large",
     15,
     {7, 13},
     12,
     960,
     {{3, 16, 16, false, false, false},
      {3, 64, 24, false, false, true},
      {3, 72, 24, false, false, false},
      {5, 72, 40, true, false, true},
      {5, 120, 40, true, false, false},
      {5, 120, 40, true, false, false},
      {3, 240, 80, false, true, true},
      {3, 200, 80, false, true, false},
      {3, 184, 80, false, true, false},
      {3, 184, 80, false, true, false},
      {3, 480, 112, true, true, false},
      {3, 672, 112, true, true, false},
      {5, 672, 160, true, true, true},
      {5, 960, 160, true, true, false},
      {5, 960, 160, true, true, false}}},
};

typedef struct mobilenet {
    int layers;
    module *layer[LAYERS_MAX];
} mobilenet;

static const architecture *find_architecture(const mobilenet_config *c)
{
    return strcmp(c->arch, architectures[0].name) == 0 ? &architectures[0] : &architectures[1];
}

static bool check(module *m, const mobilenet_config *c, const architecture *a)
{
    int layers = a->blocks + 2;
    if (c->frozen_stages >= layers)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "frozen_stages"),
                   "MobileNetV3: frozen_stages=%lld of layers 0 to %d", (long long)c->frozen_stages, layers - 1);
    if (a->block[a->blocks - 1].out < c->reduction_factor)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "reduction_factor"),
                   "MobileNetV3: reduction_factor=%lld leaves none of %lld channels", (long long)c->reduction_factor,
                   (long long)a->block[a->blocks - 1].out);
    return out_indices_check(m, c->out_indices, layers) && !model_failed(m->model);
}

static module *block_new(module *m, const architecture *a, int i, int64_t in, int64_t out)
{
    const mobilenet_config *c = m->config;
    const block *b = &a->block[i];
    int layer = i + 1;
    bool strided = b->halves && layer != a->dilated[0] && layer != a->dilated[1];
    return inverted_residual_v3_new(
        m, module_text(m, "layer%d", layer),
        (inverted_residual_v3_spec){.in = in,
                                    .wide = i < a->reduced ? b->wide : b->wide / c->reduction_factor,
                                    .out = out,
                                    .kernel = b->kernel,
                                    .stride = strided ? 2 : 1,
                                    .dilation = layer >= a->dilated[1]   ? 4
                                                : layer >= a->dilated[0] ? 2
                                                                         : 1,
                                    .halves = b->halves,
                                    .se_ratio = b->se ? SE_RATIO : 0,
                                    .with_cp = c->with_cp,
                                    .conv_cfg = c->conv_cfg,
                                    .norm_cfg = c->norm_cfg,
                                    .act_cfg =
                                        module_literal(m, b->hswish ? "dict(type='HSwish')" : "dict(type='ReLU')")});
}

static void build_layers(module *m, mobilenet *s, const architecture *a)
{
    const mobilenet_config *c = m->config;
    const value *hswish = module_literal(m, "dict(type='HSwish')");
    conv_module_spec conv = {.conv = conv_square(IMAGE_CHANNELS, STEM_CHANNELS, 3, 2, 0, 1),
                             .conv_cfg = module_literal(m, "dict(type='Conv2dAdaptivePadding')"),
                             .norm_cfg = c->norm_cfg,
                             .act_cfg = hswish};
    int64_t in = STEM_CHANNELS;
    s->layer[0] = conv_module_new(m, "layer0", conv);
    for (int i = 0; i < a->blocks; i++) {
        int64_t out = i < a->reduced ? a->block[i].out : a->block[i].out / c->reduction_factor;
        s->layer[i + 1] = block_new(m, a, i, in, out);
        in = out;
    }
    s->layers = a->blocks + 2;
    conv.conv = conv_square(in, a->last, 1, 1, 0, 1);
    conv.conv_cfg = c->conv_cfg;
    s->layer[s->layers - 1] = conv_module_new(m, module_text(m, "layer%d", s->layers - 1), conv);
}

static void build(module *m)
{
    const mobilenet_config *c = m->config;
    const architecture *a = find_architecture(c);
    mobilenet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c, a))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    build_layers(m, s, a);
    if (model_failed(m->model))
        return;
    for (int64_t i = 0; i <= c->frozen_stages; i++)
        module_freeze(s->layer[i]);
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = IMAGE_CHANNELS;
}

static features forward(module *m, graph *g, tensor *x)
{
    const mobilenet_config *c = m->config;
    const mobilenet *s = m->state;
    features out = features_new(g, 0);
    for (int i = 0; i < s->layers; i++) {
        x = layer_run(s->layer[i], g, x);
        if (out_indices_has(c->out_indices, i))
            features_add(g, &out, x);
    }
    return out;
}

const kind kind_mobilenet_v3 = {
    .family = FAMILY_BACKBONE,
    .name = "MobileNetV3",
    .about = "Inverted residuals with attention to channels, small or large (arXiv:1905.02244).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
