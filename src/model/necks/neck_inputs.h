/* What a neck is given, compared with its in_channels.
 *
 *     ints in_channels = {0, NULL};
 *     if (!neck_inputs_fit(parent, g, features_new(g, 4), in_channels))
 *         printf("the backbone gives other maps\n");
 */
#ifndef MODEL_NECK_INPUTS_H
#define MODEL_NECK_INPUTS_H

#include "model/model.h"

/* As many maps as in_channels has entries, each of so many channels; else the graph's error says what differs. */
bool neck_inputs_fit(module *m, graph *g, features x, ints in_channels);

#endif
