/* MaskFormerHead: queries, each of which says a class and a mask; a pixel's classes are those of the masks that it lies
 * in (Cheng et al. 2021, arXiv:2107.06278). It is mmdet's head on the classes that an image has. */
#include "model/heads/mask_losses.h"
#include "model/init.h"
#include "model/layers/detr.h"
#include "model/layers/sine_position.h"

typedef struct maskformer_config {
    ints in_channels;
    int64_t feat_channels, out_channels, num_classes, num_queries, ignore_index;
    bool align_corners, enforce_decoder_input_project;
    const char *gt_key;
    const value *pixel_decoder, *transformer_decoder, *positional_encoding, *loss_cls, *loss_mask, *loss_dice,
        *train_cfg;
} maskformer_config;

static const field fields[] = {
    FIELD_RANGE(maskformer_config, F_INTS, in_channels, NULL, 1, 1 << 20, "channels of the backbone's maps"),
    FIELD_RANGE(maskformer_config, F_INT, feat_channels, NULL, 1, 1 << 20, "channels inside"),
    FIELD_RANGE(maskformer_config, F_INT, out_channels, NULL, 1, 1 << 20, "channels that masks are made of"),
    FIELD_RANGE(maskformer_config, F_INT, num_classes, "150", 1, 1 << 16, "classes"),
    FIELD(maskformer_config, F_BOOL, align_corners, "False", "where the logits are resized"),
    FIELD(maskformer_config, F_INT, ignore_index, "255", "label that teaches nothing"),
    FIELD_IGNORED(num_things_classes, "num_classes counts"),
    FIELD_IGNORED(num_stuff_classes, "num_classes counts"),
    FIELD_RANGE(maskformer_config, F_INT, num_queries, "100", 1, 1 << 16, "queries: masks that an image can have"),
    FIELD(maskformer_config, F_VALUE, pixel_decoder, NULL, "makes the map that masks are made of"),
    FIELD(maskformer_config, F_BOOL, enforce_decoder_input_project, "False",
          "with PixelDecoder: a 1x1 convolution before the transformer also where the channels agree"),
    FIELD(maskformer_config, F_VALUE, transformer_decoder, NULL, "arguments of DetrTransformerDecoder"),
    FIELD(maskformer_config, F_VALUE, positional_encoding, "dict(num_feats=128, normalize=True)",
          "arguments of SinePositionalEncoding"),
    FIELD(maskformer_config, F_VALUE, loss_cls, NULL, "of the queries' classes, with class_weight"),
    FIELD(maskformer_config, F_VALUE, loss_mask,
          "dict(type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=20.0)",
          "of masks, pixel by pixel"),
    FIELD(maskformer_config, F_VALUE, loss_dice,
          "dict(type='mmdet.DiceLoss', use_sigmoid=True, activate=True, naive_dice=True, loss_weight=1.0)",
          "of masks as a whole"),
    FIELD(maskformer_config, F_VALUE, train_cfg, "None", "assigner and sampler, which training needs"),
    FIELD_IGNORED(test_cfg, "the model's test_cfg counts"),
    FIELD_IGNORED(init_cfg, "the class starts its weights itself"),
    FIELD_IGNORED(in_index, "it takes the backbone's maps from the first to the last"),
    FIELD(maskformer_config, F_STR, gt_key, "'gt_semantic_seg'",
          "field of the data that holds its labels (not in mmseg)"),
};
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(maskformer_config), .any_more = true};

typedef struct maskformer_head {
    module *pixel_decoder, *decoder, *input_proj; /* input_proj NULL: none */
    module *cls_embed, *mask_embed;
    param *queries;
    sine_position where;
    const mask_matcher *matcher; /* NULL: it cannot be trained */
    mask_losses losses;
} maskformer_head;

/* The config of the pixel decoder, with the channels of the head. */
static const value *pixel_decoder_cfg(module *m, const value *cfg)
{
    static const char *const keys[] = {"in_channels", "feat_channels", "out_channels"};
    arena *mem = m->model->mem;
    if (!cfg || cfg->kind != V_DICT)
        return cfg;
    value *copy = value_copy(mem, cfg);
    bool whole = copy;
    for (int i = 0; whole && i < 3; i++) {
        value *own = value_copy(mem, value_get(m->cfg, keys[i]));
        whole = own && value_set(mem, copy, keys[i], own);
    }
    if (!whole)
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    return copy;
}

