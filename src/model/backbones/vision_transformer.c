/* VisionTransformer: an image's patches as tokens of a transformer (Dosovitskiy et al. 2020, arXiv:2010.11929). */
#include <string.h>

#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/pretrained.h"

enum { LAYERS_MAX = 1024 };

typedef struct vit_config {
    ints img_size, out_indices;
    int64_t patch_size, in_channels, embed_dims, num_layers, num_heads, mlp_ratio, num_fcs;
    bool out_origin, qkv_bias, with_cls_token, output_cls_token, patch_norm, patch_bias, pre_norm, final_norm, with_cp;
    double drop_rate, attn_drop_rate, drop_path_rate;
    const char *interpolate_mode, *pretrained;
    const value *patch_pad, *norm_cfg, *act_cfg, *frozen_exclude, *init_cfg;
} vit_config;

static const field fields[] = {
    FIELD_RANGE(vit_config, F_INTS, img_size, "224", 1, 1 << 16,
                "side, or [height, width], of the images that the position codes are made for"),
    FIELD_RANGE(vit_config, F_INT, patch_size, "16", 1, 1024, "side of a patch, which becomes one token"),
    FIELD(vit_config, F_VALUE, patch_pad, "'corner'",
          "zeros around the image: 'corner' (below and to the right, for whole patches), 'same' (the same number all "
          "around), or so many on each side (an int, or [h, w]); 1.x"),
    FIELD_RANGE(vit_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(vit_config, F_INT, embed_dims, "768", 1, 1 << 16, "channels of a token"),
    FIELD_RANGE(vit_config, F_INT, num_layers, "12", 1, LAYERS_MAX, "layers of the transformer"),
    FIELD_RANGE(vit_config, F_INT, num_heads, "12", 1, 1 << 16, "heads of attention in a layer"),
    FIELD_RANGE(vit_config, F_INT, mlp_ratio, "4", 1, 1024, "channels inside a layer's FFN, in those of a token"),
    FIELD(vit_config, F_BOOL, out_origin, "False", "the map before the first layer is given too, as the first; 1.x"),
    FIELD_RANGE(vit_config, F_INTS, out_indices, "-1", -1, LAYERS_MAX - 1,
                "layers whose maps are given; an int is one, -1 the last"),
    FIELD(vit_config, F_BOOL, qkv_bias, "True", "the attention's projections have a bias"),
    FIELD_RANGE(vit_config, F_FLOAT, drop_rate, "0.", 0, 1,
                "dropout of the tokens, behind the attention and behind the FFN's linear layers"),
    FIELD_RANGE(vit_config, F_FLOAT, attn_drop_rate, "0.", 0, 1, "dropout of the attention's weights"),
    FIELD_RANGE(vit_config, F_FLOAT, drop_path_rate, "0.", 0, 1,
                "share of samples that pass by the last layer's FFN; it grows evenly from 0 at the first"),
    FIELD(vit_config, F_BOOL, with_cls_token, "True", "a class token runs through the layers beside the patches"),
    FIELD(vit_config, F_BOOL, output_cls_token, "False",
          "class tokens are given beside the maps, for heads that use them, as DPTHead"),
    FIELD(vit_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation"),
    FIELD(vit_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),
    FIELD(vit_config, F_BOOL, patch_norm, "False", "a norm of the patches' tokens"),
    FIELD(vit_config, F_BOOL, patch_bias, "False", "the patches' convolution has a bias; 1.x (it has one in 0.x)"),
    FIELD(vit_config, F_BOOL, pre_norm, "False", "a norm before the first layer; 1.x"),
    FIELD(vit_config, F_BOOL, final_norm, "False", "a norm behind the last layer"),
    FIELD_CHOICE(vit_config, interpolate_mode, "'bicubic'", "bicubic|bilinear",
                 "how position codes are resized for images of another size"),
    FIELD_RANGE(vit_config, F_INT, num_fcs, "2", 2, 64, "linear layers of an FFN"),
    FIELD_IGNORED(norm_eval, "a layer norm does the same in training and testing"),
    FIELD(vit_config, F_BOOL, with_cp, "False", "what lies inside a layer is made again in the backward pass"),
    FIELD(vit_config, F_VALUE, frozen_exclude, "['all']",
          "parts of names of the parameters that learn; 'all': all do; 1.x"),
    FIELD(vit_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(vit_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, vit_config);

typedef struct vit {
    int64_t grid[2]; /* rows and columns of the position codes */
    param *cls_token, *pos_embed;
    module *patch_embed, *drop_after_pos, *pre_norm, *layers, *final_norm;
} vit;

static bool check(module *m, const vit_config *c, vit *s)
{
    if (c->img_size.n != 1 && c->img_size.n != 2) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "img_size"),
                   "VisionTransformer: img_size is a whole number, or [height, width]");
        return false;
    }
    for (size_t i = 0; i < 2; i++)
        s->grid[i] = c->img_size.at[i % c->img_size.n] / c->patch_size;
    if (s->grid[0] < 1 || s->grid[1] < 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "img_size"),
                   "VisionTransformer: img_size is smaller than a patch (patch_size=%lld)", (long long)c->patch_size);
    if (c->output_cls_token && !c->with_cls_token)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "output_cls_token"),
                   "VisionTransformer: output_cls_token=True needs with_cls_token=True");
    bool list = value_is_list(value_get(m->cfg, "out_indices"));
    if (!list)
        out_indices_from_end(c->out_indices, c->num_layers);
    return !model_failed(m->model) &&
           ((list && !c->out_indices.n && c->out_origin) || out_indices_check(m, c->out_indices, c->num_layers));
}

