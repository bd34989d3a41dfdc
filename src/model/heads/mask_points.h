/* Masks compared with a label map at random points, most of them where a mask is least certain (Mask2FormerHead).
 *
 *     mask_points how;
 *     mask_points_io io = {.scores = x, .embed = x, .map = x, .label = x, .present = x};
 *     if (mask_points_read(parent, cfg, &how))
 *         mask_points_draw(g, &how, data, &io);
 */
#ifndef MODEL_MASK_POINTS_H
#define MODEL_MASK_POINTS_H

#include "model/heads/mask_losses.h"

typedef struct mask_points {
    int64_t num_points;
    double oversample_ratio, importance_sample_ratio;
} mask_points;
/* Reads the keys of a head's train_cfg. false: an error was recorded in m's model. */
bool mask_points_read(module *m, const value *train_cfg, mask_points *out);

typedef struct mask_points_io {
    tensor *scores;  /* [N,Q,K+1] */
    tensor *embed;   /* [N,Q,C]: what masks are made of together with the map */
    tensor *map;     /* [N,h,w,C] */
    tensor *label;   /* i32 [N,H,W] */
    tensor *present; /* from mask_present */
    /* Results: */
    mask_pairs pairs;
    mask_losses_io losses; /* points to pairs */
} mask_points_io;
/* Pairs queries with classes by num_points points of each image, and takes the pairs' masks at num_points points each:
 * of more random ones those where the mask is least certain, and new random ones. */
void mask_points_draw(graph *g, const mask_points *p, const mask_matcher *matcher, mask_points_io *io);

#endif
