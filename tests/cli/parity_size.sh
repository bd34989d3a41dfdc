#!/bin/sh
# cseg parity --size: images of another size than 96x128.
. "$(dirname "$0")/lib.sh"
tiny=$SOURCE/tests/cli/tiny.py

run 0 "$CSEG" parity model "$tiny"
says '"shape": [1, 2, 96, 128]'
run 0 "$CSEG" parity model --size 64x80 "$tiny"
says '"shape": [1, 2, 64, 80]'
run 0 "$CSEG" parity train --size 64x80 "$tiny"
says '"curve": [{"decode.loss_ce": '
for wrong in 64 64x x64 64x0 64x-3 64x80x3 ' 64x80' 64x99999 64X80; do
    run 2 "$CSEG" parity model --size "$wrong" "$tiny"
    says_error "--size is HEIGHTxWIDTH"
    says_error "not '$wrong'"
done
finish
