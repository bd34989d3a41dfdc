#include "io/torch/convert/weight_rules.h"

static const weight_rule rules[] = {
    DROP("head*"),
    RENAME("patch_embed#.proj.*", "layers.#-1.0.projection.*"),
    RENAME("patch_embed#*", "layers.#-1.0*"),
    {"block#.*attn.q.*", "layers.#-1.1.*attn.attn.in_proj_*", .with = {"block#.*attn.kv.*"}},
    DROP("block#.*attn.kv.*"),
    RENAME("block#.*attn.proj.*", "layers.#-1.1.*attn.attn.out_proj.*"),
    CHANGE("block#.*mlp.fc1.weight", "layers.#-1.1.*ffn.layers.0.weight", weight_as_1x1),
    RENAME("block#.*mlp.fc1.*", "layers.#-1.1.*ffn.layers.0.*"),
    RENAME("block#.*mlp.dwconv.dwconv.*", "layers.#-1.1.*ffn.layers.1.*"),
    CHANGE("block#.*mlp.fc2.weight", "layers.#-1.1.*ffn.layers.4.weight", weight_as_1x1),
    RENAME("block#.*mlp.fc2.*", "layers.#-1.1.*ffn.layers.4.*"),
    RENAME("block#*", "layers.#-1.1*"),
    RENAME("norm#*", "layers.#-1.2*"),
    RULES_END,
};

const weight_source weight_source_mit = {
    .name = "mit",
    .about = "MixVisionTransformer of SegFormer's authors",
    .signs = {"patch_embed1.proj.weight", "block1.#.attn.q.weight"},
    .rules = rules,
};
