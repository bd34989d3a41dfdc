#include "config_test.h"

typedef struct {
    const char *expression, *want;
} value_case;

/* What CPython 3.11 answers. */
static const value_case arithmetic[] = {
    {"7 // 2, -7 // 2, 7 // -2, -7 % 3, 7 % -3", "(3, -4, -4, 2, -2)"},
    {"7.5 // 2, -7.5 // 2, -7.5 % 2, 7.5 % -2", "(3.0, -4.0, 0.5, -0.5)"},
    {"7 / 2, 6 / 3, 1 / 3", "(3.5, 2.0, 0.3333333333333333)"},
    {"2 ** 10, 2 ** -1, -2 ** 2, 2 ** 3 ** 2, 4 ** .5", "(1024, 0.5, -4, 512, 2.0)"},
    {"1 + 2 * 3 - (4 + 5), -(-3), +True, ~5", "(-2, 3, 1, -6)"},
    {"6 & 3, 6 | 3, 6 ^ 3, 1 << 4, -16 >> 2, True & False", "(2, 7, 5, 16, -4, False)"},
    {"1e3, 1e16, 1e-5, 0.1 + 0.2, 1_000, .5, 5., 0x1F, 0o17, 0b101",
     "(1000.0, 1e+16, 1e-05, 0.30000000000000004, 1000, 0.5, 5.0, 31, 15, 5)"},
    {"9007199254740993 == 9007199254740992.0, 1 == 1.0 == True", "(False, True)"},
    {"1 < 2 < 3, 1 < 2 > 3, 3 in [1] in [[1]], not 1 == 2", "(True, False, False, True)"},
    {"[1, 2] < [1, 3], (1,) < (1, 2), 'a' < 'b', {1} < {1, 2}, [] == ()", "(True, True, True, True, False)"},
    {"0 or 'x', 1 and 2, None or [] or 'z', 0 and undefined", "('x', 2, 'z', 0)"},
    {"1 if 0 else 2 if 0 else 3", "3"},
    {"round(0.5), round(1.5), round(2.675, 2), round(-2.5), round(1250, -2), round(1234.5678, -2)",
     "(0, 2, 2.67, -2, 1200, 1200.0)"},
    {"divmod(-7, 2), divmod(7.5, 2), abs(-3), abs(-2.5), pow(2, 5)", "((-4, 1), (3.0, 1.5), 3, 2.5, 32)"},
    {"int('12'), int(' -7 '), int(-3.9), int('ff', 16), float('1e3'), float('-inf'), int('1_0')",
     "(12, -7, -3, 255, 1000.0, -inf, 10)"},
    {"1 is 1, None is None, [] is not [], type(1) is int, type('a') == str", "(True, True, True, True, True)"},
};

static const value_case strings[] = {
    {"'a' 'b' \"c\"", "'abc'"},
    {"r'\\d' + '\\x41\\u00e9\\t\\101\\q'", "'\\\\dA\xC3\xA9\\tA\\\\q'"},
    {"'it\\'s', \"q\\\"\", 'both\\'\"'", "(\"it's\", 'q\"', 'both\\'\"')"},
    {"'hello'[1], 'hello'[-1], 'hello'[1:3], 'hello'[::-1], '\xC3\xBCx'[0], len('\xC3\xBC')",
     "('e', 'o', 'el', 'olleh', '\xC3\xBC', 1)"},
    {"'ab' * 2, 2 * 'ab', 'a' in 'cat', 'z' not in 'cat'", "('abab', 'abab', True, True)"},
    {"'a,b,,c'.split(','), ' a  b '.split(), 'a.b.c'.split('.', 1), 'a.b.c'.rsplit('.', 1)",
     "(['a', 'b', '', 'c'], ['a', 'b'], ['a', 'b.c'], ['a.b', 'c'])"},
    {"'-'.join(['a', 'b']), 'aXbX'.replace('X', ''), 'Ab'.lower(), 'Ab'.upper(), ' x '.strip()",
     "('a-b', 'ab', 'ab', 'AB', 'x')"},
    {"'x.py'.startswith('x'), 'x.py'.endswith(('.py', '.c')), 'abc'.find('c'), 'aaa'.count('a')", "(True, True, 2, 3)"},
    {"'7'.zfill(3), 'a'.ljust(3) + '|', 'x-y'.partition('-'), 'a b'.title()",
     "('007', 'a  |', ('x', '-', 'y'), 'A B')"},
    {"'%s-%03d-%.2f-%r-%5s|%-3d|%%' % ('a', 7, 1.5, 'b', 'c', 4)", "\"a-007-1.50-'b'-    c|4  |%\""},
    {"'%(a)s' % dict(a=1), '%s' % 5, '%x' % 255", "('1', '5', 'ff')"},
    {"'{} {}'.format(1, 'b'), '{1}{0}'.format('a', 'b'), '{k:>4}|{l[0]}|{d[x]}'.format(k=1, l=[2], d=dict(x=3))",
     "('1 b', 'ba', '   1|2|3')"},
    {"f'{1 + 1}{{}}{\"q\"}{3.14159:.2f}|{5:>3}|{255:#x}|{1234567:,}|{0.5:%}'",
     "'2{}q3.14|  5|0xff|1,234,567|50.000000%'"},
    {"f'{[1, 2][0]}' f'{dict(a=1)}' 'plain{x}' f'{1!r:>4}'", "\"1{'a': 1}plain{x}   1\""},
    {"'{:05.1f}|{:+d}|{:^5}|{:*<4}|{:.2}|{:e}'.format(3.14159, 5, 'ab', 'c', 3.0, 12345.678)",
     "'003.1|+5| ab  |c***|3.0|1.234568e+04'"},
};

