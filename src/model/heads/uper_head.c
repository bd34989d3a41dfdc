/* UPerHead: a feature pyramid whose coarsest map has seen averages over grids (Xiao et al. 2018, arXiv:1807.10221). */
#include "model/heads/decode_head.h"

typedef struct uper_config {
    head_config head;
    ints pool_scales;
} uper_config;

static const field fields[] = {
    HEAD_FIELDS(uper_config),
    FIELD_RANGE(uper_config, F_INT_LIST, pool_scales, "(1, 2, 3, 6)", 1, 256, "sides of the grids"),
};
static const field_table table = FIELD_TABLE(fields, uper_config);

typedef struct uper_head {
    decode_head base;
    module *pyramid, *bottleneck;
    module *laterals, *outputs; /* of all maps but the last */
    module *fusion;
} uper_head;

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(uper_head)))
        return;
    const uper_config *c = m->config;
    const ints *in = &c->head.in_channels;
    uper_head *h = m->state;
    int64_t last = in->at[in->n - 1], channels = c->head.channels;
    h->pyramid = head_pyramid_pool(m, "psp_modules", last, c->pool_scales);
    h->bottleneck = head_conv(m, m, "bottleneck", last + (int64_t)c->pool_scales.n * channels, channels, 3);
    h->laterals = module_new(m, "lateral_convs");
    h->outputs = module_new(m, "fpn_convs");
    for (size_t i = 0; i + 1 < in->n; i++) {
        head_conv(m, h->laterals, module_index(m, (int64_t)i), in->at[i], channels, 1);
        head_conv(m, h->outputs, module_index(m, (int64_t)i), channels, channels, 3);
    }
    h->fusion = head_conv(m, m, "fpn_bottleneck", (int64_t)in->n * channels, channels, 3);
}

static tensor *fused(module *m, graph *g, const head_io *io)
{
    uper_head *h = m->state;
    bool corners = m->head->align_corners;
    features x = head_inputs(m, g, io);
    int last = x.n - 1;
    if (last < 0)
        return NULL;
    for (int i = 0; i < last; i++)
        x.at[i] = layer_run(h->laterals->children.at[i], g, x.at[i]);
    x.at[last] = layer_run(h->bottleneck, g, pyramid_pool_run(h->pyramid, g, x.at[last]));
    for (int i = last; i > 0; i--)
        x.at[i - 1] = op_add(g, x.at[i - 1], resize_like(g, x.at[i], x.at[i - 1], corners));
    for (int i = 0; i < last; i++)
        x.at[i] = layer_run(h->outputs->children.at[i], g, x.at[i]);
    for (int i = 1; i <= last; i++)
        x.at[i] = resize_like(g, x.at[i], x.at[0], corners);
    return layer_run(h->fusion, g, op_concat(g, x.at, x.n, -1));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, fused(m, g, io))};
}

const kind kind_uper_head = {
    .family = FAMILY_HEAD,
    .name = "UPerHead",
    .about = "A feature pyramid whose coarsest map has seen averages over grids (UPerNet, arXiv:1807.10221).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .features = fused},
};
