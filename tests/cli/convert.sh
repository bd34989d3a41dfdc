#!/bin/sh
# cseg convert as a user meets it: arguments, what is missing, what is refused, going on. What it makes is compared with
# the reference in data/test_convert.
. "$(dirname "$0")/lib.sh"
data=$SOURCE/tests/data/data/convert
convert() { "$CSEG" convert "$@"; }
made() { find "$1" -type f | wc -l; }

# Arguments.
run 2 convert
says_error "DATASET is missing"
run 2 convert levir in out
says_error "there is no dataset 'levir': did you mean 'levircd'?"
run 2 convert hrf
says_error "hrf: its source is missing: healthy.zip, healthy_manualsegm.zip"
run 2 convert loveda "$data/loveda"
says_error "where to?"
run 2 convert hrf "$data/hrf/healthy.zip" "$data/hrf/glaucoma.zip" out
says_error "give a folder that holds healthy.zip"
says_error "or each of these 6, in this order"
run 2 convert isaid "$data/isaid" out --overlap_area 896
says_error "--overlap_area 896 must be smaller than a patch"
run 2 convert isaid "$data/isaid" out --overlap_area some
says_error "--overlap_area needs a whole number of pixels, not 'some'"
for option in "--clip_size 9" "--stride_size 9" "--patch_width 9" "--patch_height 9" "--overlap_area 0" "--gt-dir x"; do
    run 2 convert loveda "$data/loveda" out $option
    says_error "${option% *} means nothing for loveda; leave it out"
done
run 1 convert loveda nowhere out
says_error "nowhere: cannot find"
check "nothing was written" missing out
run 0 convert --help
for name in chase_db1 cityscapes coco_stuff10k coco_stuff164k drive hrf isaid levircd loveda nyu pascal_context \
    potsdam refuge stare synapse vaihingen voc_aug; do
    says " $name"
    check "docs/convert.md has $name" grep -q "^| \`$name\` |" "$SOURCE/docs/convert.md"
done

# One folder, or each archive; the output last, or by name as the reference's tools have it.
run 0 convert drive "$data/drive" one
says "one: 2 images and 3 masks written"
says_error "warning: $data/drive: is not the whole dataset: images training.zip: training/images/*: 1 instead of 20; "
run 0 convert drive "$data/drive/training.zip" "$data/drive/test.zip" -o two --tmp_dir /nowhere --nproc 1
check "both are the same" diff -r one two
run 0 convert --quiet stare "$data/stare" three
says "three: 20 images and 40 masks written"
check "whole: no warning" [ ! -s err.txt ]

# An archive that is unpacked already.
if command -v python3 > which.txt; then
    mkdir unpacked
    python3 -c "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall('unpacked')" "$data/chase_db1/CHASEDB1.zip"
    run 0 convert chase_db1 unpacked four
    run 0 convert chase_db1 "$data/chase_db1" five
    check "both are the same" diff -r four five
fi

# Counts: an error where the reference has one, and only there.
mkdir some
cp "$data/stare/"*.tar some
cp "$data/stare/labels-ah.tar" some/labels-vk.tar
run 2 convert stare some again
says_error "what becomes of some/labels-ah.tar: im0001.ah.ppm.gz and what becomes of some/labels-vk.tar: im0001.ah.ppm.gz"
says_error "would both be written to again/annotations/training/im0001.ah.png; leave one of them out"
rm some/labels-vk.tar
run 1 convert stare some again
says_error "some: holds no labels-vk.tar, which stare needs; --allow-partial does without it"
run 0 convert stare some again --allow-partial
says "again: 20 images and 20 masks written"
run 1 convert coco_stuff164k "$data/coco_stuff164k" coco
says_error "is not the whole dataset: masks annotations/train2017/*.png: 1 instead of 118287; masks annotations/val2017"
says_error "--allow-partial takes what there is"
check "nothing was written" missing coco
mkdir empty
run 1 convert levircd empty out
says_error "empty: holds nothing of levircd, whose sources are: the folder of train/, val/ and test/"

# An output that is a source.
cp -r "$data/coco_stuff164k" coco164k
ln -s coco164k link
run 2 convert coco_stuff164k coco164k link --allow-partial
says_error "images/train2017/000001.jpg would be written to link/images/train2017/000001.jpg, over the source"

# The output within a source that is searched at any depth.
cp -r "$data/levircd" levir
run 2 convert levircd levir levir/cut
says_error "levir/cut: lies in the source, levir"
run 2 convert levircd levir levir
says_error "lies in the source"

# Going on: only what is missing, cut off or older than its source is made.
run 0 convert potsdam "$data/potsdam" cut --clip_size 16
all=$(made cut)
cp -rp cut before
rm cut/ann_dir/train/2_10_0_0_16_16.png
head -c 60 before/img_dir/val/2_13_0_0_16_16.png > cut/img_dir/val/2_13_0_0_16_16.png
touch -d 2001-01-01 cut/img_dir/train/2_10_0_0_16_16.png
run 0 convert potsdam "$data/potsdam" cut --clip_size 16
says "cut: 2 images and 1 masks written, $((all - 3)) were there"
check "it is as before" diff -r before cut
run 0 convert potsdam "$data/potsdam" cut --clip_size 16 --overwrite
says " written"
check "all were made again" [ -z "$(grep 'were there' out.txt)" ]
check "nothing half-written is left" [ -z "$(find cut -name '*.tmp')" ]
run 1 convert potsdam "$data/potsdam" large
says_error "2_10_RGB.tif: is 27 x 22, smaller than a piece of 512 x 512; give a smaller --clip_size"

# Damage is named by archive and member.
mkdir damaged
head -c 3000 "$data/potsdam/5_Labels_all.zip" | head -c 200 > damaged/5_Labels_all.zip
run 1 convert potsdam damaged out
says_error "damaged/5_Labels_all.zip: damaged or truncated zip archive"
mkdir city
cp -r "$data/cityscapes/gtFine" city
chmod -R u+w city
for text in '{"imgHeight": 4, "imgWidth": 4, "objects": [' '{"imgHeight": 4}' \
    '{"imgHeight": 4, "imgWidth": 4, "objects": [{"label": "moon", "polygon": [[0, 0], [1, 1]]}]}' \
    '{"imgHeight": 4, "imgWidth": 4, "objects": [{"label": "sky", "polygon": [[0, 0], [1, "x"]]}]}' \
    '{"imgHeight": 4, "imgWidth": 1e18, "objects": []}' \
    '{"imgHeight": 4, "imgWidth": 4, "objects": [{"label": "sky", "polygon": [[0, 0], [1, 1e300]]}]}'; do
    echo "$text" > city/gtFine/val/munster/munster_000000_000019_gtFine_polygons.json
    run 1 convert cityscapes city
    says_error "city/gtFine/val/munster/munster_000000_000019_gtFine_polygons.json"
done
check "no list is written before all is" missing city/val.txt
run 1 convert cityscapes city --gt-dir gtCoarse
says_error "city/gtCoarse"
finish
