#!/bin/bash
# No result takes the place of what was read, by whatever name it is called; a second run into the same folder goes on
# as the first did.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2
good=work/iter_2.pth
one=$(ls -d tiles/images/val/*.png | head -n 1)
infer() { "$CSEG" infer "$tiny" $good "$@" --threads 1; }
sums() { find "$1" -type f ! -name '*.tmp' | sort | xargs -d '\n' md5sum; }
# refused FOLDER COMMAND...: exit code 2, one message, and the folder is as it was.
refused() {
    folder=$1
    shift
    before=$(sums "$folder")
    run 2 "$@"
    says_error "would"
    check "$folder is as it was: $*" [ "$before" = "$(sums "$folder")" ]
}

# infer: into the folder of the images.
mkdir in
cp "$one" in/a.png
refused in infer in --out in
says_error "the mask of in/a.png would be written to in/a.png, over the image in/a.png; give another --out"
refused in infer in/a.png --out in
refused in infer in/a.png --out "$PWD/in/../in/./"
ln -s in linked
refused in infer in/a.png --out linked
refused in infer linked/a.png --out in
mkdir hard
ln in/a.png hard/a.png
refused in infer in/a.png --out hard
mkdir soft
ln -s ../in/a.png soft/a.png
refused in infer in/a.png --out soft
refused in infer soft/a.png --out in
mv in/a.png in/b.jpg
run 0 infer in/b.jpg --out in
check "masks beside the images, where no name is taken" [ -s in/b.png ]
run 0 infer in/b.jpg --out in
check "and a second time" [ -s in/b_overlay.png ]

# Names that become another's.
mkdir both
cp "$one" both/a.jpg
cp "$one" both/a_colour.png
refused both infer both --out both
says_error "over the image both/a_colour.png"
refused both infer both --out elsewhere
says_error "the coloured mask of both/a.jpg and the mask of both/a_colour.png would both be written to"
rm both/a_colour.png
cp "$one" both/a.png
refused both infer both --out elsewhere
says_error "the mask of both/a.jpg and the mask of both/a.png would both be written to elsewhere/a.png"
mkdir other
cp "$one" other/a.png
refused other infer both/a.png other/a.png --out elsewhere
run 0 infer both/a.png both/a.png --out elsewhere

# The second date, a folder that images and results share, and a result's folder within.
mkdir second
cp "$one" second/a.png
refused second infer both/a.png --second second --out second
says_error "over the second date's image second/a.png"
refused second infer both/a.png --second second/a.png --out second
mkdir nest
cp "$one" nest/a.png
run 0 infer nest --out nest/results
run 0 infer nest --out nest/results
says "1 of 1 images"
says_error "warning: nest/results: is --out and lies in nest: the 3 images in it are taken for earlier results"
rm -r nest/results
for times in first second; do
    (cd nest && "$CSEG" infer "$tiny" ../$good . --threads 1 > ../out.txt 2> ../err.txt)
    check "the default folder is left out too, the $times time" grep -q "^1 of 1 images segmented, in segmented" out.txt
done
mkdir -p way/results
cp "$one" way/a.png
run 0 infer way --out way/results/../../way/results
run 0 infer way --out way/results
check "by whatever name it is called" grep -q "^1 of 1 images" out.txt

# The checkpoint.
cp $good in/w.png
cp "$one" w.jpg
refused in "$CSEG" infer "$tiny" in/w.png w.jpg --threads 1 --out in --mask-only
says_error "over the checkpoint in/w.png"

# test: pictures over images, maps over labels, two results of one name.
test_() { "$CSEG" test "$tiny" $good --threads 1 --work-dir tested "$@"; }
refused tiles test_ --show-dir tiles/images/val
says_error "the picture of"
refused tiles test_ --out tiles/labels/val
says_error "over the label map"
ln -s "$PWD/tiles/labels" short
refused tiles test_ --out short/../labels/val
refused tiles test_ --out short/val
refused tiles test_ --out seen --show-dir seen
says_error "would both be written to"
mkdir kept
cp $good kept/a.pkl
refused kept "$CSEG" test "$tiny" kept/a.pkl --out kept/a.pkl --threads 1 --work-dir tested
run 0 test_ --show-dir seen --out maps
run 0 test_ --show-dir seen --out maps
run 0 test_ --out maps.pkl
run 0 test_ --out maps.pkl
check "the label maps are there" [ "$(ls maps | wc -l)" -eq "$(ls tiles/images/val | wc -l)" ]

# train: the resolved config over a base of the same name, a checkpoint over the one that is started from.
mkdir -p base runs
cp "$tiny" base/own.py
echo "_base_ = 'base/own.py'" > own.py
train() { "$CSEG" train "$@" --threads 1 --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2; }
refused base train own.py --work-dir base
says_error "the resolved config would be written to base/own.py, over the config"
says_error "--work-dir"
ln -s base also
refused base train own.py --work-dir also
mkdir -p deep
echo "_base_ = '../own.py'" > deep/own.py
refused base train deep/own.py --work-dir base
run 0 train own.py --work-dir runs
run 0 train own.py --work-dir runs
check "the dump of an earlier run is written anew" grep -q max_iters=2 runs/own.py
cp base/own.py base.keep
run 0 train base/own.py --work-dir base
check "a config in its own work dir stays" cmp base/own.py base.keep
refused runs train own.py --work-dir runs --load-from runs/iter_2.pth
says_error "over the weights to start from, "
run 0 train own.py --work-dir runs/second --load-from runs/iter_2.pth
run 0 train own.py --work-dir runs --resume-from runs/iter_2.pth

# tile: over its scene or mask; plot: over its log.
mkdir -p t/images/train t/labels/train
cp "$SOURCE/examples/water/scene.tif" t/images/train/s_00000_00000.tif
cp "$SOURCE/examples/water/mask.tif" t/labels/train/mask.tif
run 0 "$CSEG" tile t/images/train/s_00000_00000.tif --out t --size 4096
mkdir -p u/images/train
cp "$one" u/images/train/x.png
ln u/images/train/x.png u/images/train/x_00000_00000.png
refused u "$CSEG" tile u/images/train/x.png --out u --size 4096
says_error "over the scene"
log=$(find runs -name '2*.json' | head -n 1)
refused runs "$CSEG" plot "$log" --out "$log"
says_error "over the log"
ln -s "$log" log.png
refused runs "$CSEG" plot runs --out log.png
run 0 "$CSEG" plot "$log" --keys mIoU --out curve.png
run 0 "$CSEG" plot "$log" --keys mIoU --out curve.png
finish
