/* PSPHead: the input beside its own averages over coarser and coarser grids (Zhao et al. 2017, arXiv:1612.01105). */
#include "model/heads/decode_head.h"

typedef struct psp_config {
    head_config head;
    ints pool_scales;
} psp_config;

static const field fields[] = {
    HEAD_FIELDS(psp_config),
    FIELD_RANGE(psp_config, F_INT_LIST, pool_scales, "(1, 2, 3, 6)", 1, 256, "sides of the grids"),
};
static const field_table table = FIELD_TABLE(fields, psp_config);

typedef struct psp_head {
    decode_head base;
    module *pyramid, *bottleneck;
} psp_head;

static void build(module *m)
{
    if (!head_begin(m, sizeof(psp_head)))
        return;
    const psp_config *c = m->config;
    psp_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->pyramid = head_pyramid_pool(m, "psp_modules", in, c->pool_scales);
    h->bottleneck = head_conv(m, m, "bottleneck", in + (int64_t)c->pool_scales.n * channels, channels, 3);
}

static tensor *bottleneck(module *m, graph *g, const head_io *io)
{
    psp_head *h = m->state;
    return layer_run(h->bottleneck, g, pyramid_pool_run(h->pyramid, g, head_input(m, g, io)));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, bottleneck(m, g, io))};
}

const kind kind_psp_head = {
    .family = FAMILY_HEAD,
    .name = "PSPHead",
    .about = "The input beside its averages over grids of several sizes (arXiv:1612.01105).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .features = bottleneck},
};
