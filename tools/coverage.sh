#!/bin/sh
# Lines of src that the tests of a build reached, by folder and in all.
#   tools/coverage.sh build/coverage
set -eu
build=$(cd "${1:?usage: tools/coverage.sh BUILD}" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
cd "$build"
find . -name '*.gcda' -path '*/src/*' -print0 | xargs -0 gcov -n -r -s "$source" 2>/dev/null | awk '
/^File / { gsub(/\047/, ""); file = $2 }
/^Lines executed:/ && file ~ /^src\// {
    sub(/^Lines executed:/, "")
    split($0, part, "% of ")
    if (part[2] + 0 > lines[file]) lines[file] = part[2] + 0
    if (part[1] * part[2] / 100 > hit[file]) hit[file] = part[1] * part[2] / 100
    file = ""
}
END {
    for (f in lines) {
        split(f, p, "/")
        all[p[2]] += lines[f]; reached[p[2]] += hit[f]
        total += lines[f]; seen += hit[f]
    }
    for (folder in all)
        printf "  src/%-10s %6d lines %5.1f %%\n", folder, all[folder], 100 * reached[folder] / all[folder] | "sort"
    close("sort")
    if (!total) { print "no figures: was the build made with CSEG_COVERAGE?"; exit 1 }
    printf "coverage: %.1f %% of %d lines\n", 100 * seen / total, total
}'
