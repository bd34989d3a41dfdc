/* BITHead: a few tokens of two dates look at each other, and the pixels of each date at the date's own (Chen et al.
 * 2021, arXiv:2103.00208). */
#include <math.h>
#include <string.h>

#include "model/heads/ban_decoder.h"
#include "model/heads/decode_head.h"

typedef struct bit_config {
    head_config head;
    int64_t embed_dims, enc_depth, dec_depth, num_heads, pool_size, token_len;
    bool enc_with_pos, use_tokenizer;
    double drop_rate, pre_upsample, upsample_size;
    const char *pool_mode;
} bit_config;

#define BIT_FIELDS                                                                                                     \
    FIELD_RANGE(bit_config, F_INT, embed_dims, "64", 1, 1 << 16, "channels inside of a block"),                        \
        FIELD_RANGE(bit_config, F_INT, enc_depth, "1", 0, 1024, "blocks in which tokens look at each other"),          \
        FIELD(bit_config, F_BOOL, enc_with_pos, "True", "each token has a learnt position"),                           \
        FIELD_RANGE(bit_config, F_INT, dec_depth, "8", 0, 1024, "blocks in which pixels look at tokens"),              \
        FIELD_RANGE(bit_config, F_INT, num_heads, "8", 1, 1 << 12, "heads of attentions"),                             \
        FIELD_RANGE(bit_config, F_FLOAT, drop_rate, "0.", 0, 1, "dropout behind attentions and linear layers"),        \
        FIELD_RANGE(bit_config, F_INT, pool_size, "2", 1, 1 << 10,                                                     \
                    "without the tokenizer: side of the grid of tokens"),                                              \
        FIELD_CHOICE(bit_config, pool_mode, "'max'", "max|avg", "and how a token is made of its part of the map"),     \
        FIELD(bit_config, F_BOOL, use_tokenizer, "True",                                                               \
              "tokens are sums of pixels with learnt weights; False: a pool"),                                         \
        FIELD_RANGE(bit_config, F_INT, token_len, "4", 1, 1 << 16, "tokens of a date with the tokenizer"),             \
        FIELD_RANGE(bit_config, F_FLOAT, pre_upsample, "2", 1e-3, 64, "by how much the map is enlarged first"),        \
        FIELD_RANGE(bit_config, F_FLOAT, upsample_size, "4", 1e-3, 64, "and before it is classified")

