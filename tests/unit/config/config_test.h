/* What the tests of the config language share: evaluating texts, folders of config files. */
#ifndef CONFIG_TEST_H
#define CONFIG_TEST_H

/* Before cmocka, which has a macro fail(). */
#include "base/file.h"
#include "base/str.h"
#include "config/config.h"
#include "config/value_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Every test gets an arena. */
static inline int open_arena(void **state)
{
    *state = arena_new();
    return *state ? 0 : -1;
}

static inline int close_arena(void **state)
{
    arena_free(*state);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_arena, close_arena)

static inline const char *repr_of(arena *mem, const value *v)
{
    strbuf out = {.mem = mem};
    long budget = 1000000;
    assert_non_null(v);
    value_repr(&out, v, &budget);
    assert_false(out.failed);
    return out.text;
}

static inline value *evaluate(arena *mem, const char *text)
{
    cseg_error err = {0};
    value *cfg = NULL;
    if (config_parse_text(text, "test.py", mem, &cfg, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return cfg;
}

/* The whole config that `text` gives is `want`, as Python would write it. */
static inline void assert_config(arena *mem, const char *text, const char *want)
{
    assert_string_equal(repr_of(mem, evaluate(mem, text)), want);
}

/* The expression's value, as Python's repr() writes it. */
static inline void assert_value(arena *mem, const char *expression, const char *want)
{
    value *cfg = evaluate(mem, arena_printf(mem, "x = %s\n", expression));
    const char *got = repr_of(mem, value_get(cfg, "x"));
    if (strcmp(got, want) != 0)
        fail_msg("%s is %s instead of %s", expression, got, want);
}

static inline void assert_fails(arena *mem, const char *text, cseg_status code, const char *message)
{
    cseg_error err = {0};
    value *cfg = NULL;
    cseg_status status = config_parse_text(text, "test.py", mem, &cfg, &err);
    if (status == CSEG_OK)
        fail_msg("%s gives %s instead of '%s'", text, repr_of(mem, cfg), message);
    if (!strstr(err.text, message))
        fail_msg("%s gives '%s' instead of '%s'", text, err.text, message);
    assert_int_equal(status, code);
    assert_int_equal(err.code, code);
}

/* A folder of its own, with files; removed by the end of the test. */
static inline void remove_folder(void *path)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)path);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", (char *)path);
}

static inline char *new_folder(arena *mem)
{
    char *path = arena_strdup(mem, "/tmp/cseg-config-XXXXXX");
    assert_non_null(mkdtemp(path));
    assert_true(arena_defer(mem, remove_folder, path));
    return path;
}

static inline char *write_file(arena *mem, const char *folder, const char *name, const char *text)
{
    cseg_error err;
    char *path = path_join(mem, folder, name);
    assert_int_equal(dir_create(path_dir(mem, path), &err), CSEG_OK);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline value *load(arena *mem, const char *path)
{
    cseg_error err = {0};
    value *cfg = NULL;
    if (config_load(path, mem, &cfg, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return cfg;
}

static inline void assert_load_fails(arena *mem, const char *path, const char *message)
{
    cseg_error err = {0};
    value *cfg = NULL;
    assert_int_not_equal(config_load(path, mem, &cfg, &err), CSEG_OK);
    if (!strstr(err.text, message))
        fail_msg("'%s' instead of '%s'", err.text, message);
}

#endif
