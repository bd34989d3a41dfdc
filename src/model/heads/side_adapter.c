#include "model/heads/side_adapter.h"

#include "model/backbones/out_indices.h"
#include "model/init.h"

typedef struct adapter_config {
    int64_t in_channels, clip_channels, embed_dims, patch_size, num_queries;
    bool patch_bias;
    ints fusion_index;
    const value *cfg_encoder, *cfg_decoder, *norm_cfg;
} adapter_config;

static const field adapter_fields[] = {
    FIELD_RANGE(adapter_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(adapter_config, F_INT, clip_channels, "768", 1, 1 << 16, "channels of CLIP's maps"),
    FIELD_RANGE(adapter_config, F_INT, embed_dims, "240", 1, 1 << 16, "channels of a token"),
    FIELD_RANGE(adapter_config, F_INT, patch_size, "16", 1, 640, "side of a patch"),
    FIELD(adapter_config, F_BOOL, patch_bias, "True", "the patches' convolution has a bias"),
    FIELD_RANGE(adapter_config, F_INT, num_queries, "100", 1, 1 << 16, "masks that are proposed"),
    FIELD_RANGE(adapter_config, F_INT_LIST, fusion_index, "[0, 1, 2, 3]", 0, 1024,
                "layers behind which CLIP's maps are added"),
    FIELD(adapter_config, F_VALUE, cfg_encoder, NULL, "num_encode_layer, num_heads, mlp_ratio"),
    FIELD(adapter_config, F_VALUE, cfg_decoder, NULL, "of the masks and biases"),
    FIELD(adapter_config, F_VALUE, norm_cfg, "dict(type='LN')", "of the layers"),
};
static const field_table adapter_table = FIELD_TABLE(adapter_fields, adapter_config);

typedef struct encoder_config {
    int64_t num_encode_layer, num_heads, mlp_ratio;
} encoder_config;
static const field encoder_fields[] = {
    FIELD_RANGE(encoder_config, F_INT, num_encode_layer, NULL, 1, 1024, "layers"),
    FIELD_RANGE(encoder_config, F_INT, num_heads, NULL, 1, 1 << 16, "heads of attention in a layer"),
    FIELD_RANGE(encoder_config, F_INT, mlp_ratio, NULL, 1, 1024, "channels inside an FFN, in those of a token"),
};
static const field_table encoder_table = FIELD_TABLE(encoder_fields, encoder_config);

typedef struct decoder_config {
    int64_t num_heads, num_layers, embed_channels, mlp_channels, num_mlp;
    bool rescale;
} decoder_config;
static const field decoder_fields[] = {
    FIELD_RANGE(decoder_config, F_INT, num_heads, NULL, 1, 1 << 16, "heads of CLIP that get a bias; 1: all the same"),
    FIELD_RANGE(decoder_config, F_INT, num_layers, NULL, 1, 1024, "layers of CLIP that get one; 1: all the same"),
    FIELD_RANGE(decoder_config, F_INT, embed_channels, NULL, 1, 1 << 16, "channels of masks and biases"),
    FIELD_RANGE(decoder_config, F_INT, mlp_channels, NULL, 1, 1 << 16, "channels between the layers of an MLP"),
    FIELD_RANGE(decoder_config, F_INT, num_mlp, NULL, 1, 64, "layers of an MLP"),
    FIELD(decoder_config, F_BOOL, rescale, NULL, "biases are scaled and shifted by two learnt numbers"),
};
static const field_table decoder_table = FIELD_TABLE(decoder_fields, decoder_config);

enum { SIDE = 640 }; /* of the images that the positions are made for, whatever the config says */

typedef struct adapter {
    adapter_config c;
    decoder_config masks;
    int64_t grid; /* rows and columns of the positions */
    param *positions, *query_positions, *queries;
    module *patches, *layers, *clip, *decoder;
    module *query_mlp, *pixel_mlp, *bias_mlp, *scaling; /* scaling NULL: none */
} adapter;

/* Linear layers, or 1x1 convolutions, with ReLU in between. */
static module *mlp_new(module *m, const char *name, const decoder_config *c, int64_t in, int64_t out, bool map)
{
    module *mlp = module_new(m, name), *list = module_new(mlp, "layers");
    for (int64_t i = 0; list && i < c->num_mlp; i++) {
        int64_t from = i ? c->mlp_channels : in, to = i < c->num_mlp - 1 ? c->mlp_channels : out;
        const char *at = module_index(m, i);
        if (map)
            pointwise_conv_new(list, at, from, to);
        else
            linear_new(list, at, from, to, true);
    }
    if (mlp)
        mlp->class_name = "MLP";
    return list;
}

static tensor *mlp_run(const module *list, graph *g, tensor *x)
{
    for (size_t i = 0; i < list->children.n; i++) {
        x = layer_run(list->children.at[i], g, x);
        if (i + 1 < list->children.n)
            x = op_relu(g, x);
    }
    return x;
}

static void build_decoder(module *m, adapter *s)
{
    const decoder_config *c = &s->masks;
    int64_t in = s->c.embed_dims, out = c->embed_channels;
    module *d = module_new(m, "mask_decoder");
    s->query_mlp = mlp_new(d, "query_mlp", c, in, out, false);
    s->pixel_mlp = mlp_new(d, "pix_mlp", c, in, out, true);
    s->bias_mlp = mlp_new(d, "attn_mlp", c, in, out * c->num_heads * c->num_layers, true);
    if (c->rescale)
        s->scaling = linear_new(d, "bias_scaling", 1, 1, true);
}

/* CLIP's maps, each through a norm of its pixels and a 1x1 convolution. */
static void build_clip(module *m, adapter *s)
{
    s->clip = module_new(m, "conv_clips");
    for (size_t i = 0; s->clip && i < s->c.fusion_index.n; i++) {
        module *one = sequential_new(s->clip, module_index(m, (int64_t)i));
        norm_new_of(one, "0", module_literal(m, "dict(type='LN', eps=1e-6)"), s->c.clip_channels, NORM_OF_TOKENS);
        conv_module_spec conv = {.conv = conv_square(s->c.clip_channels, s->c.embed_dims, 1, 1, 0, 1)};
        module *made = conv_module_new(one, "1", conv);
        if (made)
            init_layer(module_child(made, "conv"), INIT_KAIMING_UNIFORM, 1, 0, false);
    }
}

static void build_layers(module *m, adapter *s, const encoder_config *c)
{
    s->layers = module_new(m, "encode_layers");
    for (int64_t i = 0; s->layers && i < c->num_encode_layer; i++)
        encoder_layer_new(s->layers, module_index(m, i),
                          (encoder_layer_spec){.channels = s->c.embed_dims,
                                               .heads = c->num_heads,
                                               .hidden = c->mlp_ratio * s->c.embed_dims,
                                               .num_fcs = 2,
                                               .qkv_bias = true,
                                               .act_cfg = module_literal(m, "dict(type='GELU')"),
                                               .norm_cfg = s->c.norm_cfg});
}

static void declare(module *m, adapter *s, const encoder_config *c)
{
    int64_t queries[3] = {1, s->c.num_queries, s->c.embed_dims};
    int64_t positions[3] = {1, s->grid * s->grid, s->c.embed_dims};
    s->positions = module_param(m, "pos_embed", 3, positions, INIT_TRUNC_NORMAL, 0.02f, 0);
    s->query_positions = module_param(m, "query_pos_embed", 3, queries, INIT_NORMAL, 0, 0.02f);
    s->queries = module_param(m, "query_embed", 3, queries, INIT_NORMAL, 0, 0.02f);
    patch_embed_spec patches = {
        .conv = conv_square(s->c.in_channels, s->c.embed_dims, s->c.patch_size, s->c.patch_size, 0, 1)};
    patches.conv.bias = s->c.patch_bias;
    s->patches = patch_embed_new(m, "patch_embed", patches);
    build_layers(m, s, c);
    build_clip(m, s);
    build_decoder(m, s);
}

static bool parse(module *m, const field_table *t, const char *what, const value *cfg, void *out)
{
    if (!model_failed(m->model) && cfg && cfg->kind != V_DICT)
        model_fail(m->model, CSEG_CONFIG, cfg, "%s: %s is a dict, not %s", m->name, what, value_kind_name(cfg));
    return !model_failed(m->model) && fields_parse(t, what, cfg, NULL, m->model->mem, out, &m->model->error) == CSEG_OK;
}

module *side_adapter_new(module *parent, const char *name, const value *cfg)
{
    module *m = module_new(parent, name);
    adapter *s = module_state(m, sizeof *s);
    encoder_config c;
    if (!s || !parse(m, &adapter_table, "san_cfg", cfg, &s->c) ||
        !parse(m, &encoder_table, "cfg_encoder", s->c.cfg_encoder, &c) ||
        !parse(m, &decoder_table, "cfg_decoder", s->c.cfg_decoder, &s->masks))
        return NULL;
    m->class_name = "SideAdapterNetwork";
    m->cfg = cfg;
    m->state = s;
    s->grid = SIDE / s->c.patch_size;
    if (!s->c.fusion_index.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "fusion_index"), "%s: fusion_index names no layer", m->name);
    declare(m, s, &c);
    return model_failed(m->model) ? NULL : m;
}

