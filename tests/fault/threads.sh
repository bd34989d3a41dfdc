#!/bin/bash
# Three steps of a ResNet-D8 and of an HRNet under --deterministic leave the same checkpoint, to the bit, whatever the
# number of threads, cores or not.
. "$(dirname "$0")/setup.sh"
export GOMP_SPINCOUNT=100 # there are more threads than cores
"$TOOL" shapes data/large 3 160 || complain "no data"
trained() { # CONFIG WORK_DIR THREADS OPTION...
    run 0 "$CSEG" train "$configs/$1.py" --work-dir "$2" --threads "$3" --no-validate --deterministic \
        --cfg-options train_cfg.max_iters=3 "${@:4}"
}
same_for() { # CONFIG THREADS...
    trained "$1" "$1-1" 1
    for n in "${@:2}"; do
        trained "$1" "$1-$n" "$n"
        run 0 "$TOOL" same "$1-1/iter_3.pth" "$1-$n/iter_3.pth"
    done
}
same_for dilated_1x 2 3 5 7 9 16
same_for large_1x 2 3 5 7 9 16
# In bfloat16, where the machine has it; elsewhere it is float32 once more.
for n in 1 3 7; do
    trained dilated_1x "half-$n" "$n" optim_wrapper.type=AmpOptimWrapper
done
run 0 "$TOOL" same half-1/iter_3.pth half-3/iter_3.pth
run 0 "$TOOL" same half-1/iter_3.pth half-7/iter_3.pth
# The config's word counts in testing too: the same scores.
for n in 1 5; do
    run 0 "$CSEG" test "$configs/dilated_1x.py" dilated_1x-1/iter_3.pth --threads $n --out "masks-$n" \
        --cfg-options randomness.deterministic=True
done
check "the same masks" diff -r masks-1 masks-5
finish