static const value_case containers[] = {
    {"[1, *[2, 3], *(4,)], (*'ab',), {**dict(a=1), 'b': 2}, {*[1, 1]}",
     "([1, 2, 3, 4], ('a', 'b'), {'a': 1, 'b': 2}, {1})"},
    {"(), (1,), [], {}, set(), dict()", "((), (1,), [], {}, set(), {})"},
    {"[1, 2, 3][::-1], [1, 2, 3][-2:], (1, 2, 3)[5:], [0, 1, 2, 3][3:0:-2]", "([3, 2, 1], [2, 3], (), [3, 1])"},
    {"[i * j for i in range(4) if i % 2 for j in (1, 2)]", "[1, 2, 3, 6]"},
    {"{k: v for k, v in zip('ab', range(2))}, {i % 2 for i in range(5)}, tuple(i for i in 'ab')",
     "({'a': 0, 'b': 1}, {0, 1}, ('a', 'b'))"},
    {"sum(range(5)), sum([[1], [2]], []), max(1, 3, 2), min([3, 1]), max('abc', 'b', key=len), max([], default=0)",
     "(10, [1, 2], 3, 1, 'abc', 0)"},
    {"sorted([3, 1, 2], reverse=True), sorted(['bb', 'a'], key=len), list(reversed([1, 2]))",
     "([3, 2, 1], ['a', 'bb'], [2, 1])"},
    {"list(enumerate('ab', 1)), list(map(str, [1, 2])), list(filter(None, [0, 1]))",
     "([(1, 'a'), (2, 'b')], ['1', '2'], [1])"},
    {"any([0, 1]), all([1, 0]), all([]), len({'a': 1}), bool([0])", "(True, False, True, 1, True)"},
    {"isinstance(True, int), isinstance('a', (list, str)), isinstance({}, dict), isinstance(1, float)",
     "(True, True, True, False)"},
    {"dict([('a', 1)], b=2), dict(dict(a=1), a=3), dict(**{'z': 1})", "({'a': 1, 'b': 2}, {'a': 3}, {'z': 1})"},
    {"{1: 'a', '1': 'b', None: 'c', (1, 2): 'd'}[(1, 2)], {1: 'a'}[True]", "('d', 'a')"},
    {"{1, 2} | {3}, {1, 2} & {2}, {1, 2} - {1}, {1, 2} ^ {2, 3}, {'a': 1} | {'b': 2}",
     "({1, 2, 3}, {2}, {2}, {1, 3}, {'a': 1, 'b': 2})"},
    {"list(range(10, 0, -3)), [1] * 3, [[0] * 2 for _ in range(2)], (1, 2) + (3,)",
     "([10, 7, 4, 1], [1, 1, 1], [[0, 0], [0, 0]], (1, 2, 3))"},
    {"dict(a=1).get('b'), dict(a=1).get('b', 2), list(dict(a=1).items()), [1, 2, 1].index(2), (1, 1).count(1)",
     "(None, 2, [('a', 1)], 1, 2)"},
};

static void check_all(arena *mem, const value_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_value(mem, cases[i].expression, cases[i].want);
}

static void arithmetic_is_pythons(void **state)
{
    check_all(*state, arithmetic, sizeof arithmetic / sizeof *arithmetic);
}

static void strings_are_pythons(void **state)
{
    check_all(*state, strings, sizeof strings / sizeof *strings);
}

static void containers_are_pythons(void **state)
{
    check_all(*state, containers, sizeof containers / sizeof *containers);
}

