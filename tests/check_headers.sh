#!/bin/sh
# Each header begins with a comment that says what it is for. A public one, which another folder includes, also shows an
# example of its use there: lines of C indented by four spaces more than the text. Each example is compiled behind its
# own header, so it names what is declared there or in what the header includes; and it must use something of the header
# itself.
#   tests/check_headers.sh SOURCE_DIR [CC]
cd "${1:?usage: tests/check_headers.sh SOURCE_DIR [CC]}" || exit 1
cc=${2:-cc}

# Public headers without an example, each with its reason.
exceptions='src/graph/ops/op_list.h: a list of macro calls; its rows are the example'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# What examples may use without declaring it, one meaning each.
cat > "$work/given.h" << 'END'
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/error.h"
extern arena *mem;
extern cseg_error *err;
extern const char *path, *text; /* a file's path; the text of one */
extern const void *data;        /* n bytes */
extern int64_t n, h, w;
extern float *v; /* n numbers */
#define GIVEN(type, name)                                                                                              \
    typedef struct type type;                                                                                          \
    extern type *name;
GIVEN(value, cfg)
GIVEN(value, bases)
GIVEN(source, src)
GIVEN(block, body)
GIVEN(eval, ev)
GIVEN(image, img)
GIVEN(sample, s)
GIVEN(pipeline, steps)
GIVEN(preprocessor, pre)
GIVEN(dataset, ds)
GIVEN(loader, l)
GIVEN(graph, g)
GIVEN(tensor, x)
GIVEN(backend, b)
GIVEN(plan, p)
GIVEN(module, parent)
GIVEN(model, m)
GIVEN(experiment, e)
GIVEN(predictor, pred)
GIVEN(optimizer, opt)
GIVEN(pth, file)
GIVEN(window_source, from)
END

# The headers that a file of another folder includes: by a name beside the file, else below src or include.
find src include -name '*.[ch]' > "$work/files"
{
    find include -name '*.h'
    xargs grep -H '^#include "' < "$work/files" | awk -F'"' '
    BEGIN { while ((getline file < ARGV[1]) > 0) known[file] = 1; ARGV[1] = "-" }
    {
        user = $1
        sub(/:#include $/, "", user)
        sub(/\/[^\/]*$/, "", user)
        header = (user "/" $2) in known ? user "/" $2 : ("src/" $2) in known ? "src/" $2 : "include/" $2
        folder = header
        sub(/\/[^\/]*$/, "", folder)
        if (folder != user && header in known && header !~ /_internal\.h$/)
            print header
    }' "$work/files"
} | sort -u > "$work/public"

for header in $(find src include -name '*.h' | sort); do
    awk '/^\/\*/ && NR == 1 { inside = 1 } inside { print } !inside || /\*\// { exit }' "$header" > "$work/about"
    if [ ! -s "$work/about" ]; then
        echo "$header: does not begin with a comment that says what it is for"
        bad=1
        continue
    fi
    grep -qxF "$header" "$work/public" || continue
    echo "$exceptions" | grep -q "^$header: " && continue
    # Each line of the example at its own line of the header, so that the compiler's messages lead there.
    awk -v path="$header" '/^ \*     / { print "#line " NR " \"" path "\""; print substr($0, 8) }' "$work/about" > "$work/example"
    lines=$(grep -vc '^#line' "$work/example")
    if [ "$lines" -lt 1 ] || [ "$lines" -gt 8 ] || ! grep -q ';' "$work/example"; then
        echo "$header: its first comment shows $lines lines of example instead of 1 to 8 (\" *     CODE;\")"
        bad=1
        continue
    fi
    awk 'over { print } /\*\// { over = 1 }' "$header" > "$work/rest"
    own=0
    for word in $(grep -v '^#line' "$work/example" | sed 's/"[^"]*"//g' | grep -oE '[A-Za-z_][A-Za-z_0-9]+' | sort -u); do
        # A function or macro with arguments, a type, a value of an enum.
        grep -qE "(^|[^A-Za-z_0-9])($word\(|} $word;|struct $word([^A-Za-z_0-9]|\$))|^ +$word," "$work/rest" && own=$((own + 1))
    done
    if [ $own -eq 0 ]; then
        echo "$header: its example uses nothing that the header declares"
        bad=1
    fi
    {
        echo "#include \"${header#*/}\""
        echo '#include "given.h"'
        echo 'cseg_status example(void);'
        echo 'cseg_status example(void) {'
        cat "$work/example"
        echo 'return CSEG_OK; }'
    } > "$work/example.c"
    if ! $cc -std=gnu17 -D_POSIX_C_SOURCE=200809L -fsyntax-only -Wall -Wextra -Werror -Wno-unused -Wno-uninitialized \
        -Wno-unknown-pragmas -Isrc -Iinclude -I"$work" "$work/example.c" 2> "$work/errors"; then
        echo "$header: its example does not compile:"
        cat "$work/errors"
        bad=1
    fi
    checked=$((checked + 1))
done
echo "$((checked)) examples compiled"
[ $bad -eq 0 ] && [ "${checked:-0}" -gt 0 ]
