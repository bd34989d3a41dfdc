/* CGNet: each block sees a pixel's neighbours, its wider surroundings and the whole map (Wu et al. 2018,
 * arXiv:1811.08201). */
#include <string.h>

#include "model/init.h"
#include "model/layers/layers.h"

enum { LEVELS = 2, STEM = 3 };

typedef struct cgnet_config {
    int64_t in_channels;
    ints num_channels, num_blocks, dilations, reductions;
    bool norm_eval, with_cp;
    const char *pretrained;
    const value *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} cgnet_config;

static const field fields[] = {
    FIELD_RANGE(cgnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(cgnet_config, F_INTS, num_channels, "(32, 64, 128)", 1, 1 << 16, "of the stem and of the two stages"),
    FIELD_RANGE(cgnet_config, F_INTS, num_blocks, "(3, 21)", 1, 1024, "of the two stages"),
    FIELD_RANGE(cgnet_config, F_INTS, dilations, "(2, 4)", 1, 1024, "of the surroundings, of the two stages"),
    FIELD_RANGE(cgnet_config, F_INTS, reductions, "(8, 16)", 1, 1 << 16,
                "divide the channels between the layers that weigh a block's channels, of the two stages"),
    FIELD(cgnet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(cgnet_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)", "kind of normalisation"),
    FIELD(cgnet_config, F_VALUE, act_cfg, "dict(type='PReLU')",
          "kind of activation in the stem and at the start of each block; of a PReLU each channel has a slope"),
    FIELD(cgnet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(cgnet_config, F_BOOL, with_cp, "False", "each block's inner maps are made again in the backward pass"),
    FIELD(cgnet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(cgnet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, cgnet_config);

typedef struct cgnet {
    module *stem, *level[LEVELS], *norm_prelu[LEVELS + 1];
} cgnet;

/* ---- the block ------------------------------------------------------------------------------------------------- */

typedef struct guided_block {
    bool with_cp, skip;
    module *conv1x1, *f_loc, *f_sur, *bn, *activate;
    module *bottleneck; /* of the first block of a stage, which halves the map; NULL for others */
    module *fc;         /* weighs the channels by their averages over the map */
} guided_block;

static tensor *weighed(const guided_block *b, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    tensor *mean = op_reduce_mean(g, x, 1 << 1 | 1 << 2, false);
    return op_mul(g, x, op_reshape(g, layer_run(b->fc, g, mean), 4, (int64_t[]){x->dim[0], 1, 1, x->dim[3]}));
}

static tensor *block_forward(module *m, graph *g, tensor *x)
{
    const guided_block *b = m->state;
    int outer = graph_push_checkpoint(g, b->with_cp);
    tensor *y = layer_run(b->conv1x1, g, x);
    y = op_concat(g, (tensor *[]){layer_run(b->f_loc, g, y), layer_run(b->f_sur, g, y)}, 2, -1);
    y = layer_run(b->activate, g, layer_run(b->bn, g, y));
    if (b->bottleneck)
        y = layer_run(b->bottleneck, g, y);
    y = weighed(b, g, y);
    if (b->skip)
        y = op_add(g, x, y);
    graph_pop_checkpoint(g, outer);
    return y;
}

/* act_cfg, but a PReLU with a slope for each channel. */
static const value *act_for(module *m, const value *act_cfg, int64_t channels)
{
    const char *type = value_type_name(act_cfg);
    arena *mem = m ? m->model->mem : NULL;
    if (!mem || !type || strcmp(type, "PReLU") != 0)
        return act_cfg;
    value *copy = value_copy(mem, act_cfg), *n = value_int(mem, channels, (where){0});
    if (!copy || !n || !value_set(mem, copy, "num_parameters", n)) {
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    return copy;
}

static module *prelu_new(module *parent, const char *name, int64_t channels)
{
    return act_new(parent, name, act_for(parent, module_literal(parent, "dict(type='PReLU')"), channels));
}

static module *depthwise_new(const cgnet_config *c, module *m, const char *name, int64_t channels, int64_t dilation)
{
    conv_spec conv = conv_square(channels, channels, 3, 1, dilation, dilation);
    conv.groups = channels;
    return conv2d_new(m, name, c->conv_cfg, conv);
}

static module *weights_new(module *m, int64_t channels, int64_t reduction)
{
    module *fc = sequential_new(module_new(m, "f_glo"), "fc");
    linear_new(fc, "0", channels, channels / reduction, true);
    relu_new(fc, "1");
    linear_new(fc, "2", channels / reduction, channels, true);
    act_new(fc, "3", module_literal(fc, "dict(type='Sigmoid')"));
    return fc;
}

/* Block i of a stage; the first takes `in` channels and halves the map. */
static void block_new(const cgnet_config *c, module *list, int64_t level, int64_t i, int64_t in)
{
    module *m = module_new(list, module_index(list, i));
    guided_block *b = module_state(m, sizeof *b);
    if (!b)
        return;
    bool down = i == 0;
    int64_t out = c->num_channels.at[level + 1], channels = down ? out : out / 2;
    m->class_name = "ContextGuidedBlock";
    m->state = b;
    m->forward = block_forward;
    b->with_cp = c->with_cp;
    b->skip = !down;
    b->conv1x1 = conv_module_new(
        m, "conv1x1",
        (conv_module_spec){.conv = down ? conv_square(in, channels, 3, 2, 1, 1) : conv_square(in, channels, 1, 1, 0, 1),
                           .conv_cfg = c->conv_cfg,
                           .norm_cfg = c->norm_cfg,
                           .act_cfg = act_for(m, c->act_cfg, channels)});
    b->f_loc = depthwise_new(c, m, "f_loc", channels, 1);
    b->f_sur = depthwise_new(c, m, "f_sur", channels, c->dilations.at[level]);
    b->bn = norm_new(m, "bn", c->norm_cfg, 2 * channels);
    b->activate = prelu_new(m, "activate", 2 * channels);
    if (down)
        b->bottleneck = conv2d_new(m, "bottleneck", c->conv_cfg, conv_square(2 * channels, out, 1, 1, 0, 1));
    b->fc = weights_new(m, out, c->reductions.at[level]);
}

/* ---- the backbone ---------------------------------------------------------------------------------------------- */

static bool check(module *m, const cgnet_config *c)
{
    if (c->num_channels.n != LEVELS + 1 || c->num_blocks.n != LEVELS || c->dilations.n != LEVELS ||
        c->reductions.n != LEVELS) {
        model_fail(m->model, CSEG_CONFIG, m->cfg,
                   "CGNet: num_channels has 3 entries, num_blocks, dilations and reductions have 2; not %zu, %zu, %zu "
                   "and %zu",
                   c->num_channels.n, c->num_blocks.n, c->dilations.n, c->reductions.n);
        return false;
    }
    for (int i = 0; i < LEVELS; i++) {
        int64_t channels = c->num_channels.at[i + 1];
        if (channels < c->reductions.at[i])
            model_fail(m->model, CSEG_CONFIG, module_at(m, "reductions"),
                       "CGNet: %lld channels are fewer than reductions=%lld, by which they are divided",
                       (long long)channels, (long long)c->reductions.at[i]);
        if (channels % 2 && c->num_blocks.at[i] > 1)
            model_fail(m->model, CSEG_CONFIG, module_at(m, "num_channels"),
                       "CGNet: num_channels of a stage are even, not %lld: two halves are joined", (long long)channels);
    }
    return !model_failed(m->model);
}

static void build_stem(module *m, cgnet *s)
{
    const cgnet_config *c = m->config;
    int64_t channels = c->num_channels.at[0];
    s->stem = sequential_new(m, "stem");
    for (int64_t i = 0; i < STEM; i++)
        conv_module_new(s->stem, module_index(m, i),
                        (conv_module_spec){.conv = i ? conv_square(channels, channels, 3, 1, 1, 1)
                                                     : conv_square(c->in_channels, channels, 3, 2, 1, 1),
                                           .conv_cfg = c->conv_cfg,
                                           .norm_cfg = c->norm_cfg,
                                           .act_cfg = act_for(m, c->act_cfg, channels)});
}

static module *norm_prelu_new(module *m, int i, int64_t channels)
{
    module *list = sequential_new(m, module_text(m, "norm_prelu_%d", i));
    norm_new(list, "0", ((const cgnet_config *)m->config)->norm_cfg, channels);
    prelu_new(list, "1", channels);
    return list;
}

static void build(module *m)
{
    const cgnet_config *c = m->config;
    cgnet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer=['Conv2d', 'Linear']),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),"
                " dict(type='Constant', val=0, layer='PReLU')]");
    build_stem(m, s);
    int64_t in = c->num_channels.at[0] + c->in_channels;
    s->norm_prelu[0] = norm_prelu_new(m, 0, in);
    for (int64_t level = 0; level < LEVELS; level++) {
        int64_t out = c->num_channels.at[level + 1];
        s->level[level] = sequential_new(m, module_text(m, "level%d", (int)level + 1));
        for (int64_t i = 0; i < c->num_blocks.at[level]; i++)
            block_new(c, s->level[level], level, i, i ? out : in);
        in = level == 0 ? 2 * out + c->in_channels : 2 * out;
        s->norm_prelu[level + 1] = norm_prelu_new(m, (int)level + 1, in);
    }
    if (model_failed(m->model))
        return;
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = (int)c->in_channels;
}

static tensor *halved(graph *g, tensor *x)
{
    return op_avg_pool(g, x, (pool_attr){.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .count_include_pad = true});
}

/* Runs a stage; *first is what its first block gives. */
static tensor *level_run(const module *level, graph *g, tensor *x, tensor **first)
{
    for (size_t i = 0; i < level->children.n; i++) {
        x = layer_run(level->children.at[i], g, x);
        if (i == 0)
            *first = x;
    }
    return x;
}

/* The image itself, made smaller, goes into the first two stages. */
static features forward(module *m, graph *g, tensor *x)
{
    const cgnet *s = m->state;
    features out = features_new(g, 0);
    tensor *half = halved(g, x), *quarter = halved(g, half), *down;
    x = layer_run(s->stem, g, x);
    x = layer_run(s->norm_prelu[0], g, op_concat(g, (tensor *[]){x, half}, 2, -1));
    features_add(g, &out, x);
    x = level_run(s->level[0], g, x, &down);
    x = layer_run(s->norm_prelu[1], g, op_concat(g, (tensor *[]){x, down, quarter}, 3, -1));
    features_add(g, &out, x);
    x = level_run(s->level[1], g, x, &down);
    features_add(g, &out, layer_run(s->norm_prelu[2], g, op_concat(g, (tensor *[]){down, x}, 2, -1)));
    return out;
}

const kind kind_cgnet = {
    .family = FAMILY_BACKBONE,
    .name = "CGNet",
    .about = "A light network whose blocks see a pixel's neighbours, its surroundings and the whole map "
             "(arXiv:1811.08201).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
