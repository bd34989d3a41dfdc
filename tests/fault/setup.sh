# What the fault tests share: . "$(dirname "$0")/setup.sh". $TOOL is fault_tool; see tests/cli/lib.sh for the rest.
: "${TOOL:?fault_tool}"
. "$SOURCE/tests/cli/lib.sh"
configs=$SOURCE/tests/fault/configs

# Training on one thread: a busy machine then slows it down least.
train() { # CONFIG WORK_DIR OPTION...
    config=$1
    dir=$2
    shift 2
    "$CSEG" train "$configs/$config.py" --work-dir "$dir" --threads 1 "$@"
}
# The same beside the test: $pid is the program's, its output in out.txt and err.txt.
start() { # CONFIG WORK_DIR OPTION...
    config=$1
    dir=$2
    shift 2
    "$CSEG" train "$configs/$config.py" --work-dir "$dir" --threads 1 "$@" > out.txt 2> err.txt &
    pid=$!
}
# $STOP stops the program in the middle of every write of a result, and before its rename. Under `set -m`, beside the test:
#   with_stops COMMAND... & pid=$!; while stopped; do ...; kill -CONT $pid; done; ended
with_stops() {
    export LD_PRELOAD=$STOP ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
    exec "$@"
}
stopped() { # waits until $pid has stopped (true) or ended
    while state=$(sed 's/.*) //' /proc/$pid/stat 2> stat.txt) && [ "${state%% *}" != Z ]; do
        [ "${state%% *}" != T ] || return 0
        sleep 0.01
    done
    return 1
}
ended() { # $code is the exit code of $pid; bash may still take it for stopped
    while wait -f $pid; code=$?; [ $code -eq $((128 + $(kill -l STOP))) ]; do sleep 0.01; done
}
newest() { # WORK_DIR: the checkpoint that --resume takes
    if [ -e "$1/last_checkpoint" ]; then cat "$1/last_checkpoint"; else echo "$1/latest.pth"; fi
}
no_temporaries() { # WORK_DIR [DEPTH]
    left=$(find "$1" -maxdepth "${2:-9}" -type f ! -name '*.pth' ! -name '*.log' ! -name '*.json' ! -name last_checkpoint ! -name '*.py' \
        ! -name label_scan.cache ! -name .cseg.lock)
    [ -z "$left" ] || echo "left: $left"
    [ -z "$left" ]
}
wait_for() { # FILE, for half a minute
    tries=0
    until [ -e "$1" ] || [ $tries -ge 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    check "$1 comes into being" [ -e "$1" ]
}
"$TOOL" shapes data/train 6 || complain "no data"
"$TOOL" shapes data/val 2 || complain "no data"
