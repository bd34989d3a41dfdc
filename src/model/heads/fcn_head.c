/* FCNHead: convolutions, optionally beside the input, then the classifier (Long et al. 2015, arXiv:1411.4038). */
#include "model/heads/fcn_head.h"

typedef struct fcn_config {
    head_config head;
    int64_t num_convs;
    fcn_fields fcn;
} fcn_config;

static const field fields[] = {
    HEAD_FIELDS(fcn_config),
    FIELD_RANGE(fcn_config, F_INT, num_convs, "2", 0, 64, "convolutions before the classifier"),
    FCN_FIELDS(fcn_config),
};
static const field_table table = FIELD_TABLE(fields, fcn_config);

bool fcn_begin(module *m, const fcn_fields *c, int64_t num_convs)
{
    if (!head_begin(m, sizeof(fcn_head)))
        return false;
    fcn_head *h = m->state;
    int64_t in = h->base.in_channels, channels = h->base.config->channels, k = c->kernel_size;
    h->rounds = 1;
    if (num_convs == 0 && in != channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "channels"),
                   "%s: without convolutions channels must be in_channels: %lld, not %lld", m->name, (long long)in,
                   (long long)channels);
    if (num_convs > 0)
        h->convs = sequential_new(m, "convs");
    for (int64_t i = 0; i < num_convs; i++)
        head_conv_spec(m, h->convs, module_index(m, i),
                       conv_square(i ? channels : in, channels, k, 1, k / 2 * c->dilation, c->dilation));
    if (c->concat_input)
        h->conv_cat = head_conv(m, m, "conv_cat", in + channels, channels, k);
    return !model_failed(m->model);
}

static void build(module *m)
{
    const fcn_config *c = m->config;
    fcn_begin(m, &c->fcn, c->num_convs);
}

/* rounds: how often the block runs. */
static tensor *last_map(module *m, graph *g, const head_io *io, int64_t rounds)
{
    fcn_head *h = m->state;
    tensor *in = head_input(m, g, io), *y = in;
    for (size_t i = 0; h->convs && i < h->convs->children.n; i++) {
        y = layer_run(h->convs->children.at[i], g, y);
        for (int64_t round = 0; i == 0 && h->block && round < rounds; round++)
            y = layer_run(h->block, g, y);
    }
    return h->conv_cat ? layer_run(h->conv_cat, g, op_concat(g, (tensor *[]){in, y}, 2, -1)) : y;
}

head_out fcn_forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, last_map(m, g, io, ((fcn_head *)m->state)->rounds))};
}

tensor *fcn_features(module *m, graph *g, const head_io *io)
{
    const fcn_head *h = m->state;
    if (h->block)
        head_leaves_out(m, h->block);
    return last_map(m, g, io, 0);
}

const kind kind_fcn_head = {
    .family = FAMILY_HEAD,
    .name = "FCNHead",
    .about = "Convolutions, optionally beside the input, then the classifier (arXiv:1411.4038).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
