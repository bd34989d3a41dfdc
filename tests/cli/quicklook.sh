#!/bin/sh
# Pictures of scenes and maps: sizes, wrong files, other places, no place, one band, 16 bits, outlines.
. "$(dirname "$0")/lib.sh"
scene=$SOURCE/examples/water/scene.tif
mask=$SOURCE/examples/water/mask.tif

# The width and height in a PNG's header.
size_of() {
    od -An -tu1 -j16 -N8 "$1" | awk '{ print ($1 * 256 + $2) * 65536 + $3 * 256 + $4 "x" ($5 * 256 + $6) * 65536 + $7 * 256 + $8 }'
}
has_size() { # FILE WxH
    check "$1 is $(size_of "$1"), not $2" test "$(size_of "$1")" = "$2"
}

run 0 "$CSEG" quicklook "$scene"
says quicklook.png
has_size quicklook.png 1024x930
run 0 "$CSEG" quicklook "$scene" --mask "$mask" --legend --scale-bar --title Andros --size 800x500 --out map.png
has_size map.png 800x500
run 0 "$CSEG" quicklook "$scene" --mask "$mask" --width 300 --opacity 1 --out small.png
has_size small.png 300x272
run 0 "$CSEG" quicklook "$scene" --second "$scene" --bands 3,2,1 --stretch 2,98 --background checkered --out two.png
run 0 "$CSEG" quicklook "$scene" --bands 2 --stretch min,max --out gray.jpg

# A scene of 16 bits and one band, without a place, and its mask.
cat > make.c << 'C'
#include <stdio.h>
int main(void)
{
    FILE *f = fopen("deep.pgm", "wb"), *m = fopen("deep_mask.pgm", "wb");
    fprintf(f, "P5 90 70 65535\n");
    fprintf(m, "P5 90 70 255\n");
    for (int i = 0; i < 90 * 70; i++) {
        int v = 5000 + i;
        fputc(v >> 8, f);
        fputc(v & 255, f);
        fputc(i % 90 > 30, m);
    }
    return fclose(f) || fclose(m);
}
C
"${CC:-cc}" make.c -o make && ./make || complain "no scene of 16 bits"
run 0 "$CSEG" quicklook deep.pgm --mask deep_mask.pgm --legend --scale-bar --width 400 --out deep.png
run 0 "$CSEG" quicklook deep.pgm --mask deep_mask.pgm --html deep.html
run 1 "$CSEG" quicklook deep.pgm --mask "$mask"
says_error "differ in size, and cannot be compared by place"
run 1 "$CSEG" quicklook "$scene" --mask deep_mask.pgm
says_error "differ in size"
run 1 "$CSEG" quicklook deep.pgm --mask deep.pgm
says_error "holds more than 1024 different values, so it is no map of classes"
run 1 "$CSEG" quicklook "$scene" --mask "$scene"
says_error "has 3 bands; a map of classes has one"

# A mask as its own confidence: class 1 has a 250th.
run 0 "$CSEG" quicklook "$scene" --mask "$mask" --confidence "$mask" --names land water --html sure.html
check "the mean confidence of each class" grep -q '"name":"water",.*"confidence":0.004[,}]' sure.html
run 2 "$CSEG" quicklook "$scene" --mask "$mask" --confidence "$mask"
says_error "--confidence is shown on the page of a map"
run 1 "$CSEG" quicklook "$scene" --mask "$mask" --confidence "$scene" --html no.html
check "no page" missing no.html

# Outlines, in degrees over a scene in metres.
cat > box.geojson << 'JSON'
{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon",
 "coordinates": [[[-78.4, 24], [-77.6, 24], [-77.6, 25], [-78.4, 25], [-78.4, 24]]]}}
JSON
run 0 "$CSEG" quicklook "$scene" --width 300 --out plain.png
run 0 "$CSEG" quicklook "$scene" --width 300 --vector box.geojson --out box.png
check "the outline is drawn" sh -c '! cmp -s plain.png box.png'
run 1 "$CSEG" quicklook deep.pgm --vector box.geojson
says_error "deep.pgm says no place on the earth, so box.geojson cannot be drawn over it"
run 1 "$CSEG" quicklook "$scene" --vector "$scene"
says_error "no GeoPackage, GeoJSON, Shapefile or FlatGeobuf that can be read"
run 1 "$CSEG" quicklook "$scene" --vector none.gpkg
says_error "none.gpkg: cannot open: No such file"

# What cannot be meant.
run 1 "$CSEG" quicklook none.tif
says_error "none.tif"
run 1 "$CSEG" quicklook box.geojson
says_error "box.geojson"
run 2 "$CSEG" quicklook "$scene" --legend
says_error "give --mask"
run 2 "$CSEG" quicklook "$scene" --size 10
says_error "--size takes width and height"
run 2 "$CSEG" quicklook "$scene" --size 64x99999999999999999999
says_error "--size takes width and height"
run 2 "$CSEG" quicklook "$scene" --bands 1,2
says_error "--bands takes"
run 2 "$CSEG" quicklook "$scene" --bands 1,2,4
says_error "has no band 4; its bands are 1 to 3"
run 2 "$CSEG" quicklook "$scene" --stretch 98,2
says_error "--stretch takes two percentiles"
run 2 "$CSEG" quicklook "$scene" --stretch nan,2
says_error "--stretch takes two percentiles"
run 2 "$CSEG" quicklook "$scene" --out map.tif
says_error "map.tif: images are written as .png, .jpg or .jpeg"
cp "$scene" own.tif
run 2 "$CSEG" quicklook own.tif --html own.tif
says_error "over the scene own.tif"
run 2 "$CSEG" quicklook own.tif --out a.png --html a.png
check "nothing is left half written" sh -c '! ls | grep -q "\.tmp$"'

run 0 "$CSEG" quicklook --help
check "the help has at most 80 columns" sh -c "! grep -q '.\{81\}' out.txt"
finish
