#!/bin/sh
# Checks that docs/fields-without-effect.md has a row for each key that the sources accept without effect (FIELD_IGNORED,
# FIELD_FIXED, FIELD_WARNED, FIELD_LOCAL), with the same reason, and no other rows.
#   tests/check_fields.sh SOURCE_DIR [write]: compares; with `write`, writes the rows into the page
cd "${1:?usage: tests/check_fields.sh SOURCE_DIR [write]}" || exit 1
page=docs/fields-without-effect.md
rows=$(mktemp)
told=$(mktemp)
trap 'rm -f "$rows" "$told"' EXIT
find src -name '*.[ch]' ! -path 'src/config/fields.h' | sort | while read -r file; do
    awk -v file="$(basename "$file" | sed 's/\..*//')" '
    function part() { # the next string literals that stand side by side, unescaped
        out = ""
        while (match(text, /^[ \n\\]*"([^"\\]|\\.)*"/)) {
            one = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            sub(/^[ \n\\]*"/, "", one)
            sub(/"$/, "", one)
            out = out one
        }
        sub(/^[ \n\\]*,/, "", text)
        return out
    }
    { text = text $0 "\n" }
    END {
        while (match(text, /FIELD_(IGNORED|FIXED|WARNED|LOCAL)\(|static const field [a-z_0-9]+|#define [A-Z_0-9]+/)) {
            if (substr(text, RSTART, 6) != "FIELD_") { # the table that the next ones are in
                table = substr(text, RSTART, RLENGTH)
                text = substr(text, RSTART + RLENGTH)
                sub(/^.* /, "", table)
                table = table ~ /^[A-Z]/ ? "" : table
                sub(/_fields$/, "", table)
                continue
            }
            kind = substr(text, RSTART + 6, RLENGTH - 7)
            text = substr(text, RSTART + RLENGTH)
            match(text, /^[A-Za-z_0-9]+/)
            name = substr(text, 1, RLENGTH)
            text = substr(text, RLENGTH + 1)
            sub(/^[ \n\\]*,/, "", text)
            values = kind == "FIXED" || kind == "WARNED" ? part() : ""
            about = part()
            if (name == "_")
                continue # a table may not be empty
            gsub(/\|/, "` or `", values)
            what = kind == "IGNORED" ? "any value" : kind == "LOCAL" ? "the disk; others are refused" : \
                (values == "" ? "none" : "`" values "`") "; others " (kind == "FIXED" ? "are refused" : "get a warning")
            print "| `" name "` | " file (table == "" || table == file ? "" : ": " table) " | " what " | " about " |"
        }
    }' "$file"
done | LC_ALL=C sort -u > "$rows"
if [ "${2:-}" = write ]; then
    { sed '/^| --- | --- | --- | --- |$/q' "$page" && cat "$rows"; } > "$told" && cat "$told" > "$page"
    exit
fi
sed '1,/^| --- | --- | --- | --- |$/d' "$page" > "$told"
echo "$(wc -l < "$rows") keys compared with $page"
if ! diff "$told" "$rows" > /dev/null; then
    diff "$told" "$rows" | sed -n 's/^</the page has, the sources have not:/p; s/^>/the sources have, the page has not:/p'
    echo "tests/check_fields.sh . write renews it"
    exit 1
fi
[ -s "$rows" ]
