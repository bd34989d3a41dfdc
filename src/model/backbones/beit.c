/* BEiT and MAE: transformers whose attention learns by how far patches lie from each other (Bao et al. 2021,
 * arXiv:2106.08254; He et al. 2021, arXiv:2111.06377). */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/pretrained.h"

enum { LAYERS_MAX = 1024, CLASS_ROWS = 3 /* of a table: from and to the class token, and its own */ };

typedef struct beit_config {
    ints img_size, out_indices;
    int64_t patch_size, in_channels, embed_dims, num_layers, num_heads, mlp_ratio, num_fcs;
    bool qv_bias, patch_norm, final_norm;
    double drop_path_rate, init_values;
    const char *pretrained;
    const value *norm_cfg, *act_cfg, *init_cfg;
} beit_config;

#define BEIT_FIELDS                                                                                                    \
    FIELD_RANGE(beit_config, F_INTS, img_size, "224", 1, 1 << 16,                                                      \
                "side, or (height, width), of all images that it is given: those of the crops"),                       \
        FIELD_RANGE(beit_config, F_INT, patch_size, "16", 1, 1024, "side of a patch, which becomes one token"),        \
        FIELD_RANGE(beit_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),                            \
        FIELD_RANGE(beit_config, F_INT, embed_dims, "768", 1, 1 << 16, "channels of a token"),                         \
        FIELD_RANGE(beit_config, F_INT, num_layers, "12", 1, LAYERS_MAX, "layers of the transformer"),                 \
        FIELD_RANGE(beit_config, F_INT, num_heads, "12", 1, 1 << 16, "heads of attention in a layer"),                 \
        FIELD_RANGE(beit_config, F_INT, mlp_ratio, "4", 1, 1024,                                                       \
                    "channels inside a layer's FFN, in those of a token"),                                             \
        FIELD_RANGE(beit_config, F_INTS, out_indices, "-1", -1, LAYERS_MAX - 1,                                        \
                    "layers whose maps are given; an int is one, -1 the last"),                                        \
        FIELD_IGNORED(attn_drop_rate, "the class hands it on under another name than its attention reads"),            \
        FIELD_RANGE(beit_config, F_FLOAT, drop_path_rate, "0.", 0, 1,                                                  \
                    "share of samples that pass by the last layer; it grows evenly from 0 at the first"),              \
        FIELD(beit_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation"),                             \
        FIELD(beit_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),                               \
        FIELD(beit_config, F_BOOL, patch_norm, "False", "a norm of the patches' tokens"),                              \
        FIELD(beit_config, F_BOOL, final_norm, "False", "a norm behind the last layer"),                               \
        FIELD_RANGE(beit_config, F_INT, num_fcs, "2", 2, 64, "linear layers of an FFN"),                               \
        FIELD_IGNORED(norm_eval, "a layer norm does the same in training and testing"),                                \
        FIELD(beit_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),               \
        FIELD(beit_config, F_FLOAT, init_values, "0.1", "what the factors of a layer's two branches start with"),      \
        FIELD(beit_config, F_VALUE, init_cfg, "None", "how the weights start")

static const field beit_fields[] = {
    BEIT_FIELDS, FIELD(beit_config, F_BOOL, qv_bias, "True", "the projections to queries and values have a bias")};
static const field mae_fields[] = {BEIT_FIELDS};
static const field_table beit_table = FIELD_TABLE(beit_fields, beit_config);
static const field_table mae_table = FIELD_TABLE(mae_fields, beit_config);

/* ---- a layer --------------------------------------------------------------------------------------------------- */

/* What the layers of a backbone have in common. */
typedef struct layer_plan {
    int64_t grid[2];      /* rows and columns of patches */
    const int64_t *index; /* which row of the table each pair of tokens has */
    bool mae;             /* the projections have a whole bias; tables start at 0, whatever an init_cfg says */
} layer_plan;

typedef struct beit_attention {
    const layer_plan *plan;
    param *q_bias, *v_bias, *table;
    module *qkv, *proj;
    int64_t channels, heads;
} beit_attention;

static tensor *run_attention(module *m, graph *g, tensor *x)
{
    const beit_attention *s = m->state;
    int64_t each = s->channels / s->heads;
    tensor *qkv;
    if (s->q_bias) {
        tensor *none = op_fill(g, 1, &s->channels, 0);
        tensor *bias = op_concat(g, (tensor *[]){graph_param(g, s->q_bias), none, graph_param(g, s->v_bias)}, 3, 0);
        qkv = op_linear(g, x, graph_param(g, module_own(s->qkv, "weight")), bias);
    } else {
        qkv = layer_run(s->qkv, g, x);
    }
    attention_operands in = {.q = qkv, .k = qkv, .v = qkv, .table = graph_param(g, s->table)};
    attention_attr a = {.heads = s->heads,
                        .scale = (float)(1 / sqrt((double)each)),
                        .from = {0, s->channels, 2 * s->channels},
                        .d = each,
                        .e = each,
                        .grid = {s->plan->grid[0], s->plan->grid[1]},
                        .class_token = true};
    return layer_run(s->proj, g, op_attention(g, &in, a));
}

static void init_table(module *m)
{
    const beit_attention *s = m->state;
    if (!s->plan->mae)
        init_set(s->table, INIT_TRUNC_NORMAL, 0.02f, 0, false);
}

static module *attention_of(module *parent, const char *name, const beit_config *c, const layer_plan *plan)
{
    module *m = module_new(parent, name);
    beit_attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    int64_t channels = c->embed_dims, rows = relative_position_rows(plan->grid, true);
    int64_t tokens = plan->grid[0] * plan->grid[1] + 1;
    m->class_name = plan->mae ? "MAEAttention" : "BEiTAttention";
    m->state = s;
    m->forward = run_attention;
    m->init = init_table;
    *s = (beit_attention){.plan = plan, .channels = channels, .heads = c->num_heads};
    if (!plan->mae && c->qv_bias) {
        s->q_bias = module_param(m, "q_bias", 1, &channels, INIT_ZERO, 0, 0);
        s->v_bias = module_param(m, "v_bias", 1, &channels, INIT_ZERO, 0, 0);
    }
    s->table = module_param(m, "relative_position_bias_table", 2, (int64_t[]){rows, c->num_heads}, INIT_ZERO, 0, 0);
    module_constant(m, "relative_position_index", 2, (int64_t[]){tokens, tokens}, plan->index);
    s->qkv = linear_new(m, "qkv", channels, 3 * channels, plan->mae);
    s->proj = linear_new(m, "proj", channels, channels, true);
    return model_failed(m->model) ? NULL : m;
}

typedef struct beit_layer {
    param *gamma[2]; /* factors of the channels of each branch */
    module *norm1, *attn, *norm2, *ffn, *drop_path;
} beit_layer;

static tensor *add_branch(const beit_layer *s, graph *g, tensor *x, tensor *y, int i)
{
    return op_add(g, x, layer_run(s->drop_path, g, channel_scale(g, y, s->gamma[i])));
}

static tensor *run_layer(module *m, graph *g, tensor *x)
{
    const beit_layer *s = m->state;
    x = add_branch(s, g, x, layer_run(s->attn, g, layer_run(s->norm1, g, x)), 0);
    return add_branch(s, g, x, ffn_run(s->ffn, g, layer_run(s->norm2, g, x), NULL), 1);
}

static void layer_new(module *parent, int64_t i, const beit_config *c, const layer_plan *plan)
{
    module *m = module_new(parent, module_index(parent, i));
    beit_layer *s = module_state(m, sizeof *s);
    int64_t channels = c->embed_dims;
    if (!s)
        return;
    m->class_name = plan->mae ? "MAETransformerEncoderLayer" : "BEiTTransformerEncoderLayer";
    m->base = true;
    m->state = s;
    m->forward = run_layer;
    for (int k = 0; k < 2; k++)
        s->gamma[k] =
            module_param(m, module_text(m, "gamma_%d", k + 1), 1, &channels, INIT_CONSTANT, (float)c->init_values, 0);
    s->norm1 = norm_new_of(m, norm_name(m, c->norm_cfg, "1"), c->norm_cfg, channels, NORM_OF_TOKENS);
    s->attn = attention_of(m, "attn", c, plan);
    s->norm2 = norm_new_of(m, norm_name(m, c->norm_cfg, "2"), c->norm_cfg, channels, NORM_OF_TOKENS);
    s->ffn = ffn_new(
        m, "ffn",
        (ffn_spec){
            .channels = channels, .hidden = c->mlp_ratio * channels, .num_fcs = c->num_fcs, .act_cfg = c->act_cfg});
    s->drop_path = drop_path_new(m, "drop_path", drop_path_rate(c->drop_path_rate, i, c->num_layers));
}

/* ---- the backbone ---------------------------------------------------------------------------------------------- */

typedef struct beit {
    layer_plan plan;
    param *cls_token, *pos_embed; /* pos_embed: of MAE */
    module *patch_embed, *layers, *final_norm;
} beit;

static bool check(module *m, const beit_config *c, beit *s)
{
    if (c->img_size.n != 1 && c->img_size.n != 2) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "img_size"),
                   "%s: img_size is a whole number, or (height, width)", m->class_name);
        return false;
    }
    for (size_t i = 0; i < 2; i++)
        s->plan.grid[i] = c->img_size.at[i % c->img_size.n] / c->patch_size;
    if (s->plan.grid[0] < 1 || s->plan.grid[1] < 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "img_size"),
                   "%s: img_size is smaller than a patch (patch_size=%lld)", m->class_name, (long long)c->patch_size);
    if (c->embed_dims % c->num_heads)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_heads"), "%s: %lld channels do not divide into %lld heads",
                   m->class_name, (long long)c->embed_dims, (long long)c->num_heads);
    if (!value_is_list(value_get(m->cfg, "out_indices")))
        out_indices_from_end(c->out_indices, c->num_layers);
    return !model_failed(m->model) && out_indices_check(m, c->out_indices, c->num_layers);
}

