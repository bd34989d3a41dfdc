/* CLIPTextEncoder: the embeddings of classes from their names (Radford et al. 2021, arXiv:2103.00020).
 *
 *     module *m = module_build_part(parent, "text_encoder", &kind_clip_text_encoder, cfg);
 *     tensor *names = clip_text_encoder_run(m, g);
 */
#ifndef MODEL_CLIP_TEXT_ENCODER_H
#define MODEL_CLIP_TEXT_ENCODER_H

#include "model/module.h"

extern const kind kind_clip_text_encoder;
/* [K,C]: a row for each class and, with cat_bg, one for what is none of them. It depends on weights alone. */
tensor *clip_text_encoder_run(module *m, graph *g);
int64_t clip_text_encoder_rows(const module *m);     /* K */
int64_t clip_text_encoder_channels(const module *m); /* C */

#endif
