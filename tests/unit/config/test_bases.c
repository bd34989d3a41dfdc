#include "config_test.h"

static void child_changes_base(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "base/model.py", "model = dict(type='A', head=dict(n=1, k=2), list=[1, 2])\nlr = 1\n");
    write_file(*state, dir, "base/data.py", "data = dict(root='x')\n");
    char *path = write_file(*state, dir, "exp/c.py",
                            "_base_ = ['../base/model.py', '../base/data.py']\n"
                            "model = dict(head=dict(n=5), list=[3], new=None)\nmore = 1\n");
    value *cfg = load(*state, path);
    assert_string_equal(repr_of(*state, cfg),
                        "{'model': {'type': 'A', 'head': {'n': 5, 'k': 2}, 'list': [3], 'new': None}, 'lr': 1, "
                        "'data': {'root': 'x'}, 'more': 1}");
    char *single = write_file(*state, dir, "exp/d.py", "_base_ = './c.py'\nlr = 2\n");
    assert_string_equal(repr_of(*state, value_get(load(*state, single), "lr")), "2");
}

static void delete_replaces(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py", "a = dict(type='A', x=1)\nb = dict(n=dict(p=1))\n");
    char *path = write_file(*state, dir, "c.py",
                            "_base_ = 'b.py'\na = dict(_delete_=True, type='B')\nb = dict(n=dict(_delete_=True, q=2))\n"
                            "c = dict(_delete_=True, z=1)\n");
    /* As the reference: where there is nothing to delete, the key stays. */
    assert_string_equal(repr_of(*state, load(*state, path)),
                        "{'a': {'type': 'B'}, 'b': {'n': {'q': 2}}, 'c': {'_delete_': True, 'z': 1}}");
}

static void dict_cannot_inherit_from_another_kind(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py", "a = [1]\n");
    char *path = write_file(*state, dir, "c.py", "_base_ = 'b.py'\nz = 1\na = dict(x=1)\n");
    assert_load_fails(*state, path, "c.py:3:5: 'a' is a dict here, but a list in the base (");
    assert_load_fails(*state, path,
                      "b.py:1: ); to replace it all, add _delete_=True to the dict\n    a = dict(x=1)\n        ^");
}

static void same_key_in_two_bases(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "a.py", "x = 1\nlr = 1\n");
    write_file(*state, dir, "b.py", "lr = 2\n");
    char *path = write_file(*state, dir, "c.py", "_base_ = ['a.py',\n          'b.py']\n");
    assert_load_fails(*state, path, "c.py:2:11: the bases give 'lr' twice: ");
    assert_load_fails(*state, path, "a.py:2: and ");
}

static void missing_base_names_the_chain(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py", "x = 1\n_base_ = 'none.py'\n");
    char *path = write_file(*state, dir, "a.py", "_base_ = 'b.py'\n");
    cseg_error err;
    value *cfg;
    assert_int_equal(config_load(path, *state, &cfg, &err), CSEG_CONFIG);
    const char *want = arena_printf(*state,
                                    "%s/b.py:2:10: the base 'none.py' does not exist (there is no %s/none.py)\n"
                                    "    _base_ = 'none.py'\n             ^\n  read as a base of %s/a.py:1",
                                    dir, dir, dir);
    assert_string_equal(err.text, want);
    assert_load_fails(*state, arena_printf(*state, "%s/nothing.py", dir), "nothing.py: cannot open");
    assert_load_fails(*state, arena_printf(*state, "%s/nothing.yaml", dir), "configs in YAML are not supported");
    assert_load_fails(*state, arena_printf(*state, "%s/nothing.txt", dir), "a config's name ends in .py or .json");
}

