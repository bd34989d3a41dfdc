/* TinyCD of Open-CD: the first stages of EfficientNet-b4 on each date; both dates' channels are mixed pair by pair, and
 * masks made of them weigh the pixels on the way up (Codegoni et al. 2022, arXiv:2207.13159). */
#include "model/init.h"
#include "model/layers/layers.h"
#include "model/pretrained.h"

enum { STAGES = 3, STEM = 48, CHANNELS = 3 };

typedef struct tinycd_config {
    const value *pretrained;
    bool freeze_backbone;
} tinycd_config;

static const field fields[] = {
    FIELD_IGNORED(in_channels, "the reference does not read it either: a date has 3"),
    FIELD_FIXED(bkbn_name, "'efficientnet_b4'", "the channels of the other layers are its own"),
    FIELD(tinycd_config, F_VALUE, pretrained, "True",
          "the stages start as torchvision's efficientnet_b4: True, False, or a file of its weights"),
    FIELD_FIXED(output_layer_bkbn, "'3'", "there are other layers for three stages"),
    FIELD(tinycd_config, F_BOOL, freeze_backbone, "False", "the stages do not learn"),
};
static const field_table table = FIELD_TABLE(fields, tinycd_config);

/* ---- EfficientNet-b4 (Tan and Le 2019, arXiv:1905.11946) ----------------------------------------------------------
 */

static const struct {
    int64_t expand, kernel, stride, channels;
    int blocks;
} stages[STAGES] = {{1, 3, 1, 24, 2}, {6, 3, 2, 32, 4}, {6, 5, 2, 56, 4}};
static const double drop_rate = 0.2; /* grows from 0 to it, over all blocks of the whole network */
enum { BLOCKS_OF_ALL = 32 };

/* torchvision's Conv2dNormActivation without the activation, which has no weights. */
static module *conv_norm_new(module *parent, const char *name, conv_spec c)
{
    module *list = sequential_new(parent, name);
    init_layer(conv2d_new(list, "0", NULL, c), INIT_KAIMING_NORMAL, 0, 0, true);
    norm_new(list, "1", module_literal(parent, "dict(type='BN')"), c.out);
    return list;
}

typedef struct mb_conv {
    module *expand; /* NULL: the channels are not made more */
    module *depthwise, *squeeze, *excite, *project, *drop;
    bool adds;
} mb_conv;

static tensor *silu(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SILU});
}

static tensor *run_mb_conv(module *m, graph *g, tensor *x)
{
    const mb_conv *s = m->state;
    tensor *y = s->expand ? silu(g, layer_run(s->expand, g, x)) : x;
    y = silu(g, layer_run(s->depthwise, g, y));
    tensor *mean = silu(g, layer_run(s->squeeze, g, op_adaptive_avg_pool(g, y, 1, 1)));
    y = layer_run(s->project, g, op_mul(g, op_sigmoid(g, layer_run(s->excite, g, mean)), y));
    return s->adds ? op_add(g, layer_run(s->drop, g, y), x) : y;
}

static module *weighing_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = pointwise_conv_new(parent, name, in, out);
    init_layer(m, INIT_KAIMING_NORMAL, 0, 0, true);
    return m;
}

/* `at`: the block's number in the network. */
static void mb_conv_new(module *list, int i, int k, int64_t in, int at)
{
    module *m = module_new(list, module_index(list, k));
    mb_conv *s = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t out = stages[i].channels, wide = in * stages[i].expand, kernel = stages[i].kernel, place = 0;
    int64_t stride = k ? 1 : stages[i].stride;
    m->state = s;
    m->forward = run_mb_conv;
    s->adds = stride == 1 && in == out;
    module *block = sequential_new(m, "block");
    if (wide != in)
        s->expand = conv_norm_new(block, module_index(m, place++), conv_square(in, wide, 1, 1, 0, 1));
    conv_spec c = conv_square(wide, wide, kernel, stride, kernel / 2, 1);
    c.groups = wide;
    s->depthwise = conv_norm_new(block, module_index(m, place++), c);
    module *se = module_new(block, module_index(m, place++));
    s->squeeze = weighing_new(se, "fc1", wide, in / 4);
    s->excite = weighing_new(se, "fc2", in / 4, wide);
    s->project = conv_norm_new(block, module_index(m, place), conv_square(wide, out, 1, 1, 0, 1));
    s->drop = drop_path_new(m, "stochastic_depth", drop_rate * at / BLOCKS_OF_ALL);
}

