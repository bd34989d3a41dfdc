/* SegformerHead: maps of all sizes, each through a 1x1 convolution, resized and joined by another (Xie et al. 2021,
 * arXiv:2105.15203). */
#include "model/heads/decode_head.h"

typedef struct segformer_config {
    head_config head;
    const char *interpolate_mode;
} segformer_config;

static const field fields[] = {
    HEAD_FIELDS(segformer_config),
    FIELD_CHOICE(segformer_config, interpolate_mode, "'bilinear'", "bilinear|bicubic", "how maps are resized"),
};
static const field_table table = FIELD_TABLE(fields, segformer_config);

typedef struct segformer_head {
    decode_head base;
    module *convs, *fusion;
} segformer_head;

/* The class knows no conv_cfg, and its last convolution no act_cfg. */
static module *pointwise(module *m, module *parent, const char *name, int64_t in, const value *act_cfg)
{
    const segformer_config *c = m->config;
    conv_module_spec s = {
        .conv = conv_square(in, c->head.channels, 1, 1, 0, 1), .norm_cfg = c->head.norm_cfg, .act_cfg = act_cfg};
    return conv_module_new(parent, name, s);
}

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(segformer_head)))
        return;
    const segformer_config *c = m->config;
    const ints *in = &c->head.in_channels;
    segformer_head *h = m->state;
    h->convs = module_new(m, "convs");
    for (size_t i = 0; i < in->n; i++)
        pointwise(m, h->convs, module_index(m, (int64_t)i), in->at[i], c->head.act_cfg);
    h->fusion =
        pointwise(m, m, "fusion_conv", (int64_t)in->n * c->head.channels, module_literal(m, "dict(type='ReLU')"));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const segformer_config *c = m->config;
    segformer_head *h = m->state;
    resize_attr how = resize_by(c->interpolate_mode, m->head->align_corners);
    features x = head_inputs(m, g, io);
    for (int i = 0; i < x.n; i++)
        x.at[i] = resize_like_by(g, layer_run(h->convs->children.at[i], g, x.at[i]), x.at[0], how);
    return (head_out){.logits = head_classify(m, g, layer_run(h->fusion, g, op_concat(g, x.at, x.n, -1)))};
}

const kind kind_segformer_head = {
    .family = FAMILY_HEAD,
    .name = "SegformerHead",
    .about = "Maps of all sizes, each through a 1x1 convolution, resized and joined by another (arXiv:2105.15203).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
