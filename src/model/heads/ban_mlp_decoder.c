/* BAN_MLPDecoder of Open-CD: SegFormer's head on each of two dates, and a MixFFN over both. */
#include "model/heads/ban_decoder.h"
#include "model/heads/decode_head.h"
#include "model/heads/joined_maps.h"

typedef struct mlp_config {
    head_config head;
    const char *interpolate_mode;
} mlp_config;

static const field fields[] = {
    HEAD_FIELD_RANGE(mlp_config, F_INT_LIST, in_channels, NULL, 1, 1 << 20, "channels of each map of a date"),
    HEAD_FIELD_RANGE(mlp_config, F_INT, channels, NULL, 1, 1 << 20, "channels of the map that is made of them"),
    HEAD_CLASSES_FIELD(mlp_config),
    HEAD_FIELD(mlp_config, F_VALUE, norm_cfg, "None", "kind of normalisation"),
    HEAD_FIELD(mlp_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    HEAD_FIELD_RANGE(mlp_config, F_FLOAT, dropout_ratio, "0.1", -1, 1, "of channels, before classifying; <= 0: none"),
    HEAD_FIELD(mlp_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD_CHOICE(mlp_config, interpolate_mode, "'bilinear'", "bilinear|bicubic", "how maps are resized"),
};
static const field_table table = FIELD_TABLE(fields, mlp_config);

typedef struct mlp {
    decode_head base; /* conv_seg and dropout alone: a BitemporalAdapterHead has the rest */
    joined_maps joined;
    module *discriminator;
} mlp;

static void build(module *m)
{
    const mlp_config *c = m->config;
    mlp *h = m->state = module_state(m, sizeof *h);
    if (!h)
        return;
    int64_t channels = c->head.channels;
    if (!c->head.in_channels.n) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"), "%s: in_channels may not be empty", m->name);
        return;
    }
    joined_maps_new(m, &h->joined,
                    (joined_maps_spec){.in = c->head.in_channels,
                                       .channels = channels,
                                       .out = channels,
                                       .norm_cfg = c->head.norm_cfg,
                                       .act_cfg = c->head.act_cfg});
    h->discriminator = mix_ffn_new(m, "discriminator",
                                   (mix_ffn_spec){.channels = 2 * channels,
                                                  .hidden = 2 * channels,
                                                  .act_cfg = module_literal(m, "dict(type='GELU')")});
    h->base.conv_seg = pointwise_conv_new(m, "conv_seg", 2 * channels, c->head.num_classes);
    h->base.dropout = dropout2d_new(m, "dropout", c->head.dropout_ratio);
}

static bool fits(module *m, graph *g, const features *x)
{
    const ints *in = &((const mlp_config *)m->config)->head.in_channels;
    bool ok = x->n == (int)in->n;
    for (int i = 0; ok && i < x->n; i++) {
        if (!x->at[i])
            return false;
        ok = tensor_channels(x->at[i]) == in->at[i];
    }
    char place[512];
    if (!ok)
        graph_fail(g, CSEG_SHAPE, "%s%s (%s): in_channels does not have the channels of the %d maps of a date",
                   value_place(module_at(m, "in_channels"), place), m->name, m->kind->name, x->n);
    return ok;
}

static tensor *decode(module *m, graph *g, const features date[2])
{
    const mlp_config *c = m->config;
    const mlp *h = m->state;
    resize_attr how = resize_by(c->interpolate_mode, c->head.align_corners);
    tensor *x[2];
    for (int i = 0; i < 2; i++) {
        if (!fits(m, g, &date[i]))
            return NULL;
        x[i] = joined_maps_run(&h->joined, g, date[i], how);
    }
    tensor *both = op_concat(g, x, 2, -1);
    return both ? head_classify(m, g, mix_ffn_run(h->discriminator, g, both, NULL)) : NULL;
}

const kind kind_ban_mlp_decoder = {
    .family = FAMILY_PART,
    .scopes = SCOPE_OPENCD,
    .name = "BAN_MLPDecoder",
    .about = "SegFormer's head on each of two dates and a MixFFN over both, as ban_dec_cfg of BitemporalAdapterHead.",
    .fields = &table,
    .build = build,
    .as.ban_decoder = {.forward = decode},
};
