/* Tells which registry a type belongs to.
 *
 *     char name[160];
 *     if (scope_of(cfg) == SCOPE_FOREIGN)
 *         return fail(err, CSEG_UNSUPPORTED, "%s is not known here", scope_full_name(cfg, name));
 *
 * In MMEngine a type is a scope and a name: mmdet.DiceLoss and mmseg.DiceLoss are two things. The scope stands in front
 * of the name, or under `_scope_` beside it (as MMEngine's Registry.build takes it, and bases of other packages have
 * it); else it is the config's default_scope. */
#ifndef CONFIG_SCOPE_H
#define CONFIG_SCOPE_H

#include <stdbool.h>

#include "base/error.h"
#include "config/value.h"

typedef enum {
    SCOPE_UNSAID = 1,
    SCOPE_MMSEG = 2,
    SCOPE_OPENCD = 4,
    SCOPE_ROOT = 8,   /* mmengine's, which holds mmcv's types too: found from everywhere */
    SCOPE_TORCH = 16, /* by their path: torch.optim.SGD */
    SCOPE_FOREIGN = 32,
    /* Some kinds of these are here; a type of theirs has SCOPE_FOREIGN too. mmcls is mmpretrain's old name. */
    SCOPE_MMPRETRAIN = 64,
    SCOPE_MMCLS = 128,
    SCOPE_MMDET = 256
} type_scope;

/* The scope of a dict with a type. FOREIGN: mmdet, mmpretrain, mmcls, and unknown scopes. */
type_scope scope_of(const value *dict);
/* Whether a module, 'mmpretrain.models', is one of OpenMMLab's packages that are known here. */
bool scope_is_openmmlabs(const char *module);
/* The type with its scope, for messages: "mmdet.DiceLoss"; mmcls becomes mmpretrain. */
const char *scope_full_name(const value *dict, char out[static 160]);
/* Checks default_scope of a config: mmseg and opencd are supported, others are CSEG_UNSUPPORTED. */
cseg_status scope_check_default(const value *cfg, cseg_error *err);
/* default_scope of a config that passed this check, SCOPE_MMSEG or SCOPE_OPENCD; 0: it has none. */
type_scope scope_default(const value *cfg);

/* For value_type_name: where a type's name begins behind its scope. A foreign type keeps its scope as part of the name,
 * so that no table of names here contains it. */
const char *scope_strip(const char *type);

#endif
