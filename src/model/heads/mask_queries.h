/* What heads that classify masks by queries share, MaskFormerHead and Mask2FormerHead: fields, pixel decoder, the
 * layers behind the queries, the answer.
 *
 *     typedef struct { mask_config masks; bool mine; } conf;
 *     static const field fields[] = {MASK_FIELDS(conf), FIELD(conf, F_BOOL, mine, "False", "a field of its own")};
 *     if (mask_queries_begin(parent, sizeof(mask_queries), DETR_SELF_FIRST, false))
 *         mask_queries_classify(parent);
 *
 * A head's config struct begins with a mask_config, its state with a mask_queries. */
#ifndef MODEL_MASK_QUERIES_H
#define MODEL_MASK_QUERIES_H

#include "model/heads/mask_losses.h"
#include "model/layers/detr.h"
#include "model/layers/sine_position.h"

typedef struct mask_config {
    ints in_channels;
    int64_t feat_channels, out_channels, num_classes, num_queries, ignore_index;
    bool align_corners, enforce_decoder_input_project;
    const char *gt_key;
    const value *pixel_decoder, *transformer_decoder, *positional_encoding, *loss_cls, *loss_mask, *loss_dice,
        *train_cfg;
} mask_config;

/* Entries of a field_table for a struct S whose first member is `mask_config masks`. Heads have entries of their own
 * for num_classes, transformer_decoder, enforce_decoder_input_project, loss_mask and loss_dice. */
#define MASK_FIELDS(S)                                                                                                 \
    FIELD_IN_RANGE(S, masks, F_INTS, in_channels, NULL, 1, 1 << 20, "channels of the backbone's maps"),                \
        FIELD_IN_RANGE(S, masks, F_INT, feat_channels, NULL, 1, 1 << 20, "channels inside"),                           \
        FIELD_IN_RANGE(S, masks, F_INT, out_channels, NULL, 1, 1 << 20, "channels that masks are made of"),            \
        FIELD_IN(S, masks, F_BOOL, align_corners, "False", "where the logits are resized"),                            \
        FIELD_IN(S, masks, F_INT, ignore_index, "255", "label that teaches nothing"),                                  \
        FIELD_IGNORED(num_things_classes, "num_classes counts"),                                                       \
        FIELD_IGNORED(num_stuff_classes, "num_classes counts"),                                                        \
        FIELD_IN_RANGE(S, masks, F_INT, num_queries, "100", 1, 1 << 16, "queries: masks that an image can have"),      \
        FIELD_IN(S, masks, F_VALUE, pixel_decoder, NULL, "makes the map that masks are made of"),                      \
        FIELD_IN(S, masks, F_VALUE, positional_encoding, "dict(num_feats=128, normalize=True)",                        \
                 "arguments of SinePositionalEncoding"),                                                               \
        FIELD_IN(S, masks, F_VALUE, loss_cls, NULL, "of the queries' classes, with class_weight"),                     \
        FIELD_IN(S, masks, F_VALUE, train_cfg, "None", "assigner and sampler, which training needs"),                  \
        FIELD_IGNORED(test_cfg, "the model's test_cfg counts"),                                                        \
        FIELD_IGNORED(init_cfg, "the class starts its weights itself"),                                                \
        FIELD_IGNORED(in_index, "it takes the backbone's maps from the first to the last"),                            \
        FIELD_IN(S, masks, F_STR, gt_key, "'gt_semantic_seg'",                                                         \
                 "field of the data that holds its labels (not in mmseg)")

typedef struct mask_queries {
    module *pixel_decoder, *decoder;
    module *cls_embed, *mask_embed;
    sine_position where;
    const mask_matcher *matcher; /* NULL: it cannot be trained */
    mask_losses losses;
} mask_queries;

/* Allocates m->state (state_size bytes, beginning with a mask_queries), fills m->head, and makes pixel_decoder and
 * transformer_decoder, which come first; multi_scale: the pixel decoder gives maps of several sizes. false: an error
 * was recorded. */
bool mask_queries_begin(module *m, size_t state_size, detr_order order, bool multi_scale);
/* A table of `rows` learnt vectors, torch.nn.Embedding. */
param *mask_embedding_new(module *m, const char *name, int64_t rows, int64_t channels);
/* Fills head_info of a head that says a class for each mask. */
void mask_head_info(module *m, int64_t classes, bool align_corners, int64_t ignore_index, const char *gt_key);
/* Makes what comes last: cls_embed, mask_embed, losses, and what train_cfg asks for. */
void mask_queries_classify(module *m);

/* What a head gives for the map [N,h,w,C] that masks are made of and the queries [N,Q,C] of each layer: in inference
 * the last layer's answer; `more` is the map and the queries. No queries, after an error: nothing. */
head_out mask_queries_out(module *m, graph *g, const head_io *io, tensor *map, features each);
/* The answer [N,H,W,K]: for each class the sum over the queries of how sure they are of it, times how far a pixel lies
 * in their masks. embed [N,Q,C] and the map [N,h,w,C], whose product is the masks before sigmoid; scores [N,Q,K+1], the
 * last of which is of no class. */
tensor *masks_answer(graph *g, const head_io *io, tensor *map, tensor *embed, tensor *scores);
/* false: the head has no train_cfg, which was recorded. */
bool mask_queries_learn(module *m, graph *g);

#endif
