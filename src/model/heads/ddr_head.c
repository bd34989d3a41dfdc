/* DDRHead: classifies the sum of DDRNet's branches and, in training, the high resolution before they met (Hong et al.
 * 2021, arXiv:2101.06085). */
#include "model/heads/branch_head.h"

typedef struct ddr_config {
    head_config head;
} ddr_config;

static const field fields[] = {BRANCH_HEAD_FIELDS(ddr_config)};
static const field_table table = FIELD_TABLE(fields, ddr_config);

typedef struct ddr_head {
    decode_head base;
    module *head, *aux_head, *aux_cls_seg;
} ddr_head;

static void build(module *m)
{
    static const char *const numbers[] = {"0", "1", "2"};
    if (!branch_head_begin(m, sizeof(ddr_head), 2))
        return;
    ddr_head *h = m->state;
    const head_config *c = h->base.config;
    int64_t in = h->base.in_channels, channels = c->channels;
    h->head = branch_head_block(m, "head", in, channels, numbers, c->act_cfg);
    h->aux_head = branch_head_block(m, "aux_head", in / 2, channels, numbers, c->act_cfg);
    h->aux_cls_seg = pointwise_conv_new(m, "aux_cls_seg", channels, m->head->out_channels);
}

/* The maps are [spatial, context]. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    ddr_head *h = m->state;
    head_out out = {.more = features_new(g, 0)};
    tensor *x = head_map(m, g, io->x, -1, "in_channels", h->base.in_channels);
    out.logits = head_classify(m, g, layer_run(h->head, g, x));
    if (!io->label)
        return out;
    x = head_map(m, g, io->x, 0, "in_channels", h->base.in_channels / 2);
    features_add(g, &out.more, layer_run(h->aux_cls_seg, g, layer_run(h->aux_head, g, x)));
    return out;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    if (!out->more.n)
        return;
    loss_io context = branch_head_io(m, g, io, out->logits), spatial = branch_head_io(m, g, io, out->more.at[0]);
    branch_head_add_loss(m, g, 0, "loss_context", &context, prefix);
    branch_head_add_loss(m, g, 1, "loss_spatial", &spatial, prefix);
    model_add_loss(m->model, g, prefix, "acc_seg", op_accuracy(g, context.x, context.target, context.ignore_index));
}

const kind kind_ddr_head = {
    .family = FAMILY_HEAD,
    .name = "DDRHead",
    .about = "Classifies DDRNet's two maps, the first in training alone; loss_decode has a loss for the last map "
             "(loss_context) and one for the first (loss_spatial); in_index has no effect (arXiv:2101.06085).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
