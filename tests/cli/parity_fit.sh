#!/bin/sh
# Tables of relative positions fit images of one size: cseg parity --fit builds the backbone for those it makes.
. "$(dirname "$0")/lib.sh"
parity() {
    run 0 "$CSEG" parity model "$SOURCE/tests/data/engine/parity/mae.py" "$@"
}
parity
says '"logits": '
says '["backbone.pos_embed", [1, 13, 16], "float32"]'
parity --size 64x160
says "images of 2 x 5 patches, but the tables of positions are those of 3 x 4; set img_size"
parity --size 64x160 --fit
says '"logits": '
says '["backbone.pos_embed", [1, 11, 16], "float32"]'
says '["backbone.layers.0.attn.relative_position_index", [11, 11], "int64"]'
finish
