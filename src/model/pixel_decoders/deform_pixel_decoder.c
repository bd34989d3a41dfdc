/* mmdet's MSDeformAttnPixelDecoder: what Mask2FormerHead makes its masks of (Cheng et al. 2021, arXiv:2112.01527). The
 * pixels of the smaller maps read from each other's neighbourhoods; the larger maps are added to them as in FPN. */
#include "model/init.h"
#include "model/layers/detr.h"
#include "model/layers/sine_position.h"

typedef struct deform_pixel_config {
    ints in_channels, strides;
    int64_t feat_channels, out_channels, num_outs;
    const value *norm_cfg, *act_cfg, *encoder, *positional_encoding;
} deform_pixel_config;

static const field fields[] = {
    FIELD_RANGE(deform_pixel_config, F_INTS, in_channels, "[256, 512, 1024, 2048]", 1, 1 << 20,
                "channels of the maps; the head sets it"),
    FIELD_RANGE(deform_pixel_config, F_INTS, strides, "[4, 8, 16, 32]", 1, 1 << 16,
                "pixels of the image from one of a map's to the next; they cancel out"),
    FIELD_RANGE(deform_pixel_config, F_INT, feat_channels, "256", 1, 1 << 20, "channels inside; the head sets it"),
    FIELD_RANGE(deform_pixel_config, F_INT, out_channels, "256", 1, 1 << 20,
                "channels of the map that masks are made of; the head sets it"),
    FIELD_RANGE(deform_pixel_config, F_INT, num_outs, "3", 1, 64, "maps that the queries look at"),
    FIELD(deform_pixel_config, F_VALUE, norm_cfg, "dict(type='GN', num_groups=32)", "kind of normalisation"),
    FIELD(deform_pixel_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(deform_pixel_config, F_VALUE, encoder, NULL, "arguments of DeformableDetrTransformerEncoder"),
    FIELD(deform_pixel_config, F_VALUE, positional_encoding, "dict(num_feats=128, normalize=True)",
          "arguments of SinePositionalEncoding"),
    FIELD_IGNORED(init_cfg, "the class starts its weights itself"),
};
static const field_table table = FIELD_TABLE(fields, deform_pixel_config);

typedef struct deform_pixel_decoder {
    module *input, *lateral, *output; /* lists of convolutions, the smallest map first */
    module *encoder, *mask_feature;
    param *level_encoding;
    int64_t levels; /* maps that go through the encoder */
    sine_position where;
} deform_pixel_decoder;

static module *square_conv(module *m, module *list, int64_t i, int64_t in, int64_t kernel, bool act)
{
    const deform_pixel_config *c = m->config;
    return conv_module_new(list, module_index(m, i),
                           (conv_module_spec){.conv = conv_square(in, c->feat_channels, kernel, 1, kernel / 2, 1),
                                              .norm_cfg = c->norm_cfg,
                                              .act_cfg = act ? c->act_cfg : NULL});
}

static void build_inputs(module *m, const deform_pixel_config *c, deform_pixel_decoder *s)
{
    s->input = module_new(m, "input_convs");
    for (int64_t i = 0; i < s->levels && s->input; i++) {
        int64_t in = c->in_channels.at[(int64_t)c->in_channels.n - 1 - i];
        conv_module_new(s->input, module_index(m, i),
                        (conv_module_spec){.conv = conv_square(in, c->feat_channels, 1, 1, 0, 1),
                                           .bias = BIAS_YES,
                                           .norm_cfg = c->norm_cfg});
    }
}

static void build_pyramid(module *m, const deform_pixel_config *c, deform_pixel_decoder *s)
{
    s->lateral = module_new(m, "lateral_convs");
    s->output = module_new(m, "output_convs");
    int64_t rest = (int64_t)c->in_channels.n - s->levels;
    for (int64_t i = 0; i < rest && s->output; i++) {
        square_conv(m, s->lateral, i, c->in_channels.at[rest - 1 - i], 1, false);
        square_conv(m, s->output, i, c->feat_channels, 3, true);
    }
    s->mask_feature = pointwise_conv_new(m, "mask_feature", c->feat_channels, c->out_channels);
}

/* The class's own init_weights(). */
static void init(module *m)
{
    const deform_pixel_decoder *s = m->state;
    for (size_t i = 0; i < s->input->children.n; i++)
        init_layer(module_child(s->input->children.at[i], "conv"), INIT_XAVIER_UNIFORM, 1, 0, false);
    for (size_t i = 0; i < s->lateral->children.n; i++) {
        init_layer(module_child(s->lateral->children.at[i], "conv"), INIT_KAIMING_UNIFORM, 1, 0, false);
        init_layer(module_child(s->output->children.at[i], "conv"), INIT_KAIMING_UNIFORM, 1, 0, false);
    }
    init_layer(s->mask_feature, INIT_KAIMING_UNIFORM, 1, 0, false);
    init_matrices_below(s->encoder, INIT_XAVIER_NORMAL);
    detr_encoder_restart(s->encoder);
}

/* What does not fit, mmdet would meet in its constructor or in its first forward pass. */
static bool check(module *m, const deform_pixel_config *c, const deform_pixel_decoder *s)
{
    int64_t inside = detr_channels(s->encoder), maps = (int64_t)c->in_channels.n;
    if (inside != c->feat_channels)
        model_fail(m->model, CSEG_CONFIG, s->encoder->cfg,
                   "%s: the encoder has embed_dims=%lld, but the head feat_channels=%lld", m->name, (long long)inside,
                   (long long)c->feat_channels);
    else if (2 * s->where.num_feats != c->feat_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "positional_encoding"),
                   "%s: positional_encoding has 2 * num_feats=%lld channels, but the encoder %lld", m->name,
                   (long long)(2 * s->where.num_feats), (long long)c->feat_channels);
    else if (s->levels > maps)
        model_fail(m->model, CSEG_CONFIG, s->encoder->cfg,
                   "%s: the encoder has num_levels=%lld, but in_channels names %lld maps", m->name,
                   (long long)s->levels, (long long)maps);
    else if ((int64_t)c->strides.n < maps)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "strides"), "%s: strides has %zu entries for %lld maps", m->name,
                   c->strides.n, (long long)maps);
    return !model_failed(m->model);
}

