#!/bin/bash
# A work dir that somebody has prepared: links, second names and pipes under the names that a run gives. What lies
# elsewhere stays as it is, nothing is waited for, and nothing is believed in silence.
. "$(dirname "$0")/setup.sh"
echo precious > precious
stays() { # WHAT
    check "what lies elsewhere stays, $1" [ "$(cat precious)" = precious ]
}
short="default_hooks.checkpoint.interval=1 train_cfg.max_iters=2"

# The lock: a second name of a file would be written through, and a link too.
mkdir second linked
ln precious second/.cseg.lock
run 1 train iter_1x second --no-validate
says_error "second/.cseg.lock: is not the lock of a training"
stays "behind a second name"
ln -s ../precious linked/.cseg.lock
# shellcheck disable=SC2086 # one word an override
run 0 train iter_1x linked --no-validate --cfg-options $short
says_error "cannot be locked"
stays "behind a link"

# What a run writes beside and renames has its number in its name. The shell's number becomes the program's.
prepared() { # WORK_DIR MAKE...: MAKE gets the name of each
    sh -c 'dir=$1; shift
        for name in iter_1.pth iter_2.pth iter_1x.py last_checkpoint label_scan.cache; do "$@" "$dir/$name.$$.tmp"; done
        exec "$CSEG" train "$CONFIG" --work-dir "$dir" --threads 1 --no-validate --cfg-options \
            default_hooks.checkpoint.interval=1 train_cfg.max_iters=2' sh "$@"
}
export CSEG CONFIG="$configs/iter_1x.py"
mkdir through pipes
run 0 prepared through ln -s ../precious
stays "behind links that wait for a file"
run 0 "$TOOL" finite through/iter_2.pth
check "no link is left" [ -z "$(find through -type l)" ]
run 0 timeout 100 bash -c "$(declare -f prepared); prepared pipes mkfifo"
run 0 "$TOOL" finite pipes/iter_2.pth
check "no pipe is left" [ -z "$(find pipes -type p)" ]

# A newest checkpoint that is another run's is read, and that is said.
# shellcheck disable=SC2086
run 0 train iter_1x other --no-validate --cfg-options $short
cp other/iter_2.pth kept.pth
mkdir leads names
ln -s ../other/iter_2.pth leads/latest.pth
ln -s ../other/iter_2.pth names/iter_2.pth
echo -n iter_2.pth > names/last_checkpoint
for dir in leads names; do
    run 0 train iter_1x $dir --no-validate --auto-resume --cfg-options default_hooks.checkpoint.interval=1 \
        default_hooks.checkpoint.max_keep_ckpts=1 train_cfg.max_iters=4
    says_error "the last checkpoint of $dir lies in another folder"
    says_error "other/iter_2.pth: it is read, and this run goes on here"
    check "the other run's is as it was" cmp -s kept.pth other/iter_2.pth
    check "this run went on" [ -f $dir/iter_4.pth ]
done
# Through a link to the work dir itself it is the run's own.
ln -s other alias
run 0 train iter_1x alias --no-validate --auto-resume --cfg-options train_cfg.max_iters=3
check "a folder's other name is no other folder" [ -z "$(grep "lies in another folder" err.txt)" ]
check "nothing half-written is left" no_temporaries through
finish
