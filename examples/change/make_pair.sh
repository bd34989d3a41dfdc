#!/bin/sh
# The data of configs/change/changeextra_r50_water.py: a second date of the bundled scene (make_pair.c says how it is
# made), and both dates cut into tiles at the same places, with row 467 and below held out.
#   examples/change/make_pair.sh build build/pair
set -eu
build=${1:?usage: examples/change/make_pair.sh BUILD FOLDER}
out=${2:?usage: examples/change/make_pair.sh BUILD FOLDER}
rm -rf "$out"
"$build/make_pair" examples/water/scene.tif examples/water/mask.tif "$out/scenes" 60 0
cut="--size 256 --stride 128 --hold-out bottom:0.35"
# shellcheck disable=SC2086  # several words
{
    "$build/cseg" tile "$out/scenes/A/scene.tif" "$out/scenes/change.tif" --out "$out/a" $cut
    "$build/cseg" tile "$out/scenes/B/scene.tif" --out "$out/b" $cut
    "$build/cseg" tile "$out/scenes/A/scene.tif" "$out/scenes/from.tif" --out "$out/from" $cut
    "$build/cseg" tile "$out/scenes/A/scene.tif" "$out/scenes/to.tif" --out "$out/to" $cut
}
