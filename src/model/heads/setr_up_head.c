/* SETRUPHead: convolutions, each followed by a larger map: SETR's naive and progressive heads (Zheng et al. 2020,
 * arXiv:2012.15840). */
#include "model/heads/decode_head.h"

typedef struct setr_up_config {
    head_config head;
    const value *norm_layer;
    int64_t num_convs, kernel_size;
    double up_scale;
} setr_up_config;

static const field fields[] = {
    HEAD_FIELDS_INIT(setr_up_config, "[dict(type='Constant', val=1.0, bias=0, layer='LayerNorm'), "
                                     "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))]"),
    FIELD(setr_up_config, F_VALUE, norm_layer, "dict(type='LN', eps=1e-6, requires_grad=True)",
          "kind of normalisation of the input"),
    FIELD_RANGE(setr_up_config, F_INT, num_convs, "1", 0, 64, "convolutions, each with a resize behind it"),
    FIELD_RANGE(setr_up_config, F_FLOAT, up_scale, "4", 1e-3, 64, "of each resize"),
    FIELD_RANGE(setr_up_config, F_INT, kernel_size, "3", 1, 3, "of the convolutions: 1 or 3"),
};
static const field_table table = FIELD_TABLE(fields, setr_up_config);

typedef struct setr_up_head {
    decode_head base;
    module *norm, *up_convs;
} setr_up_head;

static void build(module *m)
{
    if (!head_begin(m, sizeof(setr_up_head)))
        return;
    const setr_up_config *c = m->config;
    setr_up_head *h = m->state;
    int64_t in = h->base.in_channels, kernel = c->kernel_size;
    if (kernel == 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "kernel_size"), "%s: kernel_size is 1 or 3", m->name);
    h->norm = norm_new_of(m, "norm", c->norm_layer, in, NORM_OF_TOKENS);
    h->up_convs = module_new(m, "up_convs");
    for (int64_t i = 0; i < c->num_convs; i++, in = c->head.channels) {
        module *list = sequential_new(h->up_convs, module_index(m, i));
        conv_module_new(list, "0",
                        (conv_module_spec){.conv = conv_square(in, c->head.channels, kernel, 1, kernel / 2, 1),
                                           .norm_cfg = c->head.norm_cfg,
                                           .act_cfg = c->head.act_cfg});
        upsample_new(list, "1", c->up_scale, "bilinear", c->head.align_corners);
    }
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    setr_up_head *h = m->state;
    tensor *x = layer_run(h->norm, g, head_input(m, g, io));
    for (size_t i = 0; i < h->up_convs->children.n; i++)
        x = layer_run(h->up_convs->children.at[i], g, x);
    return (head_out){.logits = head_classify(m, g, x)};
}

const kind kind_setr_up_head = {
    .family = FAMILY_HEAD,
    .name = "SETRUPHead",
    .about = "Convolutions, each followed by a larger map (SETR's naive and progressive heads, arXiv:2012.15840).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
