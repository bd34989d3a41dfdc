/* The losses of mmdet's heads that classify masks (MaskFormerHead, Mask2FormerHead), for the output of one decoder
 * layer.
 *
 *     mask_losses all;
 *     mask_losses_build(parent, &all, value_get(cfg, "cls"), value_get(cfg, "mask"), value_get(cfg, "dice"));
 *     mask_losses_io io = {.scores = x, .masks = x, .targets = x};
 *     mask_losses_add(parent, &all, g, "decode", -1, &io);
 */
#ifndef MODEL_MASK_LOSSES_H
#define MODEL_MASK_LOSSES_H

#include "model/heads/mask_match.h"

typedef struct mask_losses {
    module *cls, *mask, *dice;
    floats class_weight; /* of loss_cls: one for each class, and for no object */
} mask_losses;
/* Makes the losses, children loss_cls, loss_mask and loss_dice of the head. Each gets an avg_factor. */
void mask_losses_build(module *head, mask_losses *l, const value *cls, const value *mask, const value *dice);

typedef struct mask_losses_io {
    tensor *scores;          /* [N,Q,K+1] */
    tensor *masks, *targets; /* [N*R,P]: rows of pairs at points, before sigmoid, and what is right */
    const mask_rows *rows;   /* or, instead of both, their masks beside the label map; NULL: not */
    const mask_pairs *pairs;
} mask_losses_io;
/* Adds PREFIX.loss_cls, loss_mask and loss_dice; of a layer before the last (`layer` from 0, else negative) their names
 * are d0.loss_cls and so on. */
void mask_losses_add(module *head, const mask_losses *l, graph *g, const char *prefix, int layer,
                     const mask_losses_io *io);

#endif
