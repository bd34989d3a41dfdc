/* EncHead: weights channels by how the image's pixels are distributed over learnt code words, and adds a loss on the
 * classes present in an image (Zhang et al. 2018, arXiv:1803.08904). */
#include <math.h>
#include <string.h>

#include "model/heads/decode_head.h"

typedef struct enc_config {
    head_config head;
    int64_t num_codes;
    bool use_se_loss, add_lateral;
    const value *loss_se_decode;
} enc_config;

static const field fields[] = {
    HEAD_FIELDS(enc_config),
    FIELD_RANGE(enc_config, F_INT, num_codes, "32", 1, 1 << 16, "code words"),
    FIELD(enc_config, F_BOOL, use_se_loss, "True", "learns which classes an image has, too"),
    FIELD(enc_config, F_BOOL, add_lateral, "False", "joins all maps instead of taking the last one"),
    FIELD(enc_config, F_VALUE, loss_se_decode, "dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)",
          "the loss on which classes an image has; called loss_se, whatever its loss_name"),
};
static const field_table table = FIELD_TABLE(fields, enc_config);

typedef struct enc_head {
    decode_head base;
    module *bottleneck;
    module *laterals, *fusion; /* NULL unless add_lateral */
    module *project, *encoding, *fc;
    module *se_layer, *loss_se; /* NULL unless use_se_loss */
} enc_head;

enum { NO_LABEL = -100 }; /* the default ignore_index of PyTorch's losses: no label has it here */

/* ---- the encoding layer: a map [N,H,W,C] -> how its pixels lie about each code word [N,C,codes] -------------------
 */

typedef struct encoding {
    param *codewords, *scale; /* [codes, C], [codes] */
} encoding;

/* Returns [N,L,codes]: the softmax over scaled squares of distances, |x|^2 - 2 x c + |c|^2. */
static tensor *shares(const encoding *e, graph *g, tensor *x, tensor *codes)
{
    int64_t row[] = {1, 1, e->codewords->dim[0]};
    tensor *product = op_matmul(g, x, codes, false, true);
    tensor *of_x = op_reduce_sum(g, op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE}), 4, true);
    tensor *of_codes = op_reduce_sum(g, op_unary(g, codes, (unary_attr){.kind = UNARY_SQUARE}), 2, false);
    tensor *distance = op_add(g, op_scale(g, product, -2, 0), op_reshape(g, of_codes, 3, row));
    distance = op_add(g, distance, of_x);
    return op_softmax(g, op_mul(g, distance, op_reshape(g, graph_param(g, e->scale), 3, row)));
}

/* Returns the sum over pixels of share * (x - code word), with channels before code words, because the next norm is
 * over code words. */
static tensor *encode(module *m, graph *g, tensor *x)
{
    const encoding *e = m->state;
    if (!x)
        return NULL;
    tensor *codes = graph_param(g, e->codewords), *pixels = op_reshape(g, x, 3, (int64_t[]){x->dim[0], -1, x->dim[3]});
    tensor *share = shares(e, g, pixels, codes);
    tensor *turned = op_reshape(g, op_transpose(g, codes, (int[]){1, 0}), 3, (int64_t[]){1, x->dim[3], -1});
    tensor *away = op_mul(g, turned, op_reduce_sum(g, share, 2, true));
    return op_sub(g, op_matmul(g, pixels, share, true, false), away);
}

static void encoding_new(module *parent, const char *name, int64_t channels, int64_t codes)
{
    module *m = module_new(parent, name);
    encoding *e = module_state(m, sizeof *e);
    if (!e)
        return;
    float bound = 1 / sqrtf((float)codes * (float)channels);
    m->state = e;
    m->forward = encode;
    e->codewords = module_param(m, "codewords", 2, (int64_t[]){codes, channels}, INIT_UNIFORM, -bound, bound);
    e->scale = module_param(m, "scale", 1, &codes, INIT_UNIFORM, -1, 0);
}

/* ---- the head -------------------------------------------------------------------------------------------------- */

/* Makes the one-dimensional norm that belongs to norm_cfg; BN if there is none. Its channels are the code words. */
static void encoding_norm_new(module *m, module *parent, const char *name, int64_t codes)
{
    const value *cfg = ((const enc_config *)m->config)->head.norm_cfg;
    module *norm = norm_new(parent, name, value_is_none(cfg) ? module_literal(m, "dict(type='BN')") : cfg, codes);
    if (!norm)
        return;
    if (strcmp(norm->class_name, "BatchNorm2d") == 0)
        norm->class_name = "BatchNorm1d";
    else if (strcmp(norm->class_name, "InstanceNorm2d") == 0)
        norm->class_name = "InstanceNorm1d";
    else if (strcmp(norm->class_name, "LayerNorm") == 0)
        model_fail(m->model, CSEG_UNSUPPORTED, cfg, "%s: a LayerNorm over the channels of code words does not fit them",
                   m->name);
}

