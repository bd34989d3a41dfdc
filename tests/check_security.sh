#!/bin/sh
# Checks that every promise in SECURITY.md names tests, and that ctest has each of them.
#   tests/check_security.sh SOURCE_DIR BUILD_DIR
source=${1:?usage: tests/check_security.sh SOURCE_DIR BUILD_DIR}
page=$source/SECURITY.md
bad=0
build=${2:?usage: tests/check_security.sh SOURCE_DIR BUILD_DIR}
# Does not use `ctest -N`, which would begin a new log in place of that of the present run.
known=$(find "$build" -name CTestTestfile.cmake -exec sed -n 's/^add_test(\[*=*\[*"*\([a-z_0-9/]*\).*/\1/p' {} +)
named=$(sed -n 's/^|.*| \(`.*`\) |$/\1/p' "$page" | tr -d '`' | tr ' ' '\n' | sort -u)
for name in $named; do
    if ! echo "$known" | grep -qxF -- "$name"; then
        echo "SECURITY.md names the test '$name', which does not exist"
        bad=1
    fi
done
# Finds a row of promises without a test; skips the heads of tables and the lines below them.
awk -F'|' '/^\|/ && $2 !~ /^ (promise|---) $/ && $(NF - 1) !~ /^ (`[a-z]+\/[a-z_0-9]+` ?)+$/ {
    print "SECURITY.md:" NR ": a promise without a test:" $2
    found = 1
}
END { exit found }' "$page" || bad=1
count=$(echo "$named" | grep -c .)
echo "$count tests of SECURITY.md looked for"
[ $bad -eq 0 ] && [ "$count" -gt 0 ]
