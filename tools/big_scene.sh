#!/bin/sh
# Makes a large scene of a small one: copies of it side by side, every other one mirrored so that nothing jumps where they
# meet. For measuring; the pixels repeat, the work does not.
#   tools/big_scene.sh SCENE.tif SIDE OUT.tif
set -eu
scene=${1:?usage: tools/big_scene.sh SCENE.tif SIDE OUT.tif} side=${2:?} out=${3:?}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
set -- $(gdalinfo "$scene" | sed -n 's/^Size is \([0-9]*\), \([0-9]*\)$/\1 \2/p')
w=$1 h=$2
bands=$(gdalinfo "$scene" | grep -c '^Band ')
type=$(gdalinfo "$scene" | sed -n 's/^Band 1 .*Type=\([A-Za-z0-9]*\),.*/\1/p')
# The four copies that repeat: as it is, mirrored left to right, top to bottom, both. gdal_translate mirrors nothing, but
# a window of an upside-down geotransform warps to it.
gdal_translate -q -a_ullr 0 0 "$w" -"$h" -a_srs EPSG:3857 -co TILED=YES "$scene" "$here/nn.tif"
flip() { # FROM TO ULLR
    gdal_translate -q -a_ullr $3 -a_srs EPSG:3857 "$1" "$here/v.vrt" -of VRT
    gdalwarp -q -overwrite -r near -te 0 -"$h" "$w" 0 -tr 1 1 "$here/v.vrt" "$2"
}
flip "$here/nn.tif" "$here/fn.tif" "$w 0 0 -$h"
flip "$here/nn.tif" "$here/nf.tif" "0 -$h $w 0"
flip "$here/nn.tif" "$here/ff.tif" "$w -$h 0 0"
{
    echo "<VRTDataset rasterXSize=\"$side\" rasterYSize=\"$side\"><SRS>EPSG:32618</SRS>"
    echo "<GeoTransform>300000, 10, 0, 3000000, 0, -10</GeoTransform>"
    for b in $(seq "$bands"); do
        echo "<VRTRasterBand dataType=\"$type\" band=\"$b\">"
        y=0
        while [ $((y * h)) -lt "$side" ]; do
            x=0
            while [ $((x * w)) -lt "$side" ]; do
                name=$([ $((x % 2)) = 0 ] && printf n || printf f)$([ $((y % 2)) = 0 ] && printf n || printf f)
                cw=$((side - x * w < w ? side - x * w : w)) ch=$((side - y * h < h ? side - y * h : h))
                echo "<SimpleSource><SourceFilename>$here/$name.tif</SourceFilename><SourceBand>$b</SourceBand>"
                echo "<SourceProperties RasterXSize=\"$w\" RasterYSize=\"$h\" DataType=\"$type\"/>"
                echo "<SrcRect xOff=\"0\" yOff=\"0\" xSize=\"$cw\" ySize=\"$ch\"/>"
                echo "<DstRect xOff=\"$((x * w))\" yOff=\"$((y * h))\" xSize=\"$cw\" ySize=\"$ch\"/></SimpleSource>"
                x=$((x + 1))
            done
            y=$((y + 1))
        done
        echo "</VRTRasterBand>"
    done
    echo "</VRTDataset>"
} > "$here/all.vrt"
gdal_translate -q -co TILED=YES -co BLOCKXSIZE=512 -co BLOCKYSIZE=512 -co BIGTIFF=YES "$here/all.vrt" "$out"
