#!/bin/bash
# A full disk, played by the limit on a file's size: the run stops and says where, the last good checkpoint is whole.
. "$(dirname "$0")/setup.sh"
run 0 train iter_1x whole --cfg-options default_hooks.checkpoint.interval=1
size=$(stat -c %s whole/iter_1.pth)

limited() { # BYTES CONFIG WORK_DIR OPTION...
    bytes=$1
    shift
    (ulimit -f $((bytes / 1024)) && train "$@")
}
# No checkpoint fits.
run 1 limited $((size / 2)) iter_1x small --cfg-options default_hooks.checkpoint.interval=4
says_error small/iter_4.pth
says_error "cannot"
check "no checkpoint is left" [ -z "$(find small -name '*.pth*')" ]
check "nothing points at one" missing small/last_checkpoint
check "nothing half-written is left" no_temporaries small

# The first fits, those with averages beside do not: they are twice as large.
run 0 train iter_1x grows --cfg-options train_cfg.max_iters=4
cp grows/iter_4.pth good.pth
run 1 limited $((size + 2048)) averages_1x grows --resume
says_error grows/iter_8.pth
check "the last good checkpoint is as it was" cmp -s good.pth grows/iter_4.pth
check "last_checkpoint still names it" [ "$(cat grows/last_checkpoint)" = grows/iter_4.pth ]
check "there is no other" [ "$(ls grows/*.pth)" = grows/iter_4.pth ]
check "nothing half-written is left" no_temporaries grows

# With room again the run goes on.
run 0 train iter_1x grows --resume
check "the run has ended" [ -e grows/iter_12.pth ]

# Not even the log can be written.
run 1 limited 1024 iter_1x nothing --cfg-options train_cfg.max_iters=400 train_cfg.val_interval=400
says_error nothing/
says_error "cannot"
check "nothing half-written is left" no_temporaries nothing

# A folder that cannot be made, and a file where the folder should be.
touch file
run 1 train iter_1x file
says_error "file"
run 1 train iter_1x file/below
says_error "file"
finish
