/* How losses of mmdet are averaged (its weight_reduce_loss).
 *
 *     loss_io io = {.x = x, .target = x, .weight = x};
 *     tensor *loss = loss_averaged(g, op_sigmoid_cross_entropy(g, x, x, NULL), 1, &io, "mean", 20.0);
 */
#ifndef MODEL_LOSS_AVERAGE_H
#define MODEL_LOSS_AVERAGE_H

#include "model/losses/loss_config.h"

/* Fields of mmdet's losses, whose classes have no loss_name, for a struct S that begins with `loss_config loss` and has
 * a `const char *reduction`. */
#define MMDET_LOSS_FIELDS(S)                                                                                           \
    FIELD_IN(S, loss, F_FLOAT, loss_weight, "1.0", "multiplies the loss"),                                             \
        FIELD_CHOICE(S, reduction, "'mean'", "none|mean|sum",                                                          \
                     "mean: the sum, divided by the head's number; none: the mean of all; sum is refused, as in the "  \
                     "reference")
/* Begins the build of such a loss; false: an error was recorded. */
bool mmdet_loss_begin(module *m, const char *reduction);

/* From the losses `each` [M,..], which are sums of `stands_for` losses, to a scalar. io->weight [M] is 1, or 0 for rows
 * that only fill the shape and count nowhere. With 'mean' and an io->avg_factor it is the sum divided by that and
 * 2^-23, else the mean of all. */
tensor *loss_averaged(graph *g, tensor *each, double stands_for, const loss_io *io, const char *reduction,
                      double loss_weight);
/* How many losses the error of a mask stands for: the pixels of the label map, where io has rows; else 1. */
double loss_stands_for(const loss_io *io);
/* The cross-entropy of each label [..], as [1,1,rows], of logits x [..,C]; 0 for the ignored one. */
tensor *losses_of_classes(graph *g, tensor *x, tensor *label, tensor *class_weight, int64_t ignored);
/* 1 - 2 * overlap / (mask + target) of each mask, [M,1]: of io->rows, or of io->x and a target of numbers, both [M,P].
 * activate: after a sigmoid; naive: sums in the denominator are of values, not of squares. */
tensor *dice_of_masks(graph *g, const loss_io *io, bool activate, bool naive, double eps);
/* op_mask_sums as [N*R,..]; a.h, a.w and a.classes are set here. */
tensor *mask_rows_sums(graph *g, const mask_rows *r, masks_attr a);

#endif