static const field fields[] = {
    HEAD_SIZE_FIELDS(bit_config, "256", "32"),
    HEAD_CLASSES_FIELD(bit_config),
    HEAD_MORE_FIELDS(bit_config, "None", "dict(type='LN')", "dict(type='ReLU', inplace=True)",
                     "dict(type='Normal', std=0.01, override=dict(name='conv_seg'))"),
    BIT_FIELDS,
};
static const field_table table = FIELD_TABLE(fields, bit_config);
static const field ban_fields[] = {
    HEAD_SIZE_FIELDS(bit_config, "256", "32"),
    HEAD_CLASSES_FIELD(bit_config),
    BIT_FIELDS,
    HEAD_FIELD(bit_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    HEAD_FIELD(bit_config, F_VALUE, norm_cfg, "dict(type='LN')", "kind of normalisation of tokens"),
    FIELD_IGNORED(act_cfg, "the reference does not use it either"),
    FIELD_IGNORED(interpolate_mode, "the reference does not use it either"),
    HEAD_FIELD_RANGE(bit_config, F_FLOAT, dropout_ratio, "0.", -1, 1, "of channels, before classifying; <= 0: none"),
    HEAD_FIELD(bit_config, F_BOOL, align_corners, "False", "of all resizing"),
};
static const field_table ban_table = FIELD_TABLE(ban_fields, bit_config);

/* ---- a block: what x takes from ref, then a small network on each element --------------------------------------- */

typedef struct block {
    module *q, *k, *v, *out, *ff, *norm1, *norm_ref, *norm2; /* norm_ref: norm1 in an encoder */
    attention_attr attr;
} block;

typedef struct bit_head {
    decode_head base;
    module *conv_att, *pre_process, *upsample, *encoder, *decoder;
    param *position;
    int64_t tokens; /* of a date */
} bit_head;

static void block_new(module *m, module *list, int64_t i, bool decodes)
{
    const bit_config *c = m->config;
    int64_t channels = c->head.channels, embed = c->embed_dims;
    module *b = module_new(list, module_index(m, i)), *attn = b ? module_new(b, "attn") : NULL;
    block *s = module_state(b, sizeof *s);
    if (!s || !attn)
        return;
    b->state = s;
    s->attr = (attention_attr){.heads = c->num_heads,
                               .scale = (float)(1 / sqrt((double)channels)),
                               .d = embed / c->num_heads,
                               .e = embed / c->num_heads};
    s->q = linear_new(attn, "to_q", channels, embed, false);
    s->k = linear_new(attn, "to_k", channels, embed, false);
    s->v = linear_new(attn, "to_v", channels, embed, false);
    s->out = sequential_new(attn, "fc_out");
    linear_new(s->out, "0", embed, channels, true);
    dropout_new(s->out, "1", c->drop_rate);
    s->ff = sequential_new(b, "ff");
    linear_new(s->ff, "0", channels, embed, true);
    relu_new(s->ff, "1");
    dropout_new(s->ff, "2", c->drop_rate);
    linear_new(s->ff, "3", embed, channels, true);
    dropout_new(s->ff, "4", c->drop_rate);
    s->norm1 = s->norm_ref = norm_new_of(b, "norm1", c->head.norm_cfg, channels, NORM_OF_TOKENS);
    if (decodes)
        s->norm_ref = norm_new_of(b, "norm1_", c->head.norm_cfg, channels, NORM_OF_TOKENS);
    s->norm2 = norm_new_of(b, "norm2", c->head.norm_cfg, channels, NORM_OF_TOKENS);
}

/* x [N,L,C], ref [N,M,C] (NULL: x itself) -> x's shape. */
static tensor *block_run(module *m, graph *g, tensor *x, tensor *ref)
{
    const block *s = m->state;
    graph_push_scope(g, m->name);
    tensor *own = layer_run(s->norm1, g, x), *other = ref ? layer_run(s->norm_ref, g, ref) : own;
    attention_operands in = {
        .q = layer_run(s->q, g, own), .k = layer_run(s->k, g, other), .v = layer_run(s->v, g, other)};
    x = op_add(g, layer_run(s->out, g, op_attention(g, &in, s->attr)), x);
    x = op_add(g, layer_run(s->ff, g, layer_run(s->norm2, g, x)), x);
    graph_pop_scope(g);
    return x;
}

/* ---- the head -------------------------------------------------------------------------------------------------- */

/* Neither norm_cfg nor act_cfg are for convolutions. */
static module *conv(module *m, module *parent, const char *name, int64_t in, int64_t out, int64_t kernel)
{
    const bit_config *c = m->config;
    return conv_module_new(parent, name,
                           (conv_module_spec){.conv = conv_square(in, out, kernel, 1, kernel / 2, 1),
                                              .conv_cfg = c->head.conv_cfg,
                                              .act_cfg = module_literal(m, "dict(type='ReLU')")});
}

/* All but the classifier. */
static void build_parts(module *m, int64_t in)
{
    const bit_config *c = m->config;
    bool corners = c->head.align_corners;
    bit_head *h = m->state;
    int64_t channels = c->head.channels;
    if (!attention_heads_fit(m, module_at(m, "num_heads"), c->embed_dims, c->num_heads))
        return;
    h->tokens = c->use_tokenizer ? c->token_len : c->pool_size * c->pool_size;
    if (c->enc_with_pos)
        h->position =
            module_param(m, "enc_pos_embedding", 3, (int64_t[]){1, 2 * h->tokens, channels}, INIT_NORMAL, 0, 1);
    if (c->use_tokenizer)
        h->conv_att = conv(m, m, "conv_att", channels, h->tokens, 1);
    h->pre_process = sequential_new(m, "pre_process");
    upsample_new(h->pre_process, "0", c->pre_upsample, "bilinear", corners);
    conv(m, h->pre_process, "1", in, channels, 3);
    h->encoder = module_list_new(m, "encoder");
    for (int64_t i = 0; i < c->enc_depth; i++)
        block_new(m, h->encoder, i, false);
    h->decoder = module_list_new(m, "decoder");
    for (int64_t i = 0; i < c->dec_depth; i++)
        block_new(m, h->decoder, i, true);
    h->upsample = upsample_new(m, "upsample", c->upsample_size, "bilinear", corners);
    if (h->pre_process)
        h->pre_process->base = true;
}

static void build(module *m)
{
    const bit_config *c = m->config;
    if (c->head.input_transform)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "input_transform"),
                   "%s: %s takes one map of both dates; leave input_transform out", m->name, m->kind->name);
    if (head_begin(m, sizeof(bit_head)))
        build_parts(m, ((bit_head *)m->state)->base.in_channels);
}

