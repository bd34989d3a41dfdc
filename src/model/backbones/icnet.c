/* ICNet: three branches for three sizes of the image, the deep ones for the small sizes (Zhao et al. 2018,
 * arXiv:1704.08545). */
#include "model/backbones/resnet.h"

typedef struct icnet_config {
    int64_t in_channels, light_branch_middle_channels, psp_out_channels;
    ints layer_channels, out_channels, pool_scales;
    bool align_corners;
    const value *backbone_cfg, *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} icnet_config;

enum { BRANCHES = 3 };

static const field fields[] = {
    FIELD(icnet_config, F_VALUE, backbone_cfg, NULL, "a ResNet of four stages with deep_stem, or a variant of it"),
    FIELD_RANGE(icnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(icnet_config, F_INTS, layer_channels, "(512, 2048)", 1, 1 << 20,
                "channels behind the backbone's second and fourth stage"),
    FIELD_RANGE(icnet_config, F_INT, light_branch_middle_channels, "32", 1, 1 << 20,
                "channels inside the branch of the whole image"),
    FIELD_RANGE(icnet_config, F_INT, psp_out_channels, "512", 1, 1 << 20, "channels of each average and behind them"),
    FIELD_RANGE(icnet_config, F_INTS, out_channels, "(64, 256, 256)", 1, 1 << 20, "channels of the three maps"),
    FIELD_RANGE(icnet_config, F_INTS, pool_scales, "(1, 2, 3, 6)", 1, 256, "sides of the grids"),
    FIELD(icnet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(icnet_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)", "kind of normalisation"),
    FIELD(icnet_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation of the averages"),
    FIELD(icnet_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD(icnet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, icnet_config);

typedef struct icnet {
    module *backbone, *pyramid, *bottleneck;
    module *sub1, *sub2, *sub4; /* make the maps of the whole, the half and the quarter image */
} icnet;

static bool check_fields(module *m, const icnet_config *c)
{
    if (value_is_none(c->backbone_cfg))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "backbone_cfg"), "ICNet: backbone_cfg is a dict, not None");
    if (c->layer_channels.n != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "layer_channels"),
                   "ICNet: layer_channels has %zu entries; it is of two stages", c->layer_channels.n);
    if (c->out_channels.n != BRANCHES)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "out_channels"),
                   "ICNet: out_channels has %zu entries; there are %d branches", c->out_channels.n, BRANCHES);
    return !model_failed(m->model);
}

static module *backbone_new(module *m, const icnet_config *c)
{
    module *b = module_build(m, "backbone", FAMILY_BACKBONE, c->backbone_cfg, NULL);
    const resnet *r = resnet_of(b);
    if (b && (!r || !r->stem || !r->layer[RESNET_STAGES - 1]))
        model_fail(m->model, CSEG_CONFIG, c->backbone_cfg,
                   "ICNet: its backbone is a ResNet, ResNetV1c, ResNetV1d, ResNeXt or ResNeSt with deep_stem and four "
                   "stages, not such a %s",
                   b->class_name);
    else if (r && ((const resnet_config *)b->config)->in_channels != c->in_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "ICNet: it has in_channels=%lld, its backbone %lld; both take the image", (long long)c->in_channels,
                   (long long)((const resnet_config *)b->config)->in_channels);
    return b;
}

/* What has no act_cfg in MMSegmentation's class has ReLU, whatever the field says. */
static module *conv_new(module *m, module *parent, const char *name, conv_spec conv, const value *act_cfg)
{
    const icnet_config *c = m->config;
    return conv_module_new(
        parent, name,
        (conv_module_spec){.conv = conv, .conv_cfg = c->conv_cfg, .norm_cfg = c->norm_cfg, .act_cfg = act_cfg});
}

