/* The convolutions of torchvision's VGG16, for backbones that are made around them.
 *
 *     vgg_stage stage;
 *     vgg_stage_new(&stage, sequential_new(parent, "features"), 0, true);
 *     tensor *y = op_relu(g, vgg_stage_run(&stage, g, x));
 */
#ifndef MODEL_VGG_H
#define MODEL_VGG_H

#include "model/layers/layers.h"

enum { VGG_STAGES = 5, VGG_CONVS_MOST = 3 };

typedef struct vgg_stage {
    module *conv[VGG_CONVS_MOST], *norm[VGG_CONVS_MOST];
    int64_t channels;
    int convs;
    bool pools; /* the map is pooled first: in all stages but the first */
} vgg_stage;

/* Adds the layers of a stage, from 0 on, to a container, under the numbers that they have in `features` of vgg16, or
 * with `norm` of vgg16_bn. They start as there. */
void vgg_stage_new(vgg_stage *s, module *into, int stage, bool norm);
/* x [N,H,W,C] -> [N,H/2,W/2,channels], before the last ReLU. */
tensor *vgg_stage_run(const vgg_stage *s, graph *g, tensor *x);

#endif
