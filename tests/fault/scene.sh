#!/bin/bash
# A scene by windows: killed, stopped, out of disk, out of memory, unreadable. What is finished is kept, the result under
# its name is whole or not there, and one message says what is wrong.
. "$(dirname "$0")/setup.sh"
set -m # background jobs hear SIGINT
scene=$SOURCE/examples/water/scene.tif
run 0 train iter_1x work --cfg-options train_cfg.max_iters=4 default_hooks.checkpoint.interval=4
by_windows=("$CSEG" infer "$configs/iter_1x.py" work/iter_4.pth --threads 1 --mask-only --window 64 --overlap 16
    --confidence)
run 0 "${by_windows[@]}" "$scene" --out whole
check "the mask is there" [ -s whole/scene.tif ]
check "nothing else is left" [ "$(ls whole | tr '\n' ' ')" = "scene.tif scene.tif.aux.xml scene_confidence.tif " ]

# ---- killed and stopped ----
end_at() { # SIGNAL STOPS OPTION...
    signal=$1 pass=$2
    shift 2
    with_stops "${by_windows[@]}" "$scene" --out cut "$@" > out.txt 2> err.txt &
    pid=$!
    while stopped; do
        pass=$((pass - 1))
        [ $pass -ne -1 ] || kill -$signal $pid 2> kill.txt
        kill -CONT $pid 2> kill.txt
    done
    ended
}
same() {
    check "$1: the mask is the same" cmp -s cut/scene.tif whole/scene.tif
    check "$1: the confidence is the same" cmp -s cut/scene_confidence.tif whole/scene_confidence.tif
    check "$1: nothing is left" [ "$(ls cut | tr '\n' ' ')" = "scene.tif scene.tif.aux.xml scene_confidence.tif " ]
}
for n in 1 2 5 12 19 24; do
    rm -rf cut
    end_at KILL $n
    check "killed at $n: it ended so" [ $code -eq 137 ]
    check "killed at $n: no mask" missing cut/scene.tif
    end_at KILL $((n / 2 + 3)) --resume # and once more
    run 0 "${by_windows[@]}" "$scene" --out cut --resume
    same "killed at $n"
done
rm -rf cut
end_at INT 12
check "interrupted: the exit code is not 0" [ $code -ne 0 ]
says_error "--resume"
run 0 "${by_windows[@]}" "$scene" --out cut --resume
says_error "going on after"
same interrupted
run 0 "${by_windows[@]}" "$scene" --out cut --resume
says_error "was finished before"

# The memory that is free differs from run to run: under a limit it goes on all the same, with less of it not.
[ "$SANITIZED" = ON ] || {
    rm -rf cut
    end_at KILL 24 --memory 300M
    run 0 "${by_windows[@]}" "$scene" --out cut --resume --memory 320M
    says_error "going on after"
    same "under a limit"
    rm -rf cut
    end_at KILL 24 --memory 2G
    run 2 "${by_windows[@]}" "$scene" --out cut --resume --memory 300M
    says_error "begun with more --memory"
}

# Without --resume it begins anew; with other options it is refused, and says which.
rm -rf cut
end_at KILL 12
run 0 "${by_windows[@]}" "$scene" --out cut
same "begun anew"
rm -rf cut
end_at KILL 12
run 2 "${by_windows[@]}" "$scene" --out cut --resume --blend cut
says_error "joined: cut"
touch -d '2001-01-01' work/iter_4.pth
run 2 "${by_windows[@]}" "$scene" --out cut --resume
says_error "checkpoint: work/iter_4.pth"
# A damaged point, a missing part.
run 0 "${by_windows[@]}" "$scene" --out cut
rm -rf cut
end_at KILL 24
cp -r cut kept
printf 'x' | dd of=cut/scene.tif.windows/point.bin bs=1 seek=40 conv=notrunc 2> dd.txt
run 1 "${by_windows[@]}" "$scene" --out cut --resume
says_error "point.bin is damaged"
rm -rf cut && mv kept cut
rm -f "$(ls cut/scene.tif.windows/labels-*.tif | head -n 1)"
run 1 "${by_windows[@]}" "$scene" --out cut --resume
says_error "is missing"

# Two at once.
rm -rf cut
with_stops "${by_windows[@]}" "$scene" --out cut > first.txt 2>&1 &
pid=$!
stopped
run 2 "${by_windows[@]}" "$scene" --out cut
says_error "another cseg infer"
kill -KILL $pid
ended
# A folder of somebody's own under this name loses nothing.
rm -rf cut
mkdir -p cut/scene.tif.windows
echo mine > cut/scene.tif.windows/mine.txt
run 0 "${by_windows[@]}" "$scene" --out cut
check "a stranger's file stays" [ "$(cat cut/scene.tif.windows/mine.txt)" = mine ]

# ---- the disk is full, here: no file may be larger ----
rm -rf cut
run 1 bash -c 'ulimit -f 1; exec "$@"' - "${by_windows[@]}" "$scene" --out cut
says_error "cannot write"
check "full: one message" [ "$(grep -c '^cseg: ' err.txt)" = 1 ]
check "full: no mask" missing cut/scene.tif
run 0 "${by_windows[@]}" "$scene" --out cut --resume
same "room again"

# ---- memory ----
run 2 "${by_windows[@]}" "$scene" --out cut --memory 20M
says_error "it takes at least"
run 2 "${by_windows[@]}" "$scene" --out cut --memory lots
says_error "such as 2G"
[ "$SANITIZED" = ON ] || {
    run 0 "${by_windows[@]}" "$scene" --out cut --memory 300M
    same "in 300M"
}

# ---- a scene that ends early ----
head -c 400000 "$scene" > half.tif
run 1 "${by_windows[@]}" half.tif --out cut
says_error "half.tif"
check "half a scene: one message" [ "$(grep -c '^cseg: ' err.txt)" = 1 ]
check "half a scene: no mask" missing cut/half.tif
finish
