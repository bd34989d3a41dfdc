#!/bin/bash
# One allocation fails, the others do not: the program says so and writes nothing, or does what it always does. A failed
# question is never taken for "no": a scene's mask is a GeoTIFF, or there is none. What is written is what is always
# written.
. "$(dirname "$0")/setup.sh"
[ "$SANITIZED" != ON ] || exit 77 # a thousand starts
run 0 train iter_1x work --cfg-options train_cfg.max_iters=4 default_hooks.checkpoint.interval=4
run 0 "$TOOL" geotiff s.tif 40
tiny=$configs/iter_1x.py
infer() { "$MEMORY" "$@" infer "$tiny" work/iter_4.pth s.tif --threads 1 --out out; }
run 0 infer 1 4 out/s_overlay.png # the last of the three
check "no mask without a place" missing out/s.png
run 0 "$MEMORY" 3 9 out/s.tif infer "$tiny" work/iter_4.pth s.tif --threads 1 --out out --windows --scores --mask-only
check "no mask without a place" missing out/s.png
run 0 "$MEMORY" 2 11 maps.pkl test "$tiny" work/iter_4.pth --threads 1 --out maps.pkl --work-dir tested
run 0 "$MEMORY" 1 1 tiles/images/train/s_00000_00000.png tile s.tif --out tiles
log=$(find work -name '2*.json' | head -n 1)
run 0 "$MEMORY" 1 3 curve.png plot "$log" --out curve.png
run 0 "$MEMORY" 1 1 look.png quicklook s.tif --mask out/s.tif --legend --scale-bar --out look.png
run 0 "$MEMORY" 1 1 look.html quicklook s.tif --mask out/s.tif --html look.html
run 0 "$MEMORY" 1 5 - config "$tiny"
run 0 "$MEMORY" 1 41 - model "$tiny" --memory
sets=$SOURCE/tests/data/data/convert
run 0 "$MEMORY" 1 1 eyes/annotations/validation/01_manual2.png convert drive "$sets/drive" eyes --threads 1
run 0 "$MEMORY" 1 1 ct/ann_dir/val/case0031_slice001.png convert synapse "$sets/synapse" ct --threads 1
run 0 "$MEMORY" 1 2 air/ann_dir/train/area30_16_3_32_19.png convert vaihingen "$sets/vaihingen" air --clip_size 16 --threads 1
run 0 "$MEMORY" 1 1 coco/annotations/test2014/COCO_train2014_00000004_labelTrainIds.png convert coco_stuff10k \
    "$sets/coco_stuff10k" coco --allow-partial --threads 1
cp -r "$sets/cityscapes" "$sets/pascal_context" .
run 0 "$MEMORY" 1 1 cityscapes/test.txt convert cityscapes cityscapes --threads 1
run 0 "$MEMORY" 1 1 pascal_context/devkit/VOC2010/ImageSets/SegmentationContext/val.txt convert pascal_context \
    pascal_context/devkit pascal_context/trainval_merged.json --allow-partial --threads 1
export SAME="$TOOL same" # checkpoints hold the time
run 0 "$MEMORY" 2 37 more/iter_6.pth train "$tiny" --resume-from work/iter_4.pth --no-validate --threads 1 --work-dir more \
    --cfg-options train_cfg.max_iters=6 default_hooks.checkpoint.interval=6
check "nothing half-written is left" [ -z "$(find . -name '*.tmp')" ]
finish
