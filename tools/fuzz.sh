#!/bin/sh
# Runs every fuzz target over its corpus for a bounded number of runs, from a fixed seed, and closes with a line that
# counts the targets. What a target finds is written to BUILD/findings.
#   tools/fuzz.sh build/fuzz [RUNS]
set -u
build=${1:?usage: tools/fuzz.sh BUILD [RUNS]}
runs=${2:-20000}
source=$(cd "$(dirname "$0")/.." && pwd)
data=$source/tests/data
findings=$build/findings
mkdir -p "$findings"
# What the tests read is a corpus too.
corpus() { # NAME
    case $1 in
    config) echo "$data/config/seeds" ;;
    image) echo "$data/io/images" ;;
    npy) echo "$data/io/npy" ;;
    pickle) echo "$data/io/pickle" ;;
    volume) for set in stare synapse coco_stuff10k pascal_context; do echo "$data/data/convert/$set"; done ;;
    pth) echo "$data/io/pth $data/io/safetensors $data/io/weights" ;;
    zip) echo "$data/io/pth" ;;
    esac
    [ ! -d "$source/fuzz/corpus/$1" ] || echo "$source/fuzz/corpus/$1"
}
good=0
bad=0
for target in "$build"/fuzz_*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=$(basename "$target" | sed 's/^fuzz_//')
    folders=$(corpus "$name")
    if [ -z "$folders" ]; then
        echo "fuzz_$name has no corpus"
        bad=$((bad + 1))
        continue
    fi
    new=$(mktemp -d)
    # shellcheck disable=SC2086 # a list of folders
    if OMP_NUM_THREADS=1 "$target" "$new" $folders -runs="$runs" -seed=1 -timeout=30 -rss_limit_mb=4096 -max_len=65536 \
        -artifact_prefix="$findings/$name." > "$findings/$name.log" 2>&1; then
        sed -n 's/^Done/fuzz_'"$name"': done/p' "$findings/$name.log"
        good=$((good + 1))
    else
        tail -n 30 "$findings/$name.log"
        echo "fuzz_$name FAILED; the input is in $findings"
        bad=$((bad + 1))
    fi
    rm -rf "$new"
done
echo "fuzz: $good passed, $bad failed"
[ $bad -eq 0 ] && [ $good -gt 0 ]
