/* What the heads of networks with several branches share (DDRHead, PIDHead): a classifier for each branch, and losses
 * that the head names itself. */
#ifndef MODEL_BRANCH_HEAD_H
#define MODEL_BRANCH_HEAD_H

#include "model/heads/decode_head.h"

/* HEAD_FIELDS with the defaults of these classes. Their init_cfg has no effect: they initialise the weights
 * themselves. */
#define BRANCH_HEAD_FIELDS(S) HEAD_FIELDS_DEFAULTS(S, "None", "dict(type='BN')", "None")

/* head_begin, for a class that takes so many losses, in a fixed order, and finds its maps itself. false: an error was
 * recorded. */
bool branch_head_begin(module *m, size_t state_size, size_t losses);
/* Makes a norm, an activation and a 3x3 convolution from `in` to `channels`, then a norm and an activation; `names` are
 * those of the ConvModule, the norm and the activation. */
module *branch_head_block(module *m, const char *name, int64_t in, int64_t channels, const char *const names[3],
                          const value *act_cfg);
/* Adds loss i of loss_decode under `name`. */
void branch_head_add_loss(module *m, graph *g, size_t i, const char *name, const loss_io *io, const char *prefix);
/* The head's input for losses on the label map: logits at its size. */
loss_io branch_head_io(module *m, graph *g, const head_io *io, tensor *logits);

#endif
