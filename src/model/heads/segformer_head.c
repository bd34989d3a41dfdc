/* SegformerHead: maps of all sizes, each through a 1x1 convolution, resized and joined by another (Xie et al. 2021,
 * arXiv:2105.15203). */
#include "model/heads/decode_head.h"
#include "model/heads/joined_maps.h"

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
    joined_maps joined;
} segformer_head;

/* The class knows no conv_cfg, and its last convolution no act_cfg. */
static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(segformer_head)))
        return;
    const segformer_config *c = m->config;
    segformer_head *h = m->state;
    joined_maps_new(m, &h->joined,
                    (joined_maps_spec){.in = c->head.in_channels,
                                       .channels = c->head.channels,
                                       .out = c->head.channels,
                                       .norm_cfg = c->head.norm_cfg,
                                       .act_cfg = c->head.act_cfg});
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const segformer_config *c = m->config;
    const segformer_head *h = m->state;
    resize_attr how = resize_by(c->interpolate_mode, m->head->align_corners);
    return (head_out){.logits = head_classify(m, g, joined_maps_run(&h->joined, g, head_inputs(m, g, io), how))};
}

const kind kind_segformer_head = {
    .family = FAMILY_HEAD,
    .name = "SegformerHead",
    .about = "Maps of all sizes, each through a 1x1 convolution, resized and joined by another (arXiv:2105.15203).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