static module *efficientnet_new(module *parent, const char *name)
{
    module *list = module_new(parent, name);
    int64_t in = STEM;
    int at = 0;
    conv_norm_new(list, "0", conv_square(CHANNELS, STEM, 3, 2, 1, 1));
    for (int i = 0; i < STAGES; i++) {
        module *stage = sequential_new(list, module_index(parent, i + 1));
        for (int k = 0; k < stages[i].blocks; k++, in = stages[i].channels)
            mb_conv_new(stage, i, k, in, at++);
    }
    return list;
}

/* ---- mixing and masks ------------------------------------------------------------------------------------------- */

/* The class's MixingBlock: output c of its convolution sees channel c of both dates. */
typedef struct mixing {
    param *weight, *bias; /* [C,2,3,3] */
    module *act, *norm;
} mixing;

typedef struct up {
    module *conv[2], *act[2], *norm[2];
} up;

typedef struct tinycd {
    module *stages;
    mixing mix[STAGES + 1]; /* from the image on */
    module *mask[STAGES];   /* NULL behind the last, which is not a mask */
    up up[STAGES];
    module *classify;
} tinycd;

static module *prelu_new(module *parent, const char *name)
{
    return act_new(parent, name, module_literal(parent, "dict(type='PReLU')"));
}

static module *instance_norm_new(module *parent, const char *name, int64_t channels)
{
    return norm_new(parent, name, module_literal(parent, "dict(type='IN')"), channels);
}

static mixing mixing_new(module *m, int64_t channels)
{
    conv_spec c = conv_square(2 * channels, channels, 3, 1, 1, 1);
    c.groups = channels;
    c.bias = true;
    module *list = sequential_new(m, "_convmix"), *conv = conv2d_new(list, "0", NULL, c);
    mixing s = {.act = prelu_new(list, "1"), .norm = instance_norm_new(list, "2", channels)};
    if (conv) {
        s.weight = module_own(conv, "weight");
        s.bias = module_own(conv, "bias");
    }
    return s;
}

/* As two depthwise convolutions, whose sum is that of the class: the channels need not be brought beside each other. */
static tensor *mix(const mixing *s, graph *g, tensor *first, tensor *second)
{
    tensor *part[2], *x[] = {first, second};
    conv_attr a = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = (int)s->weight->dim[0]};
    for (int i = 0; i < 2; i++) {
        tensor *weight = op_slice(g, graph_param(g, s->weight), 1, i, 1);
        part[i] = op_conv2d(g, x[i], weight, i ? NULL : graph_param(g, s->bias), a);
    }
    return layer_run(s->norm, g, layer_run(s->act, g, op_add(g, part[0], part[1])));
}

/* The class's PixelwiseLinear: 1x1 convolutions to so many channels, 0 at the end, each with a PReLU. */
static module *pixelwise_new(module *parent, const char *name, int64_t in, const int64_t *out)
{
    module *list = sequential_new(module_new(parent, name), "_linears");
    for (int i = 0; out[i]; in = out[i++]) {
        module *one = sequential_new(list, module_index(parent, i));
        pointwise_conv_new(one, "0", in, out[i]);
        prelu_new(one, "1");
    }
    return list;
}