/* BAN_BITHead is no decode head: a BitemporalAdapterHead has what belongs to one. */
static void build_ban(module *m)
{
    const bit_config *c = m->config;
    bit_head *h = m->state = module_state(m, sizeof *h);
    if (!h)
        return;
    if (c->head.in_channels.n != 1) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"), "%s: in_channels is an int", m->name);
        return;
    }
    build_parts(m, c->head.in_channels.at[0]);
    h->base.conv_seg = pointwise_conv_new(m, "conv_seg", c->head.channels, c->head.num_classes);
    h->base.dropout = dropout2d_new(m, "dropout", c->head.dropout_ratio);
}

/* x [N,h,w,C] -> [N,T,C] */
static tensor *tokens_of(module *m, graph *g, tensor *x)
{
    const bit_config *c = m->config;
    const bit_head *h = m->state;
    if (!c->use_tokenizer) {
        bool max = strcmp(c->pool_mode, "max") == 0;
        return map_tokens(g, (max ? op_adaptive_max_pool : op_adaptive_avg_pool)(g, x, c->pool_size, c->pool_size));
    }
    tensor *weight = map_tokens(g, layer_run(h->conv_att, g, x)); /* [N,h*w,T] */
    weight = op_softmax(g, op_transpose(g, weight, (int[]){0, 2, 1}));
    return op_matmul(g, weight, map_tokens(g, x), false, false);
}

/* Both dates are images of one batch where no layer tells images apart: [2N,T,C] beside each other are [N,2T,C]. */
static tensor *exchange(module *m, graph *g, tensor *tokens)
{
    const bit_head *h = m->state;
    tensor *date[2];
    op_split(g, tokens, 0, 2, NULL, date);
    tensor *both = op_concat(g, date, 2, 1);
    if (h->position)
        both = op_add(g, both, graph_param(g, h->position));
    for (size_t i = 0; i < h->encoder->children.n; i++)
        both = block_run(h->encoder->children.at[i], g, both, NULL);
    op_split(g, both, 1, 2, NULL, date);
    return op_concat(g, date, 2, 0);
}

/* first, second [N,h,w,in]: both dates' maps -> [N,H,W,channels] */
static tensor *changes_of(module *m, graph *g, tensor *first, tensor *second)
{
    const bit_head *h = m->state;
    tensor *date[2], *x = layer_run(h->pre_process, g, op_concat(g, (tensor *[]){first, second}, 2, 0));
    if (!x)
        return NULL;
    tensor *tokens = exchange(m, g, tokens_of(m, g, x)), *pixels = map_tokens(g, x);
    for (size_t i = 0; i < h->decoder->children.n; i++)
        pixels = block_run(h->decoder->children.at[i], g, pixels, tokens);
    op_split(g, op_reshape(g, pixels, 4, x->dim), 0, 2, NULL, date);
    tensor *y = op_unary(g, op_sub(g, date[0], date[1]), (unary_attr){.kind = UNARY_ABS});
    return layer_run(h->upsample, g, y);
}

static tensor *changes(module *m, graph *g, const head_io *io)
{
    features maps[2];
    head_inputs_of_dates(m, g, io, true, maps);
    return maps[0].n == 1 && maps[1].n == 1 ? changes_of(m, g, maps[0].at[0], maps[1].at[0]) : NULL;
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, changes(m, g, io))};
}

const kind kind_bit_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "BITHead",
    .about =
        "A few tokens of two dates look at each other, and pixels at them (BIT, arXiv:2103.00208). Takes both dates' "
        "map along the channels; in_channels are those of one.",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .features = changes},
};

static tensor *decode(module *m, graph *g, const features date[2])
{
    if (date[0].n != 1 || date[1].n != 1)
        return graph_fail(g, CSEG_SHAPE,
                          "%s (%s) takes one map of each date, as a ResNet gives it beside; there are %d", m->name,
                          m->kind->name, date[0].n);
    return head_classify(m, g, changes_of(m, g, date[0].at[0], date[1].at[0]));
}

const kind kind_ban_bit_head = {
    .family = FAMILY_PART,
    .scopes = SCOPE_OPENCD,
    .name = "BAN_BITHead",
    .about = "BITHead behind a ResNet, as ban_dec_cfg of BitemporalAdapterHead.",
    .fields = &ban_table,
    .build = build_ban,
    .as.ban_decoder = {.forward = decode},
};