static void loops_are_refused(void **state)
{
    char *dir = new_folder(*state);
    char *path = write_file(*state, dir, "a.py", "_base_ = 'sub/b.py'\n");
    write_file(*state, dir, "sub/b.py", "_base_ = '../a.py'\n");
    assert_load_fails(*state, path, "a.py: is a base of itself\n  read as a base of ");
    char *own = write_file(*state, dir, "own.py", "_base_ = './own.py'\n");
    assert_load_fails(*state, own, "own.py: is a base of itself");
}

static void bases_can_be_read_as_values(void **state)
{
    char *dir = new_folder(*state);
    write_file(
        *state, dir, "b.py",
        "crop = (512, 512)\nmodel = dict(head=dict(n=19), p=[dict(t=1)])\npipe = [dict(type='L'), dict(type='R')]\n");
    char *path = write_file(*state, dir, "c.py",
                            "_base_ = ['b.py']\n"
                            "a = dict(size={{_base_.crop}}, n={{ _base_.model.head.n }}, l=[{{_base_.pipe}}, 1])\n"
                            "b = _base_.model.head.n + 1\n"
                            "pipe = _base_.pipe[:1] + [dict(type='X')]\n"
                            "_base_.model.p[0]['t'] = 7\n"
                            "_base_.model.update(dict(head=dict(k=3)))\n");
    assert_string_equal(repr_of(*state, load(*state, path)),
                        "{'crop': (512, 512), 'model': {'head': {'n': 19, 'k': 3}, 'p': [{'t': 7}]}, "
                        "'pipe': [{'type': 'L'}, {'type': 'X'}], "
                        "'a': {'size': (512, 512), 'n': 19, 'l': [[{'type': 'L'}, {'type': 'R'}], 1]}, 'b': 20}");
    char *wrong = write_file(*state, dir, "w.py", "_base_ = ['b.py']\na = _base_.modle.head\n");
    assert_load_fails(*state, wrong, "w.py:2:12: this dict has no key 'modle'; is 'model' meant?");
    char *missing = write_file(*state, dir, "m.py", "_base_ = ['b.py']\na = [1, {{_base_.model.none}}]\n");
    assert_load_fails(*state, missing, "m.py:2:9: the bases hold no 'model.none'");
    char *part = write_file(*state, dir, "p.py", "_base_ = ['b.py']\na = 'x{{_base_.crop}}'\n");
    assert_load_fails(*state, part, "p.py:2:5: {{_base_...}} stands for a whole value");
    char *quoted = write_file(*state, dir, "q.py", "_base_ = ['b.py']\na = \"{{_base_.crop}}\"\n");
    assert_load_fails(*state, quoted, "{{_base_...}} stands for a whole value");
}

static void templates_are_replaced(void **state)
{
    char *dir = new_folder(*state);
    setenv("CSEG_TEST_ROOT", "/data", 1);
    setenv("CSEG_TEST_N", "19", 1);
    unsetenv("CSEG_TEST_UNSET");
    char *path = write_file(*state, dir, "my.exp.py", "e = {{ '$CSEG_TEST_UNSET:3' }}\n");
    /* A space between the braces and the quote is none of the reference's forms: a set in a set. */
    assert_load_fails(*state, path, "my.exp.py:1:6: a set can be neither a key nor an element of a set");
    path =
        write_file(*state, dir, "my.exp.py",
                   "a = '{{ fileDirname }}|{{fileBasename}}|{{ fileBasenameNoExtension }}|{{fileExtname }}'\n"
                   "b = '{{$CSEG_TEST_ROOT:/none}}/img'\nc = {{'$CSEG_TEST_N:80'}}\nd = '{{$CSEG_TEST_UNSET:x/y}}'\n");
    assert_string_equal(
        repr_of(*state, load(*state, path)),
        arena_printf(*state, "{'a': '%s|my.exp.py|my.exp|.py', 'b': '/data/img', 'c': 19, 'd': 'x/y'}", dir));
    char *unset = write_file(*state, dir, "u.py", "a = 1\nb = '{{$CSEG_TEST_UNSET:}}'\n");
    assert_load_fails(*state, unset, "u.py:2:6: the environment has no variable 'CSEG_TEST_UNSET'");
}

