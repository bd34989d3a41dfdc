/* The blocks of ResNet and HRNet (He et al. 2016, arXiv:1512.03385). */
#ifndef MODEL_RES_BLOCK_H
#define MODEL_RES_BLOCK_H

#include "model/layers/layers.h"

typedef struct res_block_spec {
    bool bottleneck; /* three convolutions, 4 x the planes; else two, 1 x */
    int64_t in, planes;
    int64_t stride, dilation;
    bool caffe; /* a bottleneck's stride is in its first convolution */
    bool downsample, avg_down;
    bool with_cp; /* its inner maps are made anew in the backward pass */
    const value *conv_cfg, *norm_cfg;
    const char *init; /* init_cfg of each block, as config text, or NULL */
} res_block_spec;

int64_t res_block_expansion(bool bottleneck);
/* The init_cfg that zero_init_residual gives to each block. */
const char *res_block_zero_init(bool bottleneck);
/* A block called `name`. With s.downsample its shortcut is a convolution and a norm, behind an average pool if
 * avg_down. */
module *res_block_new(module *parent, const char *name, res_block_spec s);
/* A sequence of n blocks, the first with stride and shortcut as needed; dilation[i] is the i-th block's. */
module *res_layer_new(module *parent, const char *name, res_block_spec s, int64_t n, const int64_t *dilation);

#endif
