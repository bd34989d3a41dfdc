#!/bin/sh
# Mixed precision from the command line: training, test and masks, and what is said where the CPU has none.
. "$(dirname "$0")/lib.sh"
make_tiles
one_x=$SOURCE/tests/cli/tiny.py
zero_x=$SOURCE/tests/cli/tiny_0x.py
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
slow="float32 is used"

# Without AVX512-BF16 and AMX: a line, and a run all the same.
run 0 env ONEDNN_MAX_CPU_ISA=AVX2 "$CSEG" train "$one_x" --work-dir slow --threads 1 --amp --no-validate \
    --cfg-options train_cfg.max_iters=2
says_error "$slow"
check "it trained" [ -s slow/iter_2.pth ]
run 0 env ONEDNN_MAX_CPU_ISA=AVX2 "$CSEG" infer "$one_x" slow/iter_2.pth "$image" --precision bf16 --out slow --threads 1
says_error "$slow"
run 0 "$CSEG" infer "$one_x" slow/iter_2.pth "$image" --precision bf16 --out fast --threads 1
if grep -qF "$slow" err.txt; then
    echo "the rest is skipped: this CPU computes no bf16"
    finish
fi

run 0 "$CSEG" train "$one_x" --work-dir amp --threads 1 --seed 5 --amp
says_error "mixed precision: maps and the operands of convolutions in bfloat16"
says_error "Iter(train) [12/12]"
says_error "mIoU"
run 0 "$CSEG" train "$one_x" --work-dir wrapped --threads 1 --seed 5 --cfg-options optim_wrapper.type=AmpOptimWrapper \
    optim_wrapper.loss_scale=dynamic
says_error "mixed precision"
check "the wrapper means the same" sh -c "'$CSEG' infer '$one_x' amp/iter_12.pth '$image' --scores --out a --threads 1 \
    > /dev/null 2>&1 && '$CSEG' infer '$one_x' wrapped/iter_12.pth '$image' --scores --out b --threads 1 \
    > /dev/null 2>&1 && cmp a/*_scores.tif b/*_scores.tif"
run 0 "$CSEG" test "$one_x" amp/iter_12.pth --threads 1 --work-dir tested --precision bf16 --out maps
says "Iter(test) [5/5]"
check "and label maps" [ "$(ls maps | wc -l)" -eq "$(ls tiles/images/val | wc -l)" ]
run 0 "$CSEG" infer "$one_x" amp/iter_12.pth "$image" --scores --precision bf16 --out c --threads 1
check "it is no float32" sh -c "! cmp -s a/*_scores.tif c/*_scores.tif"
run 0 "$CSEG" train "$zero_x" --work-dir old --threads 1 --cfg-options optimizer_config.type=Fp16OptimizerHook
says_error "mixed precision"
says_error "Iter [6/6]"
run 2 "$CSEG" test "$one_x" amp/iter_12.pth --precision fp16
says_error "--precision must be one of fp32|bf16"
finish
