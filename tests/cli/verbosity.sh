#!/bin/sh
# --quiet leaves warnings and errors alone, --verbose tells more: among it which ops run in the naive backend.
. "$(dirname "$0")/lib.sh"
make_tiles
# A transposed convolution that oneDNN refuses: more rows are added at the end than stride and padding together.
cat > slow.py <<EOF
_base_ = ['$SOURCE/tests/cli/tiny.py']
model = dict(decode_head=dict(num_convs=1, kernel_size=1, dilation=2, concat_input=False,
                              conv_cfg=dict(type='deconv', output_padding=1)))
custom_hooks = [dict(type='MyHook')]
EOF
train() {
    run 0 "$CSEG" train slow.py --threads 1 --work-dir work --cfg-options train_cfg.max_iters=1 "$@"
}
quiet_but_warns() {
    says_error "warning: "
    check "nothing but warnings" [ "$(grep -cv '^warning: ' err.txt)" -eq 0 ]
}
train
says_error "looked at"
check "no talk of kernels" [ "$(grep -c naive err.txt)" -eq 0 ]
train --quiet
quiet_but_warns
train --verbose
says_error "debug: the backend cpu has no kernels of its own for these, which are right and slow: "
says_error "conv_transpose2d ("
says_error "of the bytes"
# What has a kernel is not named, and a model of such ops alone is not spoken of.
check "convolutions are not naive" [ "$(grep naive err.txt | grep -c 'conv2d (')" -eq 0 ]
run 0 "$CSEG" train "$SOURCE/tests/cli/tiny.py" --threads 1 --work-dir plain --verbose --cfg-options train_cfg.max_iters=1
check "all kernels are its own" [ "$(grep -c 'no kernels of its own' err.txt)" -eq 0 ]
run 0 "$CSEG" bench train slow.py --size 32 --layers=kinds --json # all kinds, whatever their time
says "naive conv"
finish
