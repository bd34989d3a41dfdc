/* mmcv's MultiScaleDeformableAttention (Zhu et al. 2020, arXiv:2010.04159): each token reads a few numbers near its own
 * place from each of several maps.
 *
 *     module *attn = deform_attention_new(parent, "self_attn", cfg);
 *     deform_maps maps = {.at = x, .sizes = {.levels = 1, .h = {16}, .w = {32}}};
 *     x = deform_attention_run(attn, g, x, NULL, &maps);
 */
#ifndef MODEL_DEFORM_LAYER_H
#define MODEL_DEFORM_LAYER_H

#include "model/layers/layers.h"

/* From the class's keyword arguments. */
module *deform_attention_new(module *parent, const char *name, const value *cfg);
int64_t deform_attention_channels(const module *m); /* embed_dims */

typedef struct deform_maps {
    tensor *at; /* [L,2]: the places of the tokens, (x, y) from 0 to 1 */
    deform_attr sizes;
} deform_maps;
/* x [N,L,C]: the tokens of the maps, one map after the other; pos [1,L,C], added to what chooses the places, or NULL.
 * Returns x + the result. */
tensor *deform_attention_run(module *m, graph *g, tensor *x, tensor *pos, const deform_maps *maps);

#endif
