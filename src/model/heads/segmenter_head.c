/* SegmenterMaskTransformerHead: a token for each class runs through a transformer beside those of the patches, and its
 * product with a patch's is the patch's logit (Strudel et al. 2021, arXiv:2105.05633). */
#include <string.h>

#include "model/heads/decode_head.h"
#include "model/init.h"

enum { LAYERS_MAX = 1024 };

typedef struct segmenter_config {
    head_config head;
    int64_t num_layers, num_heads, embed_dims, mlp_ratio, num_fcs;
    double drop_path_rate, drop_rate, attn_drop_rate, init_std;
    bool qkv_bias;
} segmenter_config;

/* The class keeps norm_cfg and act_cfg to itself. */
static const field fields[] = {
    HEAD_FIELDS_CFGS(segmenter_config, "None", "dict(type='LN')", "dict(type='GELU')",
                     "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))"),
    FIELD_RANGE(segmenter_config, F_INT, num_layers, NULL, 0, LAYERS_MAX, "layers of the transformer"),
    FIELD_RANGE(segmenter_config, F_INT, num_heads, NULL, 1, 1 << 16, "heads of attention in a layer"),
    FIELD_RANGE(segmenter_config, F_INT, embed_dims, NULL, 1, 1 << 16, "channels of a token"),
    FIELD_RANGE(segmenter_config, F_INT, mlp_ratio, "4", 1, 1024, "channels inside a layer's FFN, in those of a token"),
    FIELD_RANGE(segmenter_config, F_FLOAT, drop_path_rate, "0.1", 0, 1,
                "share of samples that pass by the last layer's FFN; it grows evenly from 0 at the first"),
    FIELD_RANGE(segmenter_config, F_FLOAT, drop_rate, "0.0", 0, 1,
                "dropout behind the attention and behind the FFN's linear layers"),
    FIELD_RANGE(segmenter_config, F_FLOAT, attn_drop_rate, "0.0", 0, 1, "dropout of the attention's weights"),
    FIELD_RANGE(segmenter_config, F_INT, num_fcs, "2", 2, 64, "linear layers of an FFN"),
    FIELD(segmenter_config, F_BOOL, qkv_bias, "True", "the attention's projections have a bias"),
    FIELD_RANGE(segmenter_config, F_FLOAT, init_std, "0.02", 0, 1e3, "deviation of the weights at the start"),
};
static const field_table table = FIELD_TABLE(fields, segmenter_config);

typedef struct segmenter_head {
    decode_head base;
    param *cls_emb; /* [1, classes, embed_dims] */
    module *layers, *dec_proj, *patch_proj, *classes_proj, *decoder_norm, *mask_norm;
} segmenter_head;

static void set_start(module *m, float std)
{
    if (strcmp(m->class_name, "LayerNorm") == 0)
        init_layer(m, INIT_CONSTANT, 1, 0, false);
    else if (m->forward && module_own(m, "weight"))
        init_layer(m, INIT_TRUNC_NORMAL, std, 0, false);
    for (size_t i = 0; i < m->children.n; i++)
        set_start(m->children.at[i], std);
}

/* The class's own rule: all but the projections of queries, keys and values, which stay as PyTorch starts them. */
static void init(module *m)
{
    float std = (float)((const segmenter_config *)m->config)->init_std;
    set_start(m, std);
    init_set(((segmenter_head *)m->state)->cls_emb, INIT_TRUNC_NORMAL, std, 0, false);
}

static bool check(module *m)
{
    const segmenter_config *c = m->config;
    const value *start = value_get(m->cfg, "init_cfg");
    if (c->head.input_transform)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "input_transform"),
                   "%s: %s takes one map: in_channels is one number, and there is no input_transform", m->name,
                   m->kind->name);
    if (m->head->out_channels != c->head.num_classes)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "out_channels"),
                   "%s: %s gives a logit for each of the %lld classes: leave out_channels out", m->name, m->kind->name,
                   (long long)c->head.num_classes);
    if (!value_is_none(start))
        model_fail(m->model, CSEG_CONFIG, start,
                   "%s: %s has a rule of its own for the weights, by init_std, and would not look at init_cfg; leave "
                   "it out",
                   m->name, m->kind->name);
    return !model_failed(m->model);
}

