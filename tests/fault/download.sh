#!/bin/bash
# Weights by address as a user meets them: a page in their place, a connection that breaks, a signal in between.
. "$(dirname "$0")/setup.sh"
command -v python3 > /dev/null || { echo "skipped: no python3 for a server"; exit 77; }
unset http_proxy
export TORCH_HOME=$PWD/torch
cache=torch/hub/checkpoints
run 0 train iter_1x plain --no-validate --cfg-options train_cfg.max_iters=1
mkfifo end
python3 "$SOURCE/tests/data/io/http_server.py" plain/iter_1.pth < end > port.txt &
exec 9> end
until [ -s port.txt ]; do sleep 0.05; done
site=http://127.0.0.1:$(cat port.txt)
short="--no-validate --cfg-options train_cfg.max_iters=1"

run 0 train iter_1x good --load-from "$site/good/weights.pth" $short
says_error "load checkpoint from $TORCH_HOME/hub/checkpoints/weights.pth"
kept=$(ls $cache)
check "the file and its address alone: $kept" [ "$(echo $kept)" = "weights.pth weights.pth.url" ]
for way in page pointer unsized-half short; do
    run 1 train iter_1x no --load-from "$site/$way/other.pth" $short
    says_error "$site/$way/other.pth"
    check "$way leaves nothing in the cache" [ "$(ls $cache)" = "$kept" ]
done

for signal in TERM INT; do
    set -m # background jobs hear SIGINT
    start iter_1x no --load-from "$site/trickle/slow.pth" $short
    wait_for $cache/slow.pth.part
    kill "-$signal" $pid
    wait $pid
    code=$?
    check "the exit code after $signal is 1, not $code" [ $code -eq 1 ]
    says_error "$site/trickle/slow.pth: the download was stopped by a signal"
    check "$signal leaves nothing in the cache" [ "$(ls $cache)" = "$kept" ]
done

# A command that watches for no signals by itself.
"$CSEG" test "$configs/iter_1x.py" "$site/silent/slow.pth" --work-dir tested > out.txt 2> err.txt &
pid=$!
wait_for $cache/slow.pth.part
kill -TERM $pid
wait $pid
check "test leaves nothing in the cache" [ "$(ls $cache)" = "$kept" ]
run 0 train iter_1x good --load-from "$site/good/slow.pth" $short
exec 9>&-
finish
