# What the command-line tests share: . "$(dirname "$0")/lib.sh"
# $CSEG is the program, $SOURCE the project's folder. Each test runs in an empty folder that is removed at its end.
set -u
: "${CSEG:?the program}" "${SOURCE:?the source folder}"
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 1
failures=0
checks=0

complain() {
    echo "FAILED: $*" | head -c 1000
    echo
    failures=$((failures + 1))
}

# The end of what the last run said.
show() {
    tail -n 8 "$here/out.txt" "$here/err.txt"
}

# run CODE COMMAND...: stdout in out.txt, stderr in err.txt; the exit code must be CODE.
run() {
    wanted=$1
    shift
    "$@" > "$here/out.txt" 2> "$here/err.txt"
    code=$?
    checks=$((checks + 1))
    if [ $code -ne "$wanted" ]; then
        complain "exit code $code instead of $wanted: $*"
        show
    fi
}

# says TEXT: the last run's output has it. says_error: its error output.
says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$here/out.txt" || { complain "no '$1' in the output:"; show; }
}
says_error() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$here/err.txt" || { complain "no '$1' among the errors:"; show; }
}
check() { # WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    "$@" || complain "$what: $*"
}
missing() { [ ! -e "$1" ]; }

finish() {
    echo "$checks checks, $failures failed"
    [ $failures -eq 0 ] && [ $checks -gt 0 ]
    exit $?
}

# Tiles of the bundled scene in tiles/, images and labels.
make_tiles() {
    "$CSEG" tile "$SOURCE/examples/water/scene.tif" "$SOURCE/examples/water/mask.tif" --out tiles --size 64 \
        --stride 64 --hold-out bottom:0.2 --min-labelled 0.9 > tiles.txt || complain "no tiles"
    # A handful is enough.
    for part in train val; do
        for file in $(ls tiles/images/$part | awk 'NR % 9 != 1'); do
            rm -f "tiles/images/$part/$file" "tiles/labels/$part/$file"
        done
    done
}
