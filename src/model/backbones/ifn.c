/* IFN of Open-CD: the maps of both dates, as a VGG16 makes them that does not learn, fused from the smallest on, with
 * channel and spatial attention; each of five sizes gives an answer (Zhang et al. 2020,
 * doi:10.1016/j.isprsjprs.2020.06.003). */
#include "model/backbones/vgg.h"
#include "model/init.h"
#include "model/pretrained.h"

enum { LEVELS = VGG_STAGES, CONVS_MOST = 3 };

typedef struct ifn_config {
    bool use_dropout;
    const value *pretrained;
} ifn_config;

static const field fields[] = {
    FIELD(ifn_config, F_BOOL, use_dropout, "False", "elements drop out behind each convolution, p = 0.6"),
    FIELD(ifn_config, F_VALUE, pretrained, "True",
          "the encoder's weights, which do not learn, are torchvision's vgg16: True, False, or a file of them (not in "
          "Open-CD, which always takes torchvision's)"),
};
static const field_table table = FIELD_TABLE(fields, ifn_config);

/* From the smallest maps (0) on. The first has no channel attention, and the last is not enlarged. */
static const struct {
    int64_t channels[CONVS_MOST]; /* behind each convolution; 0: there is none */
} levels[LEVELS] = {{{512, 512}}, {{512, 256, 256}}, {{256, 128, 128}}, {{128, 64, 64}}, {{64, 32, 16}}};

typedef struct level {
    module *spatial, *gate[2]; /* gate: the two layers of channel attention */
    module *convs[CONVS_MOST], *norm, *answer, *up;
} level;

typedef struct ifn {
    vgg_stage encoder[VGG_STAGES];
    level level[LEVELS];
} ifn;

/* The class's Conv1x1, which has its convolution in a Sequential. */
static module *pointwise_new(module *parent, const char *name, int64_t in, int64_t out, bool bias)
{
    conv_spec c = conv_square(in, out, 1, 1, 0, 1);
    c.bias = bias;
    module *m = module_new(parent, name);
    return conv2d_new(sequential_new(m, "seq"), "0", NULL, c);
}

static module *batch_norm_new(module *parent, const char *name, int64_t channels)
{
    return norm_new(parent, name, module_literal(parent, "dict(type='BN')"), channels);
}

static module *spatial_new(module *parent, const char *name)
{
    enum { KERNEL = 7 };
    module *m = module_new(parent, name);
    return conv2d_new(sequential_new(module_new(m, "conv"), "seq"), "1", NULL,
                      conv_square(2, 1, KERNEL, 1, KERNEL / 2, 1));
}

static void gate_new(module *parent, const char *name, level *l, int64_t channels)
{
    enum { RATIO = 8 };
    module *m = module_new(parent, name);
    l->gate[0] = pointwise_new(m, "fc1", channels, channels / RATIO, false);
    l->gate[1] = pointwise_new(m, "fc2", channels / RATIO, channels, false);
}

/* A convolution, PReLU, then the batch norm. */
static module *conv_new(module *m, const char *name, int64_t in, int64_t out)
{
    const ifn_config *c = m->config;
    conv_spec conv = conv_square(in, out, 3, 1, 1, 1);
    module *list = sequential_new(m, name);
    conv.bias = true;
    conv2d_new(list, "0", NULL, conv);
    act_new(list, "1", module_literal(m, "dict(type='PReLU')"));
    batch_norm_new(list, "2", out);
    if (c->use_dropout)
        dropout_new(list, "3", 0.6);
    return list;
}

