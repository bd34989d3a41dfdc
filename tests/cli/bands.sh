#!/bin/sh
# Bands on the command line: statistics, tiles and tests of some of them.
. "$(dirname "$0")/lib.sh"
scene=$SOURCE/examples/water/scene.tif
mask=$SOURCE/examples/water/mask.tif

# Statistics: a table of at most 80 columns, what a config needs, and JSON.
run 0 "$CSEG" stats "$scene" --percentiles 2,98,50 --json new/stats.json
says "1 scene, 3 bands of uint8, 567938 pixels"
says "    mean=[44.3952, 65.9917, 71.3238],"
says "    bgr_to_rgb=True)"
says "img_norm_cfg = dict("
check "80 columns" sh -c "! grep -q '.\{81\}' out.txt"
check "its numbers" grep -q '"mean": 44.39516072197.*"percentiles": {"2": 6, "98": 255, "50": 24}' new/stats.json
cp out.txt one.txt
run 0 "$CSEG" stats "$scene" --percentiles 2,98,50 --threads 1
check "whatever the number of threads" cmp out.txt one.txt
sed -n '/img_norm_cfg/,$p' one.txt > norm.py
run 0 "$CSEG" config norm.py
says "mean=[44.3952, 65.9917, 71.3238]"
run 0 "$CSEG" stats "$scene" --mask "$mask"
says "class pixels % band"
check "each class" grep -q "^    1     47.9    1      271781 " out.txt

# Tiles of chosen bands. One that is as large as the scene has its numbers.
run 0 "$CSEG" tile "$scene" --out two --size 1000 --bands 3,1 --hold-out none
run 0 "$CSEG" stats "$scene" --bands 3,1
says "mean=[71.3292, 44.3985]"
sed 1d out.txt > one.txt
run 0 "$CSEG" stats two/images/train
says "1 scene, 2 bands of uint8"
sed 1d out.txt > two.txt
check "a folder of tiles" cmp one.txt two.txt
(cd two/images/train && ls) > list.txt
sed 's,^,two/images/train/,' list.txt > at.txt
run 0 "$CSEG" stats at.txt
sed 1d out.txt > two.txt
check "a list of them" cmp one.txt two.txt

# A model sees the same if its bands come from other places.
make_tiles
run 0 "$CSEG" train "$SOURCE/tests/cli/tiny.py" --work-dir work --threads 1 --no-validate
run 0 "$CSEG" test "$SOURCE/tests/cli/tiny.py" work/iter_12.pth --threads 1 --out straight
mv tiles there
run 0 "$CSEG" tile "$scene" "$mask" --out tiles --size 64 --stride 64 --hold-out bottom:0.2 --min-labelled 0.9 \
    --bands 3,2,1
for part in train val; do
    for file in $(ls tiles/images/$part); do
        [ -e there/images/$part/$file ] || rm tiles/images/$part/$file tiles/labels/$part/$file
    done
done
check "other tiles" sh -c "! cmp -s tiles/images/val/$(ls tiles/images/val | head -n 1) \
    there/images/val/$(ls tiles/images/val | head -n 1)"
run 0 "$CSEG" test "$SOURCE/tests/cli/tiny.py" work/iter_12.pth --threads 1 --out turned --bands 3,2,1
check "the same masks" diff -r straight turned
run 1 "$CSEG" test "$SOURCE/tests/cli/tiny.py" work/iter_12.pth --threads 1 --out none --bands 3,2,4
says_error "there is no band 4; it has 3, from 1 to 3"

# Wrong usage.
for bands in 0 4,,2 1-0 a 3, 99999 ''; do
    run 2 "$CSEG" stats "$scene" --bands "$bands"
    says_error "--bands takes numbers from 1 to 4096, as 4,3,2 or 1-4,8, not '$bands'"
done
run 1 "$CSEG" stats "$scene" --bands 1-4
says_error "there is no band 4"
run 2 "$CSEG" stats "$scene" --percentiles 2,101
says_error "--percentiles takes up to 16 numbers from 0 to 100"
run 2 "$CSEG" stats "$scene" "$scene" --mask "$mask"
says_error "there are 1 masks for 2 scenes"
cp "$scene" own.tif
run 2 "$CSEG" stats own.tif --json own.tif
says_error "give another --json"
run 1 "$CSEG" stats "$scene" two/images/train
says_error "has 2 bands"
mkdir empty
run 1 "$CSEG" stats empty
says_error "empty: no image in this folder"
finish