static void build(module *m)
{
    const icnet_config *c = m->config;
    icnet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check_fields(m, c))
        return;
    const value *relu = module_literal(m, "dict(type='ReLU')");
    m->init_cfg = value_is_none(c->init_cfg)
                      ? module_literal(m, "[dict(type='Kaiming', mode='fan_out', layer='Conv2d'),"
                                          " dict(type='Constant', val=1, layer='_BatchNorm'),"
                                          " dict(type='Normal', mean=0.01, layer='Linear')]")
                      : c->init_cfg;
    int64_t last = c->layer_channels.at[1], psp = c->psp_out_channels, mid = c->light_branch_middle_channels;
    const int64_t *out = c->out_channels.at;
    s->backbone = backbone_new(m, c);
    s->pyramid = pyramid_pool_new(m, "psp_modules",
                                  (pyramid_pool_spec){.scales = c->pool_scales,
                                                      .in = last,
                                                      .channels = psp,
                                                      .align_corners = c->align_corners,
                                                      .input_last = true,
                                                      .conv_cfg = c->conv_cfg,
                                                      .norm_cfg = c->norm_cfg,
                                                      .act_cfg = c->act_cfg});
    int64_t all = last + (int64_t)c->pool_scales.n * psp;
    s->bottleneck = conv_new(m, m, "psp_bottleneck", conv_square(all, psp, 3, 1, 1, 1), c->act_cfg);
    s->sub1 = sequential_new(m, "conv_sub1");
    conv_new(m, s->sub1, "0", conv_square(c->in_channels, mid, 3, 2, 1, 1), relu);
    conv_new(m, s->sub1, "1", conv_square(mid, mid, 3, 2, 1, 1), relu);
    conv_new(m, s->sub1, "2", conv_square(mid, out[0], 3, 2, 1, 1), relu);
    s->sub2 = conv_new(m, m, "conv_sub2", conv_square(c->layer_channels.at[0], out[1], 1, 1, 0, 1), relu);
    s->sub4 = conv_new(m, m, "conv_sub4", conv_square(psp, out[2], 1, 1, 0, 1), relu);
    m->model->in_channels = (int)c->in_channels;
}

/* By its scale factor: of an odd side the last pixel counts less. */
static tensor *halved(const icnet_config *c, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    if (x->dim[1] < 2 || x->dim[2] < 2)
        return graph_fail(g, CSEG_SHAPE, "ICNet halves a map of %lld x %lld pixels: the image is too small",
                          (long long)x->dim[1], (long long)x->dim[2]);
    return op_resize(
        g, x,
        (resize_attr){
            .h = x->dim[1] / 2, .w = x->dim[2] / 2, .align_corners = c->align_corners, .scale_h = 0.5, .scale_w = 0.5});
}

static tensor *first_stages(const resnet *r, graph *g, tensor *x)
{
    /* ICNet gives its backbone a pool of its own, which keeps what is left at the border. */
    pool_attr pool = {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .ceil_mode = true};
    x = op_max_pool(g, layer_run(r->stem, g, x), pool);
    return layer_run(r->layer[1], g, layer_run(r->layer[0], g, x));
}

static features forward(module *m, graph *g, tensor *x)
{
    const icnet_config *c = m->config;
    const icnet *s = m->state;
    const resnet *r = resnet_of(s->backbone);
    features out = features_new(g, 0);
    features_add(g, &out, layer_run(s->sub1, g, x));
    x = first_stages(r, g, halved(c, g, x));
    features_add(g, &out, layer_run(s->sub2, g, x));
    x = layer_run(r->layer[3], g, layer_run(r->layer[2], g, halved(c, g, x)));
    x = layer_run(s->bottleneck, g, x ? pyramid_pool_run(s->pyramid, g, x) : NULL);
    features_add(g, &out, layer_run(s->sub4, g, x));
    return out;
}

const kind kind_icnet = {
    .family = FAMILY_BACKBONE,
    .name = "ICNet",
    .about = "A light branch for the whole image, a ResNet for its half and quarter (arXiv:1704.08545).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
