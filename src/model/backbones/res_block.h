/* The blocks of ResNet and HRNet (He et al. 2016, arXiv:1512.03385). */
#ifndef MODEL_RES_BLOCK_H
#define MODEL_RES_BLOCK_H

#include "model/layers/layers.h"

typedef struct res_block_spec {
    bool bottleneck; /* true: three convolutions and 4 x planes channels out; false: two, and 1 x planes */
    int64_t in, planes;
    int64_t width;        /* of a bottleneck's convolution between the 1x1 ones; 0: planes */
    int64_t groups;       /* of that convolution; 0: 1 */
    int64_t radix;        /* > 0: that convolution is a split attention of so many splits (ResNeSt) */
    int64_t reduction;    /* of the split attention */
    bool avg_down_stride; /* a pool behind the split attention has the stride in its place */
    int64_t stride, dilation;
    bool caffe; /* a bottleneck's stride is in its first convolution */
    bool downsample, avg_down;
    bool with_cp; /* inner maps are recomputed in the backward pass */
    const value *conv_cfg, *norm_cfg;
    const value *plugins; /* of bottlenecks; NULL: none */
    int64_t stage;        /* from 0: which of the plugins they have */
    const char *init;     /* init_cfg of each block, as config text, or NULL */
} res_block_spec;

int64_t res_block_expansion(bool bottleneck);
/* Returns the init_cfg that zero_init_residual gives each block, as config text. */
const char *res_block_zero_init(bool bottleneck);
/* Makes a block called `name`. If s.downsample, the shortcut is a convolution and a norm, after an average pool if
 * avg_down. */
module *res_block_new(module *parent, const char *name, res_block_spec s);
/* Makes a sequence of n blocks; the first has the stride, and a shortcut if needed. dilation[i] is that of block i. */
module *res_layer_new(module *parent, const char *name, res_block_spec s, int64_t n, const int64_t *dilation);

#endif
