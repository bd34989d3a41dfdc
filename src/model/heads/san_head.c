/* SideAdapterCLIPHead: masks by a network beside CLIP, whose classes CLIP tells by their names (SAN, Xu et al. 2023,
 * arXiv:2302.12242). */
#include "model/heads/mask_match.h"
#include "model/heads/side_adapter.h"
#include "model/init.h"
#include "model/losses/loss_config.h"

typedef struct san_config {
    int64_t num_classes, ignore_index;
    const value *san_cfg, *maskgen_cfg, *train_cfg, *loss_decode, *init_cfg;
    ints deep_supervision_idxs;
    bool align_corners;
    const char *gt_key;
} san_config;

static const field fields[] = {
    FIELD_RANGE(san_config, F_INT, num_classes, NULL, 1, 1 << 16, "classes, as many as the text encoder names"),
    FIELD(san_config, F_VALUE, san_cfg, NULL,
          "the network: in_channels, clip_channels, embed_dims, patch_size, patch_bias, num_queries, fusion_index, "
          "cfg_encoder, cfg_decoder, norm_cfg"),
    FIELD(san_config, F_VALUE, maskgen_cfg, NULL,
          "CLIP's last layers: sos_token_num, num_layers, embed_dims, num_heads, mlp_ratio, qkv_bias, out_dims, "
          "final_norm, act_cfg, norm_cfg, frozen_exclude"),
    FIELD_RANGE(san_config, F_INT_LIST, deep_supervision_idxs, NULL, 0, 1024,
                "layers of the network, from 1, that learn beside the last"),
    FIELD(san_config, F_VALUE, train_cfg, NULL,
          "num_points, oversample_ratio, importance_sample_ratio and assigner, which training needs"),
    FIELD(san_config, F_VALUE, loss_decode, "dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)",
          "losses, told apart by their names: loss_cls_ce of the queries' classes, loss_mask_ce and loss_mask_dice of "
          "their masks"),
    FIELD(san_config, F_INT, ignore_index, "255", "label that teaches nothing"),
    FIELD(san_config, F_BOOL, align_corners, "False", "where the answer is resized to another size"),
    FIELD(san_config, F_VALUE, init_cfg, "None", "dict(type='Pretrained_Part', checkpoint=...): CLIP's last layers"),
    FIELD(san_config, F_STR, gt_key, "'gt_semantic_seg'", "field of the data that holds its labels (not in mmseg)"),
    FIELD_FIXED(out_channels, "None", "there is one for each class"),
    FIELD_IGNORED(threshold, "of one channel; there are more"),
    FIELD_IGNORED(dropout_ratio, "the class has no layer that it would stand before"),
    FIELD_IGNORED(conv_cfg, "no layer reads it"),
    FIELD_IGNORED(norm_cfg, "san_cfg and maskgen_cfg have their own"),
    FIELD_IGNORED(act_cfg, "san_cfg and maskgen_cfg have their own"),
    FIELD_IGNORED(in_index, "it takes all maps"),
    FIELD_IGNORED(input_transform, "it takes all maps as they are"),
    FIELD_IGNORED(sampler, "it samples points by its train_cfg"),
};
static const field_table table = FIELD_TABLE(fields, san_config);

enum { MOST_OUT = 64 }; /* layers that learn */

typedef struct san_head {
    module *network, *recognition;
} san_head;

