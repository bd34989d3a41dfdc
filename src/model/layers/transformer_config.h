/* Reads the dicts of mmcv's MultiheadAttention and FFN, which transformers' configs have for each layer.
 *
 *     attention_spec attn;
 *     if (attention_spec_read(parent, value_get(cfg, "self_attn_cfg"), &attn))
 *         attention_new(parent, "self_attn", attn);
 */
#ifndef MODEL_TRANSFORMER_CONFIG_H
#define MODEL_TRANSFORMER_CONFIG_H

#include "model/layers/layers.h"

/* The keyword arguments of MultiheadAttention; batch_first may not be False. false: an error was recorded in m's model.
 */
bool attention_spec_read(module *m, const value *cfg, attention_spec *out);
/* The keyword arguments of FFN. */
bool ffn_spec_read(module *m, const value *cfg, ffn_spec *out);

#endif
