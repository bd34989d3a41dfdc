#!/bin/sh
# Scenes by windows: the test pipeline's transforms are obeyed as in one piece, or refused; what is odd is told of.
. "$(dirname "$0")/lib.sh"
make_tiles
one_x=$SOURCE/tests/cli/tiny.py
zero_x=$SOURCE/tests/cli/tiny_0x.py
scene=$SOURCE/examples/water/scene.tif
run 0 "$CSEG" train "$one_x" --work-dir one --threads 1 --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=9
run 0 "$CSEG" train "$zero_x" --work-dir zero --threads 1 --no-validate --cfg-options runner.max_iters=3

# 0.x: MultiScaleFlipAug reduces the scene to 64 x 64, in one piece as by windows.
run 0 "$CSEG" infer "$zero_x" zero/iter_3.pth "$scene" --out whole --mask-only --scores --threads 1
run 0 "$CSEG" infer "$zero_x" zero/iter_3.pth "$scene" --out windows --windows --mask-only --scores --threads 1
says_error "before it is segmented; give --own-size"
check "one line of warning" [ "$(grep -c '^warning:' err.txt)" -eq 1 ]
# All statistics of both, percentiles included; engine/test_scene compares pixels.
measure() { "$CSEG" stats "$1/scene_scores.tif" --percentiles 1,10,25,50,75,90,99 > "$1.txt" 2> stats.txt || complain "no statistics of $1"; }
measure whole
measure windows
check "windows give the same probabilities" cmp -s whole.txt windows.txt
check "there are some" grep -q float32 whole.txt
run 0 "$CSEG" infer "$zero_x" zero/iter_3.pth "$scene" --out own --windows --own-size --mask-only --scores --threads 1
check "nothing is odd" [ "$(grep -c '^warning:' err.txt)" -eq 0 ]
measure own
check "at its own size they are others" [ "$(cmp -s own.txt whole.txt; echo $?)" -eq 1 ]

# 1.x: what cannot be done by windows says so, and leaves nothing behind.
cat > clahe.py <<END
_base_ = '$one_x'
test_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='CLAHE'),
    dict(type='PackSegInputs')]))
END
run 1 "$CSEG" infer clahe.py one/iter_2.pth "$scene" --out refused --windows
says_error "clahe.py:4"
says_error "CLAHE needs the whole image at once"
run 1 "$CSEG" infer "$one_x" one/iter_2.pth "$scene" --out refused --windows --tta
says_error "TestTimeAug makes several views of the image"
check "no mask" missing refused/scene.tif

# The checkpoint states what it learned from: test says nothing of its own data.
run 0 "$CSEG" test "$one_x" one/iter_2.pth --work-dir one --threads 1
check "its own kind of images" [ "$(grep -c '^warning:' err.txt)" -eq 0 ]
finish
