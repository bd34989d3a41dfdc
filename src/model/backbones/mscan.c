/* MSCAN: stages of blocks that weight pixels by what depthwise strips see around them (Guo et al. 2022,
 * arXiv:2209.08575). */
#include "model/init.h"
#include "model/layers/layers.h"

enum { STAGES_MAX = 16, STRIPS = 3 };

typedef struct mscan_config {
    ints embed_dims, depths;
    floats mlp_ratios;
    double drop_rate, drop_path_rate;
    int64_t num_stages;
    const value *attention_kernel_sizes, *attention_kernel_paddings, *act_cfg, *norm_cfg, *init_cfg;
    const char *pretrained;
} mscan_config;

static const field fields[] = {
    FIELD_IGNORED(in_channels, "an image has 3 channels, whatever it says"),
    FIELD_RANGE(mscan_config, F_INTS, embed_dims, "[64, 128, 256, 512]", 2, 1 << 16, "channels of each stage"),
    FIELD_RANGE(mscan_config, F_FLOATS, mlp_ratios, "[4, 4, 4, 4]", 1e-3, 1024,
                "channels between a block's last convolutions, in those of its stage"),
    FIELD_RANGE(mscan_config, F_FLOAT, drop_rate, "0.", 0, 1, "dropout behind a block's last convolutions"),
    FIELD_RANGE(mscan_config, F_FLOAT, drop_path_rate, "0.", 0, 1,
                "share of samples that pass by the last block; it grows from 0 at the first"),
    FIELD_RANGE(mscan_config, F_INTS, depths, "[3, 4, 6, 3]", 0, 1024, "blocks of each stage"),
    FIELD_RANGE(mscan_config, F_INT, num_stages, "4", 1, STAGES_MAX, "stages"),
    FIELD(mscan_config, F_VALUE, attention_kernel_sizes, "[5, [1, 7], [1, 11], [1, 21]]",
          "of the first depthwise convolution, and [h, w] of three strips, each of which runs both ways"),
    FIELD(mscan_config, F_VALUE, attention_kernel_paddings, "[2, [0, 3], [0, 5], [0, 10]]", "likewise"),
    FIELD(mscan_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation in blocks; the stem has GELU"),
    FIELD(mscan_config, F_VALUE, norm_cfg, "dict(type='SyncBN', requires_grad=True)", "kind of normalisation"),
    FIELD(mscan_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(mscan_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, mscan_config);

/* What all blocks have in common. */
typedef struct block_plan {
    int64_t kernel[1 + STRIPS][2], pad[1 + STRIPS][2];
} block_plan;

typedef struct block {
    param *scale[2]; /* [channels]: of the attention, of the MLP */
    module *norm1, *proj_1, *activation, *conv0, *strip[STRIPS][2], *conv3, *proj_2, *drop_path, *norm2;
    module *fc1, *dwconv, *act, *fc2, *drop;
} block;

typedef struct stage {
    module *embed, *embed_norm; /* the stem, which has its norms inside (embed_norm NULL), or a convolution */
    module *norm;
    block *blocks;
    int64_t depth;
} stage;

typedef struct mscan {
    block_plan plan;
    stage stage[STAGES_MAX];
} mscan;

/* Reads an int, which counts for both axes, or [h, w]. */
static bool read_pair(const value *v, int64_t out[2])
{
    if (value_is_list(v))
        return value_count(v) == 2 && value_integer(value_item(v, 0), &out[0]) &&
               value_integer(value_item(v, 1), &out[1]);
    bool ok = value_integer(v, &out[0]);
    out[1] = out[0];
    return ok;
}

static void read_pairs(module *m, const char *key, const value *list, int64_t low, int64_t out[][2])
{
    bool ok = value_is_list(list) && value_count(list) == 1 + STRIPS;
    for (size_t i = 0; ok && i < 1 + STRIPS; i++)
        ok = read_pair(value_item(list, i), out[i]) && out[i][0] >= low && out[i][1] >= low && out[i][0] < 1024 &&
             out[i][1] < 1024 && (i == 0 || value_is_list(value_item(list, i)));
    if (!ok)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key),
                   "MSCAN: %s is a list of a whole number from %lld and three pairs of them: a block has one square "
                   "convolution and three strips",
                   key, (long long)low);
}

static bool check(module *m, const mscan_config *c, block_plan *p)
{
    size_t n = (size_t)c->num_stages;
    if (c->embed_dims.n < n || c->mlp_ratios.n < n || c->depths.n < n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_stages"),
                   "MSCAN: num_stages is %lld, but embed_dims, mlp_ratios and depths have %zu, %zu and %zu entries",
                   (long long)c->num_stages, c->embed_dims.n, c->mlp_ratios.n, c->depths.n);
    read_pairs(m, "attention_kernel_sizes", c->attention_kernel_sizes, 1, p->kernel);
    read_pairs(m, "attention_kernel_paddings", c->attention_kernel_paddings, 0, p->pad);
    for (int i = 0; i < 1 + STRIPS && !model_failed(m->model); i++)
        for (int k = 0; k < 2; k++)
            if (p->kernel[i][k] != 2 * p->pad[i][k] + 1)
                model_fail(m->model, CSEG_CONFIG, module_at(m, "attention_kernel_paddings"),
                           "MSCAN: attention_kernel_paddings[%d] does not keep the map's size: a kernel of %lld takes "
                           "half of it, as an odd number",
                           i, (long long)p->kernel[i][k]);
    return !model_failed(m->model);
}

static module *depthwise(module *parent, const char *name, int64_t channels, const int64_t kernel[2],
                         const int64_t pad[2], bool turned)
{
    conv_spec s = conv_square(channels, channels, 1, 1, 0, 1);
    for (int i = 0; i < 2; i++) {
        s.kernel[i] = kernel[turned ? 1 - i : i];
        s.pad[i] = pad[turned ? 1 - i : i];
    }
    s.groups = channels;
    s.bias = true;
    return conv2d_new(parent, name, NULL, s);
}

static module *strided(module *parent, const char *name, int64_t in, int64_t out)
{
    conv_spec s = conv_square(in, out, 3, 2, 1, 1);
    s.bias = true;
    return conv2d_new(parent, name, NULL, s);
}

static void attention_build(module *m, const mscan_config *c, const block_plan *p, int64_t channels, block *b)
{
    static const char *const names[STRIPS][2] = {
        {"conv0_1", "conv0_2"}, {"conv1_1", "conv1_2"}, {"conv2_1", "conv2_2"}};
    b->proj_1 = pointwise_conv_new(m, "proj_1", channels, channels);
    b->activation = act_new(m, "activation", c->act_cfg);
    module *unit = module_new(m, "spatial_gating_unit");
    b->conv0 = depthwise(unit, "conv0", channels, p->kernel[0], p->pad[0], false);
    for (int i = 0; i < STRIPS; i++)
        for (int k = 0; k < 2; k++)
            b->strip[i][k] = depthwise(unit, names[i][k], channels, p->kernel[i + 1], p->pad[i + 1], k == 1);
    b->conv3 = pointwise_conv_new(unit, "conv3", channels, channels);
    b->proj_2 = pointwise_conv_new(m, "proj_2", channels, channels);
}

static void block_build(module *m, const mscan_config *c, const block_plan *p, int64_t i, double drop_path, block *b)
{
    static const int64_t three[] = {3, 3}, one[] = {1, 1};
    int64_t channels = c->embed_dims.at[i], hidden = (int64_t)((double)channels * c->mlp_ratios.at[i]);
    if (hidden < 1)
        model_fail(m->model, CSEG_CONFIG, NULL, "%s: mlp_ratios leaves no channel", m->name);
    b->scale[0] = module_param(m, "layer_scale_1", 1, &channels, INIT_CONSTANT, 0.01f, 0);
    b->scale[1] = module_param(m, "layer_scale_2", 1, &channels, INIT_CONSTANT, 0.01f, 0);
    b->norm1 = norm_new(m, "norm1", c->norm_cfg, channels);
    attention_build(module_new(m, "attn"), c, p, channels, b);
    b->drop_path = drop_path_new(m, "drop_path", drop_path);
    b->norm2 = norm_new(m, "norm2", c->norm_cfg, channels);
    module *mlp = module_new(m, "mlp");
    b->fc1 = pointwise_conv_new(mlp, "fc1", channels, hidden);
    b->dwconv = depthwise(mlp, "dwconv", hidden, three, one, false);
    b->act = act_new(mlp, "act", c->act_cfg);
    b->fc2 = pointwise_conv_new(mlp, "fc2", hidden, channels);
    b->drop = dropout_new(mlp, "drop", c->drop_rate);
}

static void embed_build(module *m, const mscan_config *c, int64_t i, stage *s)
{
    int64_t channels = c->embed_dims.at[i];
    if (i > 0) {
        s->embed = strided(m, "proj", c->embed_dims.at[i - 1], channels);
        s->embed_norm = norm_new(m, "norm", c->norm_cfg, channels);
        return;
    }
    s->embed = sequential_new(m, "proj");
    strided(s->embed, "0", 3, channels / 2);
    norm_new(s->embed, "1", c->norm_cfg, channels / 2);
    act_new(s->embed, "2", module_literal(m, "dict(type='GELU')"));
    strided(s->embed, "3", channels / 2, channels);
    norm_new(s->embed, "4", c->norm_cfg, channels);
}

static void build(module *m)
{
    const mscan_config *c = m->config;
    mscan *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c, &s->plan))
        return;
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    if (!m->init_cfg && !c->pretrained)
        m->init = init_transformer_below;
    int64_t all = 0, done = 0;
    for (size_t i = 0; i < c->depths.n; i++)
        all += c->depths.at[i];
    for (int64_t i = 0; i < c->num_stages; i++) {
        stage *t = &s->stage[i];
        t->depth = c->depths.at[i];
        t->blocks = arena_array(m->model->mem, (size_t)t->depth + 1, sizeof *t->blocks);
        if (!t->blocks) {
            model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
            return;
        }
        embed_build(module_new(m, module_text(m, "patch_embed%d", (int)i + 1)), c, i, t);
        module *list = module_new(m, module_text(m, "block%d", (int)i + 1));
        for (int64_t k = 0; k < t->depth; k++)
            block_build(module_new(list, module_index(list, k)), c, &s->plan, i,
                        drop_path_rate(c->drop_path_rate, done++, all), &t->blocks[k]);
        t->norm = norm_new_of(m, module_text(m, "norm%d", (int)i + 1), module_literal(m, "dict(type='LN')"),
                              c->embed_dims.at[i], NORM_OF_TOKENS);
    }
    m->model->in_channels = 3;
}

