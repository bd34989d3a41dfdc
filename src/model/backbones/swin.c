/* SwinTransformer: attention inside of windows, which move by half of their size from block to block (Liu et al. 2021,
 * arXiv:2103.14030). */
#include "base/str.h"
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/pretrained.h"

enum { STAGES_MAX = 32 };

typedef struct swin_config {
    int64_t in_channels, embed_dims, patch_size, window_size, frozen_stages;
    ints pretrain_img_size, depths, num_heads, strides, out_indices;
    double mlp_ratio, drop_rate, attn_drop_rate, drop_path_rate;
    bool qkv_bias, patch_norm, use_abs_pos_embed, with_cp;
    const char *pretrained;
    const value *qk_scale, *act_cfg, *norm_cfg, *init_cfg;
} swin_config;

static const field fields[] = {
    FIELD_RANGE(swin_config, F_INTS, pretrain_img_size, "224", 1, 1 << 16,
                "side, or (height, width), of the images that absolute positions are for"),
    FIELD_RANGE(swin_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(swin_config, F_INT, embed_dims, "96", 1, 1 << 16,
                "channels of the first stage; each has twice as many"),
    FIELD_RANGE(swin_config, F_INT, patch_size, "4", 1, 1024, "side of a patch, which becomes one token"),
    FIELD_RANGE(swin_config, F_INT, window_size, "7", 1, 128, "side of a window, in tokens"),
    FIELD_RANGE(swin_config, F_FLOAT, mlp_ratio, "4", 0, 1024, "channels inside a block's FFN, in those of a token"),
    FIELD_RANGE(swin_config, F_INT_LIST, depths, "(2, 2, 6, 2)", 0, 1024, "blocks of each stage"),
    FIELD_RANGE(swin_config, F_INT_LIST, num_heads, "(3, 6, 12, 24)", 1, 1 << 12, "heads of its attentions"),
    FIELD_RANGE(swin_config, F_INT_LIST, strides, "(4, 2, 2, 2)", 1, 1024,
                "of the patches, which is patch_size, and of the merging between stages"),
    FIELD_RANGE(swin_config, F_INT_LIST, out_indices, "(0, 1, 2, 3)", 0, STAGES_MAX, "stages whose maps are given"),
    FIELD(swin_config, F_BOOL, qkv_bias, "True", "the projections of attentions have a bias"),
    FIELD(swin_config, F_VALUE, qk_scale, "None", "scale of the products; None: 1 / sqrt(channels of a head)"),
    FIELD(swin_config, F_BOOL, patch_norm, "True", "a norm behind the patches, and in the merging"),
    FIELD_RANGE(swin_config, F_FLOAT, drop_rate, "0.", 0, 1, "dropout behind patches, attentions and in FFNs"),
    FIELD_RANGE(swin_config, F_FLOAT, attn_drop_rate, "0.", 0, 1, "dropout of attentions' weights"),
    FIELD_RANGE(swin_config, F_FLOAT, drop_path_rate, "0.1", 0, 1,
                "share of samples that pass by the last block; it grows from 0 at the first"),
    FIELD(swin_config, F_BOOL, use_abs_pos_embed, "False",
          "a code of its own for each place is added to the patches; all images are then of pretrain_img_size"),
    FIELD(swin_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),
    FIELD(swin_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation"),
    FIELD(swin_config, F_BOOL, with_cp, "False", "a block's results are computed again for the gradient, not kept"),
    FIELD(swin_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD_RANGE(swin_config, F_INT, frozen_stages, "-1", -1, STAGES_MAX,
                "0: the patches are not trained, 1: nor the first stage..."),
    FIELD(swin_config, F_VALUE, init_cfg, "None", "dict(type='Pretrained', checkpoint=...), or None"),
};
static const field_table table = FIELD_TABLE(fields, swin_config);

/* ---- a block --------------------------------------------------------------------------------------------------- */

typedef struct swin_block {
    module *norm1, *attn, *drop_path, *norm2, *ffn;
    bool with_cp;
} swin_block;

static tensor *run_block(module *m, graph *g, tensor *x)
{
    const swin_block *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    tensor *y = layer_run(s->attn, g, layer_run(s->norm1, g, x));
    x = op_add(g, layer_run(s->drop_path, g, y), x);
    x = ffn_run(s->ffn, g, layer_run(s->norm2, g, x), x);
    graph_pop_checkpoint(g, outer);
    return x;
}

static module *base_module(module *parent, const char *name, const char *class_name)
{
    module *m = module_list_new(parent, name);
    if (m)
        m->class_name = class_name;
    return m;
}

/* index: relative_positions of a window, which all blocks share. */
static void block_new(module *parent, int64_t i, const swin_config *c, const int64_t *index, int64_t stage,
                      double skipped)
{
    module *m = base_module(parent, module_index(parent, i), "SwinBlock");
    swin_block *s = module_state(m, sizeof *s);
    if (!s)
        return;
    const value *skip = drop_path_cfg(m, skipped);
    int64_t channels = c->embed_dims << stage;
    window_attention_spec attention = {.channels = channels,
                                       .heads = c->num_heads.at[stage],
                                       .window = {c->window_size, c->window_size},
                                       .shift = i % 2 ? c->window_size / 2 : 0,
                                       .bias = c->qkv_bias,
                                       .index = index,
                                       .attn_drop = c->attn_drop_rate,
                                       .proj_drop = c->drop_rate};
    value_number(c->qk_scale, &attention.scale);
    m->state = s;
    m->forward = run_block;
    s->with_cp = c->with_cp;
    s->norm1 = norm_new_of(m, "norm1", c->norm_cfg, channels, NORM_OF_TOKENS);
    module *shifted = base_module(m, "attn", "ShiftWindowMSA");
    s->attn = window_attention_new(shifted, "w_msa", attention);
    s->drop_path = dropout_layer_new(shifted, "drop", skip);
    s->norm2 = norm_new_of(m, "norm2", c->norm_cfg, channels, NORM_OF_TOKENS);
    s->ffn = ffn_new(m, "ffn",
                     (ffn_spec){.channels = channels,
                                .hidden = (int64_t)(c->mlp_ratio * (double)channels),
                                .num_fcs = 2,
                                .drop = c->drop_rate,
                                .add_identity = true,
                                .act_cfg = c->act_cfg,
                                .dropout_layer = skip});
}

/* ---- the stages ------------------------------------------------------------------------------------------------ */

typedef struct swin_stage {
    module *all, *blocks, *downsample, *norm; /* downsample NULL: the last; norm NULL: its map is not given */
} swin_stage;

typedef struct swin {
    module *patch_embed, *drop;
    param *positions; /* NULL: none */
    int64_t grid[2];  /* of the positions */
    swin_stage *stages;
} swin;

static bool check(module *m, const swin_config *c)
{
    const struct {
        const char *name;
        size_t n;
    } lists[] = {{"num_heads", c->num_heads.n}, {"strides", c->strides.n}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].n < c->depths.n) {
            model_fail(m->model, CSEG_CONFIG, module_at(m, lists[i].name),
                       "%s: there are %zu stages, but %s has %zu numbers", m->class_name, c->depths.n, lists[i].name,
                       lists[i].n);
            return false;
        }
    const char *wrong = c->pretrain_img_size.n < 1 || c->pretrain_img_size.n > 2 ? "pretrain_img_size"
                        : c->depths.n < 1 || c->depths.n > STAGES_MAX            ? "depths"
                        : c->strides.at[0] != c->patch_size                      ? "strides"
                                                                                 : NULL;
    if (wrong) {
        model_fail(
            m->model, CSEG_CONFIG, module_at(m, wrong),
            "%s: the first of strides is patch_size, pretrain_img_size is a side or (height, width), and there are "
            "1 to %d stages",
            m->class_name, STAGES_MAX);
        return false;
    }
    if (c->frozen_stages > (int64_t)c->depths.n) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "frozen_stages"), "%s: frozen_stages is %lld, but there are %zu",
                   m->class_name, (long long)c->frozen_stages, c->depths.n);
        return false;
    }
    double scale;
    if (!value_is_none(c->qk_scale) && !value_number(c->qk_scale, &scale)) {
        model_fail(m->model, CSEG_CONFIG, c->qk_scale, "%s: qk_scale is a number or None", m->class_name);
        return false;
    }
    return out_indices_check(m, c->out_indices, (int64_t)c->depths.n);
}

