/* Optimizer constructors by name, and the groups of those that go by a parameter's depth.
 *
 *     const group_rules *rules = group_constructor_find(group_constructors_mmcv, "LayerDecayOptimizerConstructor");
 *     if (!rules)
 *         printf("there is no such constructor\n");
 */
#ifndef ENGINE_TRAIN_OPTIM_CONSTRUCTOR_H
#define ENGINE_TRAIN_OPTIM_CONSTRUCTOR_H

#include "engine/train/optim/optimizer.h"

typedef struct group_constructor {
    const char *name; /* NULL: end of the list */
    const group_rules *rules;
} group_constructor;
/* Of 0.x and of 1.x; the first is the default. */
extern const group_constructor group_constructors_mmcv[], group_constructors_mmengine[];

/* name NULL: the default's rules. Returns NULL if the list has no such name. */
const group_rules *group_constructor_find(const group_constructor *list, const char *name);

/* Makes o's entries and groups by the depth of each parameter in the backbone: one group for each depth and for with or
 * without weight decay, in the order in which parameters first need them; entries are in the order of groups. Room for
 * both must be there, o->entries for all parameters and o->groups for as many. `base` holds what the optimizer's dict
 * says. CSEG_CONFIG, CSEG_UNSUPPORTED: the constructor does not know the backbone or the way of counting. */
cseg_status depth_groups_make(optimizer *o, const value *paramwise_cfg, depth_rule rule, optim_group base, arena *mem,
                              cseg_error *err);

/* How parameters are counted. Stages and layers are ConvNeXt's; those of a transformer are BEiT's and MAE's. */
typedef enum { DEPTH_OF_STAGES, DEPTH_OF_LAYERS, DEPTH_OF_TRANSFORMER } depth_count;
/* The depth of a parameter, by its full name, from 0 to num_layers + 1, which are the heads' (stages: what is in none).
 * -1: a stage beyond the fourth, of which the reference knows no depth. */
int64_t depth_of_param(depth_count how, const char *name, int64_t num_layers);

#endif
