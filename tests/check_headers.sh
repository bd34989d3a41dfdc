#!/bin/sh
# Checks that each header begins with a comment that says what it is for. In a public header, which another folder
# includes, this comment must also show an example; in others it may. An example is lines of C, indented by four spaces
# more than the text. It is compiled after its header, so it may use the header's declarations and those that the header
# includes; it must use at least one of the header itself.
#   tests/check_headers.sh SOURCE_DIR [CC]
cd "${1:?usage: tests/check_headers.sh SOURCE_DIR [CC]}" || exit 1
cc=${2:-cc}

# Public headers without an example, each with its reason.
export exceptions='src/graph/ops/op_list.h: a list of macro calls; its rows are the example
src/data/convert/converters.h: the same
src/io/torch/convert/weight_sources.h: the same'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# Names that examples may use without declaring them, each with one meaning.
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
GIVEN(ast_block, body)
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
GIVEN(bench, timing)
GIVEN(bench_result, result)
GIVEN(cpu_peak, peak)
GIVEN(window_source, from)
END

# Lists the headers that a file of another folder includes: by a path from the file, else from src or include.
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

# Reads all headers, reports what is missing, and writes each example to a file to compile. #line gives its lines the
# numbers that they have in the header, so that the compiler's messages refer to that.
find src include -name '*.h' | sort > "$work/headers"
xargs awk -v work="$work" '
BEGIN {
    while ((getline line < (work "/public")) > 0)
        public[line] = 1
    n = split(ENVIRON["exceptions"], line_of, "\n")
    for (i = 1; i <= n; i++)
        excepted[substr(line_of[i], 1, index(line_of[i], ":") - 1)] = 1
}
function fault(text) {
    print header ": " text
    bad = 1
}
# Returns whether the header declares one of the names in the example: a function, a macro with arguments, a type, or a
# value of an enum.
function uses_own(  text, word) {
    text = example
    gsub(/#line [^\n]*\n|"[^"]*"/, " ", text)
    while (match(text, /[A-Za-z_][A-Za-z_0-9]+/)) {
        word = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (rest ~ "(^|[^A-Za-z_0-9])(" word "\\(|} " word ";|struct " word "[^A-Za-z_0-9])|\n +" word ",")
            return 1
    }
    return 0
}
function finish(  file) {
    if (header == "")
        return
    if (!begun)
        fault("does not begin with a comment that says what it is for")
    else if ((header in public || lines) && !(header in excepted)) {
        if (lines < 1 || lines > 8 || example !~ /;/)
            fault("its first comment shows " lines " lines of example instead of 1 to 8 (\" *     CODE;\")")
        else {
            if (!uses_own())
                fault("its example uses nothing that the header declares")
            file = work "/" ++examples ".c"
            sub(/^(src|include)\//, "", header)
            printf "#include \"%s\"\n#include \"given.h\"\ncseg_status example(void);\ncseg_status example(void) {\n" \
                "%sreturn CSEG_OK; }\n", header, example > file
            close(file)
        }
    }
}
FNR == 1 {
    finish()
    header = FILENAME
    begun = inside = /^\/\*/
    example = rest = ""
    lines = 0
}
inside && /^ \*     / {
    example = example "#line " FNR " \"" FILENAME "\"\n" substr($0, 8) "\n"
    lines++
}
!inside { rest = rest "\n" $0 }
inside && /\*\// { inside = 0 }
END {
    finish()
    exit bad
}' < "$work/headers" || bad=1

examples=$(find "$work" -name '[0-9]*.c' | sort)
# shellcheck disable=SC2086
if ! $cc -std=gnu17 -D_POSIX_C_SOURCE=200809L -fsyntax-only -Wall -Wextra -Werror -Wno-unused -Wno-uninitialized \
    -Wno-unknown-pragmas -Isrc -Iinclude -I"$work" $examples 2> "$work/errors"; then
    cat "$work/errors"
    bad=1
fi
echo "$(echo "$examples" | grep -c .) examples compiled"
[ $bad -eq 0 ] && [ -n "$examples" ]
