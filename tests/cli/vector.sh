#!/bin/sh
# cseg vectorize and cseg area as a user meets them.
. "$(dirname "$0")/lib.sh"
command -v python3 > which.txt || { echo "no python3"; exit 77; }
rm which.txt
mask=$SOURCE/examples/water/mask.tif
names="--names land water"

for out in map.gpkg map.geojson map.shp; do
    run 0 "$CSEG" vectorize "$mask" --out $out
    says "$out: 517 polygons of 307628 pixels; 260310 pixels have no data or another class"
    check "$out is there" [ -s $out ]
done
check "nothing else is there" [ "$(echo *)" = "err.txt map.cpg map.dbf map.geojson map.gpkg map.prj map.shp map.shx out.txt" ]
if command -v ogrinfo > ogrinfo.txt; then
    for out in map.gpkg map.geojson map.shp; do
        run 0 ogrinfo -ro -q -sql "SELECT SUM(pixels) AS total FROM map" $out
        says "= 307628"
        check "ogrinfo has nothing to say about $out" [ ! -s err.txt ]
    done
    run 0 ogrinfo -ro -so map.gpkg map
    says "Feature Count: 517"
    says 'ID["EPSG",32618]'
    check "a spatial index" grep -q rtree_map_geom map.gpkg
fi
# Every polygon, and all rings closed.
run 0 python3 - map.geojson << 'END'
import json, sys
d = json.load(open(sys.argv[1]))
assert sum(f['properties']['pixels'] for f in d['features']) == 307628
for f in d['features']:
    for ring in f['geometry']['coordinates']:
        assert ring[0] == ring[-1] and len(ring) > 3
        assert all(-79 < x < -76 and 23 < y < 26 for x, y in ring)
    area = sum(a[0] * b[1] - b[0] * a[1] for r in f['geometry']['coordinates'][:1] for a, b in zip(r, r[1:]))
    assert area > 0, 'outer rings are counter-clockwise'
END

# What is chosen.
run 0 "$CSEG" vectorize "$mask" --out water.gpkg --classes water $names --min-area 1e6 --simplify 300 --connectivity 8 \
    --dates 2020-05-01 2024-05-01
says "are smaller than --min-area and left out"
run 2 "$CSEG" vectorize "$mask" --out w.gpkg --classes watr $names
says_error "is 'water' meant?"
run 2 "$CSEG" vectorize "$mask" --out w.gpkg --classes water
says_error "it names none"
run 2 "$CSEG" vectorize "$mask" --out w.gpkg --connectivity 5
says_error "--connectivity is 4 (by sides) or 8"
run 2 "$CSEG" vectorize "$mask" --out w.gpkg --dates 2020 2021 2022
says_error "--dates"
run 2 "$CSEG" vectorize "$mask" --out w.kml
says_error ".gpkg"
run 2 "$CSEG" vectorize "$mask"
says_error "--out"
run 2 "$CSEG" vectorize "$mask" --out w.gpkg --names a --config b.py
says_error "--names and --config"
run 1 "$CSEG" vectorize "$mask" --out w.gpkg --config "$SOURCE/tests/cli/none.py"
says_error "none.py"
run 1 "$CSEG" vectorize missing.tif --out w.gpkg
says_error missing.tif
check "nothing was written" missing w.gpkg
cp "$mask" mask.tif
ln -s mask.tif link.shp
run 2 "$CSEG" vectorize mask.tif --out link.shp
says_error "mask.tif"
check "the mask is as it was" cmp -s "$mask" mask.tif
mkdir folder.gpkg
run 1 "$CSEG" vectorize "$mask" --out folder.gpkg
says_error "is a folder"
# What can be written is not read: no database is taken for a mask.
run 1 "$CSEG" vectorize map.gpkg --out w.gpkg
run 1 "$CSEG" area map.gpkg

# Areas, in 80 columns.
run 0 "$CSEG" area "$mask" $names --json a.json --csv a.csv
says "water                            271912      24478582614     2447858.26   88.39%"
check "80 columns" [ "$(awk 'length > 80' out.txt | wc -l)" = 0 ]
check "JSON" python3 -c "import json; d = json.load(open('a.json')); assert d['classes'][1]['pixels'] == 271912 and d['nodata']['pixels'] == 260310"
check "CSV" grep -q '^1,water,271912,24478582614.00' a.csv
run 2 "$CSEG" area mask.tif --json mask.tif
says_error mask.tif
check "the mask is as it was" cmp -s "$mask" mask.tif
run 0 "$CSEG" area "$mask" --confidence "$mask" $names
says "conf."
check "80 columns" [ "$(awk 'length > 80' out.txt | wc -l)" = 0 ]
finish
