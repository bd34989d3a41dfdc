#include "config/syntax/lexer.h"
#include "config_test.h"

/* Kinds of the tokens as letters: Name, Keyword, nUmber, String, Op, newLine, In, Dedent, End. */
static const char *kinds(arena *mem, const char *text)
{
    static const char letters[] = {'E', 'L', 'I', 'D', 'N', 'K', 'U', 'S', 'O'};
    source s;
    token_list tokens = {0};
    cseg_error err = {0};
    strbuf out = {.mem = mem};
    if (source_open(&s, "t", text, strlen(text), mem, &err) != CSEG_OK ||
        lexer_run(&s, 0, s.n, false, mem, &tokens, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < tokens.n; i++)
        strbuf_addn(&out, &letters[tokens.at[i].kind], 1);
    return out.text;
}

static void tokens_have_kinds(void **state)
{
    assert_string_equal(kinds(*state, "a = 1"), "NOULE");
    assert_string_equal(kinds(*state, ""), "E");
    assert_string_equal(kinds(*state, "# only a comment"), "E");
    assert_string_equal(kinds(*state, "a **= .5e-3 // 0x1F"), "NOUOULE");
    assert_string_equal(kinds(*state, "if x:\n  a\n  b\nc"), "KNOLINLNLDNLE");
    assert_string_equal(kinds(*state, "if x:\n\ta\n\n   # note\n\tb"), "KNOLINLNLDE");
}

static void lines_join(void **state)
{
    assert_string_equal(kinds(*state, "a = (1,\n  # c\n  2)\nb"), "NOOUOUOLNLE");
    assert_string_equal(kinds(*state, "a = 1 + \\\n  2"), "NOUOULE");
    assert_string_equal(kinds(*state, "a = [\n\n]\n"), "NOOOLE");
}

static void strings_have_prefixes(void **state)
{
    assert_string_equal(kinds(*state, "'a' \"b\" r'\\d' f'{x}' Rb'' '''x\ny''' \"\"\"'\"\"\""), "SSSSSSSLE");
    assert_string_equal(kinds(*state, "rb = rf"), "NONLE");
}

static void line_ends_and_marks(void **state)
{
    assert_config(*state,
                  "\xEF\xBB\xBF"
                  "a = 1\r\nb = '''x\r\ny'''\rc = 3\r\n",
                  "{'a': 1, 'b': 'x\\ny', 'c': 3}");
    assert_config(*state, "a = 1\n\f\nb = 2", "{'a': 1, 'b': 2}");
}

static void broken_text_is_refused(void **state)
{
    assert_fails(*state, "a = 'x\n", CSEG_CONFIG, "test.py:1:5: this string is not closed");
    assert_fails(*state, "a = '''x\n", CSEG_CONFIG, "test.py:1:5: this triple-quoted string is not closed");
    assert_fails(*state, "a = (1,\n", CSEG_CONFIG, "test.py:1:5: '(' is never closed");
    assert_fails(*state, "a = (1]\n", CSEG_CONFIG, "test.py:1:7: ']' does not close the '(' of line 1");
    assert_fails(*state, "a = 1)\n", CSEG_CONFIG, "test.py:1:6: this bracket closes nothing");
    assert_fails(*state, "a = 1 $ 2\n", CSEG_CONFIG, "test.py:1:7: '$' has no meaning here");
    assert_fails(*state, "a = 1 \\ 2\n", CSEG_CONFIG, "a backslash outside a string must end its line");
    assert_fails(*state, "if 1:\n  a = 1\n b = 2\n", CSEG_CONFIG,
                 "test.py:3:2: this indentation matches no outer block");
    assert_fails(*state, "if 1:\n\ta = 1\n        b = 2\n", CSEG_CONFIG, "tabs and spaces are mixed");
    assert_fails(*state, "a = 1\xFF\n", CSEG_CONFIG, "byte 0xff is not UTF-8");
    assert_fails(*state, "a = 1\x01\n", CSEG_CONFIG, "control character 0x01");
    assert_fails(*state,
                 "a =\xC2\xA0"
                 "1\n",
                 CSEG_CONFIG, "test.py:1:4: an invisible character");
    assert_fails(*state, "a = \xE2\x80\x98x\xE2\x80\x99\n", CSEG_CONFIG, "a typographic quotation mark");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens_have_kinds),      TEST(lines_join), TEST(strings_have_prefixes), TEST(line_ends_and_marks),
        TEST(broken_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
