/* What CLIP's and SAN's tables share: blocks of CLIP's transformers under the names of two layers of MMSegmentation. */
#ifndef IO_TORCH_CONVERT_CLIP_RULES_H
#define IO_TORCH_CONVERT_CLIP_RULES_H

#include "io/torch/convert/weight_rules.h"

/* As VisionTransformer's. */
#define CLIP_VIT_BLOCK(from, to)                                                                                       \
    RENAME(from "ln_1.*", to "ln1.*"), RENAME(from "ln_2.*", to "ln2.*"), RENAME(from "attn.*", to "attn.attn.*"),     \
        RENAME(from "mlp.c_fc.*", to "ffn.layers.0.0.*"), RENAME(from "mlp.c_proj.*", to "ffn.layers.1.*")

/* As BaseTransformerLayer's. */
#define CLIP_LAYER(from, to)                                                                                           \
    RENAME(from "ln_1.*", to "norms.0.*"), RENAME(from "ln_2.*", to "norms.1.*"),                                      \
        RENAME(from "attn.*", to "attentions.0.attn.*"), RENAME(from "mlp.c_fc.*", to "ffns.0.layers.0.0.*"),          \
        RENAME(from "mlp.c_proj.*", to "ffns.0.layers.1.*")

/* What stands in front of the image encoder's blocks. */
#define CLIP_IMAGE(from)                                                                                               \
    CHANGE(from "class_embedding", "image_encoder.cls_token", weight_as_token),                                        \
        CHANGE(from "positional_embedding", "image_encoder.pos_embed", weight_as_batch),                               \
        RENAME(from "conv1.*", "image_encoder.patch_embed.projection.*"),                                              \
        RENAME(from "ln_pre.*", "image_encoder.ln_pre.*")

/* The last blocks and what follows them belong to SideAdapterCLIPHead. */
#define CLIP_RECOGNISER "decode_head.rec_with_attnbias."
#define CLIP_RECOGNISER_END(from)                                                                                      \
    CHANGE(from "proj", CLIP_RECOGNISER "proj.weight", weight_transpose),                                              \
        RENAME(from "ln_post.*", CLIP_RECOGNISER "ln_post.*")

#define CLIP_TEXT(from)                                                                                                \
    CLIP_LAYER(from "transformer.resblocks.#.", "text_encoder.transformer.#."),                                        \
        RENAME(from "positional_embedding*", "text_encoder.positional_embedding*"),                                    \
        RENAME(from "text_projection*", "text_encoder.text_projection*"),                                              \
        RENAME(from "bg_embed*", "text_encoder.bg_embed*"), RENAME(from "attn_mask*", "text_encoder.attn_mask*"),      \
        RENAME(from "logit_scale*", "text_encoder.logit_scale*"),                                                      \
        RENAME(from "token_embedding*", "text_encoder.token_embedding*"),                                              \
        RENAME(from "ln_final*", "text_encoder.ln_final*")

#endif
