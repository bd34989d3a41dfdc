/* What IterativeDecodeHead is made of: parts that update kernels, one for each class, by what the kernels find in a map
 * (K-Net, Zhang et al. 2021, arXiv:2106.14855). Kernels are a tensor [n,P,taps,channels]: P of them, each of so many
 * pixels (1, or 9 for 3x3); n is the batch, or 1 if the same ones are for all images.
 *
 *     kernel_shape shape = {.kernels = 150, .numbers = 512, .map = 512};
 *     tensor *kernels = x, *masks = x;
 *     module *stage = kernel_update_new(parent, "0", cfg, &shape);
 *     kernel_update_run(stage, g, x, &kernels, &masks);
 */
#ifndef MODEL_KERNEL_UPDATE_H
#define MODEL_KERNEL_UPDATE_H

#include "model/layers/layers.h"

/* What a stage gets, known before anything runs. */
typedef struct kernel_shape {
    int64_t kernels; /* P */
    int64_t numbers; /* of a kernel: taps * channels */
    int64_t map;     /* channels of the map */
} kernel_shape;

/* A KernelUpdateHead. `shape` is what it gets; its `numbers` become those of the kernels that it hands on. What does
 * not fit is refused. */
module *kernel_update_new(module *parent, const char *name, const value *cfg, kernel_shape *shape);
/* x [N,h,w,map]; replaces kernels and masks [N,h,w,P] by better ones. After an error they are NULL. */
void kernel_update_run(module *m, graph *g, tensor *x, tensor **kernels, tensor **masks);

/* A KernelUpdator, for a KernelUpdateHead. `shape` as above, where `map` is what the updator sees. */
module *kernel_updator_new(module *parent, const char *name, const value *cfg, kernel_shape *shape);
/* found [N,P,map]: what each kernel finds in the map. Returns new kernels, as many numbers as the updator makes:
 * [N,P,numbers]. */
tensor *kernel_updator_run(module *m, graph *g, tensor *found, tensor *kernels);

#endif
