#!/bin/bash
# SIGTERM and Ctrl-C: the iteration is finished, a checkpoint saved, the exit code is 1; --resume goes on bit for bit.
. "$(dirname "$0")/setup.sh"
set -m # background jobs hear SIGINT
stops() { # SIGNAL CONFIG DIR LAST OPTION...
    signal=$1 config=$2 dir=$3 last=$4
    shift 4
    start "$config" "$dir" "$@"
    wait_for "$dir/last_checkpoint"
    kill "-$signal" $pid 2> kill.txt
    wait $pid
    code=$?
    check "the exit code after $signal is 1, not $code" [ $code -eq 1 ]
    says_error "stopped after iteration"
    says_error "--resume"
    at=$(sed -n 's/.*stopped after iteration \([0-9]*\).*/\1/p' err.txt)
    check "a checkpoint of iteration $at is the newest" \
        [ "$("$TOOL" number "$(newest "$dir")" meta iter)" = "$at" ]
    check "nothing half-written is left" no_temporaries "$dir"
    run 0 train "$config" "$dir" --resume "$@"
    run 0 "$TOOL" same "whole-$config/$last" "$dir/$last"
}
long="train_cfg.max_iters=400 default_hooks.checkpoint.interval=100"
run 0 train iter_1x whole-iter_1x --no-validate --cfg-options $long
stops TERM iter_1x by-term iter_400.pth --no-validate --cfg-options $long
stops INT iter_1x by-int iter_400.pth --no-validate --cfg-options $long

# In the midst of an epoch, and of the iterations that make a step together.
long="train_cfg.max_epochs=120 default_hooks.checkpoint.interval=30"
run 0 train epoch_1x whole-epoch_1x --no-validate --cfg-options $long
stops TERM epoch_1x epochs epoch_120.pth --no-validate --cfg-options $long

# While labels are looked at, before anything has been learnt.
"$TOOL" shapes many/train 300 16
start iter_1x early --no-validate --cfg-options train_dataloader.dataset.data_root=many/train train_cfg.max_iters=100000
wait_for early
kill -TERM $pid
wait $pid
code=$?
check "stopped early: $code" [ $code -eq 1 ]
finish
