#!/bin/sh
# cseg bench: its line of JSON, its tables, wrong usage.
. "$(dirname "$0")/lib.sh"
config=$SOURCE/tests/cli/tiny.py

# field NAME: its value in the last run's line.
field() { sed -n "s/.*\"$1\": \"\{0,1\}\([^,\"}]*\).*/\1/p" out.txt | head -n 1; }
holds() { awk "BEGIN { exit !($1) }"; }
# A file in JSON is a config too, so the program itself tells whether it can be read.
is_json() {
    checks=$((checks + 1))
    cp out.txt line.json
    "$CSEG" config line.json > read.txt 2> err.txt || { complain "no JSON:"; show; }
}

for mode in infer train; do
    run 0 "$CSEG" bench $mode "$config" --size 64 --batch 2 --repeat 3 --threads 2 --json
    is_json
    check "one line" [ "$(wc -l < out.txt)" -eq 1 ]
    for pair in mode=$mode config="$config" size=64 batch=2 threads=2 engine=cseg precision=fp32; do
        check "$pair" [ "$(field "${pair%%=*}")" = "${pair#*=}" ]
    done
    check "times" holds "0 < $(field min_s) && $(field min_s) <= $(field median_s)"
    check "memory" holds "$(field peak_rss_mib) > 1 && $(field peak_rss_mib) > $(field plan_mib)"

    for by in steps kinds modules; do
        [ $mode-$by = train-kinds ] && continue # no other code than that of steps
        run 0 "$CSEG" bench $mode "$config" --size 64 --repeat 2 --threads 1 --json --layers $by
        is_json
        sum=$(grep -o '"share": [0-9.]*' out.txt | awk '{ s += $2 } END { print s }')
        check "$mode, $by: shares add up to $sum" holds "$sum > 0.998 && $sum < 1.002"
        check "measured peaks" holds "$(field peak_gflops) > 0 && $(field peak_gbs) > 0"
    done
    run 0 "$CSEG" bench $mode "$config" --size 64 --repeat 1 --layers
    says "$mode tiny.py: 1 x 64 x 64, fp32"
    says "peak  layer"
    wide=$(awk 'length($0) > 80' out.txt)
    check "the table fits 80 columns: $wide" [ -z "$wide" ]
done
run 0 "$CSEG" bench train "$config" --size 64 --repeat 1 --layers --json
grep -o '"layer": "[^"]*"' out.txt > names.txt
check "the optimizer is a layer" grep -q '(optimizer)' names.txt
check "gradients are layers" grep -q 'dw backbone.layer1.0.conv1' names.txt
# Fused sums leave gradients that lack an input (what ReLU was given).
run 0 "$CSEG" bench train "$SOURCE/configs/water/fcn_hr18s_water.py" --size 64 --repeat 1 --json --layers kinds
check "gradients of fused sums" grep -q '"unary_grad ' out.txt
run 0 "$CSEG" bench infer "$config" --size 64 --repeat 1 --classes 5 --json --layers kinds
check "5 classes" grep -q 'conv 1x1 8>5 1x8x8' out.txt

make_tiles
run 0 "$CSEG" bench load "$config" --images 9 --repeat 2 --threads 2 --json
is_json
batch=$(field batch)
for pair in mode=load config="$config" threads=2 engine=cseg images=$(((9 + batch - 1) / batch * batch)); do
    check "$pair" [ "$(field "${pair%%=*}")" = "${pair#*=}" ]
done
check "rates" holds "$(field images_per_s) > 0 && $(field images_per_core_s) > 0 && $(field LoadImageFromFile) > 0"
run 0 "$CSEG" bench load "$config"
says "images for a second of one core"
says "pack"

run 2 "$CSEG" bench
run 2 "$CSEG" bench predict "$config"
says_error "infer, train or load, not 'predict'"
run 2 "$CSEG" bench load "$config" --size 64
says_error "--images, --repeat and --threads"
run 2 "$CSEG" bench infer "$config" --images 64
says_error "--images is for load"
run 2 "$CSEG" bench infer "$config" --size 0
says_error "--size must be from"
run 2 "$CSEG" bench infer "$config" --precision fp16
says_error "--precision must be one of fp32|bf16"
run 1 "$CSEG" bench infer missing.py
says_error "missing.py"
finish
