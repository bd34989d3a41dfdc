/* SideAdapterCLIPHead: masks by a network beside CLIP, whose classes CLIP tells by their names (SAN, Xu et al. 2023,
 * arXiv:2302.12242). */
#include <float.h>
#include <string.h>

#include "model/heads/mask_points.h"
#include "model/heads/mask_queries.h"
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

/* What losses are told apart by. */
#define CLS "loss_cls_ce"
#define MASK "loss_mask_ce"
#define DICE "loss_mask_dice"

typedef struct san_head {
    VEC(module *) losses;
    module *network, *recognition;
    mask_points points;
    const mask_matcher *matcher; /* NULL: it cannot be trained */
} san_head;

static void add_loss(module *m, module *parent, const char *name, const value *cfg)
{
    san_head *h = m->state;
    module *one = module_build(parent, name, FAMILY_LOSS, cfg, NULL);
    if (!one || !value_true(((const san_config *)m->config)->train_cfg))
        return;
    unsigned can = one->kind->as.loss.can;
    const char *is = (can & LOSS_AVG_FACTOR) && one->kind->as.loss.labels ? loss_name(one) : "";
    if (strcmp(is, CLS) != 0 && strcmp(is, MASK) != 0 && strcmp(is, DICE) != 0)
        model_fail(m->model, CSEG_CONFIG, cfg,
                   "%s: loss_decode has mmseg's CrossEntropyLoss with loss_name='" CLS "' or '" MASK
                   "', and DiceLoss with '" DICE "'",
                   m->name);
    else if (strcmp(is, DICE) == 0 ? strcmp(one->kind->name, "DiceLoss") != 0
                                   : strcmp(one->kind->name, "CrossEntropyLoss") != 0)
        model_fail(m->model, CSEG_CONFIG, cfg, "%s: %s is no loss of type %s", m->name, is, one->kind->name);
    else if (!vec_push(m->model->mem, &h->losses, one))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
}

static void build_losses(module *m, const value *cfg)
{
    if (!value_is_list(cfg)) {
        add_loss(m, m, "loss_decode", cfg);
        return;
    }
    module *list = module_new(m, "loss_decode");
    for (size_t i = 0; list && i < value_count(cfg); i++)
        add_loss(m, list, module_index(m, (int64_t)i), value_item(cfg, i));
}

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
    mask_head_info(m, c->num_classes, c->align_corners, c->ignore_index, c->gt_key);
    build_losses(m, c->loss_decode);
    h->network = side_adapter_new(m, "side_adapter_network", c->san_cfg);
    h->recognition = mask_recognition_new(m, "rec_with_attnbias", c->maskgen_cfg);
    if (model_failed(m->model))
        return;
    check(m, c, h);
    if (value_true(c->train_cfg)) {
        h->matcher = mask_matcher_new(m, value_get(c->train_cfg, "assigner"), SCOPE_MMSEG);
        mask_points_read(m, c->train_cfg, &h->points);
    }
    init_from_part(h->recognition, c->init_cfg, "decode_head.rec_with_attnbias.");
}

/* more: embeddings, maps and scores of each layer that learns. */
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
        if (!io->label)
            out.logits = masks_answer(g, io, said[i].map, said[i].embed, scores);
        features_add(g, &out.more, said[i].embed);
        features_add(g, &out.more, said[i].map);
        features_add(g, &out.more, scores);
    }
    return out;
}

/* Of losses of one name the last one counts. */
static bool hidden(const san_head *h, size_t i)
{
    for (size_t j = i + 1; j < h->losses.n; j++)
        if (strcmp(loss_name(h->losses.at[i]), loss_name(h->losses.at[j])) == 0)
            return true;
    return false;
}

/* The losses of one layer; `classes`: how many classes the images have, at least 1. */
static void add_losses(module *m, graph *g, const char *prefix, const char *layer, const mask_points_io *at,
                       tensor *classes)
{
    const san_head *h = m->state;
    const mask_losses_io *of = &at->losses;
    if (!of->masks || !of->targets)
        return;
    int64_t rows = of->masks->dim[0];
    loss_io masks = {.x = of->masks,
                     .target = of->targets,
                     .weight = op_reshape(g, of->pairs->weight, 1, &rows),
                     .avg_factor = classes};
    loss_io points = masks;
    points.avg_factor = op_scale(g, classes, (float)h->points.num_points, 0);
    int64_t n = of->scores->dim[0], q = of->scores->dim[1];
    loss_io cls = {.x = op_reshape(g, of->scores, 4, (int64_t[]){n, 1, q, of->scores->dim[2]}),
                   .target = op_reshape(g, of->pairs->classes, 3, (int64_t[]){n, 1, q}),
                   .ignore_index = -100};
    for (size_t i = 0; i < h->losses.n; i++) {
        const char *name = loss_name(h->losses.at[i]);
        const loss_io *io = strcmp(name, CLS) == 0 ? &cls : strcmp(name, MASK) == 0 ? &points : &masks;
        if (!hidden(h, i))
            model_add_loss(m->model, g, prefix, module_text(m, "%s%s", layer, name), loss_run(h->losses.at[i], g, io));
    }
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    const san_config *c = m->config;
    const san_head *h = m->state;
    char place[512];
    int layers = out->more.n / 3;
    if (!h->matcher) {
        graph_fail(g, CSEG_CONFIG, "%s%s: training needs train_cfg with an assigner in the head",
                   value_place(m->cfg, place), m->name);
        return;
    }
    tensor *present = mask_present(g, io->label, m->head->num_classes, m->head->ignore_index);
    tensor *classes = op_reduce_sum(g, present, 3, false);
    classes = op_unary(g, classes, (unary_attr){.kind = UNARY_CLAMP, .alpha = 1, .beta = FLT_MAX});
    mask_points_io *of = arena_array(g->mem, (size_t)layers + 1, sizeof *of);
    for (int i = 0; of && i < layers; i++) { /* in the order in which the reference draws random points */
        of[i] = (mask_points_io){.embed = out->more.at[3 * i],
                                 .map = out->more.at[3 * i + 1],
                                 .scores = out->more.at[3 * i + 2],
                                 .label = io->label,
                                 .present = present};
        mask_points_draw(g, &h->points, h->matcher, &of[i]);
    }
    for (int done = 0, i = layers - 1; of && done < layers; i = done++) { /* the last layer is named first */
        const char *layer = i == layers - 1 ? "" : module_text(m, "d%lld.", (long long)c->deep_supervision_idxs.at[i]);
        add_losses(m, g, prefix, layer, &of[i], classes);
    }
}

const kind kind_side_adapter_clip_head = {
    .family = FAMILY_HEAD,
    .name = "SideAdapterCLIPHead",
    .about = "Masks by a network beside CLIP, whose classes CLIP tells by their names (SAN, arXiv:2302.12242).",
    .fields = &table,
    .build = build,
    .as.head = {.takes_class_tokens = true, .takes_names = true, .forward = forward, .loss = loss},
};