/* MAE's layers start the smaller, the deeper they are, where a file is to give their weights. */
static void shrink_with_depth(const beit *s)
{
    for (size_t i = 0; i < s->layers->children.n; i++) {
        const beit_layer *l = s->layers->children.at[i]->state;
        module *last = module_child(module_child(l->ffn, "layers"), "1");
        param *of[2] = {module_own(((const beit_attention *)l->attn->state)->proj, "weight"),
                        module_own(last, "weight")};
        for (int k = 0; k < 2; k++)
            if (of[k])
                init_set(of[k], INIT_TRUNC_NORMAL, 0.02f / sqrtf(2 * (float)(i + 1)), 0, false);
    }
}

/* The class's init_weights(). Without an init_cfg it is ViT's rule, which leaves tables and position codes at 0. */
static void init(module *m)
{
    const beit_config *c = m->config;
    const beit *s = m->state;
    if (!c->init_cfg && !c->pretrained) {
        init_jax_below(m);
        init_set(s->cls_token, INIT_TRUNC_NORMAL, 0.02f, 0, false);
        return;
    }
    const char *type = value_type_name(c->init_cfg);
    init_linear_below(m);
    if (s->plan.mae && (c->pretrained || (type && strcmp(type, "Pretrained") == 0)))
        shrink_with_depth(s);
    if (!c->pretrained)
        init_by_cfg(m);
}

