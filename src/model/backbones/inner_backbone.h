/* A backbone inside of another one, which its field backbone_cfg describes.
 *
 *     module *inner = inner_backbone_new(parent, module_at(parent, "backbone_cfg"));
 *     features x = backbone_run(inner, g, op_relu(g, NULL));
 *     x.at[0] = inner_backbone_map(parent, g, x, x.n - 1, "context_channels", 512);
 */
#ifndef MODEL_INNER_BACKBONE_H
#define MODEL_INNER_BACKBONE_H

#include "model/model.h"

/* Makes the child `backbone`, of any kind that sees one image; sets model->in_channels. NULL after an error. */
module *inner_backbone_new(module *parent, const value *cfg);
/* Returns map `index` of x. Records an error if it has not `channels`, which m's field `key` says. */
tensor *inner_backbone_map(const module *m, graph *g, features x, int index, const char *key, int64_t channels);

#endif