int64_t side_adapter_queries(const module *m)
{
    return ((const adapter *)m->state)->c.num_queries;
}

int64_t side_adapter_bias_layers(const module *m)
{
    return ((const adapter *)m->state)->masks.num_layers;
}

int64_t side_adapter_bias_heads(const module *m)
{
    return ((const adapter *)m->state)->masks.num_heads;
}

/* Positions of queries and of a map of h x w patches, [1,Q+h*w,C]. */
static tensor *positions(const adapter *s, graph *g, int64_t h, int64_t w)
{
    tensor *codes = graph_param(g, s->positions);
    codes = position_codes_for(g, codes, (int64_t[]){s->grid, s->grid}, h, w, (resize_attr){.cubic = true});
    return op_concat(g, (tensor *[]){graph_param(g, s->query_positions), codes}, 2, 1);
}

/* Tokens x [N,Q+h*w,C] and a map of CLIP's, added to those of the image. */
static tensor *with_clip(const adapter *s, graph *g, tensor *x, tensor *map, size_t i, int64_t h, int64_t w)
{
    int64_t queries = s->c.num_queries, channels = s->c.embed_dims;
    const module *one = s->clip->children.at[i];
    map = layer_run(one->children.at[1], g, layer_run(one->children.at[0], g, map));
    map = op_resize_to(g, map, h, w, false);
    if (!x || !map)
        return NULL;
    map = op_reshape(g, map, 3, (int64_t[]){x->dim[0], h * w, channels});
    tensor *image = op_add(g, op_slice(g, x, 1, queries, h * w), map);
    return op_concat(g, (tensor *[]){op_slice(g, x, 1, 0, queries), image}, 2, 1);
}

