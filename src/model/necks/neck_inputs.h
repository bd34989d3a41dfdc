/* What a neck is given, compared with its in_channels.
 *
 *     if (!neck_inputs_fit(m, g, x, c->in_channels))
 *         return out;
 */
#ifndef MODEL_NECK_INPUTS_H
#define MODEL_NECK_INPUTS_H

#include "model/model.h"

/* As many maps as in_channels has entries, each of so many channels; else the graph's error says what differs. */
bool neck_inputs_fit(module *m, graph *g, features x, ints in_channels);

#endif
