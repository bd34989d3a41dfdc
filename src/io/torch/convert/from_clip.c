#include "io/torch/convert/clip_rules.h"

/* SAN takes the image encoder's first three quarters as they are, and runs the rest with biases of its own. */
#define BLOCKS "visual.transformer.resblocks."
#define RULES(first)                                                                                                   \
    CLIP_IMAGE("visual."), CLIP_VIT_BLOCK(BLOCKS "#<" first ".", "image_encoder.layers.#."),                           \
        CLIP_LAYER(BLOCKS "#.", CLIP_RECOGNISER "layers.#-" first "."), CLIP_RECOGNISER_END("visual."), CLIP_TEXT(""), \
        RULES_END

static const weight_rule rules_b16[] = {RULES("9")};
const weight_source weight_source_clip_b16 = {
    .name = "clip_b16",
    .about = "CLIP ViT-B/16 of OpenAI, as SAN takes it (9 and 3 blocks)",
    .signs = {"visual.class_embedding", BLOCKS "11.ln_1.weight"},
    .unless = {BLOCKS "12.ln_1.weight"},
    .drops_others = true,
    .rules = rules_b16,
};

static const weight_rule rules_l14[] = {RULES("18")};
const weight_source weight_source_clip_l14 = {
    .name = "clip_l14",
    .about = "CLIP ViT-L/14 of OpenAI, as SAN takes it (18 and 6 blocks)",
    .signs = {"visual.class_embedding", BLOCKS "23.ln_1.weight"},
    .unless = {BLOCKS "24.ln_1.weight"},
    .drops_others = true,
    .rules = rules_l14,
};
