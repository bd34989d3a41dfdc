#include "io/torch/convert/weight_rules.h"

#define BLOCK "Transformer/encoderblock_#/"
#define HEADS BLOCK "MultiHeadDotProductAttention_1/"
static const weight_rule rules[] = {
    CHANGE("embedding/kernel", "patch_embed.projection.weight", weight_of_jax_conv),
    RENAME("embedding/bias", "patch_embed.projection.bias"),
    RENAME("Transformer/posembed_input/pos_embedding", "pos_embed"),
    RENAME("cls", "cls_token"),
    RENAME("Transformer/encoder_norm/scale", "ln1.weight"),
    RENAME("Transformer/encoder_norm/bias", "ln1.bias"),
    RENAME(BLOCK "LayerNorm_0/scale", "layers.#.ln1.weight"),
    RENAME(BLOCK "LayerNorm_0/bias", "layers.#.ln1.bias"),
    RENAME(BLOCK "LayerNorm_2/scale", "layers.#.ln2.weight"),
    RENAME(BLOCK "LayerNorm_2/bias", "layers.#.ln2.bias"),
    {HEADS "query/kernel", "layers.#.attn.attn.in_proj_weight", weight_of_jax_in,
     .with = {HEADS "key/kernel", HEADS "value/kernel"}},
    {HEADS "query/bias", "layers.#.attn.attn.in_proj_bias", weight_flat,
     .with = {HEADS "key/bias", HEADS "value/bias"}},
    CHANGE(HEADS "out/kernel", "layers.#.attn.attn.out_proj.weight", weight_of_jax_out),
    RENAME(HEADS "out/bias", "layers.#.attn.attn.out_proj.bias"),
    CHANGE(BLOCK "MlpBlock_3/Dense_0/kernel", "layers.#.ffn.layers.0.0.weight", weight_transpose),
    RENAME(BLOCK "MlpBlock_3/Dense_0/bias", "layers.#.ffn.layers.0.0.bias"),
    CHANGE(BLOCK "MlpBlock_3/Dense_1/kernel", "layers.#.ffn.layers.1.weight", weight_transpose),
    RENAME(BLOCK "MlpBlock_3/Dense_1/bias", "layers.#.ffn.layers.1.bias"),
    RULES_END,
};

const weight_source weight_source_vit_jax = {
    .name = "vit_jax",
    .about = "VisionTransformer of its authors in JAX (.npz)",
    .signs = {BLOCK "LayerNorm_0/scale", "embedding/kernel"},
    .drops_others = true,
    .rules = rules,
};