/* Reads patch_pad into s->padding and s->conv.pad. */
static void read_padding(module *m, const value *v, patch_embed_spec *s)
{
    const char *text = value_text(v);
    bool list = value_is_list(v), ok = !list || value_count(v) == 2;
    for (size_t i = 0; !text && ok && i < 2; i++) {
        int64_t n;
        ok = value_integer(list ? value_item(v, i) : v, &n) && n >= 0 && n <= 1 << 16;
        s->conv.pad[i] = ok ? n : 0;
    }
    if (text && strcmp(text, "corner") == 0)
        s->padding = PATCH_PAD_CORNER;
    else if (text && strcmp(text, "same") == 0)
        s->padding = PATCH_PAD_SAME;
    else if (text || !ok)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "patch_pad"),
                   "VisionTransformer: patch_pad is 'corner', 'same', a whole number from 0, or two of them");
}

static patch_embed_spec patches(module *m, const vit_config *c)
{
    patch_embed_spec s = {.conv = conv_square(c->in_channels, c->embed_dims, c->patch_size, c->patch_size, 0, 1),
                          .norm_cfg = c->patch_norm ? c->norm_cfg : NULL};
    s.conv.bias = c->patch_bias || m->model->options.patches_have_bias;
    read_padding(m, c->patch_pad, &s);
    return s;
}

static void build_layers(vit *s, const vit_config *c)
{
    for (int64_t i = 0; s->layers && i < c->num_layers; i++)
        encoder_layer_new(s->layers, module_index(s->layers, i),
                          (encoder_layer_spec){.channels = c->embed_dims,
                                               .heads = c->num_heads,
                                               .hidden = c->mlp_ratio * c->embed_dims,
                                               .num_fcs = c->num_fcs,
                                               .qkv_bias = c->qkv_bias,
                                               .with_cp = c->with_cp,
                                               .drop = c->drop_rate,
                                               .attn_drop = c->attn_drop_rate,
                                               .drop_path = drop_path_rate(c->drop_path_rate, i, c->num_layers),
                                               .act_cfg = c->act_cfg,
                                               .norm_cfg = c->norm_cfg});
}

/* The class's own rule. */
static void init(module *m)
{
    vit *s = m->state;
    init_jax_below(m);
    init_set(s->cls_token, INIT_TRUNC_NORMAL, 0.02f, 0, false);
    init_set(s->pos_embed, INIT_TRUNC_NORMAL, 0.02f, 0, false);
}

static void start(module *m, const vit_config *c)
{
    init_choose(m, c->init_cfg, c->pretrained, NULL);
    if (!init_from_part(m, c->init_cfg, "image_encoder.") && value_is_none(c->init_cfg) && !c->pretrained)
        m->init = init;
}

static void build(module *m)
{
    static const char *const newer[] = {"patch_pad", "out_origin", "patch_bias", "pre_norm", "frozen_exclude", NULL};
    const vit_config *c = m->config;
    vit *s = m->state = module_state(m, sizeof *s);
    if (s && m->model->options.patches_have_bias)
        module_refuse(m, newer, "1.x");
    if (!s || !check(m, c, s))
        return;
    m->model->in_channels = (int)c->in_channels;
    s->cls_token = module_param(m, "cls_token", 3, (int64_t[]){1, 1, c->embed_dims}, INIT_ZERO, 0, 0);
    int64_t codes = s->grid[0] * s->grid[1] + 1;
    s->pos_embed = module_param(m, "pos_embed", 3, (int64_t[]){1, codes, c->embed_dims}, INIT_ZERO, 0, 0);
    s->patch_embed = patch_embed_new(m, "patch_embed", patches(m, c));
    s->drop_after_pos = dropout_new(m, "drop_after_pos", c->drop_rate);
    if (c->pre_norm)
        s->pre_norm = norm_new_of(m, norm_name(m, c->norm_cfg, "_pre"), c->norm_cfg, c->embed_dims, NORM_OF_TOKENS);
    s->layers = module_list_new(m, "layers");
    build_layers(s, c);
    if (c->final_norm)
        s->final_norm = norm_new_of(m, norm_name(m, c->norm_cfg, "1"), c->norm_cfg, c->embed_dims, NORM_OF_TOKENS);
    start(m, c);
    const char *excluded = value_text(c->frozen_exclude);
    if (!model_failed(m->model) && !(excluded && strcmp(excluded, "all") == 0))
        module_freeze_gradients_but(m, "frozen_exclude", c->frozen_exclude);
}

