/* PCPVT and SVT, the backbones of Twins: attention to a smaller map, in SVT by turns with attention inside of windows,
 * and a depthwise convolution in the place of positions (Chu et al. 2021, arXiv:2104.13840). */
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

enum { STAGES_MAX = 64 };

typedef struct twins_config {
    int64_t in_channels;
    ints embed_dims, patch_sizes, strides, num_heads, mlp_ratios, out_indices, depths, sr_ratios;
    ints windiow_sizes; /* of SVT; the reference's spelling */
    bool qkv_bias, norm_after_stage;
    double drop_rate, attn_drop_rate, drop_path_rate;
    const char *pretrained;
    const value *norm_cfg, *init_cfg;
} twins_config;

#define LIST(name, default_, low, about) FIELD_RANGE(twins_config, F_INT_LIST, name, default_, low, 1 << 16, about)
#define TWINS_FIELDS(dims, heads, ratios, depths_, reduced, dropped, normed)                                           \
    FIELD_RANGE(twins_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),                               \
        LIST(embed_dims, dims, 1, "channels of each stage"),                                                           \
        LIST(patch_sizes, "[4, 2, 2, 2]", 1, "kernel of the convolution that each stage begins with"),                 \
        LIST(strides, "[4, 2, 2, 2]", 1, "its stride"), LIST(num_heads, heads, 1, "heads of each stage's attentions"), \
        LIST(mlp_ratios, ratios, 1, "channels inside of its FFNs, in those of the stage"),                             \
        FIELD_RANGE(twins_config, F_INT_LIST, out_indices, "(0, 1, 2, 3)", 0, STAGES_MAX,                              \
                    "stages whose maps are given; those that do not exist are passed over"),                           \
        FIELD(twins_config, F_BOOL, qkv_bias, "False", "the projections of attentions have a bias"),                   \
        FIELD_RANGE(twins_config, F_FLOAT, drop_rate, "0.", 0, 1, "dropout behind patches, attentions and in FFNs"),   \
        FIELD_RANGE(twins_config, F_FLOAT, attn_drop_rate, "0.", 0, 1, "dropout of attentions' weights"),              \
        FIELD_RANGE(twins_config, F_FLOAT, drop_path_rate, dropped, 0, 1,                                              \
                    "share of samples that pass by the last block; it grows from 0 at the first"),                     \
        FIELD(twins_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation behind patches and stages"),  \
        LIST(depths, depths_, 0, "blocks of each stage"),                                                              \
        LIST(sr_ratios, reduced, 0, "by how much the map shrinks that a stage's attentions look at"),                  \
        FIELD(twins_config, F_BOOL, norm_after_stage, normed, "a norm of each stage's map"),                           \
        FIELD(twins_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),              \
        FIELD(twins_config, F_VALUE, init_cfg, "None", "how the weights start")

static const field pcpvt_fields[] = {
    TWINS_FIELDS("[64, 128, 256, 512]", "[1, 2, 4, 8]", "[4, 4, 4, 4]", "[3, 4, 6, 3]", "[8, 4, 2, 1]", "0.", "False")};
static const field svt_fields[] = {
    TWINS_FIELDS("[64, 128, 256]", "[1, 2, 4]", "[4, 4, 4]", "[4, 4, 4]", "[4, 2, 1]", "0.2", "True"),
    LIST(windiow_sizes, "[7, 7, 7]", 1, "side of each stage's windows"),
};
static const field_table pcpvt_table = FIELD_TABLE(pcpvt_fields, twins_config);
static const field_table svt_table = FIELD_TABLE(svt_fields, twins_config);

/* ---- a block --------------------------------------------------------------------------------------------------- */

typedef struct twins_block {
    module *norm1, *attn, *norm2, *ffn, *drop_path;
    bool in_windows;
} twins_block;

static tensor *run_block(module *m, graph *g, tensor *x)
{
    const twins_block *s = m->state;
    tensor *y = layer_run(s->norm1, g, x);
    y = s->in_windows ? layer_run(s->attn, g, y) : efficient_attention_run(s->attn, g, y, NULL);
    x = op_add(g, x, layer_run(s->drop_path, g, y));
    y = ffn_run(s->ffn, g, layer_run(s->norm2, g, x), NULL);
    return op_add(g, x, layer_run(s->drop_path, g, y));
}

static module *attention_of(module *m, const twins_config *c, int64_t stage, bool in_windows, const value *skip,
                            const value *norm_cfg)
{
    int64_t channels = c->embed_dims.at[stage], heads = c->num_heads.at[stage];
    if (in_windows) {
        int64_t side = c->windiow_sizes.at[stage];
        return window_attention_new(m, "attn",
                                    (window_attention_spec){.channels = channels,
                                                            .heads = heads,
                                                            .window = {side, side},
                                                            .bias = c->qkv_bias,
                                                            .masked = true,
                                                            .attn_drop = c->attn_drop_rate,
                                                            .proj_drop = c->drop_rate});
    }
    attention_spec attention = {.channels = channels,
                                .heads = heads,
                                .bias = c->qkv_bias,
                                .bare = true,
                                .attn_drop = c->attn_drop_rate,
                                .proj_drop = c->drop_rate,
                                .dropout_layer = skip};
    return efficient_attention_new(m, "attn", attention, c->sr_ratios.at[stage], norm_cfg);
}

/* A block skips a branch twice: inside of the attention (but for SVT's) and the FFN, and behind them. */
static void block_new(module *parent, int64_t i, const twins_config *c, int64_t stage, double skipped)
{
    module *m = module_new(parent, module_index(parent, i));
    twins_block *s = module_state(m, sizeof *s);
    if (!s)
        return;
    const value *skip = drop_path_cfg(m, skipped), *norm_cfg = module_literal(m, "dict(type='LN')");
    int64_t channels = c->embed_dims.at[stage];
    s->in_windows = c->windiow_sizes.n && i % 2 == 0;
    m->class_name = s->in_windows ? "LSAEncoderLayer" : "GSAEncoderLayer";
    m->base = true;
    m->state = s;
    m->forward = run_block;
    s->norm1 = norm_new_of(m, "norm1", norm_cfg, channels, NORM_OF_TOKENS);
    s->attn = attention_of(m, c, stage, s->in_windows, skip, norm_cfg);
    s->norm2 = norm_new_of(m, "norm2", norm_cfg, channels, NORM_OF_TOKENS);
    s->ffn = ffn_new(m, "ffn",
                     (ffn_spec){.channels = channels,
                                .hidden = c->mlp_ratios.at[stage] * channels,
                                .num_fcs = 2,
                                .drop = c->drop_rate,
                                .act_cfg = module_literal(m, "dict(type='GELU')"),
                                .dropout_layer = skip});
    s->drop_path = dropout_layer_new(m, "drop_path", skip);
}

/* ---- the stages ------------------------------------------------------------------------------------------------ */

typedef struct twins {
    module *patch_embeds, *drops, *layers, *positions, *norms; /* norms NULL: none */
} twins;

static bool check(module *m, const twins_config *c)
{
    const struct {
        const char *name;
        size_t n;
    } lists[] = {{"embed_dims", c->embed_dims.n},      {"patch_sizes", c->patch_sizes.n}, {"strides", c->strides.n},
                 {"num_heads", c->num_heads.n},        {"mlp_ratios", c->mlp_ratios.n},   {"sr_ratios", c->sr_ratios.n},
                 {"windiow_sizes", c->windiow_sizes.n}};
    size_t own = sizeof lists / sizeof *lists - (m->kind->fields == &pcpvt_table); /* without the last */
    for (size_t i = 0; i < own; i++)
        if (lists[i].n < c->depths.n) {
            model_fail(m->model, CSEG_CONFIG, module_at(m, lists[i].name),
                       "%s: depths has %zu stages, but %s only %zu numbers", m->class_name, c->depths.n, lists[i].name,
                       lists[i].n);
            return false;
        }
    return true;
}

static void build_patches(module *m, twins *s, const twins_config *c)
{
    s->patch_embeds = module_list_new(m, "patch_embeds");
    s->drops = module_list_new(m, "position_encoding_drops");
    for (size_t i = 0; i < c->depths.n; i++) {
        patch_embed_spec patch = {.conv = conv_square(i ? c->embed_dims.at[i - 1] : c->in_channels, c->embed_dims.at[i],
                                                      c->patch_sizes.at[i], c->strides.at[i], 0, 1),
                                  .padding = PATCH_PAD_CORNER,
                                  .norm_cfg = c->norm_cfg};
        patch.conv.bias = true;
        patch_embed_new(s->patch_embeds, module_index(m, (int64_t)i), patch);
        dropout_new(s->drops, module_index(m, (int64_t)i), c->drop_rate);
    }
}

static void build_blocks(module *m, twins *s, const twins_config *c)
{
    int64_t all = 0, before = 0;
    for (size_t i = 0; i < c->depths.n; i++)
        all += c->depths.at[i];
    s->layers = module_list_new(m, "layers");
    for (size_t i = 0; i < c->depths.n && !model_failed(m->model); i++) {
        module *list = module_list_new(s->layers, module_index(m, (int64_t)i));
        for (int64_t k = 0; k < c->depths.at[i]; k++)
            block_new(list, k, c, (int64_t)i, drop_path_rate(c->drop_path_rate, before + k, all));
        before += c->depths.at[i];
    }
}

/* There is one for each of embed_dims, also for those without a stage. */
static void build_positions(module *m, twins *s, const twins_config *c)
{
    s->positions = module_list_new(m, "position_encodings");
    for (size_t i = 0; i < c->embed_dims.n; i++) {
        conv_spec around = conv_square(c->embed_dims.at[i], c->embed_dims.at[i], 3, 1, 1, 1);
        around.groups = around.in;
        around.bias = true;
        conv2d_new(module_list_new(s->positions, module_index(m, (int64_t)i)), "proj", NULL, around);
    }
    if (c->norm_after_stage)
        s->norms = module_list_new(m, "norm_list");
    for (size_t i = 0; s->norms && i < c->embed_dims.n; i++)
        norm_new_of(s->norms, module_index(m, (int64_t)i), c->norm_cfg, c->embed_dims.at[i], NORM_OF_TOKENS);
}

static void build(module *m)
{
    const twins_config *c = m->config;
    twins *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    if (!c->init_cfg && !c->pretrained)
        m->init = init_transformer_below;
    build_patches(m, s, c);
    build_blocks(m, s, c);
    build_positions(m, s, c);
    m->model->in_channels = (int)c->in_channels;
}

static tensor *run_stage(const twins *s, graph *g, tensor *x, size_t i)
{
    const module *blocks = s->layers->children.at[i];
    x = layer_run(s->drops->children.at[i], g, layer_run(s->patch_embeds->children.at[i], g, x));
    for (size_t k = 0; k < blocks->children.n; k++) {
        x = layer_run(blocks->children.at[k], g, x);
        if (k == 0)
            x = op_add(g, layer_run(s->positions->children.at[i]->children.at[0], g, x), x);
    }
    return s->norms ? layer_run(s->norms->children.at[i], g, x) : x;
}

static features forward(module *m, graph *g, tensor *x)
{
    const twins_config *c = m->config;
    features out = features_new(g, 0);
    for (size_t i = 0; i < c->depths.n; i++) {
        x = run_stage(m->state, g, x, i);
        if (out_indices_has(c->out_indices, (int64_t)i))
            features_add(g, &out, x);
    }
    return out;
}

const kind kind_pcpvt = {
    .family = FAMILY_BACKBONE,
    .name = "PCPVT",
    .about = "Attention to smaller maps, depthwise convolutions instead of positions (Twins, arXiv:2104.13840).",
    .fields = &pcpvt_table,
    .build = build,
    .as.backbone = {.forward = forward},
};

const kind kind_svt = {
    .family = FAMILY_BACKBONE,
    .name = "SVT",
    .about = "Attention by turns inside of windows and to smaller maps (Twins, arXiv:2104.13840).",
    .fields = &svt_table,
    .build = build,
    .as.backbone = {.forward = forward},
};
