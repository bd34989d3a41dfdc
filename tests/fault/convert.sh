#!/bin/bash
# cseg convert on a full disk (played by the limit on a file's size), killed, and stopped by signals: what is there is
# whole, and the same command goes on to the same files.
. "$(dirname "$0")/setup.sh"
set -m # background jobs hear SIGINT
"$CSEG" tile "$SOURCE/examples/water/scene.tif" --out tiles --size 256 > tiles.txt || complain "no tiles"
mkdir -p levir/train/A levir/train/B
for file in $(ls tiles/images/train | head -n 3); do
    cp "tiles/images/train/$file" levir/train/A
    cp "tiles/images/train/$file" levir/train/B
done
small="--clip_size 32 --stride_size 32"
convert() { "$CSEG" convert levircd levir "$@"; }
run 0 convert whole $small
run 0 convert large --clip_size 128

limited() { (ulimit -f 8 && convert "$@"); }
run 1 limited full --clip_size 128
says_error "full/train/"
says_error "cannot"
check "nothing half-written is left" [ -z "$(find full -name '*.tmp')" ]
run 0 convert full --clip_size 128
check "the same files" diff -r large full

# SIGKILL at several moments. What it leaves beside a file is removed when that file is written.
kills=0
for delay in 0.2 0.4 0.6 0.8; do
    "$CSEG" convert levircd levir killed $small > out.txt 2> err.txt &
    pid=$!
    disown $pid
    sleep $delay
    kill -KILL $pid 2> kill.txt && kills=$((kills + 1))
    while kill -0 $pid 2> kill.txt; do sleep 0.01; done
    for file in $(find killed -name '*.png' 2> find.txt); do
        cmp -s "$file" "whole/${file#killed/}" || complain "$file is not whole"
    done
done
check "it was killed" [ $kills -ge 1 ]
run 0 convert killed $small
says "were there"
check "the same files" diff -r whole killed

for signal in INT TERM; do
    "$CSEG" convert levircd levir "by-$signal" $small > out.txt 2> err.txt &
    pid=$!
    wait_for "by-$signal/train"
    kill "-$signal" $pid 2> kill.txt
    wait $pid
    code=$?
    check "the exit code after $signal is 1, not $code" [ $code -eq 1 ]
    says_error "the same command goes on"
    check "nothing half-written is left" [ -z "$(find "by-$signal" -name '*.tmp')" ]
    run 0 convert "by-$signal" $small
    check "the same files" diff -r whole "by-$signal"
done

# A folder that cannot be made.
touch file
run 1 convert file/below --clip_size 128
says_error "file"
finish
