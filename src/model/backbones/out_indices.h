/* out_indices of backbones: the stages whose maps they give.
 *
 *     int64_t list[] = {0, 3};
 *     ints at = {2, list};
 *     if (out_indices_check(parent, at, 4) && out_indices_has(at, 3))
 *         printf("the last stage's map is given\n");
 *
 * A build function checks, a forward function asks behind each stage.
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
