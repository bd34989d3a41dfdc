/* FastSCNN: a map at 1/8 of the image's size, kept beside what deeper layers make of it (Poudel et al. 2019,
 * arXiv:1902.04502). */
#include <string.h>

#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct scnn_config {
    int64_t in_channels, global_in_channels, global_out_channels, higher_in_channels, lower_in_channels,
        fusion_out_channels;
    ints downsample_dw_channels, global_block_channels, global_block_strides, out_indices;
    bool align_corners;
    const value *conv_cfg, *norm_cfg, *act_cfg, *dw_act_cfg, *init_cfg;
} scnn_config;

enum { GROUPS = 3, BLOCKS = 3, EXPAND = 6, MAPS = 3 };

static const field fields[] = {
    FIELD_RANGE(scnn_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(scnn_config, F_INTS, downsample_dw_channels, "(32, 48)", 1, 1 << 16,
                "of the first two convolutions, which halve the image's sides each"),
    FIELD_RANGE(scnn_config, F_INT, global_in_channels, "64", 1, 1 << 16, "of the map at 1/8, behind the third"),
    FIELD_RANGE(scnn_config, F_INTS, global_block_channels, "(64, 96, 128)", 1, 1 << 16,
                "of each group of inverted residuals"),
    FIELD_RANGE(scnn_config, F_INTS, global_block_strides, "(2, 2, 1)", 1, 2, "of each group"),
    FIELD_RANGE(scnn_config, F_INT, global_out_channels, "128", 1, 1 << 16, "of the deep map"),
    FIELD_RANGE(scnn_config, F_INT, higher_in_channels, "64", 1, 1 << 16, "the same as global_in_channels"),
    FIELD_RANGE(scnn_config, F_INT, lower_in_channels, "128", 1, 1 << 16, "the same as global_out_channels"),
    FIELD_RANGE(scnn_config, F_INT, fusion_out_channels, "128", 1, 1 << 16, "of the joined map"),
    FIELD_RANGE(scnn_config, F_INTS, out_indices, "(0, 1, 2)", -MAPS, MAPS - 1,
                "of the map at 1/8 (0), the deep map (1) and the joined one (2), those that are given"),
    FIELD(scnn_config, F_VALUE, conv_cfg, "None", "kind of convolution, but for depthwise ones and their like"),
    FIELD(scnn_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(scnn_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(scnn_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD(scnn_config, F_VALUE, dw_act_cfg, "None",
          "activation between depthwise and pointwise at the start; 'default': ReLU"),
    FIELD(scnn_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, scnn_config);

typedef struct scnn {
    module *start, *deep[GROUPS], *pyramid, *deep_out;
    module *large, *depthwise, *small; /* of the joined map */
} scnn;

static conv_module_spec conv(const scnn_config *c, conv_spec s, const value *act_cfg)
{
    return (conv_module_spec){.conv = s, .conv_cfg = c->conv_cfg, .norm_cfg = c->norm_cfg, .act_cfg = act_cfg};
}

/* Halves both sides. The reference gives it norm_cfg and dw_act_cfg only; behind it is ReLU, whatever act_cfg says. */
static void halve_new(module *parent, const char *name, const scnn_config *c, int64_t in, int64_t out)
{
    separable_conv_spec s = separable_conv(conv_square(in, out, 3, 2, 1, 1), NULL, c->norm_cfg,
                                           module_literal(parent, "dict(type='ReLU')"));
    const char *text = value_text(c->dw_act_cfg);
    if (!text || strcmp(text, "default") != 0)
        s.depthwise.act_cfg = c->dw_act_cfg;
    separable_conv_new(parent, name, s);
}

static void start_new(module *m, scnn *s, const scnn_config *c)
{
    const int64_t *channels = c->downsample_dw_channels.at;
    s->start = sequential_new(m, "learning_to_downsample");
    conv_module_new(s->start, "conv", conv(c, conv_square(c->in_channels, channels[0], 3, 2, 1, 1), c->act_cfg));
    halve_new(s->start, "dsconv1", c, channels[0], channels[1]);
    halve_new(s->start, "dsconv2", c, channels[1], c->global_in_channels);
}

static void deep_new(module *m, scnn *s, const scnn_config *c)
{
    module *part = module_new(m, "global_feature_extractor");
    const int64_t *channels = c->global_block_channels.at;
    inverted_residual_spec block = {
        .in = c->global_in_channels, .expand = EXPAND, .dilation = 1, .norm_cfg = c->norm_cfg, .act_cfg = c->act_cfg};
    for (int i = 0; i < GROUPS; i++) {
        s->deep[i] = sequential_new(part, module_text(m, "bottleneck%d", i + 1));
        block.out = channels[i];
        for (int64_t k = 0; k < BLOCKS; k++) {
            block.stride = k ? 1 : c->global_block_strides.at[i];
            inverted_residual_new(s->deep[i], module_index(m, k), block);
            block.in = block.out;
        }
    }
    static int64_t sides[] = {1, 2, 3, 6};
    int64_t last = channels[GROUPS - 1];
    s->pyramid = pyramid_pool_new(part, "ppm",
                                  (pyramid_pool_spec){.scales = {sizeof sides / sizeof *sides, sides},
                                                      .in = last,
                                                      .channels = last / 4,
                                                      .align_corners = c->align_corners,
                                                      .conv_cfg = c->conv_cfg,
                                                      .norm_cfg = c->norm_cfg,
                                                      .act_cfg = c->act_cfg});
    s->deep_out =
        conv_module_new(part, "out", conv(c, conv_square(2 * last, c->global_out_channels, 3, 1, 1, 1), c->act_cfg));
}

static void fusion_new(module *m, scnn *s, const scnn_config *c)
{
    module *part = module_new(m, "feature_fusion");
    int64_t out = c->fusion_out_channels;
    conv_spec depthwise = conv_square(c->lower_in_channels, out, 3, 1, 1, 1);
    depthwise.groups = out;
    s->depthwise = conv_module_new(part, "dwconv", conv(c, depthwise, c->act_cfg));
    s->small = conv_module_new(part, "conv_lower_res", conv(c, conv_square(out, out, 1, 1, 0, 1), NULL));
    s->large =
        conv_module_new(part, "conv_higher_res", conv(c, conv_square(c->higher_in_channels, out, 1, 1, 0, 1), NULL));
}

static void check_equal(module *m, const char *key, int64_t is, const char *other, int64_t wanted)
{
    if (is != wanted)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key), "FastSCNN: %s=%lld is the same as %s=%lld", key,
                   (long long)is, other, (long long)wanted);
}

static bool check(module *m, const scnn_config *c)
{
    const ints *down = &c->downsample_dw_channels, *blocks = &c->global_block_channels,
               *strides = &c->global_block_strides;
    if (down->n != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "downsample_dw_channels"),
                   "FastSCNN: downsample_dw_channels has two entries, not %zu", down->n);
    else if (blocks->n != GROUPS || strides->n != GROUPS)
        model_fail(m->model, CSEG_CONFIG,
                   module_at(m, blocks->n != GROUPS ? "global_block_channels" : "global_block_strides"),
                   "FastSCNN: there are %d groups, but global_block_channels has %zu entries and global_block_strides "
                   "%zu",
                   GROUPS, blocks->n, strides->n);
    else if (blocks->at[GROUPS - 1] % 4)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "global_block_channels"),
                   "FastSCNN: the last of global_block_channels is a multiple of 4, for four averages of a quarter of "
                   "its channels each; not %lld",
                   (long long)blocks->at[GROUPS - 1]);
    check_equal(m, "higher_in_channels", c->higher_in_channels, "global_in_channels", c->global_in_channels);
    check_equal(m, "lower_in_channels", c->lower_in_channels, "global_out_channels", c->global_out_channels);
    if (c->lower_in_channels % c->fusion_out_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "fusion_out_channels"),
                   "FastSCNN: the joined map's first convolution has a group for each of fusion_out_channels=%lld, "
                   "which do not divide lower_in_channels=%lld",
                   (long long)c->fusion_out_channels, (long long)c->lower_in_channels);
    return out_maps_check(m, c->out_indices, MAPS);
}

static void build(module *m)
{
    const scnn_config *c = m->config;
    scnn *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, NULL,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    start_new(m, s, c);
    deep_new(m, s, c);
    fusion_new(m, s, c);
    m->model->in_channels = (int)c->in_channels;
}

static features forward(module *m, graph *g, tensor *x)
{
    const scnn_config *c = m->config;
    scnn *s = m->state;
    features maps = features_new(g, 0);
    tensor *high = layer_run(s->start, g, x), *low = high;
    for (int i = 0; i < GROUPS; i++)
        low = layer_run(s->deep[i], g, low);
    low = layer_run(s->deep_out, g, pyramid_pool_run(s->pyramid, g, low));
    tensor *y = layer_run(s->small, g, layer_run(s->depthwise, g, resize_like(g, low, high, c->align_corners)));
    features_add(g, &maps, high);
    features_add(g, &maps, low);
    features_add(g, &maps, op_relu(g, op_add(g, layer_run(s->large, g, high), y)));
    return out_maps(g, maps, c->out_indices);
}

const kind kind_fast_scnn = {
    .family = FAMILY_BACKBONE,
    .name = "FastSCNN",
    .about = "A map at an eighth of the image's size, kept beside what deeper layers make of it (arXiv:1902.04502).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
