/* FPNHead: the maps of a feature pyramid, each brought step by step to the finest one's size, and added (Kirillov et
 * al. 2019, arXiv:1901.02446). */
#include <math.h>

#include "model/heads/decode_head.h"

typedef struct fpn_head_config {
    head_config head;
    ints feature_strides;
} fpn_head_config;

static const field fields[] = {
    HEAD_FIELDS(fpn_head_config),
    FIELD_RANGE(fpn_head_config, F_INT_LIST, feature_strides, NULL, 1, 1 << 16,
                "pixels of the image between neighbours in each map, the finest first; powers of 2"),
};
static const field_table table = FIELD_TABLE(fields, fpn_head_config);

typedef struct fpn_head {
    decode_head base;
    module *scales; /* a Sequential for each map */
} fpn_head;

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(fpn_head)) ||
        !head_check_strides(m, ((const fpn_head_config *)m->config)->feature_strides))
        return;
    const fpn_head_config *c = m->config;
    fpn_head *h = m->state;
    int64_t finest = c->feature_strides.at[0];
    h->scales = module_new(m, "scale_heads");
    for (size_t i = 0; i < c->feature_strides.n; i++) {
        int64_t stride = c->feature_strides.at[i], in = c->head.in_channels.at[i], at = 0;
        int steps = (int)(log2((double)stride) - log2((double)finest));
        module *list = sequential_new(h->scales, module_index(m, (int64_t)i));
        for (int k = 0; k < steps || k == 0; k++) {
            head_conv(m, list, module_index(m, at++), in, c->head.channels, 3);
            if (stride != finest)
                upsample_new(list, module_index(m, at++), 2, "bilinear", c->head.align_corners);
            in = c->head.channels;
        }
    }
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    fpn_head *h = m->state;
    features x = head_inputs(m, g, io);
    tensor *sum = x.n ? layer_run(h->scales->children.at[0], g, x.at[0]) : NULL;
    for (int i = 1; i < x.n; i++) {
        tensor *y = layer_run(h->scales->children.at[i], g, x.at[i]);
        sum = op_add(g, sum, resize_like(g, y, sum, m->head->align_corners));
    }
    return (head_out){.logits = head_classify(m, g, sum)};
}

const kind kind_fpn_head = {
    .family = FAMILY_HEAD,
    .name = "FPNHead",
    .about = "The maps of a feature pyramid at the finest one's size, added (Semantic FPN, arXiv:1901.02446).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
