#!/bin/sh
# A head with more classes than its data: figures and names are the data's; per-class values are in the test's JSON.
. "$(dirname "$0")/lib.sh"
make_tiles
# Measured where both classes are.
cat > five.py << 'EOF'
_base_ = ['tiny.py']
model = dict(decode_head=dict(num_classes=5))
test_dataloader = dict(dataset=dict(data_prefix=dict(img_path='images/train', seg_map_path='labels/train')))
EOF
cat > two.py << 'EOF'
_base_ = ['five.py']
test_evaluator = [dict(type='IoUMetric', prefix='a'), dict(type='IoUMetric', iou_metrics='mDice', prefix='b')]
EOF
cp "$SOURCE/tests/cli/tiny.py" "$SOURCE/tests/cli/tiny_0x.py" .
one_x=tiny.py
five=five.py
zero_x=tiny_0x.py
warning="decode_head has 5 classes, its BaseSegDataset 2: figures are those of the dataset's classes"

run 0 "$CSEG" train "$five" --work-dir five --threads 1
says_error "warning: $warning"
check "told once" [ "$(grep -c "$warning" err.txt)" -eq 1 ]
says_error "|  land |"
run 0 "$CSEG" test "$five" five/iter_12.pth --threads 1 --work-dir tested \
    --out maps.pkl --show-dir shown
says_error "warning: $warning"
says "| water |"
check "two classes have figures" [ "$(grep -c '^| .* |' out.txt)" -eq 3 ]

# The mean is that of the rows; the JSON has both.
cat tested/*/*.json > figures.json
check "land and water, no third" [ "$(grep -c '"class": ' figures.json)" -eq 2 ]
iou=$(awk -F '|' '/land|water/ { sum += $3 } END { printf "%.1f", sum / 2 - 0.05 }' out.txt)
mean=$(sed -n 's/.*"mIoU": \([0-9.]*\).*/\1/p' figures.json)
check "$mean is the mean of two" awk "BEGIN { exit !($mean > 0 && $mean - $iou < 0.2 && $iou - $mean < 0.2) }"
land=$(awk -F '|' '/land/ { gsub(/ /, "", $3); print $3 }' out.txt)
check "land's IoU" grep -qF "{\"class\": \"land\", \"IoU\": $land," figures.json
if command -v python3 > /dev/null; then
    check "it is JSON" python3 -c "import json; d = json.load(open('figures.json')); assert d['per_class'][1]['class'] == 'water'"
fi

# Classes that the data has not have no colour in a picture; a mask keeps their numbers.
n=$(ls tiles/images/train | wc -l)
check "one picture an image" [ "$(ls shown | wc -l)" -eq "$n" ]
run 0 "$CSEG" test "$five" five/iter_12.pth --threads 1 --work-dir tested --show-dir thin --cfg-options visualizer.alpha=0.1
run 0 "$CSEG" test "$five" five/iter_12.pth --threads 1 --work-dir tested --show-dir said --opacity 0.1
check "visualizer.alpha is the opacity" diff -r thin said
check "and not the usual one" sh -c "! diff -r thin shown > /dev/null"
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
run 0 "$CSEG" infer "$five" five/iter_12.pth "$image" --out mask --threads 1
check "a mask" [ -s "mask/$(basename "$image")" ]

# An evaluator's prefix is part of the names; two evaluators have a table each.
run 0 "$CSEG" test two.py five/iter_12.pth --threads 1 --work-dir two
check "two tables" [ "$(grep -c 'per class results' out.txt)" -eq 2 ]
says "a/mIoU: "
says "b/mDice: "
check "both are in the JSON" grep -q '"b/Dice": ' two/*/*.json
run 0 "$CSEG" test "$five" five/iter_12.pth --threads 1 --work-dir one --cfg-options test_evaluator.ignore_index=1
check "a label that is not counted has no accuracy" [ "$(awk -F '|' '/water/ { gsub(/ /, "", $4); print $4 }' out.txt)" = nan ]

# The older dialect has per-class values among its figures.
run 0 "$CSEG" train "$zero_x" --work-dir old --threads 1 --cfg-options "model.decode_head.0.num_classes=5" \
    "model.decode_head.1.num_classes=5"
says_error "its CustomDataset 2: figures are those of the dataset's classes"
run 0 "$CSEG" test "$zero_x" old/latest.pth --threads 1 --work-dir old --eval mIoU --cfg-options \
    "model.decode_head.0.num_classes=5" "model.decode_head.1.num_classes=5"
says "| water |"
check "by name" grep -q '"IoU.water": ' old/eval_single_scale_*.json

# Two trainings in one folder: the second is refused, with the first one's number.
"$CSEG" train "$one_x" --work-dir shared --threads 1 --cfg-options train_cfg.max_iters=100000 > first.txt 2>&1 &
first=$!
tries=0
until [ -s shared/.cseg.lock ] || [ $tries -ge 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
run 1 "$CSEG" train "$one_x" --work-dir shared --threads 1
says_error "shared: process $first trains into this folder"
kill -KILL $first
wait $first 2> first.txt
run 0 "$CSEG" train "$one_x" --work-dir shared --threads 1 --cfg-options train_cfg.max_iters=1
finish
