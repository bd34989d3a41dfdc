/* Mask2FormerHead: queries that each say a class and a mask, and in each layer of their decoder look only at what their
 * mask was before (Cheng et al. 2021, arXiv:2112.01527). It is mmdet's head on the classes that an image has. */
#include "model/heads/mask_points.h"
#include "model/heads/mask_queries.h"
#include "model/init.h"

typedef struct mask2former_config {
    mask_config masks;
    int64_t num_transformer_feat_level;
} mask2former_config;

static const field fields[] = {
    MASK_FIELDS(mask2former_config),
    FIELD_IN_RANGE(mask2former_config, masks, F_INT, num_classes, NULL, 1, 1 << 16, "classes"),
    FIELD_RANGE(mask2former_config, F_INT, num_transformer_feat_level, "3", 1, DEFORM_LEVELS,
                "maps that the queries look at, in turn"),
    FIELD_IGNORED(strides, "those of the pixel decoder count"),
    FIELD_IN(mask2former_config, masks, F_VALUE, transformer_decoder, NULL,
             "arguments of Mask2FormerTransformerDecoder"),
    FIELD_IN(mask2former_config, masks, F_BOOL, enforce_decoder_input_project, "False",
             "a 1x1 convolution of each of these maps also where the channels agree"),
    FIELD_IN(mask2former_config, masks, F_VALUE, loss_mask,
             "dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, reduction='mean', loss_weight=5.0)",
             "of masks, point by point"),
    FIELD_IN(mask2former_config, masks, F_VALUE, loss_dice,
             "dict(type='mmdet.DiceLoss', use_sigmoid=True, activate=True, reduction='mean', naive_dice=True, eps=1.0, "
             "loss_weight=5.0)",
             "of masks as a whole"),
};
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(mask2former_config), .any_more = true};

typedef struct mask2former_head {
    mask_queries q;
    module *input_projs; /* without children: the maps are taken as they are */
    param *query_embed, *query_feat, *level_embed;
    mask_points points;
} mask2former_head;

/* What does not fit, mmdet would meet in its constructor or in its first forward pass. */
static bool check(module *m, const mask2former_config *c, const mask2former_head *h)
{
    int64_t inside = detr_channels(h->q.decoder), levels = 0;
    const value *given = value_find(c->masks.pixel_decoder, "encoder.layer_cfg.self_attn_cfg.num_levels");
    if (c->masks.feat_channels != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "feat_channels"),
                   "%s: feat_channels=%lld must be the transformer decoder's embed_dims=%lld", m->name,
                   (long long)c->masks.feat_channels, (long long)inside);
    else if (2 * h->q.where.num_feats != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "positional_encoding"),
                   "%s: positional_encoding has 2 * num_feats=%lld channels, but the transformer decoder %lld", m->name,
                   (long long)(2 * h->q.where.num_feats), (long long)inside);
    else if (!value_integer(given, &levels) || levels != c->num_transformer_feat_level)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_transformer_feat_level"),
                   "%s: num_transformer_feat_level=%lld must be the num_levels of the pixel decoder's encoder", m->name,
                   (long long)c->num_transformer_feat_level);
    return !model_failed(m->model);
}

/* The class's own init_weights(). */
static void init(module *m)
{
    const mask2former_head *h = m->state;
    for (size_t i = 0; i < h->input_projs->children.n; i++)
        init_layer(h->input_projs->children.at[i], INIT_KAIMING_UNIFORM, 1, 0, false);
    h->q.pixel_decoder->init(h->q.pixel_decoder);
    init_matrices_below(h->q.decoder, INIT_XAVIER_NORMAL);
}

static void build(module *m)
{
    const mask2former_config *c = m->config;
    if (!mask_queries_begin(m, sizeof(mask2former_head), DETR_CROSS_FIRST, true) || !check(m, c, m->state))
        return;
    mask2former_head *h = m->state;
    int64_t channels = c->masks.feat_channels;
    h->input_projs = module_new(m, "decoder_input_projs");
    for (int64_t i = 0; i < c->num_transformer_feat_level && c->masks.enforce_decoder_input_project; i++)
        pointwise_conv_new(h->input_projs, module_index(m, i), channels, channels);
    h->query_embed = mask_embedding_new(m, "query_embed", c->masks.num_queries, channels);
    h->query_feat = mask_embedding_new(m, "query_feat", c->masks.num_queries, channels);
    h->level_embed = mask_embedding_new(m, "level_embed", c->num_transformer_feat_level, channels);
    mask_queries_classify(m);
    if (h->q.matcher)
        mask_points_read(m, c->masks.train_cfg, &h->points);
    m->init = init;
}

/* A map that the queries look at. */
typedef struct look {
    tensor *tokens, *pos; /* [N,h*w,C], [1,h*w,C] */
    tensor *map;          /* the map that masks are made of, of this size: [N,h*w,C] */
} look;

