/* mmdet's PixelDecoder and TransformerEncoderPixelDecoder: what MaskFormerHead makes its masks of. A pyramid from the
 * smallest map upwards, as FPN; the second lets the pixels of the smallest map attend to each other first. */
#include "model/init.h"
#include "model/layers/detr.h"
#include "model/layers/sine_position.h"

typedef struct pixel_config {
    ints in_channels;
    int64_t feat_channels, out_channels;
    const value *norm_cfg, *act_cfg, *encoder, *positional_encoding;
} pixel_config;

#define PIXEL_FIELDS                                                                                                   \
    FIELD_RANGE(pixel_config, F_INTS, in_channels, NULL, 1, 1 << 20, "channels of the maps; the head sets it"),        \
        FIELD_RANGE(pixel_config, F_INT, feat_channels, NULL, 1, 1 << 20, "channels inside; the head sets it"),        \
        FIELD_RANGE(pixel_config, F_INT, out_channels, NULL, 1, 1 << 20,                                               \
                    "channels of the map that masks are made of; the head sets it"),                                   \
        FIELD(pixel_config, F_VALUE, norm_cfg, "dict(type='GN', num_groups=32)", "kind of normalisation"),             \
        FIELD(pixel_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),                              \
        FIELD_IGNORED(init_cfg, "the class starts its weights itself")
static const field plain_fields[] = {PIXEL_FIELDS};
static const field_table plain_table = FIELD_TABLE(plain_fields, pixel_config);
static const field encoder_fields[] = {
    PIXEL_FIELDS,
    FIELD(pixel_config, F_VALUE, encoder, NULL, "arguments of DetrTransformerEncoder"),
    FIELD(pixel_config, F_VALUE, positional_encoding, "dict(num_feats=128, normalize=True)",
          "arguments of SinePositionalEncoding"),
};
static const field_table encoder_table = FIELD_TABLE(encoder_fields, pixel_config);

typedef struct pixel_decoder {
    module *lateral, *output, *mask_feature;
    module *last;                               /* of PixelDecoder */
    module *encoder, *encoder_in, *encoder_out; /* of TransformerEncoderPixelDecoder */
    sine_position where;
} pixel_decoder;

static module *square_conv(module *m, module *parent, const char *name, int64_t in, int64_t kernel, bool act)
{
    const pixel_config *c = m->config;
    return conv_module_new(parent, name,
                           (conv_module_spec){.conv = conv_square(in, c->feat_channels, kernel, 1, kernel / 2, 1),
                                              .norm_cfg = c->norm_cfg,
                                              .act_cfg = act ? c->act_cfg : NULL});
}

static module *plain_conv(module *m, const char *name, int64_t in, int64_t out, int64_t kernel)
{
    conv_spec s = conv_square(in, out, kernel, 1, kernel / 2, 1);
    s.bias = true;
    return conv2d_new(m, name, NULL, s);
}

static int64_t last_channels(const pixel_config *c)
{
    return c->in_channels.at[c->in_channels.n - 1];
}

/* In the order of the class: its __init__ makes mask_feature behind last_feat_conv. */
static bool build_pyramid(module *m, bool with_last)
{
    const pixel_config *c = m->config;
    pixel_decoder *s = m->state = module_state(m, sizeof *s);
    if (!s || !c->in_channels.n) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"), "%s: in_channels may not be empty", m->name);
        return false;
    }
    s->lateral = module_new(m, "lateral_convs");
    s->output = module_new(m, "output_convs");
    for (size_t i = 0; i + 1 < c->in_channels.n; i++) {
        square_conv(m, s->lateral, module_index(m, (int64_t)i), c->in_channels.at[i], 1, false);
        square_conv(m, s->output, module_index(m, (int64_t)i), c->feat_channels, 3, true);
    }
    if (with_last)
        s->last = square_conv(m, m, "last_feat_conv", last_channels(c), 3, true);
    s->mask_feature = plain_conv(m, "mask_feature", c->feat_channels, c->out_channels, 3);
    return !model_failed(m->model);
}

/* caffe2_xavier_init of mmengine. */
static void start(module *conv)
{
    init_layer(conv, INIT_KAIMING_UNIFORM, 1, 0, false);
}

/* The classes' own init_weights(), which passes over the last of these convolutions. */
static void init(module *m)
{
    const pixel_decoder *s = m->state;
    for (size_t i = 0; i + 1 < s->lateral->children.n; i++) {
        start(module_child(s->lateral->children.at[i], "conv"));
        start(module_child(s->output->children.at[i], "conv"));
    }
    start(s->mask_feature);
    if (!s->encoder)
        return;
    start(s->encoder_in);
    start(module_child(s->encoder_out, "conv"));
    init_matrices_below(s->encoder, INIT_XAVIER_UNIFORM);
}