/* Layers stand in the class's order: of each level channel attention and, of the first two, a norm that never runs. */
static int64_t level_new(module *m, level *l, int i, int64_t in)
{
    int convs = 0;
    gate_new(m, module_text(m, "ca%d", i + 1), l, in);
    if (i < 2)
        batch_norm_new(m, module_text(m, "bn_ca%d", i + 1), in);
    for (; convs < CONVS_MOST && levels[i].channels[convs]; convs++, in = levels[i].channels[convs - 1])
        l->convs[convs] = conv_new(m, module_text(m, "o%d_conv%d", i + 1, convs + 1), in, levels[i].channels[convs]);
    const char *answer = module_text(m, "o%d_conv%d", i + 1, convs + 1);
    l->norm = batch_norm_new(m, module_text(m, "bn_sa%d", i + 1), in);
    l->answer = pointwise_new(m, answer, in, 1, true);
    if (i == LEVELS - 1)
        return in;
    conv_spec up = conv_square(in, in, 2, 2, 0, 1);
    up.bias = true;
    l->up = conv_transpose2d_new(m, module_text(m, "trans_conv%d", i + 1), up, 0);
    return in;
}

static void build(module *m)
{
    const ifn_config *c = m->config;
    ifn *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->base = false;
    module *encoder = module_new(m, "encoder1"), *list = module_new(encoder, "features");
    for (int i = 0; i < VGG_STAGES; i++)
        vgg_stage_new(&s->encoder[i], list, i, false);
    module_twin(m, "encoder2", encoder);
    for (int i = 0; i < LEVELS; i++)
        s->level[i].spatial = spatial_new(m, module_text(m, "sa%d", i + 1));
    int64_t in = 0;
    for (int i = 0; i < LEVELS; i++)
        in = level_new(m, &s->level[i], i, in + 2 * s->encoder[LEVELS - 1 - i].channels);
    init_from_torchvision(m, c->pretrained, "vgg16.imagenet1k_v1");
    m->model->in_channels = 3;
}

static void encode(const ifn *s, graph *g, tensor *x, tensor *maps[LEVELS])
{
    for (int i = 0; i < VGG_STAGES; i++) {
        x = op_relu(g, vgg_stage_run(&s->encoder[i], g, x));
        maps[LEVELS - 1 - i] = op_detach(g, x);
    }
}

/* How far each pixel of x is let through, [N,h,w,1]: what a convolution makes of its channels' mean and largest. */
static tensor *spatial_gate(const level *l, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    tensor *most = op_reshape(g, op_pick(g, x, op_argmax(g, x)), 4, (int64_t[]){x->dim[0], x->dim[1], x->dim[2], 1});
    tensor *mean = op_reduce_mean(g, x, 1 << 3, true);
    return op_sigmoid(g, layer_run(l->spatial, g, op_concat(g, (tensor *[]){mean, most}, 2, -1)));
}

static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const ifn *s = m->state;
    tensor *maps[2][LEVELS], *x = NULL;
    features y = features_new(g, 0);
    encode(s, g, first, maps[0]);
    encode(s, g, second, maps[1]);
    for (int i = 0; i < LEVELS; i++) {
        const level *l = &s->level[i];
        tensor *seen[] = {x, maps[0][i], maps[1][i]};
        x = op_concat(g, i ? seen : seen + 1, i ? 3 : 2, -1);
        if (i)
            x = op_mul(g, channel_gate(g, x, l->gate[0], l->gate[1]), x);
        for (int k = 0; k < CONVS_MOST && l->convs[k]; k++)
            x = layer_run(l->convs[k], g, x);
        x = layer_run(l->norm, g, op_mul(g, spatial_gate(l, g, x), x));
        features_add(g, &y, layer_run(l->answer, g, x));
        x = l->up ? layer_run(l->up, g, x) : x;
    }
    return y;
}

static const char *const filled[] = {"encoder1.features", NULL};
static const pretrained_form form = {.strips = "features.", .fills = filled};

const kind kind_ifn = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IFN",
    .about =
        "A VGG16 that does not learn sees each date; its maps are fused with attention, and give an answer at each "
        "of five sizes (deeply supervised image fusion network).",
    .fields = &table,
    .build = build,
    .pretrained = &form,
    .as.backbone = {.forward_both = forward},
};