/* What does not fit, mmdet would meet in its first forward pass. */
static void check_channels(module *m, const maskformer_config *c, const maskformer_head *h)
{
    int64_t inside = detr_channels(h->decoder);
    if (c->feat_channels != inside || c->out_channels != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, c->feat_channels != inside ? "feat_channels" : "out_channels"),
                   "%s: feat_channels=%lld and out_channels=%lld must be the transformer decoder's embed_dims=%lld",
                   m->name, (long long)c->feat_channels, (long long)c->out_channels, (long long)inside);
    else if (2 * h->where.num_feats != inside)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "positional_encoding"),
                   "%s: positional_encoding has 2 * num_feats=%lld channels, but the transformer decoder %lld", m->name,
                   (long long)(2 * h->where.num_feats), (long long)inside);
}

static void build_pixel_decoder(module *m, const maskformer_config *c, maskformer_head *h)
{
    h->pixel_decoder =
        module_build(m, "pixel_decoder", FAMILY_PIXEL_DECODER, pixel_decoder_cfg(m, c->pixel_decoder), NULL);
    if (h->pixel_decoder && h->pixel_decoder->kind->as.pixel_decoder.multi_scale)
        model_fail(m->model, CSEG_CONFIG, h->pixel_decoder->cfg,
                   "%s: %s gives maps of several sizes, MaskFormerHead takes one: there are mmdet.PixelDecoder and "
                   "mmdet.TransformerEncoderPixelDecoder",
                   m->name, h->pixel_decoder->kind->name);
}

/* Three linear layers with ReLU in between. */
static module *mask_embed_new(module *m, int64_t channels, int64_t out)
{
    module *s = sequential_new(m, "mask_embed");
    linear_new(s, "0", channels, channels, true);
    relu_new(s, "1");
    linear_new(s, "2", channels, channels, true);
    relu_new(s, "3");
    linear_new(s, "4", channels, out, true);
    return s;
}

static void build_training(module *m, const maskformer_config *c, maskformer_head *h)
{
    mask_losses_build(m, &h->losses, c->loss_cls, c->loss_mask, c->loss_dice);
    if (value_is_none(c->train_cfg) || !value_true(c->train_cfg) || model_failed(m->model))
        return;
    h->matcher = mask_matcher_new(m, value_get(c->train_cfg, "assigner"), SCOPE_MMDET);
    mask_sampler_check(m, value_get(c->train_cfg, "sampler"));
}

/* The class's own init_weights(). */
static void init(module *m)
{
    const maskformer_head *h = m->state;
    init_layer(h->input_proj, INIT_KAIMING_UNIFORM, 1, 0, false);
    h->pixel_decoder->init(h->pixel_decoder);
    init_matrices_below(h->decoder, INIT_XAVIER_UNIFORM);
}

static void build(module *m)
{
    const maskformer_config *c = m->config;
    maskformer_head *h = m->state = module_state(m, sizeof *h);
    if (!h)
        return;
    *m->head = (head_info){.num_classes = c->num_classes,
                           .out_channels = c->num_classes,
                           .threshold = 0.3,
                           .align_corners = c->align_corners,
                           .ignore_index = c->ignore_index,
                           .gt_key = c->gt_key,
                           .labels = {.classes = c->num_classes}};
    build_pixel_decoder(m, c, h);
    h->decoder = detr_decoder_new(m, "transformer_decoder", c->transformer_decoder, DETR_SELF_FIRST);
    if (!h->pixel_decoder || !h->decoder || !sine_position_read(m, c->positional_encoding, &h->where))
        return;
    check_channels(m, c, h);
    int64_t inside = detr_channels(h->decoder), last = c->in_channels.at[c->in_channels.n - 1];
    if (h->pixel_decoder->kind->as.pixel_decoder.keeps_last && (last != inside || c->enforce_decoder_input_project))
        h->input_proj = pointwise_conv_new(m, "decoder_input_proj", last, inside);
    module *queries = module_new(m, "query_embed");
    if (queries)
        queries->class_name = "Embedding";
    h->queries = module_param(queries, "weight", 2, (int64_t[]){c->num_queries, c->out_channels}, INIT_NORMAL, 0, 1);
    h->cls_embed = linear_new(m, "cls_embed", c->feat_channels, c->num_classes + 1, true);
    h->mask_embed = mask_embed_new(m, c->feat_channels, c->out_channels);
    build_training(m, c, h);
    m->init = init;
}