static void build(module *m)
{
    if (build_pyramid(m, true))
        m->init = init;
}

static void build_with_encoder(module *m)
{
    const pixel_config *c = m->config;
    if (!build_pyramid(m, false))
        return;
    pixel_decoder *s = m->state;
    m->init = init;
    s->encoder = detr_encoder_new(m, "encoder", c->encoder, false);
    if (s->encoder && detr_channels(s->encoder) != c->feat_channels)
        model_fail(m->model, CSEG_CONFIG, s->encoder->cfg,
                   "%s: the encoder has embed_dims=%lld, but the head feat_channels=%lld", m->name,
                   (long long)detr_channels(s->encoder), (long long)c->feat_channels);
    if (sine_position_read(m, c->positional_encoding, &s->where) && 2 * s->where.num_feats != c->feat_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "positional_encoding"),
                   "%s: positional_encoding has 2 * num_feats=%lld channels, but the encoder %lld", m->name,
                   (long long)(2 * s->where.num_feats), (long long)c->feat_channels);
    s->encoder_in = plain_conv(m, "encoder_in_proj", last_channels(c), c->feat_channels, 1);
    s->encoder_out = square_conv(m, m, "encoder_out_proj", c->feat_channels, 3, true);
}

/* Returns whether the maps are those of in_channels: the last one stands at their end, the others at the beginning. */
static bool check(module *m, graph *g, features x)
{
    const pixel_config *c = m->config;
    char place[512];
    int n = (int)c->in_channels.n;
    if (x.n < n) {
        graph_fail(g, CSEG_SHAPE, "%s%s: in_channels has %d entries, but there are %d maps",
                   value_place(module_at(m->parent, "in_channels"), place), m->name, n, x.n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        tensor *t = x.at[i + 1 < n ? i : x.n - 1];
        if (t && tensor_channels(t) != c->in_channels.at[i]) {
            graph_fail(g, CSEG_SHAPE, "%s%s: in_channels[%d] is %lld, but the map has %lld channels",
                       value_place(module_at(m->parent, "in_channels"), place), m->name, i,
                       (long long)c->in_channels.at[i], (long long)tensor_channels(t));
            return false;
        }
        if (!t)
            return false;
    }
    return true;
}

static tensor *climb(const pixel_decoder *s, graph *g, features x, tensor *y)
{
    for (size_t i = s->lateral->children.n; i-- > 0;) {
        tensor *own = layer_run(s->lateral->children.at[i], g, x.at[i]);
        y = layer_run(s->output->children.at[i], g, op_add(g, own, resize_nearest_like(g, y, own)));
    }
    return layer_run(s->mask_feature, g, y);
}

static features both(graph *g, tensor *mask_feature, tensor *memory)
{
    features f = features_new(g, 0);
    features_add(g, &f, mask_feature);
    features_add(g, &f, memory);
    return f;
}

static features forward(module *m, graph *g, features x)
{
    const pixel_decoder *s = m->state;
    if (!check(m, g, x))
        return (features){0};
    tensor *last = x.at[x.n - 1];
    return both(g, climb(s, g, x, layer_run(s->last, g, last)), last);
}

static features forward_with_encoder(module *m, graph *g, features x)
{
    const pixel_decoder *s = m->state;
    tensor *last = check(m, g, x) ? layer_run(s->encoder_in, g, x.at[x.n - 1]) : NULL;
    if (!last)
        return (features){0};
    const int64_t *d = last->dim;
    tensor *tokens = op_reshape(g, last, 3, (int64_t[]){d[0], d[1] * d[2], d[3]});
    tokens = detr_encoder_run(s->encoder, g, tokens, sine_position_trace(g, &s->where, d[1], d[2]), NULL);
    tensor *memory = op_reshape(g, tokens, 4, d);
    return both(g, climb(s, g, x, layer_run(s->encoder_out, g, memory)), memory);
}

const kind kind_pixel_decoder = {
    .family = FAMILY_PIXEL_DECODER,
    .scopes = SCOPE_MMDET,
    .name = "PixelDecoder",
    .about = "A pyramid of maps as FPN, for MaskFormerHead (arXiv:2107.06278).",
    .fields = &plain_table,
    .build = build,
    .as.pixel_decoder = {.forward = forward, .keeps_last = true},
};

const kind kind_transformer_pixel_decoder = {
    .family = FAMILY_PIXEL_DECODER,
    .scopes = SCOPE_MMDET,
    .name = "TransformerEncoderPixelDecoder",
    .about = "The same, behind a transformer's encoder of the smallest map (arXiv:2107.06278).",
    .fields = &encoder_table,
    .build = build_with_encoder,
    .as.pixel_decoder = {.forward = forward_with_encoder},
};
