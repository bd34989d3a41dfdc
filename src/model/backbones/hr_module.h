/* A module of HRNet: each branch runs its blocks, then each output is the sum of all branches, resized to the output's
 * size. */
#ifndef MODEL_HR_MODULE_H
#define MODEL_HR_MODULE_H

#include "model/backbones/res_block.h"

enum { HR_BRANCHES_MAX = 8 };

typedef struct hr_module_spec {
    int branches, outputs; /* number of outputs: that of the branches, or 1 */
    bool bottleneck, with_cp;
    const int64_t *blocks, *planes; /* for each branch: number of blocks, and their planes */
    const int64_t *channels; /* for each branch: channels of its input, which are also those of its blocks' output */
    const value *conv_cfg, *norm_cfg;
} hr_module_spec;

module *hr_module_new(module *parent, const char *name, const hr_module_spec *s);
features hr_module_run(module *m, graph *g, features x);

#endif
