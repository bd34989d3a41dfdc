#include "io/torch/convert/clip_rules.h"

#define ADAPTER "side_adapter_network."
#define BLOCK ADAPTER "vit_model.blocks.#."
#define TO "decode_head." ADAPTER
static const weight_rule rules[] = {
    CLIP_IMAGE("clip_visual_extractor."),
    CLIP_VIT_BLOCK("clip_visual_extractor.resblocks.#.", "image_encoder.layers.#."),
    RENAME(BLOCK "norm#.*", TO "encode_layers.#.ln#.*"),
    RENAME(BLOCK "attn.qkv.*", TO "encode_layers.#.attn.attn.in_proj_*"),
    RENAME(BLOCK "attn.proj*", TO "encode_layers.#.attn.attn.out_proj*"),
    RENAME(BLOCK "attn.*", TO "encode_layers.#.attn.*"),
    RENAME(BLOCK "mlp.fc1*", TO "encode_layers.#.ffn.layers.0.0*"),
    RENAME(BLOCK "mlp.fc2*", TO "encode_layers.#.ffn.layers.1*"),
    RENAME(ADAPTER "vit_model.pos_embed", TO "pos_embed"),
    RENAME(ADAPTER "vit_model.patch_embed.proj.*", TO "patch_embed.projection.*"),
    RENAME(ADAPTER "query_*", TO "query_*"),
    RENAME(ADAPTER "fusion_layers.layer_#.input_proj.0*", TO "conv_clips.#.0*"),
    RENAME(ADAPTER "fusion_layers.layer_#.input_proj.1*", TO "conv_clips.#.1.conv*"),
    RENAME(ADAPTER "mask_decoder.*", TO "mask_decoder.*"),
    CLIP_LAYER("clip_rec_head.resblocks.#.", CLIP_RECOGNISER "layers.#."),
    CLIP_RECOGNISER_END("clip_rec_head."),
    CLIP_TEXT("ov_classifier."),
    RENAME("criterion*", "criterion*"),
    RULES_END,
};

const weight_source weight_source_san = {
    .name = "san",
    .about = "SAN of its authors",
    .signs = {"clip_visual_extractor.resblocks.*", "side_adapter_network.*"},
    .drops_others = true,
    .rules = rules,
};
