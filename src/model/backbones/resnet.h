/* ResNet and its variants, for backbones that build on it. */
#ifndef MODEL_RESNET_H
#define MODEL_RESNET_H

#include "model/backbones/interaction.h"
#include "model/backbones/res_block.h"

enum { RESNET_STAGES = 4 };

typedef struct resnet_config {
    int64_t depth, in_channels, stem_channels, base_channels, num_stages, frozen_stages;
    ints strides, dilations, out_indices, multi_grid;
    const char *style, *pretrained;
    bool deep_stem, avg_down, norm_eval, contract_dilation, zero_init_residual, with_cp;
    bool use_IN1;                    /* ChangeExtraResNet */
    int64_t groups, base_width;      /* ResNeXt, ResNeSt; groups 0: others */
    int64_t radix, reduction_factor; /* ResNeSt; radix 0: others */
    bool avg_down_stride;
    const value *conv_cfg, *norm_cfg, *dcn, *stage_with_dcn, *plugins, *init_cfg;
    const value *interaction_cfg; /* of Open-CD's IA_ variants */
} resnet_config;

/* Entries of a field_table. All users of resnet_config have RESNET_COMMON_FIELDS; ResNet itself adds
 * RESNET_STEM_FIELDS. */
#define RESNET_FIELDS                                                                                                  \
    FIELD_RANGE(resnet_config, F_INT, depth, NULL, 18, 152, "18, 34, 50, 101 or 152"), RESNET_COMMON_FIELDS,           \
        FIELD(resnet_config, F_BOOL, zero_init_residual, "True", "each block's last norm starts at zero")
#define RESNET_COMMON_FIELDS                                                                                           \
    FIELD_RANGE(resnet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),                              \
        FIELD_RANGE(resnet_config, F_INT, stem_channels, "64", 2, 1 << 16, "channels behind the stem"),                \
        FIELD_RANGE(resnet_config, F_INT, base_channels, "64", 1, 1 << 14, "planes of the first stage"),               \
        FIELD_RANGE(resnet_config, F_INT, num_stages, "4", 1, RESNET_STAGES, "stages that are built"),                 \
        FIELD_RANGE(resnet_config, F_INTS, strides, "(1, 2, 2, 2)", 1, 64, "of each stage's first block"),             \
        FIELD_RANGE(resnet_config, F_INTS, dilations, "(1, 1, 1, 1)", 1, 1024, "of each stage"),                       \
        FIELD_RANGE(resnet_config, F_INTS, out_indices, "(0, 1, 2, 3)", 0, RESNET_STAGES - 1,                          \
                    "stages whose maps are given"),                                                                    \
        FIELD_CHOICE(resnet_config, style, "'pytorch'", "pytorch|caffe",                                               \
                     "a bottleneck's stride is in its 3x3 (pytorch) or first 1x1 convolution (caffe)"),                \
        FIELD_RANGE(resnet_config, F_INT, frozen_stages, "-1", -1, RESNET_STAGES,                                      \
                    "the stem (0) and this many stages do not learn"),                                                 \
        FIELD(resnet_config, F_VALUE, conv_cfg, "None", "kind of convolution"),                                        \
        FIELD(resnet_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)", "kind of normalisation"),       \
        FIELD(resnet_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),      \
        FIELD(resnet_config, F_VALUE, dcn, "None", "deformable convolutions: not supported in any stage"),             \
        FIELD(resnet_config, F_VALUE, stage_with_dcn, "(False, False, False, False)", "stages that dcn is for"),       \
        FIELD(resnet_config, F_VALUE, plugins, "None", "blocks behind convolutions of bottlenecks"),                   \
        FIELD_RANGE(resnet_config, F_INTS, multi_grid, "None", 1, 1024, "dilations of the last stage's blocks"),       \
        FIELD(resnet_config, F_BOOL, contract_dilation, "False", "a dilated stage's first block has half of it"),      \
        FIELD(resnet_config, F_BOOL, with_cp, "False",                                                                 \
              "blocks are computed again in the backward pass, not kept: less memory, more time, the same numbers"),   \
        FIELD(resnet_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),             \
        FIELD(resnet_config, F_VALUE, init_cfg, "None", "how the weights start")
#define RESNET_STEM_FIELDS                                                                                             \
    FIELD(resnet_config, F_BOOL, deep_stem, "False", "three 3x3 convolutions instead of one of 7x7"),                  \
        FIELD(resnet_config, F_BOOL, avg_down, "False", "shortcuts shrink by average pooling")

/* State of a module of those kinds. */
typedef struct resnet {
    module *stem;          /* deep_stem */
    module *conv1, *norm1; /* else */
    module *layer[RESNET_STAGES];
    module *interactions; /* of Open-CD's IA_ variants */
} resnet;

/* Builds m from m->config, a resnet_config; its state is a resnet. */
void resnet_build(module *m);
/* Returns the maps of out_indices for x [N,H,W,in_channels]. */
features resnet_forward(module *m, graph *g, tensor *x);
/* The same for Open-CD's variants, in which two dates interact: m->config has an interaction_cfg. */
void resnet_build_interacting(module *m);
features resnet_forward_both(module *m, graph *g, tensor *first, tensor *second);
void resnet_stages(const module *m, backbone_stages *out);
/* For modules that run the parts of a ResNet themselves. NULL: m is another kind. */
const resnet *resnet_of(const module *m);

#endif
