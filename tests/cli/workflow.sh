#!/bin/sh
# Train, resume, test and infer, in both dialects, from tiles of the bundled scene.
. "$(dirname "$0")/lib.sh"
make_tiles
one_x=$SOURCE/tests/cli/tiny.py
zero_x=$SOURCE/tests/cli/tiny_0x.py
image=tiles/images/val/$(ls tiles/images/val | head -n 1)

# 1.x: a run, the same run in two parts, and the same bits.
run 0 "$CSEG" train "$one_x" --work-dir whole --threads 1 --seed 5
says_error "Saving checkpoint at 12 iterations"
says_error "Iter(train) [12/12]"
says_error "mIoU"
run 0 "$CSEG" train "$one_x" --work-dir parts --threads 1 --seed 5
rm parts/iter_12.pth
run 0 "$CSEG" train "$one_x" --work-dir parts --threads 1 --seed 5 --resume-from parts/iter_6.pth
check "a resumed run ends in the same weights" sh -c "'$CSEG' infer '$one_x' whole/iter_12.pth '$image' --scores --out a \
    --threads 1 > /dev/null 2>&1 && '$CSEG' infer '$one_x' parts/iter_12.pth '$image' --scores --out b --threads 1 \
    > /dev/null 2>&1 && cmp a/*_scores.tif b/*_scores.tif"
run 0 "$CSEG" train "$one_x" --work-dir whole --threads 1 --resume --cfg-options train_cfg.max_iters=14
check "it went on to iteration 14" [ -s whole/iter_14.pth ]
check "and did not begin again" sh -c "! grep -q 'Iter(train) \[ 4/14\]' err.txt"

# Its test: tables, JSON, label maps, pictures.
run 0 "$CSEG" test "$one_x" whole/iter_12.pth --threads 1 --work-dir tested --out maps --show-dir shown
says "per class results:"
says "|  land |"
says "Iter(test) [5/5]"
figures=$(ls tested/*/*.json)
check "the figures are written" grep -q '"mIoU":' "$figures"
n=$(ls tiles/images/val | wc -l)
check "one map an image" [ "$(ls maps | wc -l)" -eq "$n" ]
check "one picture an image" [ "$(ls shown | wc -l)" -eq "$n" ]
run 0 "$CSEG" test "$one_x" whole/iter_12.pth --threads 1 --work-dir tested --tta
says "Iter(test)"
run 0 "$CSEG" test "$one_x" whole/iter_12.pth --threads 1 --work-dir tested --out r.pkl
check "a pickle of arrays" grep -q "numpy.core.multiarray" r.pkl

# 0.x, two heads, sliding.
run 0 "$CSEG" train "$zero_x" --work-dir old --threads 1
says_error "decode_1.loss_ce"
says_error "Iter [6/6]"
check "latest.pth is there" [ -e old/latest.pth ]
check "the JSON log is there" sh -c "grep -q '\"mode\": \"train\"' old/*.log.json"
run 2 "$CSEG" test "$zero_x" old/latest.pth
says_error "--eval"
run 0 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --work-dir old --eval mIoU mFscore
says "Summary:"
says "Precision"
run 1 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --work-dir old --eval mIuO
says_error "mIoU"
run 0 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --work-dir old --eval mIoU --aug-test
check "its figures are told apart" sh -c "ls old/eval_multi_scale_*.json > /dev/null"
run 0 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --format-only --eval-options imgfile_prefix=formatted
check "formatted maps" [ "$(ls formatted | wc -l)" -eq "$n" ]
run 0 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --format-only --eval-options imgfile_prefix=unlabelled \
    --cfg-options data.test.ann_dir=None
check "maps of images without labels" [ "$(ls unlabelled | wc -l)" -eq "$n" ]
run 0 "$CSEG" infer "$zero_x" old/latest.pth "$image" --all-heads --out heads --threads 1
check "both heads" [ "$(ls heads/*decode_head.[01].png | wc -l)" -eq 2 ]
run 2 "$CSEG" infer "$zero_x" old/latest.pth "$image" --head 3 --out heads --threads 1
says_error "the model gives 2 maps"

# The scene: whole and by windows, its place kept, nodata marked.
scene=$SOURCE/examples/water/scene.tif
run 0 "$CSEG" infer "$one_x" whole/iter_12.pth "$scene" --out masks --threads 1
check "mask, colours, overlay" [ "$(ls masks | wc -l)" -eq 3 ]
run 0 "$CSEG" infer "$one_x" whole/iter_12.pth "$scene" --out windows --windows --scores --threads 1
if command -v gdalinfo > /dev/null; then
    for mask in masks/scene.tif windows/scene.tif; do
        gdalinfo "$mask" > info.txt
        gdalinfo "$scene" > source.txt
        check "the place is the scene's" [ "$(grep -E '^(Origin|Pixel Size)' info.txt)" = "$(grep -E '^(Origin|Pixel Size)' source.txt)" ]
        check "nodata is recorded" grep -q "NoData Value=255" info.txt
    done
fi

# Images have no labels: the views of test-time augmentation do without them.
run 0 "$CSEG" infer "$one_x" whole/iter_12.pth "$image" --tta --out views --threads 1
check "a mask" [ -s "views/$(basename "$image")" ]

# A weight map, by the command that the documentation names.
run 0 "$CSEG" tile "$scene" "$SOURCE/examples/water/mask.tif" --out weighted --size 64 --min-labelled 0.9 --edge-weight 4
check "a weight for each image" [ "$(ls weighted/weights/train | wc -l)" -eq "$(ls weighted/images/train | wc -l)" ]

# Logs of both dialects become pictures.
run 0 "$CSEG" plot whole old --keys loss --out curve.png
check "a picture" [ -s curve.png ]
run 1 "$CSEG" plot whole --keys lozz
says_error "lozz"

# The launchers that stand in for the reference's tools.
if command -v python3 > /dev/null; then
    run 0 python3 "$SOURCE/tools/train.py" "$zero_x" --work-dir launched --cfg-options runner.max_iters=2
    check "trained by the launcher" [ -s launched/iter_2.pth ]
    run 0 python3 "$SOURCE/tools/test.py" "$zero_x" launched/iter_2.pth --eval mIoU --work-dir launched
    says "Summary:"
    run 2 python3 "$SOURCE/tools/test.py" "$zero_x"
fi
finish
