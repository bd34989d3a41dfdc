#!/bin/sh
# Checks that only the files named here know of the two dialects of configs. All others read facts
# (engine/dialect/profile.h, data/rules.h): they neither ask which dialect a config is in nor compare rows of facts.
#   tests/check_dialect.sh SOURCE_DIR
cd "${1:?usage: tests/check_dialect.sh SOURCE_DIR}" || exit 1
may_know='^src/(engine/dialect/.*|config/config\.h|config/load/value_origin\.c|data/rules\.[ch]|data/datasets/keys\.c)$'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Prints lines of code, without comments and strings, that name a dialect.
cat > "$scratch/scan.awk" << 'END'
FNR == 1 { inside = 0 }
{
    left = $0
    code = ""
    while (left != "") {
        if (inside) {
            at = index(left, "*/")
            left = at ? substr(left, at + 2) : ""
            inside = !at
        } else if (match(left, /^"([^"\\]|\\.)*"/) || match(left, /^'([^'\\]|\\.)*'/)) {
            left = substr(left, RLENGTH + 1)
        } else if (substr(left, 1, 2) == "/*") {
            inside = 1
            left = substr(left, 3)
        } else if (substr(left, 1, 2) == "//") {
            left = ""
        } else {
            code = code substr(left, 1, 1)
            left = substr(left, 2)
        }
    }
    code = " " code " "
    if (code ~ /[^A-Za-z0-9_](config_|dataset_)?dialect(s|_[a-z0-9_]+)?[^A-Za-z0-9_]/ || \
        code ~ /[^A-Za-z0-9_](DIALECT|DATASET)_[01]X/ || code ~ /(^|[^A-Za-z0-9])(one|zero)_x[^A-Za-z0-9]/ || \
        code ~ /_[01]x[^A-Za-z0-9]/ || code ~ /[!=]= *&?(data_rules|group_rules|log_format|schedule_read|profile)_/ || \
        code ~ /&(data_rules|group_rules|log_format)_[a-z0-9_]+ *[!=]=/)
        print FILENAME ":" FNR ": " $0
}
END
scan() {
    awk -f "$scratch/scan.awk" "$@"
}

# Tests the scan: it must find each line of the first file, and none of the second.
cat > "$scratch/found.c" << 'END'
    if (e->dialect == NULL)
    bool old = config_dialect_of(cfg) == 0;
    switch (DIALECT_1X) {
    options.dialect = DATASET_0X;
    static void read(bool one_x)
    p->zero_x = true; /* or not */
    return metrics_0x(m);
    if (e->profile->data == &data_rules_old)
    if (&log_format_mmcv != l->format)
END
cat > "$scratch/passed.c" << 'END'
#include "engine/dialect/experiment.h"
#ifndef ENGINE_DIALECT_PROFILE_H
/* of the 0.x dialect: one_x, DIALECT_0X,
 * e->dialect */
    fail("this dialect, \"one_x\" e->dialect");
    if (e->profile->validates_last && size_1xn > 0)
    .log = &log_format_mmcv,
    int c = '"'; /* dialect */ int zero_xs = 0x10;
END
found=$(scan "$scratch/found.c" | wc -l)
passed=$(scan "$scratch/passed.c" | wc -l)
if [ "$found" -ne "$(wc -l < "$scratch/found.c")" ] || [ "$passed" -ne 0 ]; then
    echo "the scan finds $found of its own lines, and $passed where there are none"
    scan "$scratch/found.c" "$scratch/passed.c"
    exit 1
fi

find src -name '*.[ch]' | sort > "$scratch/all"
grep -Ev "$may_know" "$scratch/all" > "$scratch/others"
[ -s "$scratch/others" ] && [ "$(wc -l < "$scratch/others")" -lt "$(wc -l < "$scratch/all")" ] ||
    { echo "no file was looked at"; exit 1; }
xargs awk -f "$scratch/scan.awk" < "$scratch/others" > "$scratch/bad"
grep -E '_[01]x\.[ch]$' "$scratch/others" | sed 's/$/: a file of one dialect/' >> "$scratch/bad"
echo "$(wc -l < "$scratch/others") files looked at, $(grep -cE "$may_know" "$scratch/all") may know the dialect"
[ -s "$scratch/bad" ] || exit 0
echo "which dialect a config is in is known here; let the dialect write a fact, named by what it means:"
cat "$scratch/bad"
exit 1
