/* CGNet of Open-CD: VGG16's maps of both dates, joined; a coarse map of changes, made of the smallest ones, guides
 * attention on the way up (Han et al. 2023, doi:10.1109/JSTARS.2023.3310208). Not mmseg's CGNet. */
#include "model/backbones/vgg.h"
#include "model/init.h"
#include "model/pretrained.h"

enum { LEVELS = VGG_STAGES - 1, GUIDED = 3 };

typedef struct guide_config {
    const value *pretrained;
} guide_config;

static const field fields[] = {
    FIELD(guide_config, F_VALUE, pretrained, "True",
          "the convolutions of both dates start as torchvision's vgg16_bn: True, False, or a file of its weights"),
};
static const field_table table = FIELD_TABLE(fields, guide_config);

/* A convolution, a batch norm and a ReLU. */
typedef struct block {
    module *conv, *norm;
} block;

typedef struct guided {
    module *query, *key, *value;
    param *gamma;
} guided;

/* Levels are VGG's stages behind the first. attend[i] is of level i + 1, decode[i] brings it to level i. */
typedef struct guide_net {
    vgg_stage encoder[VGG_STAGES];
    block join[LEVELS], coarse, fine, decode[GUIDED];
    module *coarse_out, *fine_out;
    guided attend[GUIDED];
} guide_net;

static block block_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = module_new(parent, name);
    return (block){conv2d_new(m, "conv", NULL, conv_square(in, out, 3, 1, 1, 1)),
                   norm_new(m, "bn", module_literal(parent, "dict(type='BN')"), out)};
}

static tensor *run_block(const block *b, graph *g, tensor *x)
{
    return op_relu(g, layer_run(b->norm, g, layer_run(b->conv, g, x)));
}

static guided guided_new(module *parent, const char *name, int64_t channels)
{
    module *m = module_new(parent, name);
    guided s = {.gamma = m ? module_param(m, "gamma", 1, (int64_t[]){1}, INIT_ZERO, 0, 0) : NULL};
    s.query = pointwise_conv_new(m, "query_conv", channels, channels / 8);
    s.key = pointwise_conv_new(m, "key_conv", channels, channels / 8);
    s.value = pointwise_conv_new(m, "value_conv", channels, channels);
    return s;
}

/* Children with torchvision's layers. */
static const char *const stages[] = {"inc", "down1", "down2", "down3", "down4", NULL};

/* A map of one number a pixel. */
static module *answer_new(module *parent, const char *name, block *b, int64_t in, int64_t kernel)
{
    enum { WITHIN = 64 };
    module *list = sequential_new(parent, name);
    conv_spec c = conv_square(WITHIN, 1, kernel, 1, kernel / 2, 1);
    c.bias = true;
    *b = block_new(list, "0", in, WITHIN);
    return conv2d_new(list, "1", NULL, c);
}

static void build(module *m)
{
    const guide_config *c = m->config;
    guide_net *s = m->state = module_state(m, sizeof *s);
    int64_t n[LEVELS];
    if (!s)
        return;
    m->base = false;
    for (int i = 0; i < VGG_STAGES; i++)
        vgg_stage_new(&s->encoder[i], sequential_new(m, stages[i]), i, true);
    for (int i = 0; i < LEVELS; i++) {
        n[i] = s->encoder[i + 1].channels;
        s->join[i] = block_new(m, module_text(m, "conv_reduce_%d", i + 1), 2 * n[i], n[i]);
    }
    for (int i = LEVELS - 1; i > 0; i--) /* the class has these, and never runs them */
        block_new(m, module_text(m, "up_layer%d", i + 1), n[i], n[i]);
    s->coarse_out = answer_new(m, "decoder", &s->coarse, n[LEVELS - 1], 3);
    s->fine_out = answer_new(m, "decoder_final", &s->fine, n[0], 1);
    for (int i = 0; i < GUIDED; i++)
        s->attend[i] = guided_new(m, module_text(m, "cgm_%d", i + 2), n[i + 1]);
    for (int i = GUIDED - 1; i >= 0; i--)
        s->decode[i] = block_new(m, module_text(m, "decoder_module%d", i + 2), n[i + 1] + n[i], n[i]);
    init_from_torchvision(m, c->pretrained, "vgg16_bn");
    m->model->in_channels = 3;
}

/* The maps of stages 1 to 4. The reference's ReLU at the front of a stage works in place, so it changes the map of the
 * stage before; the last map has none behind it. */
static void encode(const guide_net *s, graph *g, tensor *x, tensor *maps[LEVELS])
{
    for (int i = 0; i < VGG_STAGES; i++) {
        x = vgg_stage_run(&s->encoder[i], g, x);
        if (i < VGG_STAGES - 1)
            x = op_relu(g, x);
        if (i)
            maps[i - 1] = x;
    }
}

static tensor *resize_to(graph *g, tensor *x, const tensor *like)
{
    return resize_like(g, x, like, true);
}

/* Attention of all pixels to all, each the more heeded the more the guide sees a change there. */
static tensor *attend(const guided *s, graph *g, tensor *x, tensor *guide)
{
    tensor *weight = op_scale(g, op_sigmoid(g, resize_to(g, guide, x)), 1, 1);
    module *const projection[] = {s->query, s->key, s->value};
    tensor *t[3];
    for (int i = 0; i < 3; i++)
        t[i] = map_tokens(g, op_mul(g, layer_run(projection[i], g, x), weight));
    tensor *y = op_attention(g, &(attention_operands){.q = t[0], .k = t[1], .v = t[2]}, (attention_attr){.scale = 1});
    if (!y)
        return NULL;
    y = op_mul(g, op_reshape(g, y, 4, x->dim), op_reshape(g, graph_param(g, s->gamma), 4, (int64_t[]){1, 1, 1, 1}));
    return op_add(g, y, x);
}

static tensor *doubled(graph *g, tensor *x)
{
    return x ? op_resize_to(g, x, 2 * x->dim[1], 2 * x->dim[2], true) : NULL;
}

/* The coarse map of changes and the final one, at the image's size. */
static features forward(module *m, graph *g, tensor *first, tensor *second)
{
    const guide_net *s = m->state;
    tensor *maps[2][LEVELS], *joined[LEVELS];
    encode(s, g, first, maps[0]);
    encode(s, g, second, maps[1]);
    for (int i = 0; i < LEVELS; i++)
        joined[i] = run_block(&s->join[i], g, op_concat(g, (tensor *[]){maps[1][i], maps[0][i]}, 2, -1));
    tensor *x = joined[LEVELS - 1];
    tensor *coarse = layer_run(s->coarse_out, g, run_block(&s->coarse, g, resize_to(g, x, joined[0])));
    for (int i = GUIDED - 1; i >= 0; i--) {
        tensor *up = doubled(g, attend(&s->attend[i], g, x, coarse));
        x = run_block(&s->decode[i], g, op_concat(g, (tensor *[]){up, joined[i]}, 2, -1));
    }
    features y = features_new(g, 0);
    features_add(g, &y, resize_to(g, coarse, first));
    features_add(g, &y, resize_to(g, layer_run(s->fine_out, g, run_block(&s->fine, g, x)), first));
    return y;
}

static const pretrained_form form = {.strips = "features.", .fills = stages};

const kind kind_change_guiding_net = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "CGNet",
    .about = "VGG16's maps of both dates; a coarse map of changes guides attention on the way up (Change Guiding "
             "Network). Gives that map and the final one.",
    .fields = &table,
    .build = build,
    .pretrained = &form,
    .as.backbone = {.forward_both = forward},
};
