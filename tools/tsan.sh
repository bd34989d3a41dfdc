#!/bin/sh
# The loader's tests and short runs of the program under the thread sanitizer. OpenMP's runtime is no instrumented code,
# so on one processor: its teams have one thread then, and what remains are the threads of ours (loader, saving, log).
#   tools/tsan.sh build/tsan
set -u
build=${1:?usage: tools/tsan.sh BUILD}
supp=$(cd "$(dirname "$0")" && pwd)/tsan.supp
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:exitcode=66:suppressions=$supp
one=
command -v taskset > /dev/null && one='taskset -c 0'
$one ctest --test-dir "$build" --output-on-failure -R '^(base/|data/test_loader|data/test_scan|io/test_raster|cli/workflow$|fault/resume$)'
