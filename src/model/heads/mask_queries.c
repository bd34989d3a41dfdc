#include "model/heads/mask_queries.h"

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

static void build_pixel_decoder(module *m, const mask_config *c, mask_queries *q, bool multi_scale)
{
    q->pixel_decoder =
        module_build(m, "pixel_decoder", FAMILY_PIXEL_DECODER, pixel_decoder_cfg(m, c->pixel_decoder), NULL);
    if (!q->pixel_decoder || q->pixel_decoder->kind->as.pixel_decoder.multi_scale == multi_scale)
        return;
    if (multi_scale)
        model_fail(m->model, CSEG_CONFIG, q->pixel_decoder->cfg,
                   "%s: %s gives one map, %s takes maps of several sizes: there is mmdet.MSDeformAttnPixelDecoder",
                   m->name, q->pixel_decoder->kind->name, m->kind->name);
    else
        model_fail(m->model, CSEG_CONFIG, q->pixel_decoder->cfg,
                   "%s: %s gives maps of several sizes, %s takes one: there are mmdet.PixelDecoder and "
                   "mmdet.TransformerEncoderPixelDecoder",
                   m->name, q->pixel_decoder->kind->name, m->kind->name);
}

void mask_head_info(module *m, int64_t classes, bool align_corners, int64_t ignore_index, const char *gt_key)
{
    *m->head = (head_info){.num_classes = classes,
                           .out_channels = classes,
                           .threshold = 0.3,
                           .align_corners = align_corners,
                           .ignore_index = ignore_index,
                           .gt_key = gt_key,
                           .labels = {.classes = classes}};
}

bool mask_queries_begin(module *m, size_t state_size, detr_order order, bool multi_scale)
{
    const mask_config *c = m->config;
    mask_queries *q = m->state = module_state(m, state_size);
    if (!q)
        return false;
    mask_head_info(m, c->num_classes, c->align_corners, c->ignore_index, c->gt_key);
    build_pixel_decoder(m, c, q, multi_scale);
    q->decoder = detr_decoder_new(m, "transformer_decoder", c->transformer_decoder, order);
    return q->pixel_decoder && q->decoder && sine_position_read(m, c->positional_encoding, &q->where);
}

param *mask_embedding_new(module *m, const char *name, int64_t rows, int64_t channels)
{
    module *table = module_new(m, name);
    if (table)
        table->class_name = "Embedding";
    return module_param(table, "weight", 2, (int64_t[]){rows, channels}, INIT_NORMAL, 0, 1);
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

static void build_training(module *m, const mask_config *c, mask_queries *q)
{
    mask_losses_build(m, &q->losses, c->loss_cls, c->loss_mask, c->loss_dice);
    if (value_is_none(c->train_cfg) || !value_true(c->train_cfg) || model_failed(m->model))
        return;
    q->matcher = mask_matcher_new(m, value_get(c->train_cfg, "assigner"), SCOPE_MMDET);
    mask_sampler_check(m, value_get(c->train_cfg, "sampler"));
}

void mask_queries_classify(module *m)
{
    const mask_config *c = m->config;
    mask_queries *q = m->state;
    q->cls_embed = linear_new(m, "cls_embed", c->feat_channels, c->num_classes + 1, true);
    q->mask_embed = mask_embed_new(m, c->feat_channels, c->out_channels);
    build_training(m, c, q);
}

tensor *masks_answer(graph *g, const head_io *io, tensor *map, tensor *embed, tensor *scores)
{
    tensor *flat = op_matmul(g, map_tokens(g, map), embed, false, true); /* [N,h*w,Q] */
    tensor *classes = op_softmax(g, scores);
    if (!flat || !classes)
        return NULL;
    int64_t n = map->dim[0], k = classes->dim[2] - 1, masks_of = classes->dim[1];
    tensor *masks = op_reshape(g, flat, 4, (int64_t[]){n, map->dim[1], map->dim[2], masks_of});
    masks = op_sigmoid(g, op_resize_to(g, masks, io->h, io->w, false));
    tensor *sum = op_matmul(g, map_tokens(g, masks), op_slice(g, classes, 2, 0, k), false, false);
    return op_reshape(g, sum, 4, (int64_t[]){n, io->h, io->w, k});
}

head_out mask_queries_out(module *m, graph *g, const head_io *io, tensor *map, features each)
{
    const mask_queries *q = m->state;
    head_out out = {0};
    if (!each.n)
        return out;
    tensor *last = each.at[each.n - 1];
    if (!io->label)
        out.logits = masks_answer(g, io, map, layer_run(q->mask_embed, g, last), layer_run(q->cls_embed, g, last));
    out.more = features_new(g, 0);
    features_add(g, &out.more, map);
    for (int i = 0; i < each.n; i++)
        features_add(g, &out.more, each.at[i]);
    return out;
}

bool mask_queries_learn(module *m, graph *g)
{
    char place[512];
    if (!((const mask_queries *)m->state)->matcher)
        graph_fail(g, CSEG_CONFIG, "%s%s: training needs train_cfg with assigner and sampler in the head",
                   value_place(m->cfg, place), m->name);
    return ((const mask_queries *)m->state)->matcher;
}
