#!/bin/sh
# Finds water in the bundled Landsat scene: cuts tiles, trains, tests on the part that was held out, segments the whole
# scene. `make demo` calls it.
#   examples/water/demo.sh build/cseg build/demo
set -eu
cseg=${1:?usage: examples/water/demo.sh CSEG FOLDER}
out=${2:?usage: examples/water/demo.sh CSEG FOLDER}
config=configs/water/fcn_hr18s_water.py
here=examples/water
least=85
export WATER_TILES="$out/tiles/"
mkdir -p "$out"

echo "== tiles: above row 467 to train on, below to test on"
rm -rf "$out/tiles"
"$cseg" tile $here/scene.tif $here/mask.tif --out "$out/tiles" --size 256 --stride 96 --hold-out bottom:0.35 \
    --min-labelled 0.2

echo "== training"
rm -rf "$out/work"
"$cseg" train $config --work-dir "$out/work"
checkpoint=$(cat "$out/work/last_checkpoint")

echo "== test on the held-out part"
"$cseg" test $config "$checkpoint" --work-dir "$out/work" |
    tee "$out/test.txt"

echo "== the whole scene"
"$cseg" infer $config "$checkpoint" $here/scene.tif --out "$out"
"$cseg" plot "$out/work" --keys loss --out "$out/loss.png" --title "Water, FCN on HRNet-W18-small"

miou=$(sed -n 's/.*mIoU: *\([0-9.]*\).*/\1/p' "$out/test.txt" | tail -n 1)
echo
echo "mIoU on the held-out part: $miou (at least $least is expected)"
echo "  mask with georeference  $out/scene.tif"
echo "  in colours              $out/scene_colour.png"
echo "  over the image          $out/scene_overlay.png"
echo "  loss curve              $out/loss.png"
awk "BEGIN { exit !($miou >= $least) }" || {
    echo "That is less than it should be." >&2
    exit 1
}