static void check(module *m, const san_config *c, const san_head *h)
{
    int64_t queries = side_adapter_queries(h->network), layers = side_adapter_bias_layers(h->network);
    int64_t heads = side_adapter_bias_heads(h->network);
    if (queries != mask_recognition_queries(h->recognition))
        model_fail(m->model, CSEG_CONFIG, value_blame(c->maskgen_cfg, "sos_token_num"),
                   "%s: num_queries=%lld of san_cfg and sos_token_num=%lld of maskgen_cfg must be equal", m->name,
                   (long long)queries, (long long)mask_recognition_queries(h->recognition));
    else if (heads != 1 && heads != mask_recognition_heads(h->recognition))
        model_fail(m->model, CSEG_CONFIG, value_blame(c->san_cfg, "cfg_decoder"),
                   "%s: num_heads of cfg_decoder is 1 or that of maskgen_cfg, %lld, not %lld", m->name,
                   (long long)mask_recognition_heads(h->recognition), (long long)heads);
    else if (layers != 1 && layers < mask_recognition_layers(h->recognition))
        model_fail(m->model, CSEG_CONFIG, value_blame(c->san_cfg, "cfg_decoder"),
                   "%s: num_layers of cfg_decoder is 1 or that of maskgen_cfg, %lld, not %lld", m->name,
                   (long long)mask_recognition_layers(h->recognition), (long long)layers);
    else if (c->deep_supervision_idxs.n > MOST_OUT - 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "deep_supervision_idxs"), "%s: at most %d layers can learn",
                   m->name, MOST_OUT - 1);
}

static void build(module *m)
{
    const san_config *c = m->config;
    san_head *h = m->state = module_state(m, sizeof *h);
    if (!h)
        return;
    *m->head = (head_info){.num_classes = c->num_classes,
                           .out_channels = c->num_classes,
                           .threshold = 0.3,
                           .align_corners = c->align_corners,
                           .ignore_index = c->ignore_index,
                           .gt_key = c->gt_key,
                           .labels = {.classes = c->num_classes}};
    h->network = side_adapter_new(m, "side_adapter_network", c->san_cfg);
    h->recognition = mask_recognition_new(m, "rec_with_attnbias", c->maskgen_cfg);
    if (model_failed(m->model))
        return;
    check(m, c, h);
    init_from_part(h->recognition, c->init_cfg, "decode_head.rec_with_attnbias.");
}

/* For each class the sum over the queries of how sure they are of it, times how far a pixel lies in their masks:
 * [N,H,W,K]. */
static tensor *answer(graph *g, const head_io *io, const side_masks *said, tensor *scores)
{
    if (!said->masks || !scores)
        return NULL;
    int64_t n = scores->dim[0], q = scores->dim[1], k = scores->dim[2] - 1;
    tensor *masks = op_transpose(g, said->masks, (int[]){0, 2, 1});
    masks = op_reshape(g, masks, 4, (int64_t[]){n, said->h, said->w, q});
    masks = op_sigmoid(g, op_resize_to(g, masks, io->h, io->w, false));
    masks = op_reshape(g, masks, 3, (int64_t[]){n, io->h * io->w, q});
    tensor *sum = op_matmul(g, masks, op_slice(g, op_softmax(g, scores), 2, 0, k), false, false);
    return op_reshape(g, sum, 4, (int64_t[]){n, io->h, io->w, k});
}

/* more: masks and scores of each layer that learns. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const san_config *c = m->config;
    const san_head *h = m->state;
    side_masks said[MOST_OUT];
    head_out out = {0};
    ints deep = io->label ? c->deep_supervision_idxs : (ints){0};
    int n = side_adapter_run(h->network, g, io->img, io->x, deep, said, MOST_OUT);
    int64_t layers = side_adapter_bias_layers(h->network);
    out.more = features_new(g, 0);
    for (int i = 0; i < n; i++) {
        tensor *each = mask_recognition_run(h->recognition, g, &said[i], layers, io->x);
        tensor *scores = op_linear(g, each, io->names, NULL);
        if (i == n - 1 && !io->label)
            out.logits = answer(g, io, &said[i], scores);
        features_add(g, &out.more, said[i].masks);
        features_add(g, &out.more, scores);
    }
    return out;
}

const kind kind_side_adapter_clip_head = {
    .family = FAMILY_HEAD,
    .name = "SideAdapterCLIPHead",
    .about = "Masks by a network beside CLIP, whose classes CLIP tells by their names (SAN, arXiv:2302.12242).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_class_tokens = true, .takes_names = true, .forward = forward},
};
