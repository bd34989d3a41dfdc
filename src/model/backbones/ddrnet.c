/* DDRNet: a branch of high resolution and one of wide context, which inform each other (Hong et al. 2021,
 * arXiv:2101.06085). */
#include "model/layers/layers.h"

typedef struct ddrnet_config {
    int64_t in_channels, channels, ppm_channels;
    bool align_corners;
    const value *norm_cfg, *act_cfg, *init_cfg;
} ddrnet_config;

static const field fields[] = {
    FIELD_RANGE(ddrnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(ddrnet_config, F_INT, channels, "32", 1, 1 << 14, "of the first stage"),
    FIELD_RANGE(ddrnet_config, F_INT, ppm_channels, "128", 1, 1 << 16, "of each average of the context branch"),
    FIELD(ddrnet_config, F_BOOL, align_corners, "False", "of all resizing but that of the averages"),
    FIELD(ddrnet_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)",
          "kind of normalisation; the first block of each layer has BN, and so have the averages"),
    FIELD(ddrnet_config, F_VALUE, act_cfg, "dict(type='ReLU', inplace=True)",
          "kind of activation between the blocks of a layer, and in the stem"),
    FIELD(ddrnet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, ddrnet_config);

enum { STAGES = 3, FUSIONS = 2 };

typedef struct ddrnet {
    module *stem, *context[STAGES], *spatial[STAGES];
    module *compression[FUSIONS], *down[FUSIONS], *spp;
} ddrnet;

static module *layer_new(const ddrnet_config *c, module *parent, const char *name, branch_block_spec s, int64_t n)
{
    s.act_cfg_out = c->act_cfg;
    s.downsample_norm_cfg = c->norm_cfg;
    return branch_layer_new(parent, name, s, n, c->norm_cfg);
}

static module *conv_new(const ddrnet_config *c, module *parent, const char *name, conv_spec conv, bool act)
{
    return conv_module_new(
        parent, name, (conv_module_spec){.conv = conv, .norm_cfg = c->norm_cfg, .act_cfg = act ? c->act_cfg : NULL});
}

/* A Sequential in which ReLUs have the places 3 and 5. */
static void build_stem(module *m, ddrnet *s)
{
    const ddrnet_config *c = m->config;
    int64_t channels = c->channels;
    s->stem = sequential_new(m, "stem");
    conv_new(c, s->stem, "0", conv_square(c->in_channels, channels, 3, 2, 1, 1), true);
    conv_new(c, s->stem, "1", conv_square(channels, channels, 3, 2, 1, 1), true);
    layer_new(c, s->stem, "2", (branch_block_spec){.in = channels, .channels = channels, .stride = 1}, 2);
    relu_new(s->stem, "3");
    layer_new(c, s->stem, "4", (branch_block_spec){.in = channels, .channels = 2 * channels, .stride = 2}, 2);
    relu_new(s->stem, "5");
}

static void build_fusions(module *m, ddrnet *s)
{
    const ddrnet_config *c = m->config;
    int64_t n = c->channels;
    s->compression[0] = conv_new(c, m, "compression_1", conv_square(4 * n, 2 * n, 1, 1, 0, 1), false);
    s->down[0] = conv_new(c, m, "down_1", conv_square(2 * n, 4 * n, 3, 2, 1, 1), false);
    s->compression[1] = conv_new(c, m, "compression_2", conv_square(8 * n, 2 * n, 1, 1, 0, 1), false);
    s->down[1] = sequential_new(m, "down_2");
    conv_new(c, s->down[1], "0", conv_square(2 * n, 4 * n, 3, 2, 1, 1), true);
    conv_new(c, s->down[1], "1", conv_square(4 * n, 8 * n, 3, 2, 1, 1), false);
}

static void build(module *m)
{
    const ddrnet_config *c = m->config;
    ddrnet *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t n = c->channels;
    m->init_cfg = c->init_cfg;
    build_stem(m, s);
    module *list = module_new(m, "context_branch_layers");
    for (int i = 0; i < STAGES; i++)
        s->context[i] =
            layer_new(c, list, module_index(m, i),
                      (branch_block_spec){
                          .bottleneck = i == 2, .in = n * (2 << i), .channels = i > 0 ? 8 * n : 4 * n, .stride = 2},
                      i < 2 ? 2 : 1);
    build_fusions(m, s);
    list = module_new(m, "spatial_branch_layers");
    for (int i = 0; i < STAGES; i++)
        s->spatial[i] = layer_new(
            c, list, module_index(m, i),
            (branch_block_spec){.bottleneck = i == 2, .in = 2 * n, .channels = 2 * n, .stride = 1}, i < 2 ? 2 : 1);
    s->spp = context_pool_new(m, "spp", (context_pool_spec){.in = 16 * n, .channels = c->ppm_channels, .out = 4 * n});
    m->model->in_channels = (int)c->in_channels;
}

/* Gives the fourth stage's high-resolution map, on which DDRHead's second loss is, and the sum of both branches. */
static features forward(module *m, graph *g, tensor *x)
{
    const ddrnet_config *c = m->config;
    const ddrnet *s = m->state;
    features out = features_new(g, 0);
    tensor *context = layer_run(s->stem, g, x), *spatial = context;
    for (int i = 0; i < FUSIONS; i++) {
        context = layer_run(s->context[i], g, context);
        spatial = layer_run(s->spatial[i], g, spatial);
        tensor *up = layer_run(s->compression[i], g, op_relu(g, context));
        tensor *down = layer_run(s->down[i], g, op_relu(g, spatial));
        context = op_relu(g, op_add(g, context, down));
        spatial = op_add(g, spatial, resize_like(g, up, spatial, c->align_corners));
        if (i == 0)
            features_add(g, &out, spatial);
        spatial = op_relu(g, spatial);
    }
    spatial = layer_run(s->spatial[2], g, spatial);
    context = layer_run(s->spp, g, layer_run(s->context[2], g, context));
    features_add(g, &out, op_add(g, spatial, resize_like(g, context, spatial, c->align_corners)));
    return out;
}

const kind kind_ddrnet = {
    .family = FAMILY_BACKBONE,
    .name = "DDRNet",
    .about =
        "A branch of high resolution beside one of wide context (arXiv:2101.06085). It gives two maps: of the high "
        "resolution in between, and the sum of both branches.",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
