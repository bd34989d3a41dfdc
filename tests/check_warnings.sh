#!/bin/sh
# Checks that docs/warnings.md has a row for every warning that the program can give, and no others: the longest fixed
# part of each format must be in exactly one row.
#   tests/check_warnings.sh SOURCE_DIR
cd "${1:?usage: tests/check_warnings.sh SOURCE_DIR}" || exit 1
page=docs/warnings.md
formats=$(mktemp)
trap 'rm -f "$formats"' EXIT
find src -name '*.c' ! -path 'src/base/log.c' | sort | while read -r file; do
    awk -v file="$file" '
    { text = text $0 "\n" }
    END {
        while (match(text, /(log_say\(LOG_WARNING,|log_warn_once\(|input_say\([ \n]*w, [a-z]+,)[ \n]*"/)) {
            text = substr(text, RSTART + RLENGTH)
            format = ""
            for (;;) { # string literals that stand side by side
                while (match(text, /^([^"\\\n]|\\.)+/)) {
                    format = format substr(text, 1, RLENGTH)
                    text = substr(text, RLENGTH + 1)
                }
                text = substr(text, 2)
                if (!match(text, /^[ \n]*"/))
                    break
                text = substr(text, RLENGTH + 1)
            }
            n = split(format, piece, /%[-+ #0-9.*]*[hlz]*[a-zA-Z%]/)
            best = ""
            for (i = 1; i <= n; i++)
                if (length(piece[i]) > length(best))
                    best = piece[i]
            gsub(/^[ :;,]+|[ :;,]+$/, "", best)
            print file "\t" best
        }
    }' "$file"
done > "$formats"
bad=0
while IFS='	' read -r file text; do
    rows=$(grep -cF -- "$text" "$page")
    if [ "$rows" -ne 1 ]; then
        echo "$file: the warning '...$text...' stands in $rows rows of $page instead of one"
        bad=1
    fi
done < "$formats"
texts=$(cut -f 2 "$formats" | sort -u | wc -l)
rows=$(grep -c '^| `' "$page")
if [ "$texts" -ne "$rows" ]; then
    echo "$page has $rows rows, the sources give $texts different warnings"
    bad=1
fi
echo "$texts warnings compared with $page"
[ $bad -eq 0 ] && [ "$texts" -gt 0 ]
