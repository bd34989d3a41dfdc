/* Chooses hard pixels by the probability of their class (Shrivastava et al. 2016, arXiv:1604.03540).
 *
 *     loss_io in = {.x = x, .target = model_label_input(m, g, "gt_semantic_seg"), .ignore_index = 255};
 *     tensor *labelled = op_compare_to(g, in.target, COMPARE_NE, 255);
 *     tensor *hard = hard_pixels(g, &in, labelled, 0.7, 100000);
 */
#ifndef MODEL_HARD_PIXELS_H
#define MODEL_HARD_PIXELS_H

#include "model/model.h"

/* Returns a mask (u8 [N,H,W]) of the valid pixels (u8 mask) whose class has a probability below thresh, and at least
 * `kept` of them in any case (except for ties), from the logits and labels of io. Labels with io->ignore_index have
 * the probability 1. The mask needs no logits of the label's size in memory (PASS_FUSE_LOSS). */
tensor *hard_pixels(graph *g, const loss_io *io, tensor *valid, double thresh, int64_t kept);

#endif
