#include "config_test.h"

static void assignments(void **state)
{
    assert_config(*state, "a, b = 1, 2\na, b = b, a\n", "{'a': 2, 'b': 1}");
    assert_config(*state, "a = b = [1]\nb.append(2)\n", "{'a': [1, 2], 'b': [1, 2]}");
    assert_config(*state, "a, *b, (c, d) = 1, 2, 3, [4, 5]\n", "{'a': 1, 'b': [2, 3], 'c': 4, 'd': 5}");
    assert_config(*state, "x: int = 3\ny: str\nz = 1; w = 2;\n", "{'x': 3, 'z': 1, 'w': 2}");
    assert_config(*state, "d = dict(a=[1])\nd['b'] = 2\nd['a'][0] = 5\n", "{'d': {'a': [5], 'b': 2}}");
    assert_config(*state, "a = (y := 5) + y\n", "{'y': 5, 'a': 10}");
    assert_config(*state, "l = [1, 2, 3, 4]\nl[1:3] = [9]\nl[::2] = [0, 0]\n", "{'l': [0, 9, 0]}");
}

static void augmented_assignments(void **state)
{
    assert_config(*state, "a = [1]\nb = a\na += (2,)\n", "{'a': [1, 2], 'b': [1, 2]}");
    assert_config(*state, "s = 'x'\ns += 'y'\ns *= 2\nn = 7\nn //= 2\nn **= 2\nn -= 1\n", "{'s': 'xyxy', 'n': 8}");
    assert_config(*state, "d = dict(a=dict(b=1))\nd['a']['b'] += 4\nd |= dict(c=1)\n",
                  "{'d': {'a': {'b': 5}, 'c': 1}}");
    assert_config(*state, "t = (1,)\nt += (2,)\n", "{'t': (1, 2)}");
}

static void deletions(void **state)
{
    assert_config(*state, "a = 1\nb = 2\ndel a\n", "{'b': 2}");
    assert_config(*state, "d = dict(a=1, b=2)\nl = [1, 2, 3, 4]\ndel d['a'], l[0], l[1:]\n",
                  "{'d': {'b': 2}, 'l': [2]}");
    assert_fails(*state, "del a\n", CSEG_CONFIG, "'a' is not defined");
}

static void conditions_and_loops(void **state)
{
    assert_config(*state, "if 0:\n    a = 1\nelif 1 < 2:\n    a = 2\nelse:\n    a = 3\nb = 1 if a == 2 else 0\n",
                  "{'a': 2, 'b': 1}");
    assert_config(*state,
                  "s = 0\nfor i, (a, b) in enumerate([(1, 2), (3, 4)]):\n    s += i * a * b\nelse:\n    t = 1\n",
                  "{'s': 12, 'i': 1, 'a': 3, 'b': 4, 't': 1}");
    assert_config(
        *state,
        "n = 0\nwhile True:\n    n += 1\n    if n == 2: continue\n    if n > 4:\n        break\nelse:\n    m = 1\n",
        "{'n': 5}");
    assert_config(*state, "for i in []:\n    pass\nfor i in range(3):\n    for j in range(3):\n        if j: break\n",
                  "{'i': 2, 'j': 1}");
}

static void names_of_comprehensions_stay_inside(void **state)
{
    assert_config(*state, "y = 7\nx = [y for y in range(3)]\n", "{'y': 7, 'x': [0, 1, 2]}");
}

static void lists_and_dicts_change(void **state)
{
    assert_config(*state,
                  "a = [3, 1]\na.append(2)\na.extend('xy')\nb = a.pop()\nc = a.pop(0)\na.insert(0, "
                  "'i')\na.reverse()\na.remove(2)\n",
                  "{'a': ['x', 1, 'i'], 'b': 'y', 'c': 3}");
    assert_config(
        *state,
        "d = dict(a=1)\nd.update(b=2, **{'c': 3})\nd.update({'a': 9})\nd.setdefault('l', []).append(1)\ne = "
        "d.pop('b')\n"
        "f = d.pop('zz', None)\ng = list(d)\nh = d.copy()\nh['a'] = 0\n",
        "{'d': {'a': 9, 'c': 3, 'l': [1]}, 'e': 2, 'f': None, 'g': ['a', 'c', 'l'], 'h': {'a': 0, 'c': 3, 'l': [1]}}");
    assert_config(*state, "d = dict(a=dict(x=1))\nd.update(a=dict(y=2))\n", "{'d': {'a': {'y': 2}}}");
}