static void build(module *m)
{
    const deform_pixel_config *c = m->config;
    deform_pixel_decoder *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    /* The class makes input_convs first, but their number is the encoder's. */
    const value *attn = value_find(c->encoder, "layer_cfg.self_attn_cfg.num_levels");
    if (!value_integer(attn, &s->levels) || s->levels < 1 || s->levels > (int64_t)c->in_channels.n) {
        model_fail(m->model, CSEG_CONFIG, attn ? attn : module_at(m, "encoder"),
                   "%s: encoder.layer_cfg.self_attn_cfg.num_levels is the number of maps that the encoder sees, from 1 "
                   "to the %zu of in_channels",
                   m->name, c->in_channels.n);
        return;
    }
    build_inputs(m, c, s);
    s->encoder = detr_encoder_new(m, "encoder", c->encoder, true);
    if (!s->encoder || !sine_position_read(m, c->positional_encoding, &s->where) || !check(m, c, s))
        return;
    module *levels = module_new(m, "level_encoding");
    if (levels)
        levels->class_name = "Embedding";
    s->level_encoding = module_param(levels, "weight", 2, (int64_t[]){s->levels, c->feat_channels}, INIT_NORMAL, 0, 1);
    build_pyramid(m, c, s);
    m->init = init;
}

/* The middles of the pixels of all maps, [L,2], with the reference's roundings: shares of maps that strides enlarge. */
static tensor *middles(module *m, graph *g, const deform_attr *maps)
{
    const deform_pixel_config *c = m->config;
    int64_t length = 0, at = 0;
    for (int i = 0; i < maps->levels; i++)
        length += maps->h[i] * maps->w[i];
    float *xy = ARENA_ARRAY(g->mem, 2 * length, float);
    if (!xy)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int i = 0; i < maps->levels; i++) {
        float stride = (float)c->strides.at[(int64_t)c->in_channels.n - 1 - i];
        for (int64_t k = 0; k < maps->h[i] * maps->w[i]; k++, at += 2) {
            xy[at] = ((float)(k % maps->w[i]) + 0.5f) * stride / ((float)maps->w[i] * stride);
            xy[at + 1] = ((float)(k / maps->w[i]) + 0.5f) * stride / ((float)maps->h[i] * stride);
        }
    }
    return graph_const(g, DT_F32, 2, (int64_t[]){length, 2}, xy);
}

/* Row i of level_encoding beside the places of an h x w map's pixels: [1,h*w,C]. */
static tensor *position(const deform_pixel_decoder *s, graph *g, int64_t i, int64_t h, int64_t w)
{
    tensor *level = op_slice(g, graph_param(g, s->level_encoding), 0, i, 1);
    tensor *place = sine_position_trace(g, &s->where, h, w);
    return level && place ? op_add(g, place, op_reshape(g, level, 3, (int64_t[]){1, 1, level->dim[1]})) : NULL;
}

