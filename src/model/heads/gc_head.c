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

static bool read_fusion(module *m, const value *list, context_block_spec *s)
{
    for (size_t i = 0; value_is_list(list) && i < value_count(list); i++) {
        const value *v = value_item(list, i);
        const char *name = v->kind == V_STR ? value_text(v) : "";
        s->add = s->add || strcmp(name, "channel_add") == 0;
        s->mul = s->mul || strcmp(name, "channel_mul") == 0;
        if (strcmp(name, "channel_add") != 0 && strcmp(name, "channel_mul") != 0)
            model_fail(m->model, CSEG_CONFIG, v, "fusion_types holds 'channel_add' and 'channel_mul', not %s",
                       *name ? name : value_kind_name(v));
    }
    if (!s->add && !s->mul)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "fusion_types"),
                   "fusion_types is a list of at least one of 'channel_add' and 'channel_mul'");
    return !model_failed(m->model);
}

static void build(module *m)
{
    const gc_config *c = m->config;
    int64_t channels = c->head.channels;
    context_block_spec block = {.channels = channels,
                                .planes = (int64_t)((double)channels * c->ratio),
                                .attention = strcmp(c->pooling_type, "att") == 0};
    if (!read_fusion(m, c->fusion_types, &block))
        return;
    if (block.planes < 1) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "ratio"), "%s: a ratio of %g of %lld channels leaves none",
                   m->name, c->ratio, (long long)channels);
        return;
    }
    if (fcn_begin(m, &c->fcn, 2))
        ((fcn_head *)m->state)->block = context_block_new(m, "gc_block", block);
}

const kind kind_gc_head = {
    .family = FAMILY_HEAD,
    .name = "GCHead",
    .about = "The average of the whole map changes each pixel, between two convolutions (arXiv:1904.11492).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward},
};
