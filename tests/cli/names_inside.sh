#!/bin/bash
# What stands inside of files, tensors' names, a checkpoint's keys and classes, a raster's metadata, reaches the terminal
# as escapes. names.sh has what stands in configs and in folders.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || { echo "skipped: no python3 to make the files"; exit 77; }
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
image=$(ls -d tiles/images/val/* | head -n 1)
quiet() {
    checks=$((checks + 1))
    LC_ALL=C grep -nP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]' out.txt err.txt &&
        complain "control characters reach the terminal"
    [ "$(grep -c '^cseg: done' out.txt err.txt | cut -d: -f2 | paste -sd+)" = 0+0 ] ||
        complain "a line that the program has not said"
}
short="--threads 1 --cfg-options train_cfg.max_iters=2 train_cfg.val_interval=2"
run 0 "$CSEG" train "$tiny" --work-dir work $short
# rename.py FROM TO: a name in the checkpoint's pickle becomes another of as many bytes.
cat > rename.py <<'PY'
import sys, zipfile
was, now = sys.argv[1].encode(), sys.argv[2].encode('latin-1').decode('unicode_escape').encode('latin-1')
now = now + b'.' * (len(was) - len(now))
assert len(was) == len(now)
with zipfile.ZipFile('work/iter_2.pth') as a, zipfile.ZipFile(sys.argv[3], 'w', zipfile.ZIP_STORED) as b:
    for n in a.namelist():
        data = a.read(n)
        if n.endswith('data.pkl'):
            assert was in data
            data = data.replace(was, now)
        b.writestr(n, data)
PY
rename() { python3 rename.py "$@" || complain "no $3"; }

# A tensor's name: an escape, a line of our own, a mark of direction; and bytes that are no UTF-8.
rename backbone.layer1.0.conv1.weight '\x1b]0;x\x07\ncseg: done\xe2\x80\xae' tensor.pth
run 0 "$CSEG" train "$tiny" --work-dir from --load-from tensor.pth $short
says_error 'warning: tensor.pth: 1 of its tensors are not in the model: \x1b]0;x\x07\ncseg: done\u202e'
quiet
rename backbone.layer1.0.conv1.weight '\xff\xfe\x9b31m\xc2\x9b' bytes.pth
"$CSEG" train "$tiny" --work-dir from --load-from bytes.pth $short > out.txt 2> err.txt
quiet
says_error '\xff\xfe\x9b31m'
run 1 "$CSEG" test "$tiny" tensor.pth --threads 1 --work-dir tested
says_error 'tensor.pth: is a checkpoint of another model'
quiet
for command in model parity; do
    "$CSEG" $command "$tiny" tensor.pth > out.txt 2> err.txt
    quiet
done
check "the logs are clean" [ -z "$(LC_ALL=C grep -rlP '[\x00-\x08\x0b-\x1f\x7f]' from --include=*.log --include=*.json)" ]

# Keys around the weights, and the classes that it states.
rename state_dict '\x1b[2J\ncseg' key.pth
run 1 "$CSEG" infer "$tiny" key.pth "$image" --threads 1 --out masks
says_error 'key.pth'
says_error '\x1b[2J\ncseg'
quiet
rename water '\x1b[2J\n' class.pth
"$CSEG" infer "$tiny" class.pth "$image" --threads 1 --out masks > out.txt 2> err.txt
quiet
"$CSEG" test "$tiny" class.pth --threads 1 --work-dir tested > out.txt 2> err.txt
quiet

# A call in a pickle, by a name of its own.
printf 'c\033]0;x\007\n\033[2J\n(tR.' > call.pkl
printf '\200\002\212\012\154\374\234\106\371\040\152\250\120\031.\200\002M\351\003.\200\002}.' > call.pth
cat call.pkl >> call.pth
run 1 "$CSEG" test "$tiny" call.pth --threads 1 --work-dir tested
quiet

# A raster's coordinate system, bands and VRT.
cp "$SOURCE/examples/water/scene.tif" a.tif
cp "$SOURCE/examples/water/mask.tif" b.tif
cat > b.tif.aux.xml <<'XML'
<PAMDataset><SRS>LOCAL_CS["&#27;]0;x&#7;&#10;cseg: done&#x202e;",UNIT["metre",1]]</SRS>
<GeoTransform>5000,1,0,9000,0,-1</GeoTransform>
<PAMRasterBand band="1"><Description>&#27;[2J&#10;cseg: done</Description></PAMRasterBand></PAMDataset>
XML
run 1 "$CSEG" tile a.tif b.tif --out t --size 64
says_error 'b.tif'
says_error '\x1b]0;x\x07\ncseg: done'
quiet
run 0 "$CSEG" tile a.tif b.tif --out t --size 64 --force
says_error 'warning:'
quiet
printf '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand band="1" dataType="Byte"><SimpleSource><SourceFilename>\033]0;x\007</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>' > c.vrt
run 1 "$CSEG" infer "$tiny" work/iter_2.pth c.vrt --threads 1 --out masks
quiet
printf '<GDAL_WMS>\033]0;x\007\ncseg: done</GDAL_WMS>' > d.png
run 1 "$CSEG" infer "$tiny" work/iter_2.pth d.png --threads 1 --out masks
quiet
finish