static look look_at(module *m, graph *g, int64_t i, tensor *x, tensor *map)
{
    const mask2former_head *h = m->state;
    tensor *level = op_slice(g, graph_param(g, h->level_embed), 0, i, 1);
    if ((size_t)i < h->input_projs->children.n)
        x = layer_run(h->input_projs->children.at[i], g, x);
    if (!x || !level || !map)
        return (look){0};
    level = op_reshape(g, level, 3, (int64_t[]){1, 1, level->dim[1]});
    return (look){.tokens = op_add(g, map_tokens(g, x), level),
                  .pos = sine_position_trace(g, &h->q.where, x->dim[1], x->dim[2]),
                  .map = map_tokens(g, op_detach(g, resize_like(g, map, x, false)))};
}

/* What a query does not see: pixels outside of its mask, unless it has none inside. u8 [N,1,Q,h*w]. The
 * mask is resized before it is made, as it is a sum over channels. */
static tensor *unseen(module *m, graph *g, tensor *queries, const look *at)
{
    const mask2former_head *h = m->state;
    tensor *embed = layer_run(h->q.mask_embed, g, op_detach(g, queries));
    tensor *masks = op_matmul(g, op_detach(g, embed), at->map, false, true);
    if (!masks)
        return NULL;
    int64_t n = masks->dim[0], count = masks->dim[1], pixels = masks->dim[2];
    tensor *outside = op_compare_to(g, masks, COMPARE_LT, 0);
    tensor *number = op_reduce_sum(g, op_cast(g, outside, DT_F32), 1u << 2, true);
    tensor *hidden = op_and(g, outside, op_compare_to(g, number, COMPARE_LT, (double)pixels));
    return op_reshape(g, hidden, 4, (int64_t[]){n, 1, count, pixels});
}

/* What the decoder gives for an image's queries [N,Q,C] before its layers and behind each, after post_norm. */
static features decode(module *m, graph *g, features pixels)
{
    const mask2former_config *c = m->config;
    const mask2former_head *h = m->state;
    const detr_decoder *d = detr_decoder_of(h->q.decoder);
    features each = features_new(g, 0);
    look at[DEFORM_LEVELS];
    int64_t levels = c->num_transformer_feat_level;
    for (int64_t i = 0; i < levels; i++)
        at[i] = look_at(m, g, i, pixels.at[1 + i], pixels.at[0]);
    if (!pixels.at[0])
        return each;
    int64_t dim[3] = {pixels.at[0]->dim[0], c->masks.num_queries, c->masks.feat_channels};
    tensor *feat = op_reshape(g, graph_param(g, h->query_feat), 3, (int64_t[]){1, dim[1], dim[2]});
    detr_inputs in = {.query = op_broadcast(g, feat, dim),
                      .query_pos = op_reshape(g, graph_param(g, h->query_embed), 3, (int64_t[]){1, dim[1], dim[2]})};
    for (size_t i = 0; i <= d->layers->children.n; i++) {
        const look *now = &at[i % (size_t)levels];
        tensor *normed = layer_run(d->post_norm, g, in.query);
        features_add(g, &each, normed);
        if (i == d->layers->children.n)
            break;
        in.memory = now->tokens;
        in.memory_pos = now->pos;
        in.hidden = unseen(m, g, normed, now);
        in.query = detr_layer_run(d->layers->children.at[i], g, &in);
    }
    return each;
}

static bool gives_levels(module *m, graph *g, features pixels)
{
    const mask2former_config *c = m->config;
    char place[512];
    if (pixels.n > c->num_transformer_feat_level)
        return true;
    if (pixels.n)
        graph_fail(g, CSEG_SHAPE, "%s%s: the pixel decoder gives %d maps (num_outs), but the queries look at %lld",
                   value_place(module_at(m, "pixel_decoder"), place), m->name, pixels.n - 1,
                   (long long)c->num_transformer_feat_level);
    return false;
}

/* more: the map that masks are made of, and the queries before and behind each layer. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const mask2former_head *h = m->state;
    features pixels = pixel_decoder_run(h->q.pixel_decoder, g, io->x);
    if (!gives_levels(m, g, pixels))
        return (head_out){0};
    return mask_queries_out(m, g, io, pixels.at[0], decode(m, g, pixels));
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    const mask2former_head *h = m->state;
    tensor *map = mask_queries_learn(m, g) && out->more.n ? out->more.at[0] : NULL;
    int layers = out->more.n - 1;
    mask_points_io *of = map ? arena_array(g->mem, (size_t)layers, sizeof *of) : NULL;
    if (!of)
        return;
    tensor *present = mask_present(g, io->label, m->head->num_classes, m->head->ignore_index);
    for (int i = 0; i < layers; i++) { /* in the order in which the reference draws random points */
        tensor *queries = out->more.at[1 + i];
        of[i] = (mask_points_io){.scores = layer_run(h->q.cls_embed, g, queries),
                                 .embed = layer_run(h->q.mask_embed, g, queries),
                                 .map = map,
                                 .label = io->label,
                                 .present = present};
        mask_points_draw(g, &h->points, h->q.matcher, &of[i]);
    }
    for (int done = 0, i = layers - 1; done < layers; i = done++) /* the last layer is named first */
        mask_losses_add(m, &h->q.losses, g, prefix, i == layers - 1 ? -1 : i, &of[i].losses);
}

const kind kind_mask2former_head = {
    .family = FAMILY_HEAD,
    .name = "Mask2FormerHead",
    .about = "Queries that each say a class and a mask, and look where their mask was (Mask2Former, arXiv:2112.01527).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