static void what_is_left_out_of_a_config(void **state)
{
    assert_config(*state, "import os\n__secret = 1\n_kept = 2\nfrom os.path import join\n", "{'_kept': 2}");
    assert_config(*state, "_deprecation_ = dict(expected='new.py')\na = 1\n", "{'a': 1}");
    assert_config(*state, "custom_imports = dict(imports=['no.such.module'], allow_failed_imports=False)\n",
                  "{'custom_imports': {'imports': ['no.such.module'], 'allow_failed_imports': False}}");
    assert_fails(*state, "a = 1\nfilename = 'x'\n", CSEG_CONFIG, "test.py:2: 'filename' is reserved");
}

static void constructs_outside_the_language(void **state)
{
    static const char *const cases[][2] = {
        {"def f():\n    pass\n", "test.py:1:1: function definitions ('def') are not part of the config language"},
        {"class A:\n    pass\n", "class definitions ('class') are not part of the config language"},
        {"try:\n    pass\nexcept E:\n    pass\n", "'try' is not part of the config language"},
        {"raise E\n", "'raise' is not part of the config language"},
        {"global a\n", "'global' is not part of the config language"},
        {"@d\ndef f(): pass\n", "decorators ('@') are not part of the config language"},
        {"async def f(): pass\n", "'async' is not part of the config language"},
        {"with open('f') as f:\n    pass\n", "the only 'with' of the config language is 'with read_base():'"},
        {"x = yield\n", "'yield' is not part of the config language"},
        {"x = ...\n", "'...' is not part of the config language"},
        {"x = [1] @ [2]\n", "has no meaning"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool fault = strstr(cases[i][1], "meaning") != NULL;
        assert_fails(*state, cases[i][0], fault ? CSEG_CONFIG : CSEG_UNSUPPORTED, cases[i][1]);
    }
    assert_fails(*state, "x = dict(type=\n  'a'\n  'b'\n  c)\n", CSEG_CONFIG,
                 "test.py:4:3: 'c' where ',' or ')' is wanted");
    assert_fails(*state, "x = 1 2\n", CSEG_CONFIG, "test.py:1:7: '2' where the end of the line is wanted");
    assert_fails(*state, "  x = 1\n", CSEG_CONFIG, "test.py:1:3: this line is indented without need");
    assert_fails(*state, "if 1:\nx = 1\n", CSEG_CONFIG, "an indented block is wanted here");
    assert_fails(*state, "x = \n", CSEG_CONFIG, "the line ends where a value is wanted");
    assert_fails(*state, "1 = x\n", CSEG_CONFIG, "nothing can be assigned to this");
    assert_fails(*state, "a, b = 1, 2, 3\n", CSEG_CONFIG, "3 values for 2 names");
    assert_fails(*state, "break\n", CSEG_CONFIG, "'break' and 'continue' stand in loops only");
    assert_fails(*state, "assert 1 > 2, 'too small'\n", CSEG_CONFIG, "this assertion does not hold: too small");
}

/* The message in full: place, what, the line, a caret under the column. */
static void message_shows_line_and_caret(void **state)
{
    cseg_error err;
    value *cfg;
    assert_int_equal(
        config_parse_text("a = 1\nmodel = dict(\n\ttype='X', n=undefined)\n", "dir/c.py", *state, &cfg, &err),
        CSEG_CONFIG);
    assert_string_equal(err.text, "dir/c.py:3:14: 'undefined' is not defined\n"
                                  "    \ttype='X', n=undefined)\n"
                                  "    \t            ^");
    assert_int_equal(config_parse_text("s = '\xC3\xBC\xE6\xB0\xB4' + 1\n", "c.py", *state, &cfg, &err), CSEG_CONFIG);
    assert_string_equal(err.text, "c.py:1:10: '+' of a string and an int has no meaning\n"
                                  "    s = '\xC3\xBC\xE6\xB0\xB4' + 1\n"
                                  "             ^");
}

static void long_lines_are_shown_in_part(void **state)
{
    cseg_error err;
    value *cfg;
    char text[600];
    memset(text, ' ', sizeof text);
    memcpy(text, "x = (", 5);
    strcpy(text + 400, "undefined)\n");
    assert_int_equal(config_parse_text(text, "c.py", *state, &cfg, &err), CSEG_CONFIG);
    const char *line = strstr(err.text, "\n    "), *caret = strrchr(err.text, '^');
    assert_non_null(line);
    assert_non_null(strstr(line, "undefined)"));
    assert_true(strlen(err.text) < 300);
    const char *under = strrchr(err.text, '\n');
    assert_int_equal(caret - under, strstr(line + 1, "undefined)") - line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(assignments),
        TEST(augmented_assignments),
        TEST(deletions),
        TEST(conditions_and_loops),
        TEST(names_of_comprehensions_stay_inside),
        TEST(lists_and_dicts_change),
        TEST(what_is_left_out_of_a_config),
        TEST(constructs_outside_the_language),
        TEST(message_shows_line_and_caret),
        TEST(long_lines_are_shown_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