static void build_tokens(module *m, const beit_config *c, beit *s)
{
    int64_t codes = s->plan.grid[0] * s->plan.grid[1] + 1;
    s->cls_token = module_param(m, "cls_token", 3, (int64_t[]){1, 1, c->embed_dims}, INIT_ZERO, 0, 0);
    if (s->plan.mae)
        s->pos_embed = module_param(m, "pos_embed", 3, (int64_t[]){1, codes, c->embed_dims}, INIT_ZERO, 0, 0);
}

static void build_as(module *m, bool mae)
{
    const beit_config *c = m->config;
    beit *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c, s))
        return;
    s->plan.mae = mae;
    s->plan.index = relative_positions(m, s->plan.grid, true);
    m->model->in_channels = (int)c->in_channels;
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    m->init = init;
    build_tokens(m, c, s);
    patch_embed_spec patch = {.conv = conv_square(c->in_channels, c->embed_dims, c->patch_size, c->patch_size, 0, 1),
                              .norm_cfg = c->patch_norm ? c->norm_cfg : NULL};
    patch.conv.bias = true;
    s->patch_embed = patch_embed_new(m, "patch_embed", patch);
    s->layers = module_new(m, "layers");
    if (s->layers)
        s->layers->base = true;
    for (int64_t i = 0; s->layers && i < c->num_layers; i++)
        layer_new(s->layers, i, c, &s->plan);
    if (c->final_norm)
        s->final_norm = norm_new_of(m, norm_name(m, c->norm_cfg, "1"), c->norm_cfg, c->embed_dims, NORM_OF_TOKENS);
}

