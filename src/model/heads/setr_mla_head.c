/* SETRMLAHead: two convolutions for each map of an MLANeck, whose larger results stand beside each other (SETR, Zheng
 * et al. 2020, arXiv:2012.15840). */
#include "model/heads/decode_head.h"

typedef struct setr_mla_config {
    head_config head;
    int64_t mla_channels;
    double up_scale;
} setr_mla_config;

static const field fields[] = {
    HEAD_FIELDS(setr_mla_config),
    FIELD_RANGE(setr_mla_config, F_INT, mla_channels, "128", 1, 1 << 20,
                "of each map's convolutions; `channels` is the sum over all maps"),
    FIELD_RANGE(setr_mla_config, F_FLOAT, up_scale, "4", 1e-3, 64, "of the resize behind a map's convolutions"),
};
static const field_table table = FIELD_TABLE(fields, setr_mla_config);

typedef struct setr_mla_head {
    decode_head base;
    module *up_convs;
} setr_mla_head;

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(setr_mla_head)))
        return;
    const setr_mla_config *c = m->config;
    setr_mla_head *h = m->state;
    int64_t maps = (int64_t)c->head.in_channels.n, channels = c->mla_channels;
    if (c->head.channels != maps * channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"),
                   "%s: channels is %lld, but the %lld maps with mla_channels=%lld make %lld", m->name,
                   (long long)c->head.channels, (long long)maps, (long long)channels, (long long)(maps * channels));
    conv_module_spec spec = {.norm_cfg = c->head.norm_cfg, .act_cfg = c->head.act_cfg};
    h->up_convs = module_new(m, "up_convs");
    for (int64_t i = 0; i < maps; i++) {
        module *list = sequential_new(h->up_convs, module_index(m, i));
        spec.conv = conv_square(c->head.in_channels.at[i], channels, 3, 1, 1, 1);
        conv_module_new(list, "0", spec);
        spec.conv.in = channels;
        conv_module_new(list, "1", spec);
        upsample_new(list, "2", c->up_scale, "bilinear", c->head.align_corners);
    }
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    setr_mla_head *h = m->state;
    features x = head_inputs(m, g, io);
    for (int i = 0; i < x.n; i++)
        x.at[i] = layer_run(h->up_convs->children.at[i], g, x.at[i]);
    return (head_out){.logits = head_classify(m, g, op_concat(g, x.at, x.n, -1))};
}

const kind kind_setr_mla_head = {
    .family = FAMILY_HEAD,
    .name = "SETRMLAHead",
    .about = "Two convolutions for each map of an MLANeck, beside each other (SETR-MLA, arXiv:2012.15840).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
