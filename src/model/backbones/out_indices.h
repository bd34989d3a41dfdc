/* Handles out_indices of backbones: the stages whose maps they return.
 *
 *     int64_t list[] = {0, 3};
 *     ints at = {2, list};
 *     if (out_indices_check(parent, at, 4) && out_indices_has(at, 3))
 *         printf("the last stage's map is given\n");
 *
 * The build function checks the field; the forward function asks after each stage.
 *
 * These two are for backbones that return maps in order of stages, each once, whatever the order in the config: most of
 * MMSegmentation's. out_maps_check and out_maps are for those that take maps in the order of the config, and count
 * negative indices from the end, as Python does (BiSeNet, FastSCNN). */
#ifndef MODEL_OUT_INDICES_H
#define MODEL_OUT_INDICES_H

#include "model/model.h"

/* Checks that there is at least one index and that all are from 0 to stages - 1; else records an error and returns
 * false. Warns of an order, or of repeated stages, that the maps do not follow. */
bool out_indices_check(module *m, ints at, int64_t stages);
/* For classes that count negative indices from the end, before the check: -1 becomes stages - 1. Changes the list. */
void out_indices_from_end(ints at, int64_t stages);
bool out_indices_has(ints at, int64_t stage);

/* Checks that there is at least one index and that all are from -maps to maps - 1. */
bool out_maps_check(module *m, ints at, int64_t maps);
/* Returns the maps of x that `at` names, in its order, repeated ones too. */
features out_maps(graph *g, features x, ints at);

#endif
