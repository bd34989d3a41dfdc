#!/bin/bash
# Standard streams that are closed, full, or read by nobody.
. "$(dirname "$0")/lib.sh"
make_tiles
tiny=$SOURCE/tests/cli/tiny.py
short="train_cfg.max_iters=2 train_cfg.val_interval=2"

# Closed ones: no message may land in a file that was opened in their place.
run 0 "$CSEG" train "$tiny" --threads 1 --work-dir usual --cfg-options $short
"$CSEG" train "$tiny" --threads 1 --work-dir closed --cfg-options $short <&- >&- 2>&-
check "training with closed streams" [ $? -eq 0 ]
check "a checkpoint was written" [ -s closed/iter_2.pth ]
for dir in usual closed; do
    json=$(ls $dir/*/vis_data/2*.json)
    check "$dir: the JSON log has JSON alone" [ -s "$json" ]
    check "$dir: the JSON log has JSON alone" [ -z "$(grep -v '^{.*}$' "$json")" ]
    sed -E 's/"(time|data_time|memory)": [0-9.e-]*//g' "$json" > $dir.json
    (cd $dir && find . -type f ! -name 'events*' | sed 's/20[0-9_]*/TIME/g' | sort) > $dir.list
done
check "the same lines as with open streams" cmp usual.json closed.json
check "the same files" cmp usual.list closed.list
"$CSEG" tile "$SOURCE/examples/water/scene.tif" --out t --size 64 >&- 2>&-
check "tile with closed streams" [ $? -eq 0 ]
check "a tile is a PNG, not messages" [ "$(find t -name '*.png' | head -n 1 | xargs head -c 4 | tail -c 3)" = PNG ]
"$CSEG" nonsense 2>&-
check "the exit code says it where no message can" [ $? -eq 2 ]

# A full disk is a failure, a reader that has seen enough is none to speak of.
run 1 sh -c '"$0" version > /dev/full' "$CSEG"
says_error "standard output"
run 1 sh -c '"$0" config "$1" > /dev/full' "$CSEG" "$tiny"
says_error "standard output"
run 0 sh -c '"$0" model --kinds | head -n 1' "$CSEG"
check "nothing is said: $(cat err.txt)" [ ! -s err.txt ]
(trap '' PIPE; "$CSEG" model --kinds 2> err.txt; echo $? > code.txt) | true
check "the exit code is 1 where SIGPIPE is ignored" [ "$(cat code.txt)" = 1 ]
check "nothing is said: $(cat err.txt)" [ ! -s err.txt ]
finish
