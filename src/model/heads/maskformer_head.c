/* MaskFormerHead: queries, each of which says a class and a mask; a pixel's classes are those of the masks that it lies
 * in (Cheng et al. 2021, arXiv:2107.06278). It is mmdet's head on the classes that an image has. */
#include "model/heads/mask_queries.h"
#include "model/init.h"

typedef struct maskformer_config {
    mask_config masks;
} maskformer_config;

static const field fields[] = {
    MASK_FIELDS(maskformer_config),
    FIELD_IN_RANGE(maskformer_config, masks, F_INT, num_classes, "150", 1, 1 << 16, "classes"),
    FIELD_IN(maskformer_config, masks, F_VALUE, transformer_decoder, NULL, "arguments of DetrTransformerDecoder"),
    FIELD_IN(maskformer_config, masks, F_BOOL, enforce_decoder_input_project, "False",
             "with PixelDecoder: a 1x1 convolution before the transformer also where the channels agree"),
    FIELD_IN(maskformer_config, masks, F_VALUE, loss_mask,
             "dict(type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=20.0)",
             "of masks, pixel by pixel"),
    FIELD_IN(maskformer_config, masks, F_VALUE, loss_dice,
             "dict(type='mmdet.DiceLoss', use_sigmoid=True, activate=True, naive_dice=True, loss_weight=1.0)",
             "of masks as a whole"),
};

static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(maskformer_config), .any_more = true};

typedef struct maskformer_head {
    mask_queries q;
    module *input_proj; /* NULL: none */
    param *queries;
} maskformer_head;

/* What does not fit, mmdet would meet in its first forward pass. */
static void check_channels(module *m, const mask_config *c, const maskformer_head *h)
{
    int64_t inside = detr_channels(h->q.decoder);
    if (c->feat_channels != inside || c->out_channels != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, c->feat_channels != inside ? "feat_channels" : "out_channels"),
                   "%s: feat_channels=%lld and out_channels=%lld must be the transformer decoder's embed_dims=%lld",
                   m->name, (long long)c->feat_channels, (long long)c->out_channels, (long long)inside);
    else if (2 * h->q.where.num_feats != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "positional_encoding"),
                   "%s: positional_encoding has 2 * num_feats=%lld channels, but the transformer decoder %lld", m->name,
                   (long long)(2 * h->q.where.num_feats), (long long)inside);
}

/* The class's own init_weights(). */
static void init(module *m)
{
    const maskformer_head *h = m->state;
    init_layer(h->input_proj, INIT_KAIMING_UNIFORM, 1, 0, false);
    h->q.pixel_decoder->init(h->q.pixel_decoder);
    init_matrices_below(h->q.decoder, INIT_XAVIER_UNIFORM);
}

static void build(module *m)
{
    const mask_config *c = m->config;
    if (!mask_queries_begin(m, sizeof(maskformer_head), DETR_SELF_FIRST, false))
        return;
    maskformer_head *h = m->state;
    check_channels(m, c, h);
    int64_t inside = detr_channels(h->q.decoder), last = c->in_channels.at[c->in_channels.n - 1];
    if (h->q.pixel_decoder->kind->as.pixel_decoder.keeps_last && (last != inside || c->enforce_decoder_input_project))
        h->input_proj = pointwise_conv_new(m, "decoder_input_proj", last, inside);
    h->queries = mask_embedding_new(m, "query_embed", c->num_queries, c->out_channels);
    mask_queries_classify(m);
    m->init = init;
}

/* What the decoder's layers give for an image's queries, each [N,Q,C]. */
static features decode(module *m, graph *g, tensor *memory)
{
    const maskformer_head *h = m->state;
    if (h->input_proj)
        memory = layer_run(h->input_proj, g, memory);
    if (!memory)
        return (features){0};
    int64_t dim[3] = {memory->dim[0], h->queries->dim[0], h->queries->dim[1]};
    tensor *queries = op_reshape(g, graph_param(g, h->queries), 3, (int64_t[]){1, dim[1], dim[2]});
    detr_inputs in = {.query = op_fill(g, 3, dim, 0),
                      .query_pos = queries,
                      .memory = map_tokens(g, memory),
                      .memory_pos = sine_position_trace(g, &h->q.where, memory->dim[1], memory->dim[2])};
    return detr_decoder_run(h->q.decoder, g, &in);
}

/* more: the map that masks are made of, and what each layer gives. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const maskformer_head *h = m->state;
    features pixels = pixel_decoder_run(h->q.pixel_decoder, g, io->x);
    if (!pixels.n)
        return (head_out){0};
    return mask_queries_out(m, g, io, pixels.at[0], decode(m, g, pixels.at[1]));
}

/* What all layers are compared with: the label map at the masks' size, as a mask for each class [N,h*w,K]. */
static match_io targets(module *m, graph *g, const head_io *io, const tensor *map)
{
    const mask_config *c = m->config;
    tensor *small = mask_label_resized(g, io->label, map->dim[1], map->dim[2]);
    tensor *flat = small ? op_reshape(g, small, 2, (int64_t[]){small->dim[0], map->dim[1] * map->dim[2]}) : NULL;
    return (match_io){.targets = op_one_hot(g, flat, c->num_classes),
                      .present = mask_present(g, io->label, c->num_classes, c->ignore_index)};
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    const maskformer_head *h = m->state;
    if (!mask_queries_learn(m, g))
        return;
    tensor *map = out->more.n ? out->more.at[0] : NULL;
    if (!map)
        return;
    match_io all = targets(m, g, io, map);
    for (int last = out->more.n - 1, i = last, done = 0; done < last; i = ++done) { /* the last layer is named first */
        all.scores = layer_run(h->q.cls_embed, g, out->more.at[i]);
        all.masks = op_matmul(g, layer_run(h->q.mask_embed, g, out->more.at[i]), map_tokens(g, map), false, true);
        mask_pairs pairs = mask_match(h->q.matcher, g, &all);
        mask_rows rows = {.masks = op_take_rows(g, all.masks, pairs.query),
                          .class_of = pairs.class_of,
                          .label = io->label,
                          .h = map->dim[1],
                          .w = map->dim[2],
                          .classes = m->head->num_classes};
        mask_losses_io of = {.scores = all.scores, .rows = &rows, .pairs = &pairs};
        mask_losses_add(m, &h->q.losses, g, prefix, i == last ? -1 : i - 1, &of);
    }
}

const kind kind_maskformer_head = {
    .family = FAMILY_HEAD,
    .name = "MaskFormerHead",
    .about = "Queries that each say a class and a mask (MaskFormer, arXiv:2107.06278).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward, .loss = loss},
};