static void build_layers(module *list, const segmenter_config *c)
{
    for (int64_t i = 0; list && i < c->num_layers; i++)
        encoder_layer_new(list, module_index(list, i),
                          (encoder_layer_spec){.channels = c->embed_dims,
                                               .heads = c->num_heads,
                                               .hidden = c->mlp_ratio * c->embed_dims,
                                               .num_fcs = c->num_fcs,
                                               .qkv_bias = c->qkv_bias,
                                               .drop = c->drop_rate,
                                               .attn_drop = c->attn_drop_rate,
                                               .drop_path = drop_path_rate(c->drop_path_rate, i, c->num_layers),
                                               .act_cfg = c->head.act_cfg,
                                               .norm_cfg = c->head.norm_cfg});
}

static void build(module *m)
{
    if (!head_begin_unclassified(m, sizeof(segmenter_head)) || !check(m))
        return;
    const segmenter_config *c = m->config;
    segmenter_head *h = m->state;
    int64_t channels = c->embed_dims, classes = c->head.num_classes;
    const value *norm_cfg = c->head.norm_cfg;
    m->init = init;
    h->cls_emb = module_param(m, "cls_emb", 3, (int64_t[]){1, classes, channels}, INIT_NORMAL, 0, 1);
    h->layers = module_new(m, "layers");
    build_layers(h->layers, c);
    h->dec_proj = linear_new(m, "dec_proj", h->base.in_channels, channels, true);
    h->patch_proj = linear_new(m, "patch_proj", channels, channels, false);
    h->classes_proj = linear_new(m, "classes_proj", channels, channels, false);
    h->decoder_norm = norm_new_of(m, "decoder_norm", norm_cfg, channels, NORM_OF_TOKENS);
    h->mask_norm = norm_new_of(m, "mask_norm", norm_cfg, classes, NORM_OF_TOKENS);
}

/* x [N,L,C] -> the tokens from `start` on, projected, each of length 1. */
static tensor *directions(module *proj, graph *g, tensor *x, int64_t start, int64_t n)
{
    return normalize_along(g, layer_run(proj, g, op_slice(g, x, 1, start, n)), 2, 2);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const segmenter_config *c = m->config;
    const segmenter_head *h = m->state;
    tensor *map = head_input(m, g, io);
    if (!map)
        return (head_out){0};
    int64_t n = map->dim[0], length = map->dim[1] * map->dim[2], classes = c->head.num_classes;
    tensor *x = layer_run(h->dec_proj, g, op_reshape(g, map, 3, (int64_t[]){n, length, map->dim[3]}));
    tensor *class_tokens = op_broadcast(g, graph_param(g, h->cls_emb), (int64_t[]){n, classes, c->embed_dims});
    x = op_concat(g, (tensor *[]){x, class_tokens}, 2, 1);
    for (size_t i = 0; i < h->layers->children.n; i++)
        x = layer_run(h->layers->children.at[i], g, x);
    x = layer_run(h->decoder_norm, g, x);
    tensor *patches = directions(h->patch_proj, g, x, 0, length);
    tensor *masks = op_matmul(g, patches, directions(h->classes_proj, g, x, length, classes), false, true);
    masks = layer_run(h->mask_norm, g, masks);
    return (head_out){.logits = op_reshape(g, masks, 4, (int64_t[]){n, map->dim[1], map->dim[2], classes})};
}

const kind kind_segmenter_head = {
    .family = FAMILY_HEAD,
    .name = "SegmenterMaskTransformerHead",
    .about = "A transformer of patches and classes: their products are the logits (Segmenter, arXiv:2105.05633).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
