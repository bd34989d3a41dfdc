#!/bin/sh
# The measurements of docs/performance.md: one line of JSON each. Needs the reference's configs (`make test` fetches them)
# and an idle machine.
#   bench/run.sh build [REPEATS]
set -eu
build=${1:?usage: bench/run.sh BUILD [REPEATS]}
repeats=${2:-5}
configs=build/deps/mmsegmentation-1.2.2/mmseg/.mim/configs
tools/reference_configs.sh build/deps
if [ ! -d $configs ]; then
    echo "the reference's configs are missing ($configs)" >&2
    exit 1
fi
threads=$(nproc)
hr48=$configs/hrnet/fcn_hr48_4xb2-40k_cityscapes-512x1024.py
r50=$configs/fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py
"$build/cseg" bench infer $hr48 --size 512 --batch 1 --repeat "$repeats" --threads "$threads" --json
"$build/cseg" bench infer $hr48 --size 896 --batch 1 --repeat "$repeats" --threads "$threads" --json
"$build/cseg" bench infer $r50 --size 512 --batch 1 --repeat "$repeats" --threads "$threads" --json
"$build/cseg" bench train $hr48 --size 512 --batch 2 --repeat "$repeats" --threads "$threads" --json
"$build/cseg" bench train $r50 --size 512 --batch 2 --repeat "$repeats" --threads "$threads" --json
