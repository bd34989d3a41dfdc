#!/bin/sh
# The 0.x dialect's fp16 alone does not make training mixed: it runs, to the bit, as without it, and says so.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny_0x.py
losses() { grep -o '"loss": [0-9.]*' "$(ls "$1"/*.log.json)"; }
run 0 "$CSEG" train "$tiny" --work-dir plain --threads 1 --no-validate
check "no warning" [ "$(grep -c warning err.txt)" -eq 0 ]
printf "_base_ = ['%s']\nfp16 = dict(loss_scale='dynamic')\n" "$tiny" > mae.py
run 0 "$CSEG" train mae.py --work-dir fp16 --threads 1 --no-validate
says_error "warning: mae.py:2: fp16 has no effect on training"
check "float32" sh -c "! grep -q 'mixed precision' err.txt"
losses plain > plain.txt
losses fp16 > fp16.txt
check "losses were logged" [ -s plain.txt ]
check "the same losses" cmp -s plain.txt fp16.txt
printf "_base_ = ['%s']\noptimizer_config = dict(type='DistOptimizerHook', use_fp16=True)\n" "$tiny" > swin.py
run 1 "$CSEG" train swin.py --work-dir swin --threads 1
says_error "swin.py:2: there is no optimizer hook 'DistOptimizerHook' here"
finish
