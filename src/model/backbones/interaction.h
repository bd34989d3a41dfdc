/* Lets the two dates of a pair interact between the stages of a backbone, for Open-CD's variants of backbones (IA_...):
 * the backbone says how one of its stages is run. Both dates go through it with the same weights, the first date first.
 */
#ifndef MODEL_INTERACTION_H
#define MODEL_INTERACTION_H

#include "model/backbones/stages.h"

/* An entry of a field table. */
#define INTERACTION_FIELD(struct_)                                                                                     \
    FIELD(struct_, F_VALUE, interaction_cfg, "(None, None, None, None)",                                               \
          "what the dates exchange behind each stage: a dict of an interaction, or None")

/* Makes the list "ccs" of interactions, one behind each stage. NULL: an error was recorded. */
module *interactions_new(module *m, const value *cfg, int64_t stages);
/* Runs both dates through the stages of m. Returns the maps of out_indices, those of the first date and of the second
 * along the channels. */
features interactions_run(module *list, module *m, graph *g, tensor *first, tensor *second, ints out_indices,
                          backbone_stage *stage);

#endif
