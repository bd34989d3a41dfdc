/* How weights start: MMEngine's init_cfg, as rules on parameters.
 *
 *     init_default(parent, "dict(type='Normal', std=0.01)");
 *     init_resolve(m);
 *
 * The reference walks the tree after construction: a module applies its init_cfg to everything below it, then asks its
 * children; a class with an init_weights() of its own (ConvModule) runs that instead. The walk descends into
 * BaseModules only, so a plain torch list of heads hides their init_cfg. All of this is kept, on rules instead of
 * values. */
#ifndef MODEL_INIT_H
#define MODEL_INIT_H

#include "model/model.h"

void init_set(param *p, init_rule rule, float a, float b, bool fan_out);
/* A default init_cfg, as config text. */
void init_default(module *m, const char *text);
/* init_cfg and pretrained of a kind that has both, as the reference reconciles them: pretrained wins over the default,
 * both at once are refused, `text` (may be NULL) is the default. */
void init_choose(module *m, const value *init_cfg, const char *pretrained, const char *text);
/* The walk; collects model->pretrained too. Errors are recorded in the model. */
void init_resolve(model *m);

#endif
