#!/bin/sh
# A run that goes on from any of its checkpoints ends with the same bits as one that never stopped, in another folder and
# with another number of loading threads too.
. "$(dirname "$0")/setup.sh"

goes_on() { # CONFIG FROM LAST OPTION...: OPTIONs are of both runs
    config=$1 from=$2 last=$3
    shift 3
    run 0 train "$config" "whole-$config" "$@"
    run 0 train "$config" "parts-$config" --resume-from "whole-$config/$from" "$@"
    run 0 "$TOOL" same "whole-$config/$last" "parts-$config/$last"
    check "what came before is not done again" missing "parts-$config/$from"
}
goes_on iter_1x iter_8.pth iter_12.pth
goes_on epoch_1x epoch_2.pth epoch_4.pth
goes_on iter_0x iter_4.pth iter_12.pth

run 0 train iter_1x one-worker --cfg-options train_dataloader.num_workers=1
run 0 "$TOOL" same whole-iter_1x/iter_12.pth one-worker/iter_12.pth
run 0 train iter_0x three-workers --cfg-options data.workers_per_gpu=3
run 0 "$TOOL" same whole-iter_0x/iter_12.pth three-workers/iter_12.pth

# The comparison itself can tell runs apart.
run 0 train iter_1x another-seed --seed 6
run 1 "$TOOL" same whole-iter_1x/iter_12.pth another-seed/iter_12.pth
run 1 "$TOOL" same whole-iter_1x/iter_12.pth another-seed/iter_12.pth weights
check "a resumed run keeps its iteration" [ "$("$TOOL" number parts-iter_0x/iter_12.pth meta iter)" = 12 ]

# A run that is complete has nothing to do, and says no word of failure.
run 0 train iter_1x whole-iter_1x --resume
run 0 train iter_0x whole-iter_0x --auto-resume
finish
