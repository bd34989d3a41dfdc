/* FCNHead: convolutions, optionally beside the input, then the classifier (Long et al. 2015, arXiv:1411.4038), and
 * DepthwiseSeparableFCNHead, whose convolutions are depthwise separable (Poudel et al. 2019, arXiv:1902.04502). */
#include <string.h>

#include "config/config.h"
#include "model/heads/decode_head.h"

typedef struct fcn_config {
    head_config head;
    int64_t num_convs, kernel_size, dilation;
    bool concat_input;
    const value *dw_act_cfg; /* of the separable kind only */
} fcn_config;

#define FCN_FIELDS(fewest_convs)                                                                                       \
    HEAD_FIELDS(fcn_config),                                                                                           \
        FIELD_RANGE(fcn_config, F_INT, num_convs, "2", fewest_convs, 64, "convolutions before the classifier"),        \
        FIELD_RANGE(fcn_config, F_INT, kernel_size, "3", 1, 63, "their kernel's side"),                                \
        FIELD(fcn_config, F_BOOL, concat_input, "True", "a further convolution sees input and output together")

static const field fields[] = {
    FCN_FIELDS(0),
    FIELD_RANGE(fcn_config, F_INT, dilation, "1", 1, 1024, "their dilation"),
};
static const field_table table = {fields, sizeof fields / sizeof *fields, sizeof(fcn_config), false};

static const field separable_fields[] = {
    FCN_FIELDS(1),
    FIELD_IGNORED(dilation, "the convolutions of this kind have none in the reference either"),
    FIELD(fcn_config, F_VALUE, dw_act_cfg, "None", "activation between depthwise and pointwise; 'default': ReLU"),
};
static const field_table separable_table = {separable_fields, sizeof separable_fields / sizeof *separable_fields,
                                            sizeof(fcn_config), false};

typedef struct fcn_head {
    decode_head base;
    module *convs, *conv_cat; /* NULL: none */
} fcn_head;

static void build(module *m)
{
    if (!head_begin(m, sizeof(fcn_head)))
        return;
    const fcn_config *c = m->config;
    fcn_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels, k = c->kernel_size;
    if (c->num_convs == 0 && in != channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"),
                   "%s: without convolutions channels must be in_channels: %lld, not %lld", m->name, (long long)in,
                   (long long)channels);
    if (c->num_convs > 0)
        h->convs = sequential_new(m, "convs");
    for (int64_t i = 0; i < c->num_convs; i++)
        head_conv_spec(m, h->convs, module_index(m, i),
                       conv_square(i ? channels : in, channels, k, 1, k / 2 * c->dilation, c->dilation));
    if (c->concat_input)
        h->conv_cat = head_conv(m, m, "conv_cat", in + channels, channels, k);
}

/* The reference gives these convolutions the head's norm_cfg alone: they are plain ones with a ReLU behind them,
 * whatever conv_cfg and act_cfg say. */
static module *separable(module *m, module *parent, const char *name, int64_t in)
{
    const fcn_config *c = m->config;
    int64_t k = c->kernel_size;
    value *relu = NULL;
    if (!model_failed(m->model))
        config_parse_literal("dict(type='ReLU')", m->class_name, m->model->mem, &relu, &m->model->error);
    separable_conv_spec s =
        separable_conv(conv_square(in, c->head.channels, k, 1, k / 2, 1), NULL, c->head.norm_cfg, relu);
    const char *text = value_text(c->dw_act_cfg);
    if (!text || strcmp(text, "default") != 0)
        s.depthwise.act_cfg = c->dw_act_cfg;
    return separable_conv_new(parent, name, s);
}

static void build_separable(module *m)
{
    if (!head_begin(m, sizeof(fcn_head)))
        return;
    const fcn_config *c = m->config;
    fcn_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->convs = sequential_new(m, "convs");
    for (int64_t i = 0; i < c->num_convs; i++)
        separable(m, h->convs, module_index(m, i), i ? channels : in);
    if (c->concat_input)
        h->conv_cat = separable(m, m, "conv_cat", in + channels);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    fcn_head *h = m->state;
    tensor *in = head_input(m, g, io), *y = h->convs ? layer_run(h->convs, g, in) : in;
    if (h->conv_cat)
        y = layer_run(h->conv_cat, g, op_concat(g, (tensor *[]){in, y}, 2, -1));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_fcn_head = {
    .family = FAMILY_HEAD,
    .name = "FCNHead",
    .about = "Convolutions, optionally beside the input, then the classifier (arXiv:1411.4038).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};

const kind kind_sep_fcn_head = {
    .family = FAMILY_HEAD,
    .name = "DepthwiseSeparableFCNHead",
    .about = "FCNHead with depthwise separable convolutions (Fast-SCNN, arXiv:1902.04502); act_cfg and conv_cfg do not "
             "reach them, as in the reference.",
    .fields = &separable_table,
    .build = build_separable,
    .as.head = {.forward = forward},
};
