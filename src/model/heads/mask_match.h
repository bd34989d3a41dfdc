/* Which query answers for which class: what the heads that classify masks (MaskFormerHead and its kin) learn from.
 *
 *     const mask_matcher *how = mask_matcher_new(parent, value_get(cfg, "assigner"), SCOPE_MMDET);
 *     match_io io = {.scores = x, .masks = x, .targets = x, .present = mask_present(g, x, 150, 255)};
 *     mask_pairs pairs = mask_match(how, g, &io);
 *
 * The reference has a list of as many masks as an image has classes. Here each image has R rows, R being the smaller of
 * the number of queries and of classes: first the pairs, in ascending order of their queries, then rows that only fill
 * the shape, whose weight is 0. */
#ifndef MODEL_MASK_MATCH_H
#define MODEL_MASK_MATCH_H

#include "model/model.h"

typedef struct mask_matcher mask_matcher;
/* Reads train_cfg.assigner: dict(type='HungarianAssigner', match_costs=...) of the scope that the head's class takes,
 * SCOPE_MMDET or SCOPE_MMSEG. NULL after an error was recorded. */
const mask_matcher *mask_matcher_new(module *head, const value *assigner, type_scope scope);
/* Checks train_cfg.sampler of mmdet's heads, dict(type='mmdet.MaskPseudoSampler'). */
void mask_sampler_check(module *head, const value *sampler);

typedef struct match_io {
    tensor *scores;  /* [N,Q,K+1], before softmax; further classes behind K do not matter */
    tensor *masks;   /* [N,Q,P], before sigmoid, at P pixels or points */
    tensor *targets; /* [N,P,K]: 1 where a pixel is of the class, 0 where not, or between */
    tensor *present; /* [N,K], from mask_present */
} match_io;

typedef struct mask_pairs {
    tensor *classes;    /* i32 [N,Q]: the class of each query, K for no object */
    tensor *query;      /* i32 [N,R]: a row's query, for op_take_rows */
    tensor *class_of;   /* i32 [N,R]: its class; K where the weight is 0 */
    tensor *weight;     /* f32 [N,R]: 1, or 0 */
    tensor *avg_factor; /* scalar: number of pairs, at least 1 in each image, as mmdet counts them */
} mask_pairs;
/* The pairs with the least cost; without gradient. After an error all is NULL. */
mask_pairs mask_match(const mask_matcher *m, graph *g, const match_io *io);

/* f32 [N,K]: whether an image has pixels of a class in label i32 [N,H,W]. ignore_index never counts. */
tensor *mask_present(graph *g, tensor *label, int64_t classes, int64_t ignore_index);
/* label i32 [N,h,w] resized to h x w by the nearest pixel. */
tensor *mask_label_resized(graph *g, tensor *label, int64_t h, int64_t w);
/* i32 [N,R] from 0 to N * R - 1: the place of each row if those with weight 1 stood first, image after image. It is the
 * order in which the reference draws random numbers for them. */
tensor *mask_row_order(graph *g, const mask_pairs *p);

#endif
