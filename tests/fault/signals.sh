#!/bin/bash
# SIGINT, SIGTERM and SIGHUP in the commands that write files: no temporary is left, and what stands under a result's
# name is whole. A killed program's temporaries go when the same file is written again, other files never.
. "$(dirname "$0")/setup.sh"
set -m # background jobs hear SIGINT
temporaries() { find "$1" -name '*.tmp' 2> find.txt; }
# $STOP stops the program in the middle of every write and before its rename. The signal waits when the program goes on.
# Where it only notes the first, a second one, in the same write, ends it at once. The first $whole writes are let pass.
strike() { # SIGNAL DIR COMMAND...
    signal=$1 dir=$2 struck=0 pass=$((${whole:-0} * 2))
    shift 2
    rm -rf "$dir"
    mkdir -p "$dir"
    with_stops "$@" > out.txt 2> err.txt &
    pid=$!
    while stopped; do
        if [ $struck -gt 0 ] || [ -n "$(temporaries "$dir")" ]; then
            pass=$((pass - 1))
            if [ $pass -lt 0 ]; then
                kill "-$signal" $pid
                struck=$((struck + 1))
            fi
        fi
        kill -CONT $pid 2> kill.txt # SIGKILL ends a stopped program too
    done
    ended
    check "$signal: a write was struck" [ $struck -gt 0 ]
    check "$signal: two signals are enough" [ $struck -le 2 ]
    check "$signal: the exit code is not 0" [ $code -ne 0 ]
}
gone() { check "$signal: no temporary is left" [ -z "$(temporaries "$dir")" ]; }
scene=$SOURCE/examples/water/scene.tif
for s in INT TERM HUP; do
    whole=3 strike $s tiles "$CSEG" tile "$scene" "$SOURCE/examples/water/mask.tif" --out tiles --size 16 --stride 4 --edge-weight 5
    gone
done
check "some tiles were written" [ -n "$(find tiles -name '*.png')" ]
for file in $(find tiles -name '*.png' | tail -n 3); do
    check "$file is whole" [ "$(tail -c 8 "$file" | head -c 4)" = IEND ]
done

run 0 train iter_1x work --cfg-options train_cfg.max_iters=4 default_hooks.checkpoint.interval=4
mkdir many
for i in $(seq 20); do cp data/val/img/0.png many/$i.png; done
for s in INT TERM HUP; do
    whole=3 strike $s masks "$CSEG" infer "$configs/iter_1x.py" work/iter_4.pth many --out masks --threads 1 --scores
    gone
done

# Maps, pictures and the one file of all maps that a test writes; a plot of a log.
mkdir -p lots/img lots/ann
for i in $(seq 20); do
    cp data/val/img/0.png lots/img/$i.png
    cp data/val/ann/0.png lots/ann/$i.png
done
test_to=("$CSEG" test "$configs/iter_1x.py" work/iter_4.pth --threads 1 --work-dir tested
    --cfg-options test_dataloader.dataset.data_root=lots)
for s in INT TERM HUP; do
    whole=3 strike $s maps "${test_to[@]}" --out maps
    gone
    whole=3 strike $s pictures "${test_to[@]}" --show-dir pictures
    gone
    strike $s pickle "${test_to[@]}" --out pickle/all.pkl
    gone
    check "no half of a pickle" missing pickle/all.pkl
done
run 0 "${test_to[@]}" --out pickle/all.pkl
for s in INT TERM HUP; do
    strike $s curve "$CSEG" plot work --keys loss lr time data_time --width 8000 --out curve/all.png
    gone
    check "no half of a plot" missing curve/all.png
done

# A killed one leaves its temporary; the next run removes it, and nothing else.
whole=3 strike KILL masks "$CSEG" infer "$configs/iter_1x.py" work/iter_4.pth many --out masks --threads 1 --scores
left=$(temporaries masks | head -n 1)
check "a killed program leaves something" [ -n "$left" ]
echo mine > masks/1.png.txt.tmp
echo mine > masks/other.999999999.tmp
echo mine > "masks/1.png.$$.tmp" # its process is there
run 0 "$CSEG" infer "$configs/iter_1x.py" work/iter_4.pth many --out masks --threads 1 --scores
check "$left is gone" missing "$left"
check "a file of another name stays" [ -s masks/1.png.txt.tmp ]
check "what no result is called stays" [ -s masks/other.999999999.tmp ]
check "what a process may be writing stays" [ -s "masks/1.png.$$.tmp" ]
finish
