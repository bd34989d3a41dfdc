#!/bin/sh
# Runs all tests of a build folder and closes with the line "N passed, N failed, N skipped", which counts single tests: a
# program of many counts as many. Those that failed or were skipped are named before.
#   tools/run_tests.sh build [JOBS] [PATTERN]
# CSEG_REQUIRE=all makes a skipped test a failure, but for those that CSEG_MAY_SKIP names ("fault/torch ...").
build=${1:?usage: tools/run_tests.sh BUILD [JOBS] [PATTERN]}
# Tests that run side by side have more threads than there are cores: one that spins at a barrier holds up the other's.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}"
ctest --test-dir "$build" --output-on-failure --parallel "${2:-2}" -R "${3:-.}" 2>&1 | tee "$build/tests.log"
# How each program ended is in ctest's own output; what it said, if it was good too, in LastTest.log.
awk -v require="${CSEG_REQUIRE:-}" -v may_skip=" ${CSEG_MAY_SKIP:-} " '
function missed(program) { if (require == "all" && !index(may_skip, " " program " ")) { required++; return " (required)" } }
function name_of(line) { sub(/.*\] /, "", line); sub(/ .*/, "", line); return line }
FNR == NR {
    if ($0 ~ /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
        program = $0
        sub(/^[^:]*: /, "", program)
        sub(/ .*/, "", program)
        ended[program] = $0 ~ / Passed +[0-9.]+ sec/ ? "good" : $0 ~ /\*\*\*Skipped/ ? "skipped" : "bad"
    }
    next
}
/^[0-9]+\/[0-9]+ Testing: / { program = $3 }
/\[       OK \] / { ok[program]++ }
/\[  FAILED  \] / && !/test\(s\)/ { bad[program "\t" name_of($0)] = 1 }
/\[  SKIPPED \] / && !/test\(s\)/ { skip[program "\t" name_of($0)] = 1 }
END {
    print ""
    for (key in skip) { split(key, k, "\t"); told[k[1]] = 1; skipped++; print "  skipped: " k[1] ": " k[2] missed(k[1]) }
    for (key in bad) { split(key, k, "\t"); told_bad[k[1]] = 1; failed++; print "  failed: " k[1] ": " k[2] }
    for (program in ended) {
        if (program in ok) passed += ok[program]
        else if (ended[program] == "good" && !(program in told)) passed++
        if (ended[program] == "skipped" && !(program in told)) { skipped++; print "  skipped: " program missed(program) }
        if (ended[program] == "bad" && !(program in told_bad)) { failed++; print "  failed: " program }
    }
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0 || required > 0
}' "$build/tests.log" "$build/Testing/Temporary/LastTest.log"
