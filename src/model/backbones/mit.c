/* MixVisionTransformer, SegFormer's backbone: attention to smaller maps, and depthwise convolutions in the place of
 * positions (Xie et al. 2021, arXiv:2105.15203); and Open-CD's variant, in which two dates interact. */
#include "model/backbones/interaction.h"
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

enum { STAGES_MAX = BACKBONE_STAGES_MAX };

typedef struct mit_config {
    int64_t in_channels, embed_dims, num_stages, mlp_ratio;
    ints num_layers, num_heads, patch_sizes, strides, sr_ratios, out_indices;
    bool qkv_bias, with_cp;
    double drop_rate, attn_drop_rate, drop_path_rate;
    const char *pretrained;
    const value *act_cfg, *norm_cfg, *init_cfg;
    const value *interaction_cfg; /* IA_MixVisionTransformer */
} mit_config;

#define MIT_FIELDS                                                                                                     \
    FIELD_RANGE(mit_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),                                 \
        FIELD_RANGE(mit_config, F_INT, embed_dims, "64", 1, 1 << 16,                                                   \
                    "channels of a head; a stage has its heads times it"),                                             \
        FIELD_RANGE(mit_config, F_INT, num_stages, "4", 1, STAGES_MAX, "stages; each list has so many numbers"),       \
        FIELD_RANGE(mit_config, F_INT_LIST, num_layers, "[3, 4, 6, 3]", 0, 1024, "blocks of each stage"),              \
        FIELD_RANGE(mit_config, F_INT_LIST, num_heads, "[1, 2, 4, 8]", 1, 1 << 12, "heads of its attentions"),         \
        FIELD_RANGE(mit_config, F_INT_LIST, patch_sizes, "[7, 3, 3, 3]", 1, 1 << 10,                                   \
                    "kernel of the convolution that each stage begins with; half of it is padded"),                    \
        FIELD_RANGE(mit_config, F_INT_LIST, strides, "[4, 2, 2, 2]", 1, 1 << 10, "its stride"),                        \
        FIELD_RANGE(mit_config, F_INT_LIST, sr_ratios, "[8, 4, 2, 1]", 0, 1 << 10,                                     \
                    "by how much the map shrinks that a stage's attentions look at"),                                  \
        FIELD_RANGE(mit_config, F_INT_LIST, out_indices, "(0, 1, 2, 3)", -1, STAGES_MAX,                               \
                    "stages whose maps are given"),                                                                    \
        FIELD_RANGE(mit_config, F_INT, mlp_ratio, "4", 1, 1 << 10,                                                     \
                    "channels inside a block's convolutions, in times"),                                               \
        FIELD(mit_config, F_BOOL, qkv_bias, "True", "the projections of attentions have a bias"),                      \
        FIELD_RANGE(mit_config, F_FLOAT, drop_rate, "0.", 0, 1, "dropout behind attentions and in convolutions"),      \
        FIELD_RANGE(mit_config, F_FLOAT, attn_drop_rate, "0.", 0, 1, "dropout of attentions' weights"),                \
        FIELD_RANGE(mit_config, F_FLOAT, drop_path_rate, "0.", 0, 1,                                                   \
                    "share of samples that pass by the last block; it grows from 0 at the first"),                     \
        FIELD(mit_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),                                \
        FIELD(mit_config, F_VALUE, norm_cfg, "dict(type='LN', eps=1e-6)", "kind of normalisation"),                    \
        FIELD(mit_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),                \
        FIELD(mit_config, F_VALUE, init_cfg, "None", "how the weights start"),                                         \
        FIELD(mit_config, F_BOOL, with_cp, "False", "a block's results are computed again for the gradient, not kept")

static const field fields[] = {MIT_FIELDS};
static const field_table table = FIELD_TABLE(fields, mit_config);
static const field ia_fields[] = {MIT_FIELDS, INTERACTION_FIELD(mit_config)};
static const field_table ia_table = FIELD_TABLE(ia_fields, mit_config);

/* ---- a block --------------------------------------------------------------------------------------------------- */

typedef struct block {
    module *norm1, *attn, *norm2, *ffn;
    bool with_cp;
} block;

static tensor *run_block(module *m, graph *g, tensor *x)
{
    const block *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    x = efficient_attention_run(s->attn, g, layer_run(s->norm1, g, x), x);
    x = mix_ffn_run(s->ffn, g, layer_run(s->norm2, g, x), x);
    graph_pop_checkpoint(g, outer);
    return x;
}

static void block_new(module *parent, const char *name, const mit_config *c, int64_t stage, double drop_path)
{
    module *m = module_new(parent, name);
    block *s = module_state(m, sizeof *s);
    if (!s)
        return;
    const value *skip = drop_path_cfg(m, drop_path);
    int64_t heads = c->num_heads.at[stage], channels = c->embed_dims * heads;
    attention_spec attention = {.channels = channels,
                                .heads = heads,
                                .bias = c->qkv_bias,
                                .attn_drop = c->attn_drop_rate,
                                .proj_drop = c->drop_rate,
                                .dropout_layer = skip};
    m->class_name = "TransformerEncoderLayer";
    m->base = true;
    m->state = s;
    m->forward = run_block;
    s->with_cp = c->with_cp;
    s->norm1 = norm_new_of(m, "norm1", c->norm_cfg, channels, NORM_OF_TOKENS);
    s->attn = efficient_attention_new(m, "attn", attention, c->sr_ratios.at[stage], c->norm_cfg);
    s->norm2 = norm_new_of(m, "norm2", c->norm_cfg, channels, NORM_OF_TOKENS);
    s->ffn = mix_ffn_new(m, "ffn",
                         (mix_ffn_spec){.channels = channels,
                                        .hidden = channels * c->mlp_ratio,
                                        .drop = c->drop_rate,
                                        .act_cfg = c->act_cfg,
                                        .dropout_layer = skip});
}