/* The encoder's maps, the smallest first. false: an error was recorded. */
static bool encode(module *m, graph *g, features x, features *out)
{
    const deform_pixel_decoder *s = m->state;
    tensor *part[DEFORM_LEVELS], *pos[DEFORM_LEVELS], *map[DEFORM_LEVELS];
    int64_t size[DEFORM_LEVELS];
    deform_maps maps = {.sizes = {.levels = (int)s->levels}};
    for (int i = 0; i < maps.sizes.levels; i++) {
        tensor *t = layer_run(s->input->children.at[i], g, x.at[x.n - 1 - i]);
        if (!t)
            return false;
        const int64_t *d = t->dim;
        maps.sizes.h[i] = d[1];
        maps.sizes.w[i] = d[2];
        size[i] = d[1] * d[2];
        part[i] = op_reshape(g, t, 3, (int64_t[]){d[0], size[i], d[3]});
        pos[i] = position(s, g, i, d[1], d[2]);
    }
    maps.at = middles(m, g, &maps.sizes);
    tensor *tokens = detr_encoder_run(s->encoder, g, op_concat(g, part, maps.sizes.levels, 1),
                                      op_concat(g, pos, maps.sizes.levels, 1), &maps);
    if (!tokens)
        return false;
    op_split(g, tokens, 1, maps.sizes.levels, size, map);
    for (int i = 0; i < maps.sizes.levels; i++)
        features_add(
            g, out,
            op_reshape(g, map[i], 4, (int64_t[]){tokens->dim[0], maps.sizes.h[i], maps.sizes.w[i], tokens->dim[2]}));
    return out->n == maps.sizes.levels && out->at[out->n - 1];
}

static bool fits(module *m, graph *g, features x)
{
    const deform_pixel_config *c = m->config;
    char place[512];
    bool fit = x.n == (int)c->in_channels.n;
    for (int i = 0; fit && i < x.n; i++) {
        if (!x.at[i])
            return false;
        fit = tensor_channels(x.at[i]) == c->in_channels.at[i];
        if (!fit)
            graph_fail(g, CSEG_SHAPE, "%s%s: in_channels[%d] is %lld, but the map has %lld channels",
                       value_place(module_at(m->parent, "in_channels"), place), m->name, i,
                       (long long)c->in_channels.at[i], (long long)tensor_channels(x.at[i]));
    }
    if (!fit)
        graph_fail(g, CSEG_SHAPE, "%s%s: in_channels has %zu entries, but there are %d maps",
                   value_place(module_at(m->parent, "in_channels"), place), m->name, c->in_channels.n, x.n);
    return fit;
}

/* The convolution in s->lateral and s->output of map i, of those that do not go through the encoder. The class makes
 * them for the smallest map first, but gives the i-th to map i; it stops where the channels do not allow that, and here
 * each map has the one that is made for it. */
static int64_t conv_of_map(const deform_pixel_config *c, const deform_pixel_decoder *s, int64_t i)
{
    int64_t rest = (int64_t)s->lateral->children.n;
    for (int64_t k = 0; k < rest; k++)
        if (c->in_channels.at[k] != c->in_channels.at[rest - 1 - k])
            return rest - 1 - i;
    return i;
}

static features forward(module *m, graph *g, features x)
{
    const deform_pixel_config *c = m->config;
    const deform_pixel_decoder *s = m->state;
    features all = features_new(g, 0), out = features_new(g, 0);
    if (!fits(m, g, x) || !encode(m, g, x, &all))
        return (features){0};
    tensor *y = all.at[all.n - 1];
    for (int64_t i = (int64_t)s->lateral->children.n - 1; i >= 0; i--) {
        int64_t conv = conv_of_map(c, s, i);
        tensor *own = layer_run(s->lateral->children.at[conv], g, x.at[i]);
        tensor *sum = own ? op_add(g, own, resize_like(g, y, own, false)) : NULL;
        y = layer_run(s->output->children.at[conv], g, sum);
        features_add(g, &all, y);
    }
    features_add(g, &out, layer_run(s->mask_feature, g, y));
    for (int i = 0; i < all.n && i < c->num_outs; i++)
        features_add(g, &out, all.at[i]);
    return out;
}

const kind kind_deform_pixel_decoder = {
    .family = FAMILY_PIXEL_DECODER,
    .scopes = SCOPE_MMDET,
    .name = "MSDeformAttnPixelDecoder",
    .about = "Maps whose pixels read near their places from each other, for Mask2FormerHead (arXiv:2112.01527).",
    .fields = &table,
    .build = build,
    .as.pixel_decoder = {.forward = forward, .multi_scale = true},
};