/* Columns are those of the file as it is written, not as it is after replacement. */
static void places_are_those_of_the_file(void **state)
{
    char *dir = new_folder(*state);
    char *path = write_file(*state, dir, "c.py", "a = ['{{ fileDirname }}', undefined]\n");
    assert_load_fails(*state, path,
                      "c.py:1:27: 'undefined' is not defined\n    a = ['{{ fileDirname }}', undefined]\n");
}

static void packages_are_found(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "site/mmdet/.mim/configs/_base_/m.py",
               "model = dict(type='D', neck=dict(type='FPN'))\nnorm = [dict(a=dict(type='BN'))]\n");
    char *path = write_file(*state, dir, "c.py", "_base_ = ['mmdet::_base_/m.py']\nmodel = dict(n=1)\n");
    unsetenv("PYTHONPATH");
    unsetenv("CSEG_PACKAGES");
    assert_load_fails(*state, path, "c.py:1:11: the base 'mmdet::_base_/m.py' is not found; CSEG_PACKAGES names");
    setenv("CSEG_PACKAGES", arena_printf(*state, "/nowhere:%s/site", dir), 1);
    value *cfg = load(*state, path);
    unsetenv("CSEG_PACKAGES");
    /* The outermost dict with a type says where it came from. */
    assert_string_equal(repr_of(*state, cfg),
                        "{'model': {'type': 'D', 'neck': {'type': 'FPN'}, '_scope_': 'mmdet', 'n': 1}, "
                        "'norm': [{'a': {'type': 'BN', '_scope_': 'mmdet'}}]}");
}

static void old_configs_import_what_they_like(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py", "x = 1\n");
    char *path = write_file(*state, dir, "c.py", "import numpy as np\n_base_ = 'b.py'\ny = 2\n");
    assert_string_equal(repr_of(*state, load(*state, path)), "{'x': 1, 'y': 2}");
}

static void json_configs(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py", "a = dict(x=1, y=2)\n");
    char *path = write_file(*state, dir, "c.json",
                            "{\"_base_\": [\"b.py\"], \"a\": {\"x\": -1.5e1, \"s\": \"\\u00fc\\n\\ud83d\\ude00\"},\n"
                            " \"l\": [true, false, null, 12, NaN], \"e\": {}}");
    assert_string_equal(
        repr_of(*state, load(*state, path)),
        "{'a': {'x': -15.0, 'y': 2, 's': '\xC3\xBC\\n\xF0\x9F\x98\x80'}, 'l': [True, False, None, 12, nan], 'e': {}}");
    static const char *const bad[][2] = {
        {"[1]", "holds a list, not an object"},
        {"{\"a\": 01}", "bad.json:1:7: this is no value in JSON"},
        {"{\"a\": 1,}", "a key in double quotes is wanted here"},
        {"{\"a\" 1}", "':' is wanted here"},
        {"{\"a\": 'x'}", "this is no value in JSON"},
        {"{\"a\": \"x", "this string is not closed"},
        {"{\"a\": \"\\ud83d\"}", "half a surrogate pair"},
        {"{\"a\": 99999999999999999999}", "integers beyond 64 bits"},
        {"{} {}", "more text behind the value"},
        {"", "the text ends where a value is wanted"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_load_fails(*state, write_file(*state, dir, "bad.json", bad[i][0]), bad[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(child_changes_base),
        TEST(delete_replaces),
        TEST(dict_cannot_inherit_from_another_kind),
        TEST(same_key_in_two_bases),
        TEST(missing_base_names_the_chain),
        TEST(loops_are_refused),
        TEST(bases_can_be_read_as_values),
        TEST(templates_are_replaced),
        TEST(places_are_those_of_the_file),
        TEST(packages_are_found),
        TEST(old_configs_import_what_they_like),
        TEST(json_configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