/* A map [N,h,w,C] as tokens [N,h*w,C]. */
static tensor *tokens(graph *g, tensor *map)
{
    return map ? op_reshape(g, map, 3, (int64_t[]){map->dim[0], map->dim[1] * map->dim[2], map->dim[3]}) : NULL;
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
                      .memory = tokens(g, memory),
                      .memory_pos = sine_position_trace(g, &h->where, memory->dim[1], memory->dim[2])};
    return detr_decoder_run(h->decoder, g, &in);
}

/* The answer [N,H,W,K]: for each class the sum over the queries of how sure they are of it, times how far a pixel lies
 * in their masks. */
static tensor *answer(module *m, graph *g, const head_io *io, tensor *map, tensor *queries)
{
    const maskformer_head *h = m->state;
    tensor *flat = op_matmul(g, tokens(g, map), layer_run(h->mask_embed, g, queries), false, true); /* [N,h*w,Q] */
    tensor *classes = op_softmax(g, layer_run(h->cls_embed, g, queries));
    if (!flat || !classes)
        return NULL;
    int64_t n = map->dim[0], k = classes->dim[2] - 1, q = classes->dim[1];
    tensor *masks = op_reshape(g, flat, 4, (int64_t[]){n, map->dim[1], map->dim[2], q});
    masks = op_sigmoid(g, op_resize_to(g, masks, io->h, io->w, false));
    tensor *sum = op_matmul(g, tokens(g, masks), op_slice(g, classes, 2, 0, k), false, false);
    return op_reshape(g, sum, 4, (int64_t[]){n, io->h, io->w, k});
}

/* more: the map that masks are made of, and what each layer gives. */
static head_out forward(module *m, graph *g, const head_io *io)
{
    const maskformer_head *h = m->state;
    head_out out = {0};
    features pixels = pixel_decoder_run(h->pixel_decoder, g, io->x);
    features each = pixels.n ? decode(m, g, pixels.at[1]) : (features){0};
    if (!each.n)
        return out;
    if (!io->label)
        out.logits = answer(m, g, io, pixels.at[0], each.at[each.n - 1]);
    out.more = features_new(g, 0);
    features_add(g, &out.more, pixels.at[0]);
    for (int i = 0; i < each.n; i++)
        features_add(g, &out.more, each.at[i]);
    return out;
}

/* What all layers are compared with: the label map at the masks' size, as a mask for each class [N,h*w,K]. */
static match_io targets(module *m, graph *g, const head_io *io, const tensor *map)
{
    const maskformer_config *c = m->config;
    tensor *small = mask_label_resized(g, io->label, map->dim[1], map->dim[2]);
    tensor *flat = small ? op_reshape(g, small, 2, (int64_t[]){small->dim[0], map->dim[1] * map->dim[2]}) : NULL;
    return (match_io){.targets = op_one_hot(g, flat, c->num_classes),
                      .present = mask_present(g, io->label, c->num_classes, c->ignore_index)};
}

static void loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    const maskformer_head *h = m->state;
    char place[512];
    if (!h->matcher) {
        graph_fail(g, CSEG_CONFIG, "%s%s: training needs train_cfg with assigner and sampler in the head",
                   value_place(m->cfg, place), m->name);
        return;
    }
    tensor *map = out->more.n ? out->more.at[0] : NULL;
    if (!map)
        return;
    match_io all = targets(m, g, io, map);
    for (int last = out->more.n - 1, i = last, done = 0; done < last; i = ++done) { /* the last layer is named first */
        all.scores = layer_run(h->cls_embed, g, out->more.at[i]);
        all.masks = op_matmul(g, layer_run(h->mask_embed, g, out->more.at[i]), tokens(g, map), false, true);
        mask_pairs pairs = mask_match(h->matcher, g, &all);
        mask_rows rows = {.masks = op_take_rows(g, all.masks, pairs.query),
                          .class_of = pairs.class_of,
                          .label = io->label,
                          .h = map->dim[1],
                          .w = map->dim[2],
                          .classes = m->head->num_classes};
        mask_losses_io of = {.scores = all.scores, .rows = &rows, .pairs = &pairs};
        mask_losses_add(m, &h->losses, g, prefix, i == last ? -1 : i - 1, &of);
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
