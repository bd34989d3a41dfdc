#!/bin/sh
# Runs all tests of a build folder and closes with the line "N passed, N failed, N skipped".
#   tools/run_tests.sh build [JOBS]
build=${1:?usage: tools/run_tests.sh BUILD [JOBS]}
log=$build/tests.log
{ ctest --test-dir "$build" --output-on-failure --parallel "${2:-2}" 2>&1; echo $? > "$build/tests.status"; } | tee "$log"
awk '
/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    if ($0 ~ / Passed +[0-9.]+ sec/) passed++
    else if ($0 ~ /\*\*\*Skipped|\*\*\*Not Run \(Disabled\)/) skipped++
    else failed++
}
END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' "$log"
counted=$?
[ "$(cat "$build/tests.status")" -eq 0 ] && [ $counted -eq 0 ]
