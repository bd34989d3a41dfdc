#include "io/torch/convert/weight_rules.h"

#define RULES                                                                                                          \
    DROP("head*"), RENAME("layers.*attn.*", "stages.*attn.w_msa.*"),                                                   \
        RENAME("layers.*mlp.fc1.*", "stages.*ffn.layers.0.0.*"),                                                       \
        RENAME("layers.*mlp.fc2.*", "stages.*ffn.layers.1.*"), RENAME("layers.*mlp.*", "stages.*ffn.*"),               \
        CHANGE("layers.*downsample*reduction.*", "stages.*downsample*reduction.*", weight_as_unfold),                  \
        CHANGE("layers.*downsample*norm.*", "stages.*downsample*norm.*", weight_as_unfold),                            \
        RENAME("layers*", "stages*"), RENAME("patch_embed*proj*", "patch_embed*projection*"), RULES_END
#define TABLE "layers.#.blocks.#.attn.relative_position_bias_table"

static const weight_rule rules[] = {RULES};
const weight_source weight_source_swin = {
    .name = "swin",
    .about = "SwinTransformer of its authors, and of timm before 0.9",
    .signs = {TABLE},
    .rules = rules,
};

/* Here a stage begins with what the authors' ends with. */
static const weight_rule timm_rules[] = {
    GO_ON("layers.#.downsample.*", "layers.#-1.downsample.*"),
    RULES,
};
const weight_source weight_source_swin_timm = {
    .name = "swin_timm",
    .about = "SwinTransformer of timm 0.9 and later",
    .signs = {TABLE, "layers.1.downsample.norm.weight"},
    .unless = {"layers.0.downsample.norm.weight"},
    .rules = timm_rules,
};