static void modules_of_the_standard_library(void **state)
{
    setenv("CSEG_TEST_VARIABLE", "set", 1);
    unsetenv("CSEG_TEST_NOTHING");
    assert_config(*state,
                  "import os, math\nimport os.path as osp\nfrom os.path import join as j\nimport copy\n"
                  "a = osp.join('a', 'b/', '/c', 'd'), j('x', 'y'), osp.basename('/x/y.py'), os.path.dirname('/a/b')\n"
                  "b = osp.splitext('a/b.tar.gz'), osp.normpath('a/../b/./c//d/..'), osp.split('/a/b')\n"
                  "c = os.environ.get('CSEG_TEST_VARIABLE'), os.environ['CSEG_TEST_VARIABLE'], "
                  "os.getenv('CSEG_TEST_NOTHING', 3), "
                  "'CSEG_TEST_NOTHING' in os.environ\n"
                  "d = math.pi, math.sqrt(4), math.floor(-2.5), math.ceil(2.1), math.log(8, 2)\n"
                  "e = dict(x=[1])\nf = copy.deepcopy(e)\ng = copy.copy(e)\ne['x'].append(2)\n",
                  "{'a': ('/c/d', 'x/y', 'y.py', '/a'), 'b': (('a/b.tar', '.gz'), 'b/c', ('/a', 'b')), "
                  "'c': ('set', 'set', 3, False), 'd': (3.141592653589793, 2.0, -3, 3, 3.0), "
                  "'e': {'x': [1, 2]}, 'f': {'x': [1]}, 'g': {'x': [1, 2]}}");
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *text;
        cseg_status code;
        const char *message;
    } cases[] = {
        {"x = 1 / 0", CSEG_CONFIG, "test.py:1:7: division by zero"},
        {"x = 1 + 'a'", CSEG_CONFIG, "test.py:1:7: '+' of an int and a string has no meaning"},
        {"x = [1][5]", CSEG_CONFIG, "index 5 is outside; there are 1 elements"},
        {"x = {'a': 1}['b']", CSEG_CONFIG, "this dict has no key 'b'"},
        {"norm_cfg = 1\nx = nrom_cfg", CSEG_CONFIG, "test.py:2:5: 'nrom_cfg' is not defined; is 'norm_cfg' meant?"},
        {"x = dict(a=1, a=2)", CSEG_CONFIG, "test.py:1:15: 'a' is given twice here (first on line 1)"},
        {"x = dict(a=1, **dict(a=2))", CSEG_CONFIG, "'a' is given twice"},
        {"x = {[1]: 2}", CSEG_CONFIG, "a list can be neither a key nor an element of a set"},
        {"x = len(1)", CSEG_CONFIG, "an int has no length"},
        {"x = len([], 1)", CSEG_CONFIG, "len() takes 1 argument at most, not 2"},
        {"x = len()", CSEG_CONFIG, "len() wants 1 argument"},
        {"x = sorted([1], kye=len)", CSEG_CONFIG, "sorted() has no argument 'kye'"},
        {"x = dict(a=1).a", CSEG_CONFIG, "a plain dict has no attribute 'a'; write ['a']"},
        {"x = (1).foo", CSEG_CONFIG, "an int has no attribute 'foo'"},
        {"x = 5()", CSEG_CONFIG, "an int cannot be called"},
        {"x = '%d' % 'a'", CSEG_CONFIG, "'%d' of a string has no meaning"},
        {"x = '%s %s' % (1,)", CSEG_CONFIG, "more conversions in the string than values"},
        {"x = f'{1:q}'", CSEG_CONFIG, "'q' is no format"},
        {"x = '{'.format()", CSEG_CONFIG, "a '{' of this format is not closed"},
        {"x = f'{'", CSEG_CONFIG, "an empty {} in an f-string"},
        {"x = int('a')", CSEG_CONFIG, "'a' is no integer"},
        {"x = 07", CSEG_CONFIG, "an integer may not start with 0"},
        {"x = 1__0", CSEG_CONFIG, "a '_' in a number stands between two digits"},
        {"x = '\\N{DASH}'", CSEG_UNSUPPORTED, "characters by name"},
        {"x = '\\ud800'", CSEG_CONFIG, "this escape is no character"},
        {"x = b'a'", CSEG_UNSUPPORTED, "bytes (b'...') are no config value"},
        {"x = 1j", CSEG_UNSUPPORTED, "complex numbers"},
        {"x = lambda: 1", CSEG_UNSUPPORTED, "test.py:1:5: 'lambda' is not part of the config language"},
        {"x = open('f')", CSEG_UNSUPPORTED, "'open' is not part of the config language"},
        {"x = __import__('os')", CSEG_UNSUPPORTED, "'__import__' is not part of the config language"},
        {"import os\nx = os.system('true')", CSEG_UNSUPPORTED,
         "test.py:2:8: 'os.system' is not part of the config language"},
        {"import subprocess\nx = subprocess.run('true')", CSEG_UNSUPPORTED,
         "'subprocess' is not part of the config language"},
        {"from pathlib import Path\nx = Path('a')", CSEG_UNSUPPORTED,
         "'pathlib.Path' is not part of the config language"},
        {"x = 9223372036854775808", CSEG_UNSUPPORTED, "integers beyond 64 bits"},
        {"x = 9223372036854775807 + 1", CSEG_UNSUPPORTED, "integers beyond 64 bits"},
        {"x = len", CSEG_OK, ""},
        {"x = dict(a=len)", CSEG_CONFIG, "test.py:1: 'a' is len, which is no config value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].code == CSEG_OK)
            assert_config(*state, cases[i].text, "{}");
        else
            assert_fails(*state, cases[i].text, cases[i].code, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arithmetic_is_pythons),           TEST(strings_are_pythons), TEST(containers_are_pythons),
        TEST(modules_of_the_standard_library), TEST(faults_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
