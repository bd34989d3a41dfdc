#include "io/torch/convert/weight_rules.h"

/* The reference keeps the patch embedding under its old name too. */
static const weight_rule rules[] = {
    {"patch_embed.proj.*", "patch_embed.projection.*", .stays = true},
    RENAME("blocks.*norm*", "layers.*ln*"),
    RENAME("blocks.*mlp.fc1*", "layers.*ffn.layers.0.0*"),
    RENAME("blocks.*mlp.fc2*", "layers.*ffn.layers.1*"),
    RENAME("blocks*", "layers*"),
    RULES_END,
};

const weight_source weight_source_beit = {
    .name = "beit",
    .about = "BEiT of its authors; MAE's has the names of vit, and needs --model beit",
    .signs = {"blocks.#.attn.q_bias"},
    .rules = rules,
};
