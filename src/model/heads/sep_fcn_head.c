/* DepthwiseSeparableFCNHead: FCNHead with depthwise separable convolutions (Poudel et al. 2019, arXiv:1902.04502). */
#include <string.h>

#include "model/heads/fcn_head.h"

typedef struct sep_fcn_config {
    head_config head;
    int64_t num_convs, kernel_size;
    bool concat_input;
    const value *dw_act_cfg;
} sep_fcn_config;

static const field fields[] = {
    HEAD_FIELDS(sep_fcn_config),
    FIELD_RANGE(sep_fcn_config, F_INT, num_convs, "2", 1, 64, "convolutions before the classifier"),
    FIELD_RANGE(sep_fcn_config, F_INT, kernel_size, "3", 1, 63, "their kernel's side"),
    FIELD(sep_fcn_config, F_BOOL, concat_input, "True", "a further convolution sees input and output together"),
    FIELD_IGNORED(dilation, "the convolutions of this kind have none in the reference either"),
    FIELD(sep_fcn_config, F_VALUE, dw_act_cfg, "None", "activation between depthwise and pointwise; 'default': ReLU"),
};
static const field_table table = FIELD_TABLE(fields, sep_fcn_config);

/* MMSegmentation gives these convolutions the head's norm_cfg only. They are plain ones followed by ReLU, whatever
 * conv_cfg and act_cfg say. */
static module *separable(module *m, module *parent, const char *name, int64_t in)
{
    const sep_fcn_config *c = m->config;
    int64_t k = c->kernel_size;
    const value *relu = module_literal(m, "dict(type='ReLU')");
    separable_conv_spec s =
        separable_conv(conv_square(in, c->head.channels, k, 1, k / 2, 1), NULL, c->head.norm_cfg, relu);
    const char *text = value_text(c->dw_act_cfg);
    if (!text || strcmp(text, "default") != 0)
        s.depthwise.act_cfg = c->dw_act_cfg;
    return separable_conv_new(parent, name, s);
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(fcn_head)))
        return;
    const sep_fcn_config *c = m->config;
    if (!conv_module_check(m, c->head.conv_cfg, c->head.act_cfg))
        return;
    fcn_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->convs = sequential_new(m, "convs");
    for (int64_t i = 0; i < c->num_convs; i++)
        separable(m, h->convs, module_index(m, i), i ? channels : in);
    if (c->concat_input)
        h->conv_cat = separable(m, m, "conv_cat", in + channels);
}

const kind kind_sep_fcn_head = {
    .family = FAMILY_HEAD,
    .name = "DepthwiseSeparableFCNHead",
    .about = "FCNHead with depthwise separable convolutions (Fast-SCNN, arXiv:1902.04502); act_cfg and conv_cfg do not "
             "reach them, as in the reference.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
