/* The block of ConvNeXt: a depthwise 7x7 convolution, a norm, and two layers over each pixel's channels.
 *
 *     module *block = convnext_block_new(parent, "0", (convnext_block_spec){.channels = 96, .norm_cfg = cfg});
 *     x = layer_run(block, g, x);
 */
#ifndef MODEL_CONVNEXT_BLOCK_H
#define MODEL_CONVNEXT_BLOCK_H

#include "model/layers/layers.h"

typedef struct convnext_block_spec {
    int64_t channels;
    bool linear; /* the two layers are Linear; else 1x1 convolutions, whose weights have two axes more */
    bool grn;    /* mmpretrain's GRN between them: a channel's response over the map against that of the others */
    bool with_cp;
    double drop_path;   /* probability that an image skips the block in training */
    double layer_scale; /* initial value of the factors of channels (gamma); <= 0: none */
    const value *norm_cfg, *act_cfg;
} convnext_block_spec;

/* x [N,H,W,channels] -> the same shape. */
module *convnext_block_new(module *parent, const char *name, convnext_block_spec s);

#endif
