#!/bin/bash
# cseg vectorize stopped by a signal, a kill or a full disk: the old result stays, and nothing half-written is left.
. "$(dirname "$0")/setup.sh"
# The bundled mask 12 times in both directions: it takes seconds.
python3 - "$SOURCE/examples/water/mask.tif" > big.vrt << 'END' || { echo "no python3"; exit 77; }
import sys
w, h, n = 791, 718, 12
print(f'<VRTDataset rasterXSize="{w * n}" rasterYSize="{h * n}"><VRTRasterBand dataType="Byte" band="1">')
for y in range(n):
    for x in range(n):
        print(f'<SimpleSource><SourceFilename>{sys.argv[1]}</SourceFilename><SourceBand>1</SourceBand>'
              f'<SrcRect xOff="0" yOff="0" xSize="{w}" ySize="{h}"/>'
              f'<DstRect xOff="{x * w}" yOff="{y * h}" xSize="{w}" ySize="{h}"/></SimpleSource>')
print('</VRTRasterBand></VRTDataset>')
END
left() { find "$1" -mindepth 1 ! -path "$1/old.$ending"; }

# A full disk, played by the limit on a file's size: at the beginning, within, and near the end.
for ending in gpkg geojson shp; do
    mkdir -p full
    run 0 "$CSEG" vectorize "$SOURCE/examples/water/mask.tif" --out whole.$ending
    size=$(stat -c %s whole.$ending)
    for part in 1 50 95; do
        echo old > full/old.$ending
        limited() { (ulimit -f $((size * part / 100 / 1024)) && "$CSEG" vectorize "$SOURCE/examples/water/mask.tif" --out full/old.$ending); }
        run 1 limited
        says_error full/old.$ending
        check "$ending at $part %: the old file stays" [ "$(cat full/old.$ending)" = old ]
        check "$ending at $part %: nothing is left" [ -z "$(left full)" ]
    done
    rm -rf full
done

# Signals, while it writes. (A second one ends it at once.)
set -m
wait_for_writing() { # PID
    for _ in $(seq 3000); do
        [ -z "$(find new -name '*.tmp')" ] || return 0
        kill -0 "$1" 2> kill.txt || return 1
        sleep 0.01
    done
    return 1
}
for ending in gpkg geojson shp; do
    for signal in INT TERM KILL; do
        rm -rf new
        mkdir new
        echo old > new/old.$ending
        "$CSEG" vectorize big.vrt --out new/old.$ending > out.txt 2> err.txt &
        pid=$!
        check "$ending: it writes" wait_for_writing $pid
        kill -$signal $pid
        [ $signal = KILL ] || kill -$signal $pid 2> kill.txt
        wait $pid
        code=$?
        check "$ending, $signal: the exit code is not 0" [ $code -ne 0 ]
        check "$ending, $signal: the old file stays" [ "$(cat new/old.$ending)" = old ]
        if [ $signal != KILL ]; then
            check "$ending, $signal: nothing is left" [ -z "$(left new)" ]
        else
            check "$ending, KILL: something is left" [ -n "$(left new)" ]
            mkdir new/old.$ending.$$.tmp # its process is there
            echo mine > new/old.$ending.$$.tmp/file
            run 0 "$CSEG" vectorize "$SOURCE/examples/water/mask.tif" --out new/old.$ending
            check "$ending: the next run removes it" [ "$(find new -name '*.tmp')" = new/old.$ending.$$.tmp ]
            check "$ending: what a process may be writing stays" [ -s new/old.$ending.$$.tmp/file ]
        fi
    done
done
finish
