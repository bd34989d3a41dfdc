/* out_indices of backbones: the stages whose maps they give.
 *
 *     if (!out_indices_check(m, c->out_indices, STAGES))   in build
 *         return;
 *     if (out_indices_has(c->out_indices, i))              in forward, behind stage i
 *         features_add(g, &y, x);
 *
 * For backbones that give their maps in order of stages, each once, whatever the order in the config: most of the
 * reference's. Those that pick from a list in the order given (BiSeNet, FastSCNN) have no use for it. */
#ifndef MODEL_OUT_INDICES_H
#define MODEL_OUT_INDICES_H

#include "model/model.h"

/* At least one, all from 0 to stages - 1; else an error is recorded, and false comes back. Warns of an order, or of
 * stages named twice, that the maps do not follow. */
bool out_indices_check(module *m, ints at, int64_t stages);
bool out_indices_has(ints at, int64_t stage);

#endif