static tensor *attention(const block *b, graph *g, tensor *x)
{
    tensor *in = layer_run(b->activation, g, layer_run(b->proj_1, g, x));
    tensor *around = layer_run(b->conv0, g, in), *sum = around;
    for (int i = 0; i < STRIPS; i++)
        sum = op_add(g, sum, layer_run(b->strip[i][1], g, layer_run(b->strip[i][0], g, around)));
    return op_add(g, layer_run(b->proj_2, g, op_mul(g, layer_run(b->conv3, g, sum), in)), x);
}

static tensor *mlp(const block *b, graph *g, tensor *x)
{
    x = layer_run(b->act, g, layer_run(b->dwconv, g, layer_run(b->fc1, g, x)));
    return layer_run(b->drop, g, layer_run(b->fc2, g, layer_run(b->drop, g, x)));
}

static tensor *add_scaled(const block *b, graph *g, tensor *x, tensor *y, param *scale)
{
    return op_add(g, x, layer_run(b->drop_path, g, channel_scale(g, y, scale)));
}

static features forward(module *m, graph *g, tensor *x)
{
    const mscan_config *c = m->config;
    const mscan *s = m->state;
    features out = features_new(g, 0);
    for (int64_t i = 0; i < c->num_stages; i++) {
        const stage *t = &s->stage[i];
        x = layer_run(t->embed, g, x);
        if (t->embed_norm)
            x = layer_run(t->embed_norm, g, x);
        for (int64_t k = 0; k < t->depth; k++) {
            const block *b = &t->blocks[k];
            x = add_scaled(b, g, x, attention(b, g, layer_run(b->norm1, g, x)), b->scale[0]);
            x = add_scaled(b, g, x, mlp(b, g, layer_run(b->norm2, g, x)), b->scale[1]);
        }
        features_add(g, &out, x = layer_run(t->norm, g, x));
    }
    return out;
}

const kind kind_mscan = {
    .family = FAMILY_BACKBONE,
    .name = "MSCAN",
    .about = "Pixels weighted by what depthwise strips see around them (SegNeXt, arXiv:2209.08575).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
