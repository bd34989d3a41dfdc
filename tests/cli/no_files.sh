#!/bin/bash
# Results go to files: a pipe, a device or a folder under a result's name is told to be one, at once. It is neither
# waited for nor replaced.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
one=$(ls -d tiles/images/val/*.png | head -n 1)
short="--threads 1 --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2"
run 0 "$CSEG" train "$tiny" --work-dir work $short
good=work/iter_2.pth
# refused PATH KIND COMMAND...: PATH is named as what it is, and still is it.
refused() {
    path=$1 kind=$2
    before=$(stat -c '%F %i' "$path")
    shift 2
    run 1 timeout 60 "$@"
    says_error "$path: is $kind, and what is written here goes to a file"
    check "$path is what it was" [ "$before" = "$(stat -c '%F %i' "$path")" ]
}
log=$(find work -name '2*.json' | head -n 1)
mkfifo pipe.png pipe.pkl
refused pipe.png "a pipe" "$CSEG" plot "$log" --out pipe.png
refused pipe.pkl "a pipe" "$CSEG" test "$tiny" $good --threads 1 --work-dir tested --out pipe.pkl
ln -s /dev/null null.pkl
refused /dev/null "a device" "$CSEG" plot "$log" --out /dev/null
refused null.pkl "a device" "$CSEG" test "$tiny" $good --threads 1 --work-dir tested --out null.pkl
mkdir masks maps
name=$(basename "$one")
mkfifo "masks/$name" "maps/$name"
refused "masks/$name" "a pipe" "$CSEG" infer "$tiny" $good "$one" --threads 1 --out masks
refused "maps/$name" "a pipe" "$CSEG" test "$tiny" $good --threads 1 --work-dir tested --out maps
mkdir -p t/images/train/scene_00000_00000.png
refused t/images/train/scene_00000_00000.png "a folder" \
    "$CSEG" tile "$SOURCE/examples/water/scene.tif" --out t --size 64 --stride 64

# In a run's folder: before the first step.
for at in tiny.py last_checkpoint; do
    mkdir run
    mkfifo run/$at
    refused run/$at "a pipe" "$CSEG" train "$tiny" --work-dir run $short
    check "no step was made" [ "$(grep -c loss: err.txt)" -eq 0 ]
    rm -r run
done
# A checkpoint: when it is saved.
mkdir run
mkfifo run/iter_2.pth
refused run/iter_2.pth "a pipe" "$CSEG" train "$tiny" --work-dir run $short
rm -r run
# What only saves time is done without.
mkdir run
mkfifo run/label_scan.cache
run 0 timeout 60 "$CSEG" train "$tiny" --work-dir run $short
says_error "warning: what was found about the labels is not kept: run/label_scan.cache: is a pipe"
check "it is still a pipe" [ -p run/label_scan.cache ]
finish
