#!/bin/bash
# Training on scenes, and something goes wrong: a scene that ends in the middle, a mask of another grid, vectors that are
# cut off, no room for what was counted, a signal while it is counted.
. "$SOURCE/tests/cli/lib.sh"
set -m # background jobs hear SIGINT
water=$SOURCE/examples/water
mkdir scenes
cp "$water/scene.tif" "$water/mask.tif" scenes/
sed '/^dataset = dict/,/^test_dataloader/d' "$SOURCE/tests/cli/tiny.py" > tiny.py
cat > scene.py <<'PY'
_base_ = './tiny.py'
dataset = dict(
    type='SceneDataset', data_root='scenes', metainfo=dict(classes=('land', 'water')), crop_size=64,
    scenes=[dict(img='scene.tif', ann='mask.tif')])
split = dict(by='rows', val=0.35, gap=0)
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(split=dict(part='train', **split), pipeline={{_base_.train_pipeline}}, **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split=dict(part='val', **split), pipeline={{_base_.test_pipeline}}, **dataset))
test_dataloader = val_dataloader
PY
with() { # NAME SED-SCRIPT: a config like scene.py
    sed "$2" scene.py > "$1.py"
}
refused() { # NAME TEXT: the run stops with one message that has the text, before anything is learned
    run 1 "$CSEG" train "$1.py" --work-dir "$1"
    says_error "$2"
    check "$1: one message" [ "$(grep -c '^cseg: ' err.txt)" -eq 1 ]
    check "$1: no checkpoint" [ -z "$(find "$1" -name '*.pth*' 2> find.txt)" ]
    check "$1: nothing half-written" [ -z "$(find "$1" -name '*.tmp' 2> find.txt)" ]
}

head -c $(($(stat -c %s scenes/scene.tif) / 2)) scenes/scene.tif > scenes/half.tif
with half "s/'scene.tif'/'half.tif'/"
refused half half.tif
head -c $(($(stat -c %s scenes/mask.tif) / 2)) scenes/mask.tif > scenes/halfmask.tif
with halfmask "s/'mask.tif'/'halfmask.tif'/"
refused halfmask halfmask.tif

vrt() { # FILE SOURCE TYPE BANDS COLUMNS ROWS LEFT: a mosaic of the same file, side by side
    awk -v file="$2" -v type="$3" -v bands="$4" -v n="$5" -v m="$6" -v left="$7" 'BEGIN {
        printf "<VRTDataset rasterXSize=\"%d\" rasterYSize=\"%d\">\n", 791 * n, 718 * m
        printf "<GeoTransform>%d,300,0,2826915,0,-300</GeoTransform>\n", left
        for (b = 1; b <= bands; b++) {
            printf "<VRTRasterBand dataType=\"%s\" band=\"%d\">\n", type, b
            for (y = 0; y < m; y++)
                for (x = 0; x < n; x++) {
                    printf "<SimpleSource><SourceFilename relativeToVRT=\"1\">%s</SourceFilename>", file
                    printf "<SourceBand>%d</SourceBand><SrcRect xOff=\"0\" yOff=\"0\" xSize=\"791\" ySize=\"718\"/>", b
                    printf "<DstRect xOff=\"%d\" yOff=\"%d\" xSize=\"791\" ySize=\"718\"/></SimpleSource>\n", 791 * x, 718 * y
                }
            print "</VRTRasterBand>"
        }
        print "</VRTDataset>"
    }' > "scenes/$1"
}
vrt elsewhere.vrt mask.tif Byte 1 1 1 999
vrt there.vrt scene.tif Byte 3 1 1 101985
with elsewhere "s/'scene.tif'/'there.vrt'/; s/'mask.tif'/'elsewhere.vrt'/"
refused elsewhere "elsewhere.vrt"
vrt narrow.vrt mask.tif Byte 1 2 1 101985
with narrow "s/'mask.tif'/'narrow.vrt'/"
refused narrow "narrow.vrt is 1582 x 718 pixels, its scene scenes/scene.tif 791 x 718"

echo '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Poly' > scenes/cut.geojson
with vectors "s/ann='mask.tif'/ann_vectors='cut.geojson'/"
refused vectors cut.geojson

# The counts of a large scene are more than the disk has room for: the run goes on, and counts again the next time.
vrt large.vrt scene.tif Byte 3 12 12 101985
vrt largemask.vrt mask.tif Byte 1 12 12 101985
with large "s/'scene.tif'/'large.vrt'/; s/'mask.tif'/'largemask.vrt'/; s/val=0.35/val=0.01/"
(ulimit -f 250 && run 0 "$CSEG" train large.py --work-dir full --no-validate)
cp "$here/err.txt" told.txt
check "it is told" grep -q "what was found about the labels is not kept: full/scenes/" told.txt
check "the run has ended" [ -e full/iter_12.pth ]
check "nothing half-written is left" [ -z "$(find full/scenes -type f)" ]

# A signal while the labels are looked at.
"$CSEG" train large.py --work-dir struck --no-validate > out.txt 2> err.txt &
pid=$!
sleep 0.3
kill -INT $pid
sleep 0.2
kill -INT $pid 2> kill.txt
wait -f $pid
check "the exit code is not 0" [ $? -ne 0 ]
check "nothing half-written is left" [ -z "$(find struck -name '*.tmp' 2> find.txt)" ]
finish