/* Masks and biases of tokens x [N,Q+h*w,C]. */
static side_masks decode(const adapter *s, graph *g, tensor *x, int64_t h, int64_t w)
{
    const decoder_config *c = &s->masks;
    int64_t queries = s->c.num_queries, parts = c->num_heads * c->num_layers;
    if (!x)
        return (side_masks){0};
    int64_t n = x->dim[0];
    tensor *query = mlp_run(s->query_mlp, g, op_slice(g, x, 1, 0, queries));
    tensor *map = op_reshape(g, op_slice(g, x, 1, queries, h * w), 4, (int64_t[]){n, h, w, s->c.embed_dims});
    tensor *pixels = mlp_run(s->pixel_mlp, g, map);
    tensor *bias = op_reshape(g, mlp_run(s->bias_mlp, g, map), 3, (int64_t[]){n, h * w * parts, c->embed_channels});
    bias = op_matmul(g, bias, query, false, true);
    if (s->scaling) {
        const int64_t one[3] = {1, 1, 1};
        bias = op_mul(g, bias, op_reshape(g, graph_param(g, module_own(s->scaling, "weight")), 3, one));
        bias = op_add(g, bias, op_reshape(g, graph_param(g, module_own(s->scaling, "bias")), 3, one));
    }
    return (side_masks){
        .embed = query, .map = pixels, .bias = op_reshape(g, bias, 4, (int64_t[]){n, h, w, parts * queries})};
}

/* The image's patches behind the queries, with their positions. */
static tensor *tokens_of(const adapter *s, graph *g, tensor *x, tensor *codes)
{
    int64_t n = x->dim[0], channels = s->c.embed_dims;
    tensor *queries = op_broadcast(g, graph_param(g, s->queries), (int64_t[]){n, s->c.num_queries, channels});
    return op_add(g, op_concat(g, (tensor *[]){queries, map_tokens(g, x)}, 2, 1), codes);
}

static int run(const adapter *s, graph *g, tensor *img, features clip, ints deep, side_masks *out, int most)
{
    tensor *x = layer_run(s->patches, g, img);
    if (!x)
        return 0;
    int64_t h = x->dim[1], w = x->dim[2], layers = (int64_t)s->layers->children.n;
    ints fusion = s->c.fusion_index;
    tensor *codes = positions(s, g, h, w);
    size_t fused = 0;
    int n = 0;
    x = tokens_of(s, g, x, codes);
    if (fusion.at[0] == 0)
        x = with_clip(s, g, x, clip.at[fused], fused, h, w), fused++;
    for (int64_t i = 1; i <= layers && n < most; i++) {
        x = layer_run(s->layers->children.at[i - 1], g, x);
        /* As in the reference, nothing is added behind a layer whose number is not below that of the maps. */
        if (i < (int64_t)fusion.n && i == fusion.at[fused])
            x = with_clip(s, g, x, clip.at[fused], fused, h, w), fused++;
        if (i == layers || out_indices_has(deep, i))
            out[n++] = decode(s, g, x, h, w);
        if (i < layers)
            x = op_add(g, x, codes);
    }
    return n;
}

int side_adapter_run(module *m, graph *g, tensor *img, features clip, ints deep, side_masks *out, int most)
{
    const adapter *s = m->state;
    char place[512];
    int n = 0;
    graph_push_scope(g, m->name);
    if (img && clip.n && clip.n != (int)s->c.fusion_index.n)
        graph_fail(g, CSEG_CONFIG, "%sfusion_index names %zu layers, but the image encoder gives %d maps",
                   value_place(module_at(m, "fusion_index"), place), s->c.fusion_index.n, clip.n);
    else if (img && clip.n)
        n = run(s, g, img, clip, deep, out, most);
    graph_pop_scope(g);
    return n;
}
