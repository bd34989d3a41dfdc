#!/bin/sh
# Rasters as a user meets them: what they name, where they have data, where they lie.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
scene=$SOURCE/examples/water/scene.tif
mask=$SOURCE/examples/water/mask.tif
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir work --cfg-options train_cfg.max_iters=1
infer() { # CODE ARGUMENTS...
    code_wanted=$1
    shift
    run "$code_wanted" timeout 120 "$CSEG" infer "$tiny" work/iter_1.pth --threads 1 --mask-only "$@"
}
# Height and width of the scene, from a JPEG-free source: its TIFF tags 257 and 256.
size=$(python3 - "$scene" <<'END'
import struct, sys
b = open(sys.argv[1], 'rb').read()
at = struct.unpack_from('<I', b, 4)[0]
tags = {}
for i in range(struct.unpack_from('<H', b, at)[0]):
    tag, kind, n, value = struct.unpack_from('<HHII', b, at + 2 + 12 * i)
    tags[tag] = value & 0xffff if kind == 3 else value
print(tags[257], tags[256])
END
) || { echo "no python3: the VRTs cannot be sized"; exit 77; }
h=${size% *}
w=${size#* }

# vrt NAME EXTRA ALPHA: the scene's bands, with a fourth that is alpha where ALPHA is not empty: 255 from row 128 on.
vrt() {
    echo "<VRTDataset rasterXSize=\"$w\" rasterYSize=\"$h\">$2"
    for b in 1 2 3; do
        echo "<VRTRasterBand dataType=\"Byte\" band=\"$b\"><SimpleSource><SourceFilename>$scene</SourceFilename>"
        echo "<SourceBand>$b</SourceBand></SimpleSource></VRTRasterBand>"
    done
    if [ -n "$3" ]; then
        rect="xOff=\"0\" yOff=\"128\" xSize=\"$w\" ySize=\"$((h - 128))\""
        echo "<VRTRasterBand dataType=\"Byte\" band=\"4\"><ColorInterp>Alpha</ColorInterp><ComplexSource>"
        echo "<SourceFilename>$scene</SourceFilename><SourceBand>1</SourceBand><SrcRect $rect/><DstRect $rect/>"
        echo "<ScaleOffset>255</ScaleOffset><ScaleRatio>0</ScaleRatio></ComplexSource></VRTRasterBand>"
    fi
    echo "</VRTDataset>"
}
vrt_to() {
    name=$1
    shift
    { vrt "$name" "$@"; } > "$name"
}
vrt_to plain.vrt "" ""
vrt_to alpha.vrt "<GeoTransform>1000, 10, 0, 5000, 0, -10</GeoTransform>" yes
vrt_to moved.vrt "<GeoTransform>1005, 10, 0, 5000, 0, -10</GeoTransform>" ""
gcp() {
    echo "<GCP Id=\"$1\" Pixel=\"$2\" Line=\"$3\" X=\"$4\" Y=\"$5\"/>"
}
vrt_to points.vrt "<GCPList Projection=\"\">$(gcp a 0 0 1000 5000)$(gcp b 100 0 2000 5000)$(gcp c 0 100 1000 4000)</GCPList>" ""

# Whole and by windows: no class where alpha is 0, the rows above 128. The mask says so itself: its tiles are empty.
columns=$(((w + 63) / 64))
infer 0 alpha.vrt --out whole
infer 0 alpha.vrt --windows --out windows
for out in whole windows; do
    run 0 "$CSEG" tile $out/alpha.tif --out $out-tiles --size 64
    says "; $((2 * columns)) without any data are left out"
    # It lies where the scene lies, and not where another does.
    rm -rf again
    run 0 "$CSEG" tile alpha.vrt $out/alpha.tif --out again --size 256
    check "no warning: $(cat err.txt)" [ ! -s err.txt ]
    run 1 "$CSEG" tile moved.vrt $out/alpha.tif --out again --size 256
    says_error "does not lie where moved.vrt lies"
    says_error "from (1000, 5000)"
    says_error "from (1005, 5000)"
    says_error "--force"
done
run 0 "$CSEG" tile moved.vrt whole/alpha.tif --out again --size 256 --force
says_error "warning: whole/alpha.tif does not lie where moved.vrt lies"
# A PNG knows no place: its size alone is compared, which is said.
run 0 "$CSEG" tile plain.vrt --out pieces --size 512
piece=$(ls pieces/images/train/* | head -n 1)
run 1 "$CSEG" tile alpha.vrt "$piece" --out again
says_error "pixels"
# Control points are kept, and tell places apart.
infer 0 points.vrt --out points
rm -rf again
run 0 "$CSEG" tile points.vrt points/points.tif --out again --size 256
check "no warning: $(cat err.txt)" [ ! -s err.txt ]
run 1 "$CSEG" tile moved.vrt points/points.tif --out again --size 256
says_error "does not lie where"
run 0 "$CSEG" tile plain.vrt points/points.tif --out again --size 256
says_error "warning: plain.vrt and points/points.tif cannot be compared by place"

# An image that is XML names other files, or addresses; its own name does not count.
cp plain.vrt d.png
infer 1 d.png --out none
says_error "d.png: holds no pixels but a VRT"
says_error ".vrt"
echo '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>' > e.png
infer 1 e.png --out none
says_error "e.png: holds no pixels but XML (<GDAL_WMS>)"
says_error "--allow-remote"
infer 1 /vsicurl/http://127.0.0.1:9/a.tif --out none
says_error "is no local file; --allow-remote opens it"
check "nothing was written" missing none/d.png
label=$(ls tiles/labels/train/* | head -n 1)
cp "$label" label.keep
cp plain.vrt "$label"
run 1 "$CSEG" train "$tiny" --threads 1 --work-dir other
says_error "$label: holds no pixels but a VRT"
cp label.keep "$label"
# What is asked for is tried: the address does not answer.
infer 1 e.png --out none --allow-remote
check "no refusal: $(cat err.txt)" sh -c "! grep -q 'allow-remote' err.txt"

# Pipes are not waited for, whatever they stand for.
mkfifo pipe pipe.py
pipe() { # COMMAND...
    run 1 timeout 60 "$@"
    says_error "is a pipe, not a file"
}
pipe "$CSEG" config pipe.py
pipe "$CSEG" train pipe.py
pipe "$CSEG" infer "$tiny" pipe "$scene"
pipe "$CSEG" infer "$tiny" work/iter_1.pth pipe --threads 1
pipe "$CSEG" tile pipe
pipe "$CSEG" tile "$scene" pipe
pipe "$CSEG" plot pipe --keys loss
pipe "$CSEG" train "$tiny" --work-dir other --threads 1 --cfg-options load_from=pipe
pipe "$CSEG" train "$tiny" --work-dir other --threads 1 --resume-from pipe
pipe "$CSEG" train "$tiny" --work-dir other --threads 1 --cfg-options train_dataloader.dataset.ann_file="$here/pipe"
printf '_base_ = "./pipe.py"\n' > child.py
pipe "$CSEG" config child.py
rm "$label"
mkfifo "$label"
pipe "$CSEG" train "$tiny" --work-dir other --threads 1
rm "$label"
cp label.keep "$label"
image=tiles/images/train/$(basename "$label")
cp "$image" image.keep
rm "$image"
mkfifo "$image"
pipe "$CSEG" train "$tiny" --work-dir other --threads 1
finish