static void build_stem(module *m, swin *s, const swin_config *c)
{
    patch_embed_spec patch = {
        .conv = conv_square(c->in_channels, c->embed_dims, c->patch_size, c->patch_size, 0, 1),
        .padding = PATCH_PAD_CORNER,
        .norm_cfg = c->patch_norm ? c->norm_cfg : NULL,
    };
    patch.conv.bias = true;
    s->patch_embed = patch_embed_new(m, "patch_embed", patch);
    for (size_t i = 0; i < 2; i++)
        s->grid[i] = c->pretrain_img_size.at[i < c->pretrain_img_size.n ? i : 0] / c->patch_size;
    int64_t dim[] = {1, s->grid[0] * s->grid[1], c->embed_dims};
    if (c->use_abs_pos_embed)
        s->positions = module_param(m, "absolute_pos_embed", 3, dim, INIT_ZERO, 0, 0);
    s->drop = dropout_new(m, "drop_after_pos", c->drop_rate);
}

static void build_stages(module *m, swin *s, const swin_config *c)
{
    int64_t all = 0, before = 0, stages = (int64_t)c->depths.n;
    const int64_t *index = relative_positions(m, (int64_t[]){c->window_size, c->window_size}, false);
    for (int64_t i = 0; i < stages; i++)
        all += c->depths.at[i];
    module *list = module_list_new(m, "stages");
    for (int64_t i = 0; i < stages && !model_failed(m->model); i++) {
        swin_stage *one = &s->stages[i];
        one->all = base_module(list, module_index(list, i), "SwinBlockSequence");
        one->blocks = module_list_new(one->all, "blocks");
        for (int64_t k = 0; k < c->depths.at[i]; k++)
            block_new(one->blocks, k, c, index, i, drop_path_rate(c->drop_path_rate, before + k, all));
        before += c->depths.at[i];
        int64_t channels = c->embed_dims << i;
        if (i + 1 < stages)
            one->downsample = patch_merging_new(one->all, "downsample", channels, 2 * channels, c->strides.at[i + 1],
                                                c->patch_norm ? c->norm_cfg : NULL);
    }
}

