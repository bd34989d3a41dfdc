/* The two halves of SideAdapterCLIPHead (Xu et al. 2023, arXiv:2302.12242): a small transformer beside CLIP, whose
 * queries propose masks and say where CLIP is to look, and CLIP's last layers, which tell what they see there.
 *
 *     module *net = side_adapter_new(parent, "side_adapter_network", cfg);
 *     module *tell = mask_recognition_new(parent, "rec_with_attnbias", cfg);
 *     side_masks masks[8];
 *     int n = side_adapter_run(net, g, x, (features){0}, (ints){0}, masks, 8);
 *     x = mask_recognition_run(tell, g, &masks[n - 1], 1, (features){0});
 */
#ifndef MODEL_SIDE_ADAPTER_H
#define MODEL_SIDE_ADAPTER_H

#include "model/layers/layers.h"

/* What the network says behind one of its layers. */
typedef struct side_masks {
    tensor *embed, *map; /* [N,Q,C] and [N,h,w,C], whose product is the masks before sigmoid */
    tensor *bias;        /* [N,h,w,layers*heads*Q], which CLIP's attention adds */
} side_masks;

/* SideAdapterNetwork, from its keyword arguments. */
module *side_adapter_new(module *parent, const char *name, const value *cfg);
int64_t side_adapter_queries(const module *m);
int64_t side_adapter_bias_layers(const module *m); /* layers of CLIP that get a bias of their own; 1: all the same */
int64_t side_adapter_bias_heads(const module *m);
/* clip: CLIP's maps, one for each of fusion_index. Writes what the network says behind the layers in `deep` (from 1)
 * and the last one, at most `most`, and returns how many there are; 0 after an error. */
int side_adapter_run(module *m, graph *g, tensor *img, features clip, ints deep, side_masks *out, int most);

/* RecWithAttnbias, from its keyword arguments. */
module *mask_recognition_new(module *parent, const char *name, const value *cfg);
int64_t mask_recognition_queries(const module *m);
int64_t mask_recognition_heads(const module *m);
int64_t mask_recognition_layers(const module *m);
/* clip: CLIP's maps and class tokens, of which the last are seen; bias: of `layers` layers. Returns an embedding for
 * each query, [N,Q,C]. */
tensor *mask_recognition_run(module *m, graph *g, const side_masks *said, int64_t layers, features clip);

#endif
