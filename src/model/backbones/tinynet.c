/* TinyNet of Open-CD (TinyCDv2): both dates' maps weigh each other by how far they differ, are fused early, and go on
 * through inverted residuals and attention along long strips. */
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct tiny_config {
    bool output_early_x, norm_eval, with_cp;
    const char *arch, *pretrained;
    int64_t stem_stack_nums, frozen_stages;
    ints strip_kernel_size, strides, dilations, out_indices;
    double widen_factor;
    const value *use_global, *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} tiny_config;

enum { LAYERS = 4, CHANNELS = 3 };

static const struct {
    int64_t expand, channels, blocks;
} architecture[LAYERS] = {{4, 16, 2}, {6, 24, 2}, {6, 32, 3}, {6, 48, 1}};
static const int64_t blocks_of_large = 6; /* of the third layer of 'L' */

static const field fields[] = {
    FIELD(tiny_config, F_BOOL, output_early_x, "False", "the maps of both dates before they are fused are given first"),
    FIELD_CHOICE(tiny_config, arch, "'B'", "S|B|L", "'L' has 6 blocks in its third layer, the others 3"),
    FIELD_RANGE(tiny_config, F_INT, stem_stack_nums, "2", 0, 1024, "blocks that both dates go through"),
    FIELD(tiny_config, F_VALUE, use_global, "(True, True, True, True)", "for each layer: strips behind it"),
    FIELD_RANGE(tiny_config, F_INTS, strip_kernel_size, "(41, 31, 21, 11)", 1, 1 << 12, "their lengths; odd"),
    FIELD_RANGE(tiny_config, F_FLOAT, widen_factor, "1.0", 0.001, 64, "multiplies all channels"),
    FIELD_RANGE(tiny_config, F_INTS, strides, "(1, 2, 2, 2)", 1, 2, "of the first block of each layer"),
    FIELD_RANGE(tiny_config, F_INTS, dilations, "(1, 1, 1, 1)", 1, 1024, "of the first block of each layer"),
    FIELD_RANGE(tiny_config, F_INTS, out_indices, "(0, 1, 2, 3)", 0, 63, "layers whose maps are given"),
    FIELD_RANGE(tiny_config, F_INT, frozen_stages, "-1", -1, LAYERS,
                "the first convolution (0) and as many layers do not learn"),
    FIELD(tiny_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(tiny_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(tiny_config, F_VALUE, act_cfg, "dict(type='ReLU6')", "kind of activation"),
    FIELD(tiny_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(tiny_config, F_BOOL, with_cp, "False", "each block's inner maps are made again in the backward pass"),
    FIELD(tiny_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(tiny_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, tiny_config);

/* A block of the stem, on both dates. */
typedef struct stem_block {
    module *conv, *reduce, *norm, *select, *post;
} stem_block;

typedef struct strips {
    module *norm, *global, *value, *project;
    param *scale;
} strips;

typedef struct tiny_net {
    module *conv1, *fuse, *layer[LAYERS];
    stem_block *stem; /* stem_stack_nums of them */
} tiny_net;

/* ---- the stem --------------------------------------------------------------------------------------------------- */

static stem_block stem_block_new(module *parent, const char *name, int64_t channels)
{
    enum { EXPAND = 4 };
    module *m = module_new(parent, name);
    int64_t wide = EXPAND * channels, inner = wide / 16 < 8 ? 8 : wide / 16;
    const value *bn = module_literal(parent, "dict(type='BN')");
    conv_module_spec spec = {.conv = conv_square(channels, wide, 1, 1, 0, 1),
                             .norm_cfg = bn,
                             .act_cfg = module_literal(parent, "dict(type='ReLU6')")};
    stem_block s = {.conv = sequential_new(m, "conv")};
    conv_module_new(s.conv, "0", spec);
    spec.conv = conv_square(wide, wide, 3, 1, 1, 1);
    spec.conv.groups = wide;
    conv_module_new(s.conv, "1", spec);
    module *interact = module_new(m, "interact");
    s.reduce = conv2d_new(interact, "fc_reduce", NULL, conv_square(wide, inner, 1, 1, 0, 1));
    s.norm = norm_new(interact, "bn", bn, inner);
    s.select = conv2d_new(interact, "fc_select", NULL, conv_square(inner, 2 * wide, 1, 1, 0, 1));
    spec.conv = conv_square(wide, channels, 1, 1, 0, 1);
    spec.act_cfg = NULL;
    s.post = conv_module_new(m, "post_conv", spec);
    return s;
}

/* Each date's channels are raised by what both maps' mean difference says. */
static void interact(const stem_block *s, graph *g, tensor *x[2])
{
    tensor *apart = op_unary(g, op_sub(g, x[0], x[1]), (unary_attr){.kind = UNARY_ABS}), *gate[2];
    tensor *mean = op_adaptive_avg_pool(g, apart, 1, 1);
    tensor *y = layer_run(s->select, g, op_relu(g, layer_run(s->norm, g, layer_run(s->reduce, g, mean))));
    op_split(g, y, -1, 2, NULL, gate);
    for (int i = 0; i < 2; i++)
        x[i] = op_add(g, op_mul(g, x[i], op_sigmoid(g, gate[i])), x[i]);
}

static void run_stem_block(const stem_block *s, graph *g, tensor *x[2])
{
    tensor *y[2];
    for (int i = 0; i < 2; i++)
        y[i] = layer_run(s->conv, g, x[i]);
    interact(s, g, y);
    for (int i = 0; i < 2; i++)
        x[i] = op_add(g, layer_run(s->post, g, y[i]), x[i]);
}

/* The class's PriorFusion. */
static void fusion_new(module *parent, tiny_net *s, int64_t channels, int64_t blocks)
{
    module *m = module_list_new(parent, "fusion_block"), *stem = sequential_new(m, "stem");
    s->stem = module_state(m, (size_t)(blocks ? blocks : 1) * sizeof *s->stem);
    for (int64_t i = 0; s->stem && i < blocks; i++)
        s->stem[i] = stem_block_new(stem, module_index(parent, i), channels);
    s->fuse = sequential_new(m, "pseudo_fusion");
    conv_spec c = conv_square(2 * channels, 2 * channels, 3, 1, 1, 1);
    c.groups = 2 * channels;
    c.bias = true;
    conv2d_new(s->fuse, "0", NULL, c);
    norm_new(s->fuse, "1", module_literal(parent, "dict(type='mmpretrain.LN2d', eps=1e-6)"), 2 * channels);
    act_new(s->fuse, "2", module_literal(parent, "dict(type='GELU')"));
    c.out = c.groups = channels;
    conv2d_new(s->fuse, "3", NULL, c);
}

/* Returns both dates' maps side by side, before they are fused. */
static tensor *run_stem(const tiny_config *c, const tiny_net *s, graph *g, tensor *first, tensor *second)
{
    tensor *x[2] = {first, second};
    for (int64_t i = 0; i < c->stem_stack_nums; i++)
        run_stem_block(&s->stem[i], g, x);
    for (int i = 0; i < 2; i++)
        x[i] = op_add(g, x[i], i ? second : first);
    return op_concat(g, x, 2, -1);
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static tensor *run_strips(module *m, graph *g, tensor *x)
{
    const strips *s = m->state;
    tensor *y = op_mul(g, layer_run(s->global, g, x), layer_run(s->value, g, x));
    y = layer_run(s->norm, g, layer_run(s->project, g, y));
    return op_add(g, channel_scale(g, y, s->scale), x);
}

/* The class's AsymGlobalAttn. */
static void strips_new(module *parent, const char *name, int64_t channels, int64_t length)
{
    module *m = module_new(parent, name);
    strips *s = module_state(m, sizeof *s);
    if (!s)
        return;
    m->state = s;
    m->forward = run_strips;
    s->scale = module_param(m, "layer_scale", 1, &channels, INIT_CONSTANT, 1e-6f, 0);
    s->norm = norm_new(m, "norm", module_literal(m, "dict(type='mmpretrain.LN2d', eps=1e-6)"), channels);
    s->global = sequential_new(m, "global_");
    pointwise_conv_new(s->global, "0", channels, channels);
    int64_t pad = (length - 1) / 2;
    conv2d_new(s->global, "1", NULL,
               (conv_spec){channels, channels, {1, length}, {1, 1}, {0, pad}, {1, 1}, channels, true});
    conv2d_new(s->global, "2", NULL,
               (conv_spec){channels, channels, {length, 1}, {1, 1}, {pad, 0}, {1, 1}, channels, true});
    s->value = pointwise_conv_new(m, "v", channels, channels);
    s->project = pointwise_conv_new(m, "proj", channels, channels);
}

static module *layer_new(module *m, int i, int64_t *in)
{
    const tiny_config *c = m->config;
    module *layer = sequential_new(m, module_text(m, "layer%d", i + 1));
    int64_t blocks = i == 2 && c->arch[0] == 'L' ? blocks_of_large : architecture[i].blocks;
    inverted_residual_spec spec = {.in = *in,
                                   .out = channels_in_eights((double)architecture[i].channels * c->widen_factor),
                                   .stride = c->strides.at[i],
                                   .dilation = c->dilations.at[i],
                                   .expand = architecture[i].expand,
                                   .with_cp = c->with_cp,
                                   .gap = true,
                                   .conv_cfg = c->conv_cfg,
                                   .norm_cfg = c->norm_cfg,
                                   .act_cfg = c->act_cfg};
    for (int64_t k = 0; k < blocks; k++) {
        inverted_residual_new(layer, module_index(m, k), spec);
        spec.in = spec.out;
        spec.stride = spec.dilation = 1;
    }
    if (value_true(value_item(c->use_global, (size_t)i)))
        strips_new(layer, module_index(m, blocks), spec.out, c->strip_kernel_size.at[i]);
    *in = spec.out;
    return layer;
}

static void check_length(module *m, const char *key, size_t n)
{
    if (n != LAYERS)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key), "TinyNet has %d layers, but %s has %zu entries", LAYERS,
                   key, n);
}

static bool check(module *m, const tiny_config *c)
{
    check_length(m, "strides", c->strides.n);
    check_length(m, "dilations", c->dilations.n);
    check_length(m, "strip_kernel_size", c->strip_kernel_size.n);
    check_length(m, "use_global", value_is_list(c->use_global) ? value_count(c->use_global) : 0);
    for (size_t i = 0; i < c->strip_kernel_size.n; i++)
        if (c->strip_kernel_size.at[i] % 2 == 0)
            model_fail(m->model, CSEG_CONFIG, module_at(m, "strip_kernel_size"),
                       "TinyNet: strip_kernel_size has %lld; only odd ones keep a map's size",
                       (long long)c->strip_kernel_size.at[i]);
    return out_indices_check(m, c->out_indices, LAYERS) && !model_failed(m->model);
}

/* The first convolution's norm goes on moving its statistics, as in the reference. */
static void freeze(const tiny_net *s, const tiny_config *c)
{
    if (c->frozen_stages >= 0)
        module_freeze_gradients(s->conv1);
    for (int64_t i = 0; i < c->frozen_stages; i++)
        module_freeze(s->layer[i]);
}

static void build(module *m)
{
    const tiny_config *c = m->config;
    tiny_net *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    int64_t in = channels_in_eights(16 * c->widen_factor);
    s->conv1 = conv_module_new(m, "conv1",
                               (conv_module_spec){.conv = conv_square(CHANNELS, in, 3, 2, 1, 1),
                                                  .conv_cfg = c->conv_cfg,
                                                  .norm_cfg = c->norm_cfg,
                                                  .act_cfg = c->act_cfg});
    fusion_new(m, s, in, c->stem_stack_nums);
    for (int i = 0; i < LAYERS; i++)
        s->layer[i] = layer_new(m, i, &in);
    if (model_failed(m->model))
        return;
    freeze(s, c);
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = CHANNELS;
}

static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const tiny_config *c = m->config;
    const tiny_net *s = m->state;
    features out = features_new(g, 0);
    first = layer_run(s->conv1, g, first);
    second = layer_run(s->conv1, g, second);
    tensor *early = run_stem(c, s, g, first, second), *x = layer_run(s->fuse, g, early);
    if (c->output_early_x)
        features_add(g, &out, early);
    for (int i = 0; i < LAYERS; i++) {
        x = layer_run(s->layer[i], g, x);
        if (out_indices_has(c->out_indices, i))
            features_add(g, &out, x);
    }
    return out;
}

const kind kind_tiny_net = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "TinyNet",
    .about = "Both dates' maps fused early, then inverted residuals and attention along strips (TinyCDv2).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_both = forward},
};
