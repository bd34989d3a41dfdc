/* OCRHead: each pixel attends to the mean features of the classes that the preceding head predicts (Yuan et al. 2020,
 * arXiv:1909.11065). */
#include "model/heads/decode_head.h"

typedef struct ocr_config {
    head_config head;
    int64_t ocr_channels;
    double scale;
} ocr_config;

static const field fields[] = {
    HEAD_FIELDS(ocr_config),
    FIELD_RANGE(ocr_config, F_INT, ocr_channels, NULL, 1, 1 << 20, "channels of keys and queries"),
    FIELD(ocr_config, F_FLOAT, scale, "1", "of the logits before their softmax over an image's pixels; at most 1"),
};
static const field_table table = FIELD_TABLE(fields, ocr_config);

typedef struct ocr_head {
    decode_head base;
    module *attention, *attention_bottleneck; /* object_context_block and its child */
    module *bottleneck;
} ocr_head;

static void build(module *m)
{
    if (!head_begin(m, sizeof(ocr_head)))
        return;
    const ocr_config *c = m->config;
    ocr_head *h = m->state;
    int64_t channels = c->head.channels;
    if (c->scale > 1)
        model_fail(
            m->model, CSEG_UNSUPPORTED, module_at(m, "scale"),
            "%s: scale=%g is not supported: above 1 the reference's queries are fewer than the map's pixels, and "
            "it cannot run either. Leave it at 1",
            m->name, c->scale);
    h->attention = self_attention_new(m, "object_context_block",
                                      (self_attention_spec){.key_in = channels,
                                                            .query_in = channels,
                                                            .channels = c->ocr_channels,
                                                            .out = channels,
                                                            .key_query_convs = 2,
                                                            .value_out_convs = 1,
                                                            .key_query_norm = true,
                                                            .value_out_norm = true,
                                                            .matmul_norm = true,
                                                            .with_out = true,
                                                            .conv_cfg = c->head.conv_cfg,
                                                            .norm_cfg = c->head.norm_cfg,
                                                            .act_cfg = c->head.act_cfg});
    h->attention_bottleneck = head_conv(m, h->attention, "bottleneck", 2 * channels, channels, 1);
    h->bottleneck = head_conv(m, m, "bottleneck", h->base.in_channels, channels, 3);
}

/* Returns the mean of x [N,h,w,C] over each class, weighted by a softmax of the logits [N,h,w,K] over the image's
 * pixels, as a map [N,K,1,C]. */
static tensor *gather_classes(graph *g, tensor *x, tensor *logits, double scale)
{
    if (!x || !logits)
        return NULL;
    int64_t n = x->dim[0], pixels = x->dim[1] * x->dim[2], classes = logits->dim[3];
    if (logits->dim[1] != x->dim[1] || logits->dim[2] != x->dim[2])
        return graph_fail(
            g, CSEG_SHAPE, "the head before it gives a map of %lld x %lld, but its own input is %lld x %lld",
            (long long)logits->dim[1], (long long)logits->dim[2], (long long)x->dim[1], (long long)x->dim[2]);
    tensor *share = op_transpose(g, op_reshape(g, logits, 3, (int64_t[]){n, pixels, classes}), (int[]){0, 2, 1});
    if (scale != 1)
        share = op_scale(g, share, (float)scale, 0);
    tensor *y =
        op_matmul(g, op_softmax(g, share), op_reshape(g, x, 3, (int64_t[]){n, pixels, x->dim[3]}), false, false);
    return op_reshape(g, y, 4, (int64_t[]){n, classes, 1, x->dim[3]});
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    ocr_head *h = m->state;
    tensor *x = layer_run(h->bottleneck, g, head_input(m, g, io));
    tensor *classes = gather_classes(g, x, io->prev, ((const ocr_config *)m->config)->scale);
    tensor *context = self_attention_run(h->attention, g, x, classes);
    tensor *y = layer_run(h->attention_bottleneck, g, op_concat(g, (tensor *[]){context, x}, 2, -1));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_ocr_head = {
    .family = FAMILY_HEAD,
    .name = "OCRHead",
    .about = "Each pixel gathers from the classes' mean features, as the head before it sees the classes; second or "
             "later in a CascadeEncoderDecoder (arXiv:1909.11065).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_prev = true, .forward = forward},
};
