#include "io/torch/convert/weight_rules.h"

/* All blocks of PCPVT and every second one of SVT have attention over all pixels, which is MultiheadAttention in
 * MMSegmentation; the others, which have qkv in one, keep their names. */
static const weight_rule rules[] = {
    DROP("head*"),
    RENAME("patch_embeds*proj.*", "patch_embeds*projection.*"),
    {"blocks.*attn.q.*", "layers.*attn.attn.in_proj_*", .with = {"blocks.*attn.kv.*"}},
    DROP("blocks.*attn.kv.*"),
    {"blocks.*attn.proj.*", "layers.*attn.attn.out_proj.*", .when = "blocks.*attn.q.weight"},
    RENAME("blocks.*mlp.fc1*", "layers.*ffn.layers.0.0*"),
    RENAME("blocks.*mlp.fc2*", "layers.*ffn.layers.1*"),
    RENAME("blocks.*", "layers.*"),
    RENAME("pos_block*proj.0.*", "position_encodings*proj.*"),
    RENAME("pos_block*", "position_encodings*"),
    RULES_END,
};

const weight_source weight_source_twins = {
    .name = "twins",
    .about = "PCPVT and SVT of Twins' authors",
    .signs = {"patch_embeds.#.proj.weight", "pos_block.#.proj.*", "blocks.#.#.attn.q.weight"},
    .rules = rules,
};
