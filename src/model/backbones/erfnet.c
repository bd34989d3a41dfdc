/* ERFNet: an encoder and a decoder of factorised convolutions, 3x1 and 1x3, with dilations between 1/4 and 1/8 (Romera
 * et al. 2017, IEEE T-ITS 19). */
#include "config/config.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct erfnet_config {
    int64_t in_channels;
    ints enc_downsample_channels, enc_stage_non_bottlenecks, enc_non_bottleneck_dilations, enc_non_bottleneck_channels;
    ints dec_upsample_channels, dec_stages_non_bottleneck, dec_non_bottleneck_channels;
    double dropout_ratio;
    const value *init_cfg;
} erfnet_config;

static const field fields[] = {
    FIELD_RANGE(erfnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(erfnet_config, F_INTS, enc_downsample_channels, "(16, 64, 128)", 1, 1 << 16,
                "channels of each step that halves the sides, those of the map before it included"),
    FIELD_RANGE(erfnet_config, F_INTS, enc_stage_non_bottlenecks, "(5, 8)", 0, 1024,
                "blocks after each such step but the first"),
    FIELD_RANGE(erfnet_config, F_INTS, enc_non_bottleneck_dilations, "(2, 4, 8, 16)", 1, 1024,
                "of the last step's blocks, over and over"),
    FIELD_RANGE(erfnet_config, F_INTS, enc_non_bottleneck_channels, "(64, 128)", 1, 1 << 16,
                "only their number counts, as in the reference"),
    FIELD_RANGE(erfnet_config, F_INTS, dec_upsample_channels, "(64, 16)", 1, 1 << 16,
                "only their number counts, as in the reference"),
    FIELD_RANGE(erfnet_config, F_INTS, dec_stages_non_bottleneck, "(2, 2)", 0, 1024,
                "blocks after each step that doubles the sides"),
    FIELD_RANGE(erfnet_config, F_INTS, dec_non_bottleneck_channels, "(64, 16)", 1, 1 << 16,
                "channels of each such step"),
    FIELD_RANGE(erfnet_config, F_FLOAT, dropout_ratio, "0.1", 0, 1, "of elements, in the encoder's blocks"),
    FIELD_IGNORED(conv_cfg, "the reference does not pass it on to the blocks, which have BN with eps=1e-3 and ReLU"),
    FIELD_IGNORED(norm_cfg, "the reference does not pass it on to the blocks, which have BN with eps=1e-3 and ReLU"),
    FIELD_IGNORED(act_cfg, "the reference does not pass it on to the blocks, which have BN with eps=1e-3 and ReLU"),
    FIELD(erfnet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, erfnet_config);

typedef struct erfnet {
    module *encoder, *decoder;
    const value *norm_cfg, *act_cfg; /* of all blocks */
} erfnet;

/* One of the three blocks. `main`: the convolution, or the list of a non-bottleneck's layers, which end before the act.
 */
typedef struct block {
    module *main, *norm, *act; /* norm NULL: in the list */
} block;

typedef tensor *block_forward(module *m, graph *g, tensor *x);

/* Adds the next block to the list. */
static module *block_new(module *list, block_forward *forward, block **state)
{
    module *m = list ? module_new(list, module_index(list, (int64_t)list->children.n)) : NULL;
    block *s = *state = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->state = s;
    m->forward = forward;
    return m;
}

static tensor *run_down(module *m, graph *g, tensor *x)
{
    block *s = m->state;
    tensor *y = layer_run(s->main, g, x);
    tensor *pooled = op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
    if (y)
        y = op_concat(g, (tensor *[]){y, op_resize_to(g, pooled, y->dim[1], y->dim[2], false)}, 2, -1);
    return layer_run(s->act, g, layer_run(s->norm, g, y));
}

/* Halves the sides: a convolution, beside the maxima of the map. */
static void down_new(const erfnet *net, int64_t in, int64_t out)
{
    block *s;
    module *m = block_new(net->encoder, run_down, &s);
    if (!m)
        return;
    conv_spec conv = conv_square(in, out - in, 3, 2, 1, 1);
    conv.bias = true;
    s->main = conv2d_new(m, "conv", NULL, conv);
    s->norm = norm_new(m, "bn", net->norm_cfg, out);
    s->act = act_new(m, "act", net->act_cfg);
}

static tensor *run_up(module *m, graph *g, tensor *x)
{
    block *s = m->state;
    return layer_run(s->act, g, layer_run(s->norm, g, layer_run(s->main, g, x)));
}

/* Doubles the sides. */
static void up_new(const erfnet *net, int64_t in, int64_t out)
{
    block *s;
    module *m = block_new(net->decoder, run_up, &s);
    if (!m)
        return;
    conv_spec conv = conv_square(in, out, 3, 2, 1, 1);
    conv.bias = true;
    s->main = conv_transpose2d_new(m, "conv", conv, 1);
    s->norm = norm_new(m, "bn", net->norm_cfg, out);
    s->act = act_new(m, "act", net->act_cfg);
}

static tensor *run_factorised(module *m, graph *g, tensor *x)
{
    block *s = m->state;
    tensor *y = layer_run(s->main, g, x);
    return layer_run(s->act, g, op_add(g, y, x));
}

/* mmseg's NonBottleneck1d: two 3x3 convolutions, each as a 3x1 and a 1x3, the second one dilated, added to the map. */
static void factorised_new(const erfnet *net, module *list, int64_t channels, double drop, int64_t dilation)
{
    block *s;
    module *m = block_new(list, run_factorised, &s);
    if (!m)
        return;
    s->act = act_new(m, "act", net->act_cfg);
    s->main = sequential_new(m, "convs_layers");
    int at = 0;
    for (int i = 0; i < 2; i++) {
        int64_t d = i ? dilation : 1;
        conv_spec down = {channels, channels, {3, 1}, {1, 1}, {d, 0}, {d, 1}, 1, true};
        conv_spec across = {channels, channels, {1, 3}, {1, 1}, {0, d}, {1, d}, 1, true};
        conv2d_new(s->main, module_index(m, at++), NULL, down);
        act_new(s->main, module_index(m, at++), net->act_cfg);
        conv2d_new(s->main, module_index(m, at++), NULL, across);
        norm_new(s->main, module_index(m, at++), net->norm_cfg, channels);
        if (i == 0)
            act_new(s->main, module_index(m, at++), net->act_cfg);
        else
            dropout_new(s->main, module_index(m, at++), drop);
    }
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void check_length(module *m, const char *key, ints list, size_t n)
{
    if (list.n != n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key),
                   "ERFNet: %s has %zu entries; with %zu enc_downsample_channels it has %zu", key, list.n, n + 1, n);
}

static bool check(module *m, const erfnet_config *c)
{
    ints down = c->enc_downsample_channels, blocks = c->enc_stage_non_bottlenecks;
    if (down.n < 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "enc_downsample_channels"),
                   "ERFNet: enc_downsample_channels has %zu entries; there are at least 2 steps", down.n);
    else
        check_length(m, "enc_stage_non_bottlenecks", blocks, down.n - 1);
    check_length(m, "enc_non_bottleneck_channels", c->enc_non_bottleneck_channels, down.n - 1);
    check_length(m, "dec_upsample_channels", c->dec_upsample_channels, down.n - 1);
    check_length(m, "dec_stages_non_bottleneck", c->dec_stages_non_bottleneck, down.n - 1);
    check_length(m, "dec_non_bottleneck_channels", c->dec_non_bottleneck_channels, down.n - 1);
    if (model_failed(m->model))
        return false;
    int64_t last = blocks.at[blocks.n - 1], in = c->in_channels;
    size_t dilations = c->enc_non_bottleneck_dilations.n;
    if (dilations == 0 || last % (int64_t)dilations)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "enc_non_bottleneck_dilations"),
                   "ERFNet: %zu enc_non_bottleneck_dilations do not divide the %lld blocks of the last step", dilations,
                   (long long)last);
    for (size_t i = 0; i < down.n; in = down.at[i++])
        if (down.at[i] <= in)
            model_fail(
                m->model, CSEG_CONFIG, module_at(m, "enc_downsample_channels"),
                "ERFNet: enc_downsample_channels grow from the image's %lld on, since a step keeps the maxima of "
                "all channels; %lld follows on %lld",
                (long long)c->in_channels, (long long)down.at[i], (long long)in);
    return !model_failed(m->model);
}

