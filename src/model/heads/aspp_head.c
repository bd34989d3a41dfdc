/* ASPPHead: convolutions of several dilations beside the image's average (Chen et al. 2017, arXiv:1706.05587), and
 * DepthwiseSeparableASPPHead, which has them depthwise and refines the result with a finer map (Chen et al. 2018,
 * arXiv:1802.02611). */
#include "model/heads/decode_head.h"

typedef struct aspp_config {
    head_config head;
    ints dilations;
    int64_t c1_in_channels, c1_channels; /* of the separable kind only */
} aspp_config;

#define ASPP_FIELDS                                                                                                    \
    HEAD_FIELDS(aspp_config), FIELD_RANGE(aspp_config, F_INT_LIST, dilations, "(1, 6, 12, 18)", 1, 1024,               \
                                          "a convolution for each: of 1x1 for 1, else of 3x3")

static const field fields[] = {ASPP_FIELDS};
static const field_table table = FIELD_TABLE(fields, aspp_config);

static const field separable_fields[] = {
    ASPP_FIELDS,
    FIELD_RANGE(aspp_config, F_INT, c1_in_channels, NULL, 0, 1 << 20,
                "channels of the backbone's first map; 0: not used"),
    FIELD_RANGE(aspp_config, F_INT, c1_channels, NULL, 0, 1 << 20, "to which they are brought"),
};
static const field_table separable_table = FIELD_TABLE(separable_fields, aspp_config);

typedef struct aspp_head {
    decode_head base;
    module *image_pool, *dilated, *bottleneck;
    module *c1_bottleneck, *sep_bottleneck; /* NULL: none */
} aspp_head;

/* Not of the head's conv_cfg, as in the reference. */
static module *separable(module *m, module *parent, int64_t i, conv_spec s)
{
    const head_config *c = &((const aspp_config *)m->config)->head;
    return separable_conv_new(parent, module_index(m, i), separable_conv(s, NULL, c->norm_cfg, c->act_cfg));
}

static bool begin(module *m, bool depthwise)
{
    if (!head_begin(m, sizeof(aspp_head)))
        return false;
    const aspp_config *c = m->config;
    aspp_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->image_pool = sequential_new(m, "image_pool");
    head_conv(m, h->image_pool, "1", in, channels, 1);
    h->dilated = module_new(m, "aspp_modules");
    for (size_t i = 0; i < c->dilations.n; i++) {
        int64_t d = c->dilations.at[i];
        if (d == 1)
            head_conv(m, h->dilated, module_index(m, (int64_t)i), in, channels, 1);
        else if (depthwise)
            separable(m, h->dilated, (int64_t)i, conv_square(in, channels, 3, 1, d, d));
        else
            head_conv_spec(m, h->dilated, module_index(m, (int64_t)i), conv_square(in, channels, 3, 1, d, d));
    }
    h->bottleneck = head_conv(m, m, "bottleneck", ((int64_t)c->dilations.n + 1) * channels, channels, 3);
    return !model_failed(m->model);
}

static void build(module *m)
{
    begin(m, false);
}

static void build_separable(module *m)
{
    if (!begin(m, true))
        return;
    const aspp_config *c = m->config;
    aspp_head *h = m->state;
    int64_t channels = c->head.channels, c1 = c->c1_channels;
    if (!c->c1_in_channels != !c1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "c1_channels"),
                   "%s: c1_channels=%lld does not go with c1_in_channels=%lld: both are 0 or neither", m->name,
                   (long long)c1, (long long)c->c1_in_channels);
    if (c1)
        h->c1_bottleneck = head_conv(m, m, "c1_bottleneck", c->c1_in_channels, c1, 1);
    h->sep_bottleneck = sequential_new(m, "sep_bottleneck");
    separable(m, h->sep_bottleneck, 0, conv_square(channels + c1, channels, 3, 1, 1, 1));
    separable(m, h->sep_bottleneck, 1, conv_square(channels, channels, 3, 1, 1, 1));
}

static tensor *pyramid(module *m, graph *g, const head_io *io)
{
    aspp_head *h = m->state;
    tensor *x = head_input(m, g, io);
    tensor *average = layer_run(h->image_pool, g, op_adaptive_avg_pool(g, x, 1, 1));
    average = resize_like(g, average, x, m->head->align_corners);
    return layer_run(h->bottleneck, g, branches_run(h->dilated, g, average, x));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, pyramid(m, g, io))};
}

static head_out forward_separable(module *m, graph *g, const head_io *io)
{
    aspp_head *h = m->state;
    tensor *y = pyramid(m, g, io);
    if (h->c1_bottleneck) {
        int64_t channels = ((const aspp_config *)m->config)->c1_in_channels;
        /* The backbone's first map, whatever in_index names. */
        tensor *fine = layer_run(h->c1_bottleneck, g, head_map(m, g, io->x, 0, "c1_in_channels", channels));
        y = op_concat(g, (tensor *[]){resize_like(g, y, fine, m->head->align_corners), fine}, 2, -1);
    }
    return (head_out){.logits = head_classify(m, g, layer_run(h->sep_bottleneck, g, y))};
}

/* The reference's class inherits this method. */
static tensor *coarse_pyramid(module *m, graph *g, const head_io *io)
{
    head_leaves_out(m, ((aspp_head *)m->state)->sep_bottleneck);
    return pyramid(m, g, io);
}

const kind kind_aspp_head = {
    .family = FAMILY_HEAD,
    .name = "ASPPHead",
    .about = "Convolutions of several dilations beside the image's average (DeepLabV3, arXiv:1706.05587).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .features = pyramid},
};

const kind kind_sep_aspp_head = {
    .family = FAMILY_HEAD,
    .name = "DepthwiseSeparableASPPHead",
    .about = "Depthwise convolutions of several dilations, refined with a finer map (DeepLabV3+, arXiv:1802.02611).",
    .fields = &separable_table,
    .build = build_separable,
    .as.head = {.forward = forward_separable, .features = coarse_pyramid},
};