static void freeze(const swin *s, const swin_config *c)
{
    if (c->frozen_stages < 0)
        return;
    module_freeze(s->patch_embed);
    dropout_freeze(s->drop);
    if (s->positions)
        s->positions->requires_grad = false;
    for (int64_t i = 0; i < c->frozen_stages; i++) {
        module_freeze(s->stages[i].all);
        if (s->stages[i].norm)
            module_freeze(s->stages[i].norm);
    }
}

/* The tables stay at 0: the class does not call its parts' init_weights(). */
static void init(module *m)
{
    const swin *s = m->state;
    init_linear_below(m);
    if (s->positions)
        init_set(s->positions, INIT_TRUNC_NORMAL, 0.02f, 0, false);
}

static void build(module *m)
{
    const swin_config *c = m->config;
    swin *s = m->state = module_state(m, sizeof *s);
    if (!check(m, c) || !s || !(s->stages = module_state(m, c->depths.n * sizeof *s->stages)))
        return;
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    if (!c->init_cfg && !c->pretrained)
        m->init = init;
    else if (c->init_cfg && !value_get(c->init_cfg, "checkpoint"))
        init_from_file(m, c->init_cfg); /* which refuses it */
    build_stem(m, s, c);
    build_stages(m, s, c);
    for (size_t k = 0; k < c->out_indices.n; k++) {
        int64_t i = c->out_indices.at[k];
        if (!s->stages[i].norm) /* a stage that is named twice has one norm */
            s->stages[i].norm =
                norm_new_of(m, module_text(m, "norm%d", (int)i), c->norm_cfg, c->embed_dims << i, NORM_OF_TOKENS);
    }
    if (!model_failed(m->model))
        freeze(s, c);
    m->model->in_channels = (int)c->in_channels;
}

static tensor *add_positions(const swin *s, graph *g, tensor *x)
{
    if (!x || !s->positions)
        return x;
    if (x->dim[1] * x->dim[2] != s->grid[0] * s->grid[1])
        return graph_fail(g, CSEG_SHAPE,
                          "absolute positions are for %lld x %lld patches, but the image has %lld x %lld: "
                          "pretrain_img_size must be the image's size",
                          (long long)s->grid[0], (long long)s->grid[1], (long long)x->dim[1], (long long)x->dim[2]);
    int64_t dim[] = {1, x->dim[1], x->dim[2], x->dim[3]};
    return op_add(g, x, op_reshape(g, graph_param(g, s->positions), 4, dim));
}

static features forward(module *m, graph *g, tensor *x)
{
    const swin_config *c = m->config;
    const swin *s = m->state;
    features out = features_new(g, 0);
    x = layer_run(s->drop, g, add_positions(s, g, layer_run(s->patch_embed, g, x)));
    for (size_t i = 0; i < c->depths.n; i++) {
        const swin_stage *one = &s->stages[i];
        for (size_t k = 0; k < one->blocks->children.n; k++)
            x = layer_run(one->blocks->children.at[k], g, x);
        if (one->norm)
            features_add(g, &out, layer_run(one->norm, g, x));
        if (one->downsample)
            x = layer_run(one->downsample, g, x);
    }
    return out;
}

static cseg_status fit(const fitting *f, bool *fits, cseg_error *err)
{
    *fits = false;
    return str_ends(f->p->name, "relative_position_bias_table") ? fit_table(f, fits, err) : CSEG_OK;
}
/* A window's index follows from its side; where the file's is another's, the reference stops. */
static const pretrained_form form = {.strips = "backbone.", .drops = "relative_position_index", .fit = fit};

const kind kind_swin_transformer = {
    .family = FAMILY_BACKBONE,
    .name = "SwinTransformer",
    .about = "Attention inside of windows that move from block to block (arXiv:2103.14030).",
    .fields = &table,
    .build = build,
    .pretrained = &form,
    .as.backbone = {.forward = forward},
};
