/* FarSegHead of Open-CD: what an image holds as a whole says which pixels of its maps count (Zheng et al. 2020,
 * arXiv:2011.09766). */
#include "model/heads/decode_head.h"

typedef struct far_seg_config {
    head_config head;
    int64_t fsr_channels;
} far_seg_config;

static const field fields[] = {
    HEAD_FIELDS(far_seg_config),
    FIELD_RANGE(far_seg_config, F_INT, fsr_channels, NULL, 1, 1 << 16, "channels of the maps once they are weighed"),
};
static const field_table table = FIELD_TABLE(fields, far_seg_config);

enum { MAPS = 4 }; /* of strides 4, 8, 16 and 32, whatever they are; the decoder of the class has no others */

typedef struct far_seg {
    decode_head base;
    module *scene, *content, *again, *blocks; /* of each map */
} far_seg;

/* A ConvModule with the head's norm; the parts of the class keep ReLU. */
static void conv(module *m, module *list, const char *name, int64_t in, int64_t out, int64_t kernel)
{
    const far_seg_config *c = m->config;
    conv_module_spec s = {.conv = conv_square(in, out, kernel, 1, kernel / 2, 1),
                          .norm_cfg = c->head.norm_cfg,
                          .act_cfg = module_literal(m, "dict(type='ReLU')")};
    conv_module_new(list, name, s);
}

static void build_relation(module *m, far_seg *h)
{
    const far_seg_config *c = m->config;
    const ints *in = &c->head.in_channels;
    int64_t inner = c->fsr_channels;
    module *relation = module_list_new(m, "_fsr");
    h->scene = relation ? module_new(relation, "scene_encoder") : NULL;
    h->content = relation ? module_new(relation, "content_encoders") : NULL;
    h->again = relation ? module_new(relation, "feature_reencoders") : NULL;
    for (int64_t i = 0; i < MAPS; i++) {
        module *scene = sequential_new(h->scene, module_index(m, i));
        pointwise_conv_new(scene, "0", in->at[MAPS], inner);
        relu_new(scene, "1");
        pointwise_conv_new(scene, "2", inner, inner);
        conv(m, sequential_new(h->content, module_index(m, i)), "0", in->at[i], inner, 1);
        conv(m, sequential_new(h->again, module_index(m, i)), "0", in->at[i], inner, 1);
    }
}

/* norm_cfg of the decoder is its class's own. */
static void build_decoder(module *m, far_seg *h)
{
    const far_seg_config *c = m->config;
    module *decoder = module_list_new(m, "_decoder");
    h->blocks = decoder ? module_new(decoder, "blocks") : NULL;
    for (int64_t i = 0; i < MAPS; i++) {
        module *block = sequential_new(h->blocks, module_index(m, i));
        for (int64_t k = 0; k < (i ? i : 1); k++) {
            module *step = sequential_new(block, module_index(m, k));
            int64_t in = k ? c->head.channels : c->fsr_channels;
            conv_module_new(step, "0", conv_bn_relu(m, conv_square(in, c->head.channels, 3, 1, 1, 1)));
            if (i)
                upsample_new(step, "1", 2, "bilinear", true);
        }
    }
}

static void build(module *m)
{
    const far_seg_config *c = m->config;
    if (!head_selects_maps(m))
        return;
    if (c->head.in_channels.n != MAPS + 1) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: %s takes %d maps and what the image holds as a whole: in_channels has %d entries, not %zu",
                   m->name, m->kind->name, MAPS, MAPS + 1, c->head.in_channels.n);
        return;
    }
    if (!head_begin_unclassified(m, sizeof(far_seg)))
        return;
    far_seg *h = m->state;
    conv_spec last = conv_square(c->head.channels, m->head->out_channels, 3, 1, 0, 1);
    last.bias = true;
    h->base.conv_seg = conv2d_new(m, "conv_seg", NULL, last);
    build_relation(m, h);
    build_decoder(m, h);
}

static tensor *decoded(module *m, graph *g, const head_io *io)
{
    const far_seg *h = m->state;
    features x = head_inputs(m, g, io);
    tensor *sum = NULL;
    if (x.n != MAPS + 1)
        return NULL;
    for (int i = 0; i < MAPS; i++) {
        tensor *scene = layer_run(h->scene->children.at[i], g, x.at[MAPS]);
        tensor *alike = op_mul(g, scene, layer_run(h->content->children.at[i], g, x.at[i]));
        tensor *share = op_sigmoid(g, op_reduce_sum(g, alike, 1 << 3, true));
        tensor *y = op_mul(g, share, layer_run(h->again->children.at[i], g, x.at[i]));
        y = layer_run(h->blocks->children.at[i], g, y);
        sum = sum ? op_add(g, sum, y) : y;
    }
    return op_scale(g, sum, 1.0F / MAPS, 0);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    return (head_out){.logits = head_classify(m, g, decoded(m, g, io))};
}

const kind kind_far_seg_head = {
    .family = FAMILY_HEAD,
    .scopes = SCOPE_OPENCD,
    .name = "FarSegHead",
    .about = "What an image holds as a whole says which pixels of its maps count (arXiv:2011.09766).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .features = decoded},
};
