/* Text of files in messages: what acts on a terminal is shown, what is read stays. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail /* cmocka has one of its own */

#include "base/error.h"
#include "base/text.h"

static void expect(const char *in, const char *out)
{
    char text[256];
    text_print(text, sizeof text, "<%s>", in);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "<%s>", out);
    assert_string_equal(text, wanted);
}

static void hidden_characters_are_shown(void **state)
{
    (void)state;
    expect("\033]0;title\a", "\\x1b]0;title\\x07");
    expect("a\ncseg: done\r\t", "a\\ncseg: done\\r\\t");
    expect("\177", "\\x7f");
    expect("\302\233"
           "31m",
           "\\u009b31m");                                  /* CSI as one character */
    expect("abc\342\200\256gnp.exe", "abc\\u202egnp.exe"); /* right to left */
    expect("a\357\273\277", "a\\ufeff");
    expect("\342\200\250", "\\u2028");
    expect("\363\240\200\201", "\\U000e0001");
    expect("\233"
           "31m",
           "\\x9b31m"); /* CSI as one byte: no UTF-8 */
    expect("\303", "\\xc3");
    expect("\303(", "\\xc3(");
    expect("\300\257", "\\xc0\\xaf");          /* too long */
    expect("\355\240\200", "\\xed\\xa0\\x80"); /* half of a pair */
    expect("\364\220\200\200", "\\xf4\\x90\\x80\\x80");
}

static void names_of_all_scripts_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"water", "水体", "forêt", "дорога", "طريق",
                                        "🌲",     "a b",  "100%",  "C:\\x",  "नदी\342\200\215"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect(names[i], names[i]);
}

static void formats_are_those_of_printf(void **state)
{
    (void)state;
    char a[512], b[512];
#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        snprintf(b, sizeof b, __VA_ARGS__);                                                                            \
        size_t n = text_print(a, sizeof a, __VA_ARGS__);                                                               \
        assert_string_equal(a, b);                                                                                     \
        assert_int_equal(n, strlen(b));                                                                                \
    } while (0)
    SAME("%d %5d|%-5d|%05d %+d %ld %lld %zu %u %x %#X", -1, 2, 3, 4, 5, -6L, LLONG_MIN, SIZE_MAX, 4000000000u, 255u,
         10u);
    SAME("%g %.4f %8.2f|%-8.1e| %.*g", 1e-5, 2.0 / 3, 1.5, 12345.0, 3, 1.0 / 3);
    SAME("%s|%10s|%-10s|%.2s|%.*s|%*s|%c%%", "abc", "right", "left", "cut", 1, "xyz", 6, "star", 'c');
    SAME("%hd %hhu %td %p", (short)7, (unsigned char)8, (ptrdiff_t)9, (void *)a);
    SAME("%s", "");
}

static void precision_keeps_whole_characters(void **state)
{
    (void)state;
    char text[64];
    text_print(text, sizeof text, "%.4s|%.3s|%.2s|%.9s", "水体", "水体", "水体", "水体");
    assert_string_equal(text, "水|水||水体");
    text_print(text, sizeof text, "%4s|%-4s|", "水", "水");
    assert_string_equal(text, "   水|水   |");
}

static void nothing_is_cut_in_two(void **state)
{
    (void)state;
    char text[64];
    for (size_t n = 1; n < 40; n++) {
        memset(text, 'x', sizeof text);
        size_t used = text_print(text, n, "%s: %s", "水体", "\033\342\200\256");
        assert_true(used < n);
        assert_int_equal(used, strlen(text));
        for (const char *s = text, *end = text + used; s < end;)
            assert_true(text_next(&s, end) != TEXT_NONE);
        const char *last = strrchr(text, '\\');
        assert_true(!last || strcmp(last, "\\x1b") == 0 || strcmp(last, "\\u202e") == 0);
    }
}

static void own_lines_stay(void **state)
{
    (void)state;
    cseg_error err, outer;
    fail(&err, CSEG_CONFIG, "%s:1: no\n    x = %s\n    ^", "a\nb.py", "\033[2J");
    assert_string_equal(err.text, "a\\nb.py:1: no\n    x = \\x1b[2J\n    ^");
    fail(&outer, CSEG_CONFIG, "model: %-s", err.text);
    assert_string_equal(outer.text, "model: a\\nb.py:1: no\n    x = \\x1b[2J\n    ^");
    assert_int_equal(fail_within(&err, "%s: ", "c\nd"), CSEG_CONFIG);
    assert_string_equal(err.text, "c\\nd: a\\nb.py:1: no\n    x = \\x1b[2J\n    ^");
}

static void json_is_json(void **state)
{
    (void)state;
    arena *mem = arena_new();
    strbuf b = {.mem = mem};
    const char *s = "\"\\\n\033\177水\342\200\256\377🌲";
    text_add_json(&b, s, strlen(s), false);
    assert_string_equal(b.text, "\"\\\"\\\\\\n\\u001b\\u007f水\\u202e\\ufffd🌲\"");
    b = (strbuf){.mem = mem};
    text_add_json(&b, s, strlen(s), true);
    assert_string_equal(b.text, "\"\\\"\\\\\\n\\u001b\\u007f\\u6c34\\u202e\\ufffd\\ud83c\\udf32\"");
    b = (strbuf){.mem = mem};
    text_add_json(&b, "a\0b", 3, false);
    assert_string_equal(b.text, "\"a\\u0000b\"");
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_characters_are_shown),
        cmocka_unit_test(names_of_all_scripts_stay),
        cmocka_unit_test(formats_are_those_of_printf),
        cmocka_unit_test(precision_keeps_whole_characters),
        cmocka_unit_test(nothing_is_cut_in_two),
        cmocka_unit_test(own_lines_stay),
        cmocka_unit_test(json_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