static void build_beit(module *m)
{
    build_as(m, false);
}

static void build_mae(module *m)
{
    build_as(m, true);
}

/* x [N,h,w,C]: the patches. Returns them as tokens behind the class token. As in the reference, maps with as many
 * patches in another shape are taken as if they had this one. */
static tensor *tokens_of(const module *m, graph *g, tensor *x)
{
    const beit *s = m->state;
    const beit_config *c = m->config;
    const int64_t *grid = s->plan.grid;
    if (!x)
        return NULL;
    int64_t n = x->dim[0], length = x->dim[1] * x->dim[2];
    if (length != grid[0] * grid[1])
        return graph_fail(g, CSEG_SHAPE,
                          "images of %lld x %lld patches, but the tables of positions are those of %lld x %lld; set "
                          "img_size to the size of the images (with mode='slide' that of the crops)",
                          (long long)x->dim[1], (long long)x->dim[2], (long long)grid[0], (long long)grid[1]);
    tensor *first = op_broadcast(g, graph_param(g, s->cls_token), (int64_t[]){n, 1, c->embed_dims});
    x = op_concat(g, (tensor *[]){first, op_reshape(g, x, 3, (int64_t[]){n, length, c->embed_dims})}, 2, 1);
    return s->pos_embed ? op_add(g, x, graph_param(g, s->pos_embed)) : x;
}

static features forward(module *m, graph *g, tensor *x)
{
    const beit_config *c = m->config;
    const beit *s = m->state;
    features out = features_new(g, 0);
    tensor *patches = layer_run(s->patch_embed, g, x);
    x = tokens_of(m, g, patches);
    for (int64_t i = 0; x && i < c->num_layers; i++) {
        x = layer_run(s->layers->children.at[i], g, x);
        if (s->final_norm && i == c->num_layers - 1)
            x = layer_run(s->final_norm, g, x);
        if (x && out_indices_has(c->out_indices, i))
            features_add(g, &out, op_reshape(g, op_slice(g, x, 1, 1, x->dim[1] - 1), 4, patches->dim));
    }
    return out;
}

/* Tables of another window are resized, and MAE's codes of another grid; both as squares. The index of tables is that
 * of this window. */
static cseg_status fit(const fitting *f, bool *fits, cseg_error *err)
{
    const beit *s = f->m->state;
    int64_t side = s->plan.grid[0];
    *fits = false;
    if (side != s->plan.grid[1])
        return CSEG_OK;
    if (f->p == s->pos_embed)
        return fit_codes(f, side, side, (resize_attr){.cubic = true}, fits, err);
    return str_ends(f->p->name, "relative_position_bias_table") ? fit_table_geometric(f, CLASS_ROWS, fits, err)
                                                                : CSEG_OK;
}

static const pretrained_form form = {.drops = "relative_position_index", .fit = fit};

const kind kind_beit = {
    .family = FAMILY_BACKBONE,
    .name = "BEiT",
    .about = "A transformer whose attention has tables of relative positions (arXiv:2106.08254).",
    .fields = &beit_table,
    .build = build_beit,
    .pretrained = &form,
    .as.backbone = {.forward = forward},
};

const kind kind_mae = {
    .family = FAMILY_BACKBONE,
    .name = "MAE",
    .about = "BEiT with codes of absolute positions too, and biases in all projections (arXiv:2111.06377).",
    .fields = &mae_table,
    .build = build_mae,
    .pretrained = &form,
    .as.backbone = {.forward = forward},
};
