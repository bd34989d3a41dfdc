/* FPN, for necks that build on it. */
#ifndef MODEL_FPN_H
#define MODEL_FPN_H

#include "model/module.h"

typedef struct fpn_config {
    ints in_channels;
    int64_t out_channels, num_outs, start_level, end_level;
    bool extra_convs_on_inputs, relu_before_extra_convs, no_norm_on_lateral;
    bool exist_early_x, early_x_for_fpn; /* of TinyFPN, as custom_block is */
    const char *custom_block;
    const value *add_extra_convs, *conv_cfg, *norm_cfg, *act_cfg, *upsample_cfg, *init_cfg;
} fpn_config;

enum { FPN_LEVELS_MAX = 64 }; /* each level halves the map; more must be a mistake */

/* Entries of a field_table for a struct that begins with an fpn_config. */
#define FPN_FIELDS                                                                                                     \
    FIELD_RANGE(fpn_config, F_INT_LIST, in_channels, NULL, 1, 1 << 20, "channels of each map that it takes"),          \
        FIELD_RANGE(fpn_config, F_INT, out_channels, NULL, 1, 1 << 20, "channels of each map that it gives"),          \
        FIELD_RANGE(fpn_config, F_INT, num_outs, NULL, 1, FPN_LEVELS_MAX, "maps that it gives"),                       \
        FIELD_RANGE(fpn_config, F_INT, start_level, "0", 0, FPN_LEVELS_MAX - 1, "the first map that is used"),         \
        FIELD_RANGE(fpn_config, F_INT, end_level, "-1", -1, FPN_LEVELS_MAX, "behind the last that is used; -1: all"),  \
        FIELD(fpn_config, F_VALUE, add_extra_convs, "False",                                                           \
              "further maps by convolutions: False, True, 'on_input', 'on_lateral' or 'on_output'"),                   \
        FIELD(fpn_config, F_BOOL, extra_convs_on_inputs, "False", "makes add_extra_convs=True mean 'on_input'"),       \
        FIELD(fpn_config, F_BOOL, relu_before_extra_convs, "False",                                                    \
              "a ReLU before each further convolution but the first"),                                                 \
        FIELD(fpn_config, F_BOOL, no_norm_on_lateral, "False", "laterals go without norm_cfg"),                        \
        FIELD(fpn_config, F_VALUE, conv_cfg, "None", "kind of convolution"),                                           \
        FIELD(fpn_config, F_VALUE, norm_cfg, "None", "kind of normalisation"),                                         \
        FIELD(fpn_config, F_VALUE, act_cfg, "None", "kind of activation"),                                             \
        FIELD(fpn_config, F_VALUE, upsample_cfg, "dict(mode='nearest')",                                               \
              "mode ('nearest', 'bilinear', 'bicubic'), align_corners, scale_factor"),                                 \
        FIELD(fpn_config, F_VALUE, init_cfg, "dict(type='Xavier', layer='Conv2d', distribution='uniform')",            \
              "how the weights start")

/* Builds m from m->config, which begins with an fpn_config; its state is the neck's. */
void fpn_build(module *m);
features fpn_forward(module *m, graph *g, features x);

#endif
