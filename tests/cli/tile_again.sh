#!/bin/sh
# cseg tile into a folder that has tiles already, and with what is no mask.
. "$(dirname "$0")/lib.sh"
scene=$SOURCE/examples/water/scene.tif
mask=$SOURCE/examples/water/mask.tif
tile() { "$CSEG" tile "$scene" "$mask" --out tiles "$@"; }
run 0 tile --size 200 --hold-out bottom:0.3
check "no warning: $(cat err.txt)" [ ! -s err.txt ]
run 0 tile --size 200 --hold-out bottom:0.3 # the same tiles again
check "no warning: $(cat err.txt)" [ ! -s err.txt ]
before=$(find tiles/images -type f | wc -l)
run 0 tile --size 300 --hold-out bottom:0.3
others=$(($(find tiles/images -type f | wc -l) - $(cut -d' ' -f2 out.txt) - $(sed 's/.*, \([0-9]*\) to test.*/\1/' out.txt)))
check "some are of the first run" [ "$others" -gt 0 ] && [ "$others" -le "$before" ]
says_error "warning: tiles: holds $others images that this run has not written, as tiles/images/"
run 0 tile --size 300 --hold-out bottom:0.3 --min-labelled 0.4 # leaves out tiles that it wrote a moment ago
says_error "images that this run has not written"

run 1 "$CSEG" tile "$mask" "$scene" --out swapped
says_error "scene.tif holds 3 bands, a mask one: class numbers. Are scene and mask in this order?"
check "nothing was written" missing swapped

# Vectors in place of a mask.
echo '{"type":"FeatureCollection","features":[]}' > none.geojson
run 2 "$CSEG" tile "$scene" "$mask" --vector none.geojson --out vectors
says_error "a MASK or --vector, not both"
run 2 "$CSEG" tile "$scene" --vector none.geojson --attribute kind --out vectors
says_error "--attribute and --classes go together"
run 2 "$CSEG" tile "$scene" --vector none.geojson --attribute kind --classes pond=300 --out vectors
says_error "VALUE=N with N from 0 to 255, not 'pond=300'"
check "nothing was written" missing vectors
run 0 "$CSEG" tile "$scene" --vector none.geojson --out vectors
check "there are labels" [ -n "$(ls vectors/labels/train)" ]
finish
