#include "io/torch/convert/weight_rules.h"

static const weight_rule rules[] = {
    DROP("head*"),
    RENAME("norm.*", "ln1.*"),
    RENAME("patch_embed*proj*", "patch_embed*projection*"),
    RENAME("blocks.*norm*", "layers.*ln*"),
    RENAME("blocks.*mlp.fc1*", "layers.*ffn.layers.0.0*"),
    RENAME("blocks.*mlp.fc2*", "layers.*ffn.layers.1*"),
    RENAME("blocks.*attn.qkv.*", "layers.*attn.attn.in_proj_*"),
    RENAME("blocks.*attn.proj*", "layers.*attn.attn.out_proj*"),
    RENAME("blocks.*", "layers.*"),
    RULES_END,
};

const weight_source weight_source_vit = {
    .name = "vit",
    .about = "VisionTransformer of timm and DeiT",
    .signs = {"blocks.#.attn.qkv.weight", "patch_embed.proj.weight"},
    .rules = rules,
};
