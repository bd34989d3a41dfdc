#!/bin/sh
# Checks that includes point one way: each part may use itself, the public headers, and the parts named here. Also checks
# that no two source files have the same name.
#   tests/check_includes.sh SOURCE_DIR
cd "${1:?usage: tests/check_includes.sh SOURCE_DIR}" || exit 1
rules='base:
config: base
io: base
graph: base
backend: base graph
model: base config graph
data: base config io
geo: base io
draw: base io geo
engine: base config io graph backend model data geo
api: base config io graph backend model data geo engine
cli: base config io graph backend model data geo draw engine'
bad=0
seen=0
for folder in src/*/; do
    part=$(basename "$folder")
    allowed=$(echo "$rules" | sed -n "s/^$part://p")
    if ! echo "$rules" | grep -q "^$part:"; then
        echo "$folder: no rule says what it may include (tests/check_includes.sh)"
        bad=1
        continue
    fi
    for used in $(grep -rhoE '^#include "[a-z]+/' "$folder" --include='*.[ch]' | sed 's/.*"//; s|/||' | sort -u); do
        seen=$((seen + 1))
        case " $allowed $part cseg " in
        *" $used "*) ;;
        *)
            echo "src/$part must not include $used/:"
            grep -rnE "^#include \"$used/" "$folder" --include='*.[ch]'
            bad=1
            ;;
        esac
    done
done
twice=$(find src -name '*.[ch]' | sed 's|.*/||' | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "names of files that are used more than once:"
    for name in $twice; do find src -name "$name"; done
    bad=1
fi
[ $seen -gt 0 ] || { echo "no include was found: nothing was checked"; exit 1; }
exit $bad
