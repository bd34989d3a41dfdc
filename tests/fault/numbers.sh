#!/bin/bash
# Losses that are no numbers stop the run; the same seed gives the same bits; --deterministic gives them for any number
# of threads.
. "$(dirname "$0")/setup.sh"
stops() { # DIR OPTION...: an iteration goes wrong, is named, and leaves no checkpoint
    dir=$1
    shift
    run 1 train iter_1x "$dir" --cfg-options param_scheduler=None "$@"
    says_error "the last checkpoint is untouched"
    check "a tensor is named: $(tail -1 err.txt)" grep -qE "^cseg: .*(backbone|decode_head)" err.txt
    check "the message comes last, in one line" [ "$(tail -1 err.txt | grep -c '^cseg: iteration')" = 1 ]
    at=$(sed -n 's/^cseg: iteration \([0-9]*\):.*/\1/p' err.txt)
    check "no checkpoint of iteration '$at'" missing "$dir/iter_$at.pth"
    for file in "$dir"/*.pth; do
        [ ! -e "$file" ] || run 0 "$TOOL" finite "$file"
    done
    check "nothing half-written is left" no_temporaries "$dir"
}
stops loss optim_wrapper.optimizer.lr=1e6 optim_wrapper.optimizer.weight_decay=1e6
says_error "the loss is not a number"
stops weights default_hooks.checkpoint.interval=1 optim_wrapper.optimizer.lr=1e6 optim_wrapper.optimizer.weight_decay=1e36
says_error "has become"

# A good checkpoint survives what comes after it.
run 0 train iter_1x turned --cfg-options train_cfg.max_iters=4
cp turned/iter_4.pth good.pth
# (Rate and decay of a resumed run are the checkpoint's; the loss's weight is the config's.)
run 1 train iter_1x turned --resume-from good.pth --cfg-options model.decode_head.loss_decode.loss_weight=1e38 \
    default_hooks.checkpoint.interval=1
check "the good checkpoint is as it was" cmp -s good.pth turned/iter_4.pth

threads() { # N WORK_DIR CONFIG OPTION...
    n=$1 dir=$2 config=$3
    shift 3
    run 0 "$CSEG" train "$configs/$config.py" --work-dir "$dir" --threads "$n" "$@"
}
threads 2 once wide_1x --cfg-options train_cfg.max_iters=3
threads 2 twice wide_1x --cfg-options train_cfg.max_iters=3
run 0 "$TOOL" same once/iter_3.pth twice/iter_3.pth
for n in 1 2 3; do
    threads $n many-$n wide_1x --no-validate --deterministic --cfg-options train_cfg.max_iters=3
done
run 0 "$TOOL" same many-1/iter_3.pth many-2/iter_3.pth
run 0 "$TOOL" same many-1/iter_3.pth many-3/iter_3.pth
"$TOOL" shapes data/large 3 160
for n in 1 2; do
    threads $n large-$n large_1x --no-validate --deterministic --cfg-options train_cfg.max_iters=1
done
run 0 "$TOOL" same large-1/iter_1.pth large-2/iter_1.pth
finish
