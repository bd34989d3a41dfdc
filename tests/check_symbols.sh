#!/bin/sh
# Checks that the libraries export all public names and no others.
#   tests/check_symbols.sh SOURCE_DIR LIBCSEG.so LIBCSEG.a
source=${1:?usage: tests/check_symbols.sh SOURCE_DIR LIBCSEG.so LIBCSEG.a}
wanted=$(grep -hoE 'CSEG_API [^;]*' "$source"/include/cseg/*.h | grep -oE '\bcseg_[a-z0-9_]+\(' | tr -d '(' | sort -u)
bad=0
for library in "$2" "$3"; do
    case $library in
    *.so*) found=$(nm -D --defined-only "$library") ;;
    *) found=$(nm -g --defined-only "$library" 2>/dev/null) ;;
    esac
    found=$(echo "$found" | awk 'NF == 3 { print $3 }' | grep -vE '^(__asan|__ubsan|__odr_asan|_init$|_fini$)' | sort -u)
    if [ "$found" != "$wanted" ]; then
        echo "$library: wanted (<) and found (>) names differ"
        echo "$wanted" > wanted.names
        echo "$found" | diff wanted.names - | head -40
        rm -f wanted.names
        bad=1
    fi
done
[ -n "$wanted" ] || { echo "no public function was found: nothing was checked"; exit 1; }
exit $bad