static up up_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *list = sequential_new(module_new(parent, name), "_convolution");
    conv_spec c = conv_square(in, in, 3, 1, 1, 1);
    c.groups = in;
    c.bias = true;
    up s = {.conv = {conv2d_new(list, "0", NULL, c)}};
    s.act[0] = prelu_new(list, "1");
    s.norm[0] = instance_norm_new(list, "2", in);
    s.conv[1] = pointwise_conv_new(list, "3", in, out);
    s.act[1] = prelu_new(list, "4");
    s.norm[1] = instance_norm_new(list, "5", out);
    return s;
}

/* The map in twice its size, times the mask. */
static tensor *run_up(const up *s, graph *g, tensor *x, tensor *mask)
{
    if (!x)
        return NULL;
    x = op_mul(g, op_resize_to(g, x, 2 * x->dim[1], 2 * x->dim[2], true), mask);
    for (int i = 0; i < 2; i++)
        x = layer_run(s->norm[i], g, layer_run(s->act[i], g, layer_run(s->conv[i], g, x)));
    return x;
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void mixing_mask_new(tinycd *s, int i, module *m, int64_t channels, const int64_t *linear)
{
    s->mix[i] = mixing_new(module_new(m, "_mixing"), channels);
    s->mask[i] = pixelwise_new(m, "_linear", channels, linear);
}

static void build(module *m)
{
    static const int64_t image[] = {10, 5, 1, 0}, first[] = {12, 6, 1, 0}, second[] = {16, 8, 1, 0};
    static const int64_t last[] = {16, 1, 0}, up_in[STAGES] = {56, 64, 64}, up_out[STAGES] = {64, 64, 32};
    const tinycd_config *c = m->config;
    tinycd *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->base = false;
    s->stages = efficientnet_new(m, "_backbone");
    mixing_mask_new(s, 0, module_new(m, "_first_mix"), CHANNELS, image);
    module *masks = module_new(m, "_mixing_mask"), *ups = module_new(m, "_up");
    mixing_mask_new(s, 1, module_new(masks, "0"), stages[0].channels, first);
    mixing_mask_new(s, 2, module_new(masks, "1"), stages[1].channels, second);
    s->mix[STAGES] = mixing_new(module_new(masks, "2"), stages[2].channels);
    for (int i = 0; i < STAGES; i++)
        s->up[i] = up_new(ups, module_index(m, i), up_in[i], up_out[i]);
    s->classify = pixelwise_new(m, "_classify", up_out[STAGES - 1], last);
    if (model_failed(m->model))
        return;
    if (c->freeze_backbone)
        module_freeze_gradients(s->stages);
    init_from_torchvision(m, c->pretrained, "efficientnet_b4.imagenet1k_v1");
    m->model->in_channels = CHANNELS;
}

static tensor *run_stage(const tinycd *s, graph *g, tensor *x, int i)
{
    x = layer_run(s->stages->children.at[i], g, x);
    return i ? x : silu(g, x);
}

static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const tinycd *s = m->state;
    tensor *x[] = {first, second}, *mask[STAGES], *last = NULL;
    mask[0] = layer_run(s->mask[0], g, mix(&s->mix[0], g, first, second));
    for (int i = 0; i <= STAGES; i++) {
        for (int k = 0; k < 2; k++)
            x[k] = run_stage(s, g, x[k], i);
        if (i)
            last = mix(&s->mix[i], g, x[0], x[1]);
        if (i && i < STAGES)
            mask[i] = layer_run(s->mask[i], g, last);
    }
    for (int i = 0; i < STAGES; i++)
        last = run_up(&s->up[i], g, last, mask[STAGES - 1 - i]);
    features y = features_new(g, 0);
    features_add(g, &y, layer_run(s->classify, g, last));
    return y;
}

static const char *const filled[] = {"_backbone", NULL};
static const pretrained_form form = {.strips = "features.", .fills = filled};

const kind kind_tiny_cd = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "TinyCD",
    .about =
        "The first stages of EfficientNet-b4 on each date, whose channels are mixed pair by pair (arXiv:2207.13159).",
    .fields = &table,
    .build = build,
    .pretrained = &form,
    .as.backbone = {.forward_both = forward},
};
