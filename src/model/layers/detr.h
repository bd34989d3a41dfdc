/* mmdet's transformer of DETR (Carion et al. 2020, arXiv:2005.12872): attention, FFN and a norm behind each. Sequences
 * are [N,L,C]; positions are added to queries and keys, and may have a first axis of 1.
 *
 *     module *decoder = detr_decoder_new(parent, "transformer_decoder", cfg, DETR_SELF_FIRST);
 *     detr_inputs in = {.query = x, .query_pos = x, .memory = x, .memory_pos = x};
 *     features layers = detr_decoder_run(decoder, g, &in);
 */
#ifndef MODEL_DETR_H
#define MODEL_DETR_H

#include "model/layers/deform_layer.h"

/* DetrTransformerEncoder, from its keyword arguments; with `deforms` DeformableDetrTransformerEncoder, whose tokens,
 * those of several maps, read near their places (deform_layer.h). */
module *detr_encoder_new(module *parent, const char *name, const value *cfg, bool deforms);
void detr_encoder_restart(module *m); /* for init: the rules of what deforms stand again, as its class has them */
/* maps: of an encoder that deforms; else NULL. */
tensor *detr_encoder_run(module *m, graph *g, tensor *x, tensor *pos, const deform_maps *maps);

/* DetrTransformerDecoder, from its keyword arguments; with DETR_CROSS_FIRST Mask2FormerTransformerDecoder, whose layers
 * attend to the memory before they attend to each other. */
typedef enum { DETR_SELF_FIRST, DETR_CROSS_FIRST } detr_order;
module *detr_decoder_new(module *parent, const char *name, const value *cfg, detr_order order);

typedef struct detr_inputs {
    tensor *query, *query_pos;
    const deform_maps *maps;     /* of an encoder that deforms; else NULL */
    tensor *memory, *memory_pos; /* keys and values, and the keys' positions */
    tensor *hidden;              /* as attention_inputs.hidden, of the attention to the memory; NULL: nothing is */
} detr_inputs;
/* What each layer gives, after post_norm; one alone, the last, with return_intermediate=False. */
features detr_decoder_run(module *m, graph *g, const detr_inputs *in);

/* For decoders whose inputs change from layer to layer. */
typedef struct detr_decoder {
    module *layers; /* its children, for detr_layer_run */
    module *post_norm;
    int64_t channels; /* of its queries, embed_dims; those of an encoder are detr_channels */
    bool return_intermediate;
} detr_decoder;
const detr_decoder *detr_decoder_of(const module *m);
tensor *detr_layer_run(module *layer, graph *g, const detr_inputs *in);
int64_t detr_channels(const module *m); /* embed_dims of an encoder or a decoder; 0 for NULL */

#endif
