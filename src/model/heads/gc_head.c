/* GCHead: FCNHead with a context block between its two convolutions (Cao et al. 2019, arXiv:1904.11492). */
#include <string.h>

#include "model/heads/fcn_head.h"

typedef struct gc_config {
    head_config head;
    fcn_fields fcn;
    double ratio;
    const char *pooling_type;
    const value *fusion_types;
} gc_config;

static const field fields[] = {
    HEAD_FIELDS(gc_config),
    FCN_FIELDS(gc_config),
    FIELD_RANGE(gc_config, F_FLOAT, ratio, "0.25", 0, 64, "channels inside the block, relative to channels"),
    FIELD_CHOICE(gc_config, pooling_type, "'att'", "att|avg",
                 "how the map's pixels are averaged: weighted by a softmax, or equally"),
    FIELD(gc_config, F_VALUE, fusion_types, "('channel_add', )",
          "a list of channel_add and channel_mul: what is done to each pixel with the average"),
};
static const field_table table = FIELD_TABLE(fields, gc_config);

static void build(module *m)
{
    const gc_config *c = m->config;
    context_block_spec block = {.channels = c->head.channels, .attention = strcmp(c->pooling_type, "att") == 0};
    if (!context_block_read(m, m->cfg, c->ratio, c->fusion_types, &block))
        return;
    if (fcn_begin(m, &c->fcn, 2))
        ((fcn_head *)m->state)->block = context_block_new(m, "gc_block", block);
}

const kind kind_gc_head = {
    .family = FAMILY_HEAD,
    .name = "GCHead",
    .about = "The average of the whole map changes each pixel, between two convolutions (arXiv:1904.11492).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
