/* UNet: an encoder, and a decoder that joins each of its maps on the way back (Ronneberger et al. 2015,
 * arXiv:1505.04597). */
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct unet_config {
    int64_t in_channels, base_channels, num_stages;
    ints strides, enc_num_convs, dec_num_convs, downsamples, enc_dilations, dec_dilations;
    bool with_cp, norm_eval;
    const char *pretrained;
    const value *conv_cfg, *norm_cfg, *act_cfg, *upsample_cfg, *init_cfg;
} unet_config;

enum { STAGES_MAX = 12 };

static const field fields[] = {
    FIELD_RANGE(unet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(unet_config, F_INT, base_channels, "64", 1, 1 << 12,
                "channels of the first stage; each has twice as many"),
    FIELD_RANGE(unet_config, F_INT, num_stages, "5", 1, STAGES_MAX, "stages of the encoder"),
    FIELD_RANGE(unet_config, F_INTS, strides, "(1, 1, 1, 1, 1)", 1, 2, "of the first convolution of each stage"),
    FIELD_RANGE(unet_config, F_INTS, enc_num_convs, "(2, 2, 2, 2, 2)", 1, 64, "convolutions of each stage"),
    FIELD_RANGE(unet_config, F_INTS, dec_num_convs, "(2, 2, 2, 2)", 1, 64, "convolutions of each step back"),
    FIELD_RANGE(unet_config, F_INTS, downsamples, "(True, True, True, True)", 0, 1,
                "whether a pool stands before each further stage; none does where its stride is 2"),
    FIELD_RANGE(unet_config, F_INTS, enc_dilations, "(1, 1, 1, 1, 1)", 1, 1024,
                "of each stage's convolutions but the first"),
    FIELD_RANGE(unet_config, F_INTS, dec_dilations, "(1, 1, 1, 1)", 1, 1024,
                "of each step's convolutions but the first"),
    FIELD(unet_config, F_BOOL, with_cp, "False", "each block's inner maps are made again in the backward pass"),
    FIELD(unet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(unet_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(unet_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(unet_config, F_VALUE, upsample_cfg, "dict(type='InterpConv')", "how the decoder makes maps larger"),
    FIELD(unet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD_FIXED(dcn, "None", "the reference has none either"),
    FIELD_FIXED(plugins, "None", "the reference has none either"),
    FIELD(unet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(unet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, unet_config);

/* A step back: from what is below it, and the encoder's map of the same size. */
typedef struct unet_step {
    module *upsample, *block;
} unet_step;

typedef struct unet {
    module *stage[STAGES_MAX];
    bool pool[STAGES_MAX]; /* before that stage */
    unet_step step[STAGES_MAX - 1];
} unet;

static void check_length(module *m, const char *key, ints list, int64_t n)
{
    if ((int64_t)list.n != n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key),
                   "UNet: %s has %zu entries, but with num_stages=%lld it has %lld", key, list.n,
                   (long long)((const unet_config *)m->config)->num_stages, (long long)n);
}

static bool check(module *m, const unet_config *c)
{
    int64_t n = c->num_stages;
    check_length(m, "strides", c->strides, n);
    check_length(m, "enc_num_convs", c->enc_num_convs, n);
    check_length(m, "dec_num_convs", c->dec_num_convs, n - 1);
    check_length(m, "downsamples", c->downsamples, n - 1);
    check_length(m, "enc_dilations", c->enc_dilations, n);
    check_length(m, "dec_dilations", c->dec_dilations, n - 1);
    return !model_failed(m->model);
}

static conv_module_spec conv(const unet_config *c, conv_spec s)
{
    return (conv_module_spec){.conv = s, .conv_cfg = c->conv_cfg, .norm_cfg = c->norm_cfg, .act_cfg = c->act_cfg};
}

/* mmseg's BasicConvBlock: only its first convolution strides, only the others dilate. */
static module *block_new(module *parent, const char *name, const unet_config *c, conv_spec s, int64_t convs,
                         int64_t dilation)
{
    module *m = module_new(parent, name), *list = sequential_new(m, "convs");
    for (int64_t i = 0; i < convs; i++) {
        conv_module_new(list, module_index(parent, i), conv(c, s));
        s = conv_square(s.out, s.out, 3, 1, dilation, dilation);
    }
    return list;
}

static void step_new(module *parent, const char *name, const unet_config *c, unet_step *s, int64_t i, bool larger)
{
    module *m = module_new(parent, name);
    int64_t out = c->base_channels << i, in = 2 * out;
    s->block =
        block_new(m, "conv_block", c, conv_square(in, out, 3, 1, 1, 1), c->dec_num_convs.at[i], c->dec_dilations.at[i]);
    if (larger && c->upsample_cfg)
        s->upsample = up_conv_new(m, "upsample",
                                  (up_conv_spec){.in = in,
                                                 .out = out,
                                                 .with_cp = c->with_cp,
                                                 .upsample_cfg = c->upsample_cfg,
                                                 .norm_cfg = c->norm_cfg,
                                                 .act_cfg = c->act_cfg});
    else
        s->upsample = conv_module_new(m, "upsample", conv(c, conv_square(in, out, 1, 1, 0, 1)));
}

static void build(module *m)
{
    const unet_config *c = m->config;
    unet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    module *encoder = module_new(m, "encoder"), *decoder = module_new(m, "decoder");
    int64_t in = c->in_channels;
    for (int64_t i = 0; i < c->num_stages; i++) {
        int64_t stride = c->strides.at[i], out = c->base_channels << i;
        bool down = i > 0 && c->downsamples.at[i - 1];
        s->pool[i] = down && stride == 1;
        if (i > 0)
            step_new(decoder, module_index(m, i - 1), c, &s->step[i - 1], i - 1, down || stride != 1);
        s->stage[i] = block_new(sequential_new(encoder, module_index(m, i)), s->pool[i] ? "1" : "0", c,
                                conv_square(in, out, 3, stride, 1, 1), c->enc_num_convs.at[i], c->enc_dilations.at[i]);
        in = out;
    }
    if (model_failed(m->model))
        return;
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = (int)c->in_channels;
}

/* Else maps of the way back would not meet those of the way there. */
static bool check_size(module *m, graph *g, const tensor *x)
{
    const unet_config *c = m->config;
    int64_t rate = 1;
    for (int64_t i = 1; i < c->num_stages; i++)
        rate *= c->strides.at[i] == 2 || c->downsamples.at[i - 1] ? 2 : 1;
    if (!x || (x->dim[1] % rate == 0 && x->dim[2] % rate == 0))
        return x != NULL;
    char place[512];
    graph_fail(g, CSEG_SHAPE,
               "%sUNet takes images whose sides are multiples of %lld, not %lld x %lld; pad them (size_divisor=%lld)",
               value_place(m->cfg, place), (long long)rate, (long long)x->dim[1], (long long)x->dim[2],
               (long long)rate);
    return false;
}

/* What the encoder's map and the one that was made larger have together. */
static tensor *joined(const module *m, graph *g, tensor *skip, tensor *x)
{
    const unet_config *c = m->config;
    char place[512];
    if (skip && x && (x->dim[1] != skip->dim[1] || x->dim[2] != skip->dim[2]))
        return graph_fail(
            g, CSEG_SHAPE,
            "%sUNet: a step back makes %lld x %lld of its map, but joins one of %lld x %lld: upsample_cfg "
            "doubles both sides, by InterpConv or DeconvModule",
            value_place(c->upsample_cfg ? c->upsample_cfg : m->cfg, place), (long long)x->dim[1], (long long)x->dim[2],
            (long long)skip->dim[1], (long long)skip->dim[2]);
    return op_concat(g, (tensor *[]){skip, x}, 2, -1);
}

static tensor *run_block(module *block, graph *g, tensor *x, bool with_cp)
{
    int outer = graph_push_checkpoint(g, with_cp);
    x = layer_run(block, g, x);
    graph_pop_checkpoint(g, outer);
    return x;
}

/* The deepest map first, then the decoder's. */
static features forward(module *m, graph *g, tensor *x)
{
    const unet_config *c = m->config;
    unet *s = m->state;
    features out = features_new(g, 0);
    tensor *skip[STAGES_MAX];
    if (!check_size(m, g, x))
        return out;
    for (int64_t i = 0; i < c->num_stages; i++) {
        if (s->pool[i])
            x = op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
        skip[i] = x = run_block(s->stage[i], g, x, c->with_cp);
    }
    features_add(g, &out, x);
    for (int64_t i = c->num_stages - 2; i >= 0; i--) {
        x = layer_run(s->step[i].upsample, g, x);
        x = joined(m, g, skip[i], x);
        features_add(g, &out, x = run_block(s->step[i].block, g, x, c->with_cp));
    }
    return out;
}

const kind kind_unet = {
    .family = FAMILY_BACKBONE,
    .name = "UNet",
    .about = "An encoder, and a decoder that joins each of its maps on the way back (arXiv:1505.04597).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
