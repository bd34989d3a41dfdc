/* What the comparisons of cseg parity's answers share. */
#ifndef PARITY_TEST_H
#define PARITY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/config.h"
#include "engine/verify/parity.h"
#include "graph/passes/passes.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

typedef cseg_status parity_line(const char *path, const parity_options *o, FILE *out, cseg_error *err);

/* JSON of numbers, strings, lists and dicts is text of a config too. */
static inline value *parse(const char *text, const char *name, arena *mem)
{
    cseg_error err;
    value *v = NULL;
    if (config_parse_literal(text, name, mem, &v, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return v;
}

static inline value *answer(parity_line *line, const char *path, const parity_options *o, arena *mem)
{
    cseg_error err;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    if (line(path, o, out, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fclose(out), 0);
    value *v = parse(text, path, mem);
    free(text);
    const char *error = value_text(value_get(v, "error"));
    if (error)
        fail_msg("%s", error);
    return v;
}

/* how: what the answer is to be given for; its backend is set here. */
static inline value *answer_as(parity_options how, bool bf16, parity_line *line, const char *name, arena *mem)
{
    char path[512];
    snprintf(path, sizeof path, "%s/engine/parity/%s.py", TEST_DATA, name);
    how.backend = backend_cpu_new(&(cpu_options){.threads = 2, .bf16 = bf16});
    assert_non_null(how.backend);
    value *v = answer(line, path, &how, mem);
    backend_free(how.backend);
    return v;
}

static inline value *answer_in(bool bf16, parity_line *line, const char *name, unsigned passes, arena *mem)
{
    return answer_as((parity_options){.passes = passes}, bf16, line, name, mem);
}

static inline value *answer_of(parity_line *line, const char *name, unsigned passes, arena *mem)
{
    return answer_in(false, line, name, passes, mem);
}

#endif