static void encoder_new(const erfnet *s, const erfnet_config *c)
{
    ints down = c->enc_downsample_channels, dilations = c->enc_non_bottleneck_dilations;
    down_new(s, c->in_channels, down.at[0]);
    for (size_t i = 1; i < down.n; i++) {
        down_new(s, down.at[i - 1], down.at[i]);
        for (int64_t k = 0; k < c->enc_stage_non_bottlenecks.at[i - 1]; k++) {
            int64_t dilation = i == down.n - 1 ? dilations.at[(size_t)k % dilations.n] : 1;
            factorised_new(s, s->encoder, down.at[i], c->dropout_ratio, dilation);
        }
    }
}

/* Blocks of the decoder drop nothing. */
static void decoder_new(const erfnet *s, const erfnet_config *c)
{
    int64_t in = c->enc_downsample_channels.at[c->enc_downsample_channels.n - 1];
    for (size_t i = 0; i < c->dec_non_bottleneck_channels.n; i++) {
        int64_t out = c->dec_non_bottleneck_channels.at[i];
        up_new(s, in, out);
        for (int64_t k = 0; k < c->dec_stages_non_bottleneck.at[i]; k++)
            factorised_new(s, s->decoder, out, 0, 1);
        in = out;
    }
}

static const value *literal(module *m, const char *text)
{
    value *v = NULL;
    config_parse_literal(text, "ERFNet", m->model->mem, &v, &m->model->error);
    return v;
}

static void build(module *m)
{
    const erfnet_config *c = m->config;
    erfnet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, NULL, NULL);
    s->norm_cfg = literal(m, "dict(type='BN', eps=1e-3)");
    s->act_cfg = literal(m, "dict(type='ReLU')");
    s->encoder = sequential_new(m, "encoder");
    s->decoder = sequential_new(m, "decoder");
    if (model_failed(m->model))
        return;
    encoder_new(s, c);
    decoder_new(s, c);
    m->model->in_channels = (int)c->in_channels;
}

static features forward(module *m, graph *g, tensor *x)
{
    erfnet *s = m->state;
    features out = features_new(g, 0);
    features_add(g, &out, layer_run(s->decoder, g, layer_run(s->encoder, g, x)));
    return out;
}

const kind kind_erfnet = {
    .family = FAMILY_BACKBONE,
    .name = "ERFNet",
    .about = "An encoder and a decoder of 3x1 and 1x3 convolutions (Romera et al. 2017).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
