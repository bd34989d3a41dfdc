/* EMAHead: describes pixels by a few bases, found in the image by expectation maximisation from initial bases that
 * training updates (Li et al. 2019, arXiv:1907.13426). */
#include <math.h>

#include "model/heads/decode_head.h"
#include "model/init.h"

typedef struct ema_config {
    head_config head;
    int64_t ema_channels, num_bases, num_stages;
    bool concat_input;
    double momentum;
} ema_config;

static const field fields[] = {
    HEAD_FIELDS(ema_config),
    FIELD_RANGE(ema_config, F_INT, ema_channels, NULL, 1, 1 << 20, "channels of the pixels that are described"),
    FIELD_RANGE(ema_config, F_INT, num_bases, NULL, 1, 1 << 20, "bases"),
    FIELD_RANGE(ema_config, F_INT, num_stages, NULL, 1, 1024, "times that pixels and bases are fitted to each other"),
    FIELD(ema_config, F_BOOL, concat_input, "True", "a further convolution sees input and output together"),
    FIELD_RANGE(ema_config, F_FLOAT, momentum, "0.1", 0, 1, "weight of a batch's bases in those that are kept"),
};
static const field_table table = FIELD_TABLE(fields, ema_config);

typedef struct ema_head {
    decode_head base;
    param *bases; /* [1, ema_channels, num_bases], each of length 1 */
    module *in_conv, *mid_conv, *out_conv, *bottleneck, *conv_cat;
} ema_head;

static module *plain_conv(module *m, const char *name, const value *norm_cfg)
{
    const ema_config *c = m->config;
    return conv_module_new(m, name,
                           (conv_module_spec){.conv = conv_square(c->ema_channels, c->ema_channels, 1, 1, 0, 1),
                                              .conv_cfg = c->head.conv_cfg,
                                              .norm_cfg = norm_cfg});
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(ema_head)))
        return;
    const ema_config *c = m->config;
    ema_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->bases = module_buffer(module_new(m, "ema_module"), "bases", DT_F32, 3,
                             (int64_t[]){1, c->ema_channels, c->num_bases}, 0);
    if (h->bases)
        init_set(h->bases, INIT_NORMAL_UNIT, 0, sqrtf(2 / (float)c->num_bases), false);
    h->in_conv = head_conv(m, m, "ema_in_conv", in, c->ema_channels, 3);
    h->mid_conv = plain_conv(m, "ema_mid_conv", NULL);
    module_freeze_gradients(h->mid_conv);
    h->out_conv = plain_conv(m, "ema_out_conv", c->head.norm_cfg);
    h->bottleneck = head_conv(m, m, "bottleneck", c->ema_channels, channels, 3);
    if (c->concat_input)
        h->conv_cat = head_conv(m, m, "conv_cat", in + channels, channels, 3);
}

/* Updates the stored bases towards the mean, over the batch, of those that were found. */
static void move_bases(const ema_config *c, const ema_head *h, graph *g, tensor *found)
{
    float momentum = (float)c->momentum;
    tensor *mean = normalize_along(g, op_reduce_mean(g, found, 1, true), 1, 2);
    op_assign(
        g, h->bases,
        op_add(g, op_scale(g, graph_param(g, h->bases), (float)(1 - c->momentum), 0), op_scale(g, mean, momentum, 0)));
}

/* Returns pixels [N,L,C] as sums of bases. No gradient passes through the bases. */
static tensor *described(const ema_config *c, const ema_head *h, graph *g, tensor *pixels)
{
    tensor *bases = graph_param(g, h->bases), *share = NULL;
    bases = op_reshape(g, bases, 2, (int64_t[]){c->ema_channels, c->num_bases}); /* then one set for each image */
    for (int64_t i = 0; i < c->num_stages; i++) {
        share = op_softmax(g, op_matmul(g, pixels, bases, false, false)); /* [N,L,bases] */
        bases = normalize_along(g, op_matmul(g, pixels, normalize_along(g, share, 1, 1), true, false), 1, 2);
    }
    if (g->train)
        move_bases(c, h, g, bases);
    return op_matmul(g, share, bases, false, true);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const ema_config *c = m->config;
    ema_head *h = m->state;
    tensor *in = head_input(m, g, io), *x = layer_run(h->in_conv, g, in);
    tensor *pixels = op_detach(g, layer_run(h->mid_conv, g, x));
    if (!pixels)
        return (head_out){0};
    int64_t dim[4] = {x->dim[0], x->dim[1], x->dim[2], x->dim[3]};
    pixels = op_reshape(g, pixels, 3, (int64_t[]){dim[0], -1, dim[3]});
    tensor *y = op_relu(g, op_reshape(g, described(c, h, g, pixels), 4, dim));
    y = op_relu(g, op_add(g, x, layer_run(h->out_conv, g, y)));
    y = layer_run(h->bottleneck, g, y);
    if (h->conv_cat)
        y = layer_run(h->conv_cat, g, op_concat(g, (tensor *[]){in, y}, 2, -1));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_ema_head = {
    .family = FAMILY_HEAD,
    .name = "EMAHead",
    .about = "Pixels as sums of a few bases, found by expectation maximisation (arXiv:1907.13426).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