static void build_encoding(module *m, enc_head *h)
{
    const enc_config *c = m->config;
    int64_t channels = c->head.channels;
    module *all = module_new(m, "enc_module");
    h->project = head_conv(m, all, "encoding_project", channels, channels, 1);
    h->encoding = sequential_new(all, "encoding");
    encoding_new(h->encoding, "0", channels, c->num_codes);
    encoding_norm_new(m, h->encoding, "1", c->num_codes);
    relu_new(h->encoding, "2");
    h->fc = linear_new(sequential_new(all, "fc"), "0", channels, channels, true);
}

/* An image has several classes: a softmax, whose target is one of them, cannot learn which. */
static void check_loss_se(module *m, const module *loss, const value *cfg)
{
    const value *sigmoid = value_get(cfg, "use_sigmoid");
    if (loss && strcmp(loss->kind->name, "CrossEntropyLoss") == 0 && !(sigmoid && value_true(sigmoid)))
        model_fail(m->model, CSEG_CONFIG, cfg,
                   "%s: loss_se_decode learns which classes an image has, of which there may be several: "
                   "CrossEntropyLoss needs use_sigmoid=True there",
                   m->name);
}

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(enc_head)))
        return;
    const enc_config *c = m->config;
    const ints *in = &c->head.in_channels;
    enc_head *h = m->state;
    int64_t channels = c->head.channels;
    h->bottleneck = head_conv(m, m, "bottleneck", in->at[in->n - 1], channels, 3);
    if (c->add_lateral) {
        h->laterals = module_new(m, "lateral_convs");
        for (size_t i = 0; i + 1 < in->n; i++)
            head_conv(m, h->laterals, module_index(m, (int64_t)i), in->at[i], channels, 1);
        h->fusion = head_conv(m, m, "fusion", (int64_t)in->n * channels, channels, 3);
    }
    build_encoding(m, h);
    if (!c->use_se_loss)
        return;
    h->loss_se = head_loss(m, "loss_se_decode", c->loss_se_decode, LOSS_FLOAT_TARGET);
    check_loss_se(m, h->loss_se, c->loss_se_decode);
    h->se_layer = linear_new(m, "se_layer", channels, c->head.num_classes, true);
}

static tensor *with_laterals(module *m, graph *g, features x, tensor *y)
{
    enc_head *h = m->state;
    features all = features_new(g, 0);
    features_add(g, &all, y);
    for (int i = 0; i + 1 < x.n; i++)
        features_add(g, &all,
                     resize_like(g, layer_run(h->laterals->children.at[i], g, x.at[i]), y, m->head->align_corners));
    return layer_run(h->fusion, g, op_concat(g, all.at, all.n, -1));
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    enc_head *h = m->state;
    head_out out = {.more = features_new(g, 0)};
    features x = head_inputs(m, g, io);
    tensor *y = x.n ? layer_run(h->bottleneck, g, x.at[x.n - 1]) : NULL;
    if (h->laterals)
        y = with_laterals(m, g, x, y);
    tensor *code = layer_run(h->encoding, g, layer_run(h->project, g, y));
    if (!code)
        return out;
    code = op_reduce_mean(g, code, 4, false); /* [N,C] */
    tensor *weight = op_sigmoid(g, layer_run(h->fc, g, code));
    weight = op_reshape(g, weight, 4, (int64_t[]){y->dim[0], 1, 1, y->dim[3]});
    out.logits = head_classify(m, g, op_relu(g, op_add(g, y, op_mul(g, y, weight))));
    if (h->se_layer && io->label)
        features_add(g, &out.more, layer_run(h->se_layer, g, code));
    return out;
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    enc_head *h = m->state;
    head_add_losses(m, g, io, out->logits, prefix);
    if (!h->loss_se || !out->more.n)
        return;
    loss_io se = {
        .x = out->more.at[0], .target = op_presence(g, io->label, m->head->num_classes), .ignore_index = NO_LABEL};
    model_add_loss(m->model, g, prefix, "loss_se", loss_run(h->loss_se, g, &se));
}

const kind kind_enc_head = {
    .family = FAMILY_HEAD,
    .name = "EncHead",
    .about = "Channels weighted by an encoding of the whole image, and a loss on the classes that it has "
             "(arXiv:1803.08904).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