/* ---- the stages ------------------------------------------------------------------------------------------------ */

typedef struct stage {
    module *patch_embed, *blocks, *norm;
} stage;

typedef struct mit {
    stage stage[STAGES_MAX];
    module *interactions; /* IA_MixVisionTransformer */
} mit;

/* `before`: blocks of earlier stages, of `all`. */
static void build_stage(module *m, stage *s, const mit_config *c, int64_t i, int64_t before, int64_t all)
{
    int64_t channels = c->embed_dims * c->num_heads.at[i], kernel = c->patch_sizes.at[i];
    int64_t in = i ? c->embed_dims * c->num_heads.at[i - 1] : c->in_channels;
    patch_embed_spec patch = {.conv = conv_square(in, channels, kernel, c->strides.at[i], kernel / 2, 1),
                              .norm_cfg = c->norm_cfg};
    patch.conv.bias = true;
    s->patch_embed = patch_embed_new(m, "0", patch);
    s->blocks = module_list_new(m, "1");
    for (int64_t k = 0; k < c->num_layers.at[i]; k++)
        block_new(s->blocks, module_index(m, k), c, i, drop_path_rate(c->drop_path_rate, before + k, all));
    s->norm = norm_new_of(m, "2", c->norm_cfg, channels, NORM_OF_TOKENS);
}

static bool check(module *m, const mit_config *c)
{
    const struct {
        const char *name;
        size_t n;
    } lists[] = {{"num_layers", c->num_layers.n},
                 {"num_heads", c->num_heads.n},
                 {"patch_sizes", c->patch_sizes.n},
                 {"strides", c->strides.n},
                 {"sr_ratios", c->sr_ratios.n}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].n != (size_t)c->num_stages) {
            model_fail(m->model, CSEG_CONFIG, module_at(m, lists[i].name),
                       "%s: num_stages is %lld, but %s has %zu numbers", m->class_name, (long long)c->num_stages,
                       lists[i].name, lists[i].n);
            return false;
        }
    return out_indices_check(m, c->out_indices, c->num_stages);
}

static void build(module *m)
{
    const mit_config *c = m->config;
    if (!check(m, c))
        return;
    mit *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    if (!c->init_cfg && !c->pretrained)
        m->init = init_transformer_below;
    int64_t all = 0, before = 0;
    for (int64_t i = 0; i < c->num_stages; i++)
        all += c->num_layers.at[i];
    module *list = module_list_new(m, "layers");
    for (int64_t i = 0; i < c->num_stages; i++) {
        build_stage(module_list_new(list, module_index(m, i)), &s->stage[i], c, i, before, all);
        before += c->num_layers.at[i];
    }
    m->model->in_channels = (int)c->in_channels;
}

static void build_interacting(module *m)
{
    const mit_config *c = m->config;
    build(m);
    if (!model_failed(m->model))
        ((mit *)m->state)->interactions = interactions_new(m, c->interaction_cfg, c->num_stages);
}

static tensor *run_stage(module *m, graph *g, int64_t i, tensor *x)
{
    const stage *s = &((const mit *)m->state)->stage[i];
    x = layer_run(s->patch_embed, g, x);
    for (size_t k = 0; k < s->blocks->children.n; k++)
        x = layer_run(s->blocks->children.at[k], g, x);
    return layer_run(s->norm, g, x);
}

static void stages(const module *m, backbone_stages *out)
{
    const mit_config *c = m->config;
    *out = (backbone_stages){.run = run_stage, .n = c->num_stages, .only = -1};
    for (int64_t i = 0; i < out->n; i++) {
        out->channels[i] = c->embed_dims * c->num_heads.at[i];
        out->heads[i] = c->num_heads.at[i];
    }
}

static features forward(module *m, graph *g, tensor *x)
{
    const mit_config *c = m->config;
    features out = features_new(g, 0);
    for (int64_t i = 0; i < c->num_stages; i++) {
        x = run_stage(m, g, i, x);
        if (out_indices_has(c->out_indices, i))
            features_add(g, &out, x);
    }
    return out;
}

static features forward_both(module *m, graph *g, tensor *first, tensor *second)
{
    const mit_config *c = m->config;
    return interactions_run(((mit *)m->state)->interactions, m, g, first, second, c->out_indices, run_stage);
}

const kind kind_mix_vision_transformer = {
    .family = FAMILY_BACKBONE,
    .name = "MixVisionTransformer",
    .about = "Attention to smaller maps, and depthwise convolutions instead of positions (SegFormer, "
             "arXiv:2105.15203).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward, .stages = stages},
};

const kind kind_ia_mix_vision_transformer = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IA_MixVisionTransformer",
    .about = "MixVisionTransformer for two dates that interact behind its stages: gives both dates' maps along the "
             "channels (arXiv:2209.08290).",
    .fields = &ia_table,
    .build = build_interacting,
    .as.backbone = {.forward_both = forward_both},
};
