/* ResNets with grouped 3x3 convolutions: ResNeXt (Xie et al. 2017, arXiv:1611.05431), and ResNeSt, whose are split
 * attentions (Zhang et al. 2020, arXiv:2004.08955), also with two dates that interact. */
#include "model/backbones/resnet.h"

/* Their blocks are not ResNet's Bottleneck, whose last norms zero_init_residual is about. */
#define GROUP_FIELDS                                                                                                   \
    RESNET_COMMON_FIELDS, FIELD_IGNORED(zero_init_residual, "has no effect in mmseg either"),                          \
        FIELD_RANGE(resnet_config, F_INT, groups, "1", 1, 1 << 14, "of the 3x3 convolutions"),                         \
        FIELD_RANGE(resnet_config, F_INT, base_width, "4", 1, 1 << 14,                                                 \
                    "channels of a group in the first stage, for base_channels=64")

static const field resnext_fields[] = {
    FIELD_RANGE(resnet_config, F_INT, depth, NULL, 50, 152, "50, 101 or 152"),
    GROUP_FIELDS,
    RESNET_STEM_FIELDS,
};
static const field_table resnext_table = FIELD_TABLE(resnext_fields, resnet_config);

#define RESNEST_FIELDS                                                                                                 \
    FIELD_RANGE(resnet_config, F_INT, depth, NULL, 50, 200, "50, 101, 152 or 200"), GROUP_FIELDS,                      \
        FIELD_RANGE(resnet_config, F_INT, radix, "2", 1, SPLIT_MOST, "maps that a 3x3 convolution makes and weighs"),  \
        FIELD_RANGE(resnet_config, F_INT, reduction_factor, "4", 1, 1 << 14, "of the channels that weigh the maps"),   \
        FIELD(resnet_config, F_BOOL, avg_down_stride, "True", "an average pool has the stride of the 3x3 convolution")

static const field resnest_fields[] = {RESNEST_FIELDS};
static const field_table resnest_table = FIELD_TABLE(resnest_fields, resnet_config);
static const field ia_resnest_fields[] = {RESNEST_FIELDS, INTERACTION_FIELD(resnet_config)};
static const field_table ia_resnest_table = FIELD_TABLE(ia_resnest_fields, resnet_config);

/* ResNetV1d's stem and shortcuts. */
static void set_resnest(module *m)
{
    resnet_config *c = m->config;
    c->deep_stem = c->avg_down = true;
}

static void build_resnest(module *m)
{
    set_resnest(m);
    resnet_build(m);
}

static void build_ia_resnest(module *m)
{
    set_resnest(m);
    resnet_build_interacting(m);
}

const kind kind_resnext = {
    .family = FAMILY_BACKBONE,
    .name = "ResNeXt",
    .about = "ResNet whose 3x3 convolutions are grouped (arXiv:1611.05431).",
    .fields = &resnext_table,
    .build = resnet_build,
    .as.backbone = {.forward = resnet_forward},
};

const kind kind_resnest = {
    .family = FAMILY_BACKBONE,
    .name = "ResNeSt",
    .about = "ResNetV1d whose 3x3 convolutions weigh several maps by attention (arXiv:2004.08955).",
    .fields = &resnest_table,
    .build = build_resnest,
    .as.backbone = {.forward = resnet_forward},
};

const kind kind_ia_resnest = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IA_ResNeSt",
    .about = "ResNeSt for two dates that interact behind its stages: gives both dates' maps along the channels "
             "(arXiv:2209.08290).",
    .fields = &ia_resnest_table,
    .build = build_ia_resnest,
    .as.backbone = {.forward_both = resnet_forward_both},
};
