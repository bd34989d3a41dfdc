/* The stages of a backbone, one by one: for what happens between them.
 *
 *     backbone_stages s;
 *     parent->kind->as.backbone.stages(parent, &s);
 *     x = s.run(parent, g, 0, x);
 *
 * Kinds whose row has `stages` can be run so. */
#ifndef MODEL_STAGES_H
#define MODEL_STAGES_H

#include "model/model.h"

enum { BACKBONE_STAGES_MAX = 64 };

/* x behind stage i (from 0) of the backbone m. */
typedef tensor *backbone_stage(module *m, graph *g, int64_t i, tensor *x);

struct backbone_stages {
    backbone_stage *run;
    int64_t n;
    int64_t channels[BACKBONE_STAGES_MAX]; /* of the map behind each (of a ResNet: if it has basic blocks) */
    int64_t heads[BACKBONE_STAGES_MAX];    /* of its attentions; of a ResNet 1, 2, 4, 8 */
    int64_t only;                          /* a ResNet gives the map behind this stage alone; -1: all are given */
};

#endif
