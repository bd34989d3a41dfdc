#!/bin/bash
# SIGKILL at any moment: the newest checkpoint always loads, and going on from it leads to the same weights.
. "$(dirname "$0")/setup.sh"
many=train_cfg.max_iters=120
saves=default_hooks.checkpoint.interval=1
keeps=default_hooks.checkpoint.max_keep_ckpts=2
run 0 train iter_1x whole --no-validate --cfg-options $many $saves $keeps

# Kills at moments spread over the run, most of them while a checkpoint is being written: each iteration writes one.
kills=0
for delay in 0.02 0.05 0.08 0.11 0.14 0.17 0.2 0.23 0.26 0.29; do
    start iter_1x killed --no-validate --auto-resume --cfg-options $many $saves $keeps
    disown $pid
    # The first checkpoint of all is waited for, so that there is something to lose.
    [ $kills -gt 0 ] || wait_for killed/last_checkpoint
    sleep $delay
    kill -KILL $pid 2> kill.txt && kills=$((kills + 1))
    while kill -0 $pid 2> kill.txt; do sleep 0.01; done
    [ -e killed/iter_120.pth ] && break
    run 0 "$TOOL" number "$(newest killed)" meta iter
done
check "the run was killed in its midst" [ $kills -ge 3 ]
run 0 train iter_1x killed --no-validate --auto-resume --cfg-options $many $saves $keeps
run 0 "$TOOL" same whole/iter_120.pth killed/iter_120.pth
check "max_keep_ckpts holds for what the killed runs left, too" [ "$(ls killed/*.pth | wc -l)" = 2 ]

# 0.x: a link instead of a name in a file.
run 0 train iter_0x whole0 --cfg-options checkpoint_config.interval=1
start iter_0x killed0 --cfg-options checkpoint_config.interval=1
disown $pid
wait_for killed0/latest.pth
kill -KILL $pid 2> kill.txt
while kill -0 $pid 2> kill.txt; do sleep 0.01; done
run 0 "$TOOL" number killed0/latest.pth meta iter
run 0 train iter_0x killed0 --auto-resume --cfg-options checkpoint_config.interval=1
run 0 "$TOOL" same whole0/iter_12.pth killed0/iter_12.pth
# A killed run's own folder of logs may hold a piece of one; beside the checkpoints nothing may be.
check "nothing half-written is left" no_temporaries killed 1
check "nothing half-written is left" no_temporaries killed0 1
finish
