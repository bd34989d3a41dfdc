/* Maps of all sizes, each through a 1x1 convolution, resized and joined by another: SegFormer's head, and what others
 * took over from it. Children: convs, fusion_conv. */
#ifndef MODEL_JOINED_MAPS_H
#define MODEL_JOINED_MAPS_H

#include "model/layers/layers.h"

typedef struct joined_maps_spec {
    ints in; /* channels of the maps */
    int64_t channels, out;
    const value *norm_cfg, *act_cfg; /* act_cfg: of the first convolutions; the last one has ReLU */
} joined_maps_spec;

typedef struct joined_maps {
    module *convs, *fusion;
} joined_maps;

void joined_maps_new(module *m, joined_maps *out, joined_maps_spec s);
/* Returns a map of the first one's size. Changes x. */
tensor *joined_maps_run(const joined_maps *s, graph *g, features x, resize_attr how);

#endif