/* Position codes for a map of h x w patches, [1,h*w,C]. */
static tensor *codes_for(const module *m, graph *g, int64_t h, int64_t w)
{
    const vit *s = m->state;
    const vit_config *c = m->config;
    tensor *codes = op_slice(g, graph_param(g, s->pos_embed), 1, 1, s->grid[0] * s->grid[1]);
    return position_codes_for(g, codes, s->grid, h, w, resize_by(c->interpolate_mode, false));
}

/* The class token and its position code, [1,1,C]. */
static tensor *class_token(const vit *s, graph *g)
{
    return op_add(g, graph_param(g, s->cls_token), op_slice(g, graph_param(g, s->pos_embed), 1, 0, 1));
}

/* x [N,h,w,C]: the patches. Returns them as tokens, with position codes, behind the class token if there is one. */
static tensor *tokens_of(const module *m, graph *g, tensor *x)
{
    const vit *s = m->state;
    const vit_config *c = m->config;
    if (!x)
        return NULL;
    int64_t n = x->dim[0], h = x->dim[1], w = x->dim[2];
    tensor *codes = codes_for(m, g, h, w), *first = class_token(s, g);
    /* In the reference a class token that is left out has a gradient of zeros: its weights decay. */
    if (!c->with_cls_token && g->train)
        codes = op_add(g, codes, op_scale(g, first, 0, 0));
    x = op_add(g, op_reshape(g, x, 3, (int64_t[]){n, h * w, c->embed_dims}), codes);
    if (c->with_cls_token) {
        first = op_broadcast(g, first, (int64_t[]){n, 1, c->embed_dims});
        x = op_concat(g, (tensor *[]){first, x}, 2, 1);
    }
    return layer_run(s->drop_after_pos, g, x);
}

/* What a layer gives: the map of its tokens and, if they are asked for, its class token. */
typedef struct vit_out {
    features maps, cls;
    int64_t h, w;
} vit_out;

static void give(const vit_config *c, graph *g, vit_out *out, tensor *x)
{
    if (!x)
        return;
    int64_t n = x->dim[0], length = out->h * out->w;
    tensor *map = c->with_cls_token ? op_slice(g, x, 1, 1, length) : x;
    features_add(g, &out->maps, op_reshape(g, map, 4, (int64_t[]){n, out->h, out->w, c->embed_dims}));
    if (c->output_cls_token)
        features_add(g, &out->cls, op_slice(g, x, 1, 0, 1));
}

static features forward(module *m, graph *g, tensor *x)
{
    const vit_config *c = m->config;
    const vit *s = m->state;
    vit_out out = {0};
    x = layer_run(s->patch_embed, g, x);
    if (x) {
        out.h = x->dim[1];
        out.w = x->dim[2];
    }
    x = tokens_of(m, g, x);
    if (s->pre_norm)
        x = layer_run(s->pre_norm, g, x);
    if (c->out_origin)
        give(c, g, &out, x);
    for (int64_t i = 0; i < c->num_layers; i++) {
        x = layer_run(s->layers->children.at[i], g, x);
        if (s->final_norm && i == c->num_layers - 1)
            x = layer_run(s->final_norm, g, x);
        if (out_indices_has(c->out_indices, i))
            give(c, g, &out, x);
    }
    out.maps.cls = out.cls.n == out.maps.n ? out.cls.at : NULL;
    return out.maps;
}

/* Position codes of another image size are resized. */
static cseg_status fit(const fitting *f, bool *fits, cseg_error *err)
{
    const vit *s = f->m->state;
    const vit_config *c = f->m->config;
    *fits = false;
    if (f->p != s->pos_embed)
        return CSEG_OK;
    return fit_codes(f, s->grid[0], s->grid[1], resize_by(c->interpolate_mode, false), fits, err);
}

static const pretrained_form form = {.fit = fit};

const kind kind_vision_transformer = {
    .family = FAMILY_BACKBONE,
    .name = "VisionTransformer",
    .about = "An image's patches as the tokens of a transformer (ViT, arXiv:2010.11929).",
    .fields = &table,
    .build = build,
    .pretrained = &form,
    .as.backbone = {.forward = forward},
};
