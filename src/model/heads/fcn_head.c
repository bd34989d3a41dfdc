/* FCNHead: convolutions, optionally beside the input, then the classifier (Long et al. 2015, arXiv:1411.4038). */
#include "model/heads/decode_head.h"

typedef struct fcn_config {
    head_config head;
    int64_t num_convs, kernel_size, dilation;
    bool concat_input;
} fcn_config;

static const field fields[] = {
    HEAD_FIELDS(fcn_config),
    FIELD_RANGE(fcn_config, F_INT, num_convs, "2", 0, 64, "convolutions before the classifier"),
    FIELD_RANGE(fcn_config, F_INT, kernel_size, "3", 1, 63, "their kernel's side"),
    FIELD(fcn_config, F_BOOL, concat_input, "True", "a further convolution sees input and output together"),
    FIELD_RANGE(fcn_config, F_INT, dilation, "1", 1, 1024, "their dilation"),
};
static const field_table table = {fields, sizeof fields / sizeof *fields, sizeof(fcn_config), false};

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
