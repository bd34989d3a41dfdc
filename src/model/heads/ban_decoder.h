/* Decoders of BitemporalAdapterHead: parts that make logits of the maps of two dates. Their rows have
 * `as.ban_decoder`. */
#ifndef MODEL_BAN_DECODER_H
#define MODEL_BAN_DECODER_H

#include "model/module.h"

extern const kind kind_ban_bit_head, kind_ban_mlp_decoder;

#endif
