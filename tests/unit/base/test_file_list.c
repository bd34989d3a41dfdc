/* Folders with links: what is listed, and what is told of because it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static strbuf warned;

static void keep(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        strbuf_addf(&warned, "%s\n", text);
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    warned = (strbuf){.mem = mem};
    log_set_sink(keep, NULL);
    return mem && system("rm -rf listed") == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return system("rm -rf listed");
}

static void make(const char *path)
{
    assert_int_equal(dir_create(path_dir(mem, path), &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(path, "", 0, mem, &err), CSEG_OK);
}

static const char *list(const char *suffix, bool recursive)
{
    char **names;
    size_t n;
    strbuf text = {.mem = mem};
    strbuf_add(&text, "");
    if (dir_list("listed", suffix, recursive, mem, &names, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", names[i]);
    return text.text ? text.text : "";
}

static void links_are_followed(void **state)
{
    (void)state;
    make("listed/b.png");
    make("listed/in/a.png");
    make("listed/in/c.txt");
    make("listed/.hidden.png");
    assert_int_equal(symlink("in", "listed/too"), 0);
    assert_int_equal(symlink("../b.png", "listed/in/d.png"), 0);
    assert_string_equal(list(".png", true), "b.png in/a.png in/d.png too/a.png too/d.png");
    assert_string_equal(list(".png", false), "b.png");
    assert_null(warned.text);
}

static void loops_are_not(void **state)
{
    (void)state;
    make("listed/in/a.png");
    assert_int_equal(symlink(".", "listed/self"), 0);
    assert_int_equal(symlink("..", "listed/in/up"), 0);
    assert_string_equal(list(NULL, true), "in/a.png");
    assert_non_null(warned.text);
    assert_non_null(strstr(warned.text, "leads back to a folder that it lies in"));
}

static void links_that_lead_nowhere_are_told_of(void **state)
{
    (void)state;
    make("listed/a.png");
    assert_int_equal(symlink("gone.png", "listed/b.png"), 0);
    assert_int_equal(symlink("gone.png", "listed/c.png"), 0);
    assert_int_equal(symlink("gone.txt", "listed/d.txt"), 0);
    assert_int_equal(symlink("round.png", "listed/round.png"), 0);
    assert_string_equal(list(".png", true), "a.png");
    assert_non_null(strstr(warned.text, ".png: is a link that leads nowhere and is left out (there are 3 such links)"));
}

static void folders_too_deep_are_told_of(void **state)
{
    (void)state;
    strbuf path = {.mem = mem};
    strbuf_add(&path, "listed");
    for (int i = 0; i < 40; i++) {
        make(arena_printf(mem, "%s/a.png", path.text));
        strbuf_add(&path, "/x");
    }
    const char *names = list(".png", true);
    int n = 0;
    for (const char *at = names; (at = strstr(at, "a.png")); at++)
        n++;
    assert_int_equal(n, 33);
    assert_non_null(strstr(warned.text, "lies more than 32 folders deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_are_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(loops_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_that_lead_nowhere_are_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_too_deep_are_told_of, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
