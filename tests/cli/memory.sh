#!/bin/sh
# What memory is made of, and with_cp=True, which takes less of it.
. "$(dirname "$0")/lib.sh"
one_x=$SOURCE/tests/cli/tiny.py

# The figure in front of TEXT in the last run's table of training ($1) or inference.
figure() {
    awk -v table="$1" -v text="$2" '/^A training step/ { at = "train" } /^Label maps/ { at = "infer" }
        at == table && index($0, text) { print $1; exit }' "$here/out.txt"
}
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > 0 && a < b) }'; }

run 0 "$CSEG" model "$one_x" --memory --shape 96 128 --batch 2
says "A training step, 2 x 96 x 128:"
says "Label maps from images, 2 x 96 x 128:"
says "its bound"
says "gradients"
says "the optimizer's state"
says "batch_norm_train"
check "no line is longer than 80 columns" awk 'length($0) > 80 { exit 1 }' out.txt
kept=$(figure train "arena")
check "inference holds less" less "$(figure infer "arena")" "$kept"
check "inference has no gradients" [ -z "$(figure infer "gradients")" ]
check "the sum is that of its parts" awk '/^A training/ { on = 1 } on && / in all,/ { exit !(sum > $1 - 0.5 && sum < $1 + 0.5) }
    on && $1 ~ /^[0-9.]+$/ { sum += $1 }' out.txt

# Of a block's maps under with_cp only the last is kept. With a thin stem, so that the blocks hold most.
thin=model.backbone.stem_channels=2
run 0 "$CSEG" model "$one_x" --memory --shape 96 128 --batch 2 --cfg-options $thin
kept=$(figure train "arena")
run 0 "$CSEG" model "$one_x" --memory --shape 96 128 --batch 2 --cfg-options $thin model.backbone.with_cp=True
check "with_cp takes less" less "$(figure train "arena")" "$kept"
check "and nothing else at inference" [ "$(figure train "weights and")" = "$(figure infer "weights and")" ]
anew=$(figure train "arena")
run 0 env CSEG_PASSES=-recompute "$CSEG" model "$one_x" --memory --shape 96 128 --batch 2 --cfg-options $thin
check "everything kept takes more" less "$anew" "$(figure train "arena")"

# Training tells it when the first batch is there, and with_cp changes no bit of the run.
make_tiles
run 0 "$CSEG" train "$one_x" --work-dir kept --threads 1 --seed 5 --memory
says_error "memory of a training step, 2 x 32 x 32:"
says_error "its bound"
run 0 "$CSEG" train "$one_x" --work-dir anew --threads 1 --seed 5 --cfg-options model.backbone.with_cp=True
image=tiles/images/val/$(ls tiles/images/val | head -n 1)
for way in kept anew; do
    run 0 "$CSEG" infer "$one_x" $way/iter_12.pth "$image" --scores --out $way --threads 1
done
check "the same weights" sh -c "cmp kept/*_scores.tif anew/*_scores.tif"
finish
