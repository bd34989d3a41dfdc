#include "config_test.h"

static void dicts_keep_their_order(void **state)
{
    value *d = value_new(*state, V_DICT, (where){0});
    assert_true(value_set(*state, d, "b", value_int(*state, 1, (where){0})));
    assert_true(value_set(*state, d, "a", value_int(*state, 2, (where){0})));
    assert_true(value_set(*state, d, "b", value_int(*state, 3, (where){0})));
    assert_string_equal(repr_of(*state, d), "{'b': 3, 'a': 2}");
    assert_true(value_remove(d, "b"));
    assert_false(value_remove(d, "b"));
    assert_string_equal(repr_of(*state, d), "{'a': 2}");
}

/* What could not be made for want of memory is no None. */
static void nothing_cannot_be_put_in(void **state)
{
    value *d = value_new(*state, V_DICT, (where){0}), *l = value_new(*state, V_LIST, (where){0});
    assert_false(value_set(*state, d, "a", NULL));
    assert_false(value_append(*state, l, NULL));
    assert_string_equal(repr_of(*state, d), "{}");
    assert_string_equal(repr_of(*state, l), "[]");
}

static void paths_find_values(void **state)
{
    value *cfg = evaluate(*state, "a = dict(b=[1, dict(c='x')], e=())\n");
    assert_string_equal(value_text(value_find(cfg, "a.b.1.c")), "x");
    assert_null(value_find(cfg, "a.b.2"));
    assert_null(value_find(cfg, "a.b.1.c.d"));
    assert_null(value_find(cfg, "a.b.x"));
    assert_null(value_find(cfg, "a..b"));
    assert_null(value_find(cfg, "a.b.99999999999999999999999"));
    assert_int_equal(value_count(value_find(cfg, "a.b")), 2);
    assert_null(value_get(NULL, "a"));
    assert_null(value_item(value_find(cfg, "a.e"), 0));
}

static void numbers_and_truth(void **state)
{
    int64_t i;
    double f;
    value *cfg = evaluate(*state, "a = 5\nb = 5.0\nc = 5.5\nd = True\ne = '5'\nf = float('inf')\ng = []\nh = None\n");
    assert_true(value_integer(value_get(cfg, "a"), &i) && i == 5);
    assert_true(value_integer(value_get(cfg, "b"), &i) && i == 5);
    assert_true(value_integer(value_get(cfg, "d"), &i) && i == 1);
    assert_false(value_integer(value_get(cfg, "c"), &i));
    assert_false(value_integer(value_get(cfg, "e"), &i));
    assert_false(value_integer(value_get(cfg, "f"), &i));
    assert_true(value_number(value_get(cfg, "c"), &f) && f == 5.5);
    assert_false(value_number(value_get(cfg, "e"), &f));
    assert_true(value_true(value_get(cfg, "e")));
    assert_false(value_true(value_get(cfg, "g")));
    assert_true(value_is_none(value_get(cfg, "h")));
    assert_true(value_is_none(NULL));
}

static void equality(void **state)
{
    value *cfg = evaluate(
        *state, "a = [1, (2,), dict(x=1, y={1, 2})]\nb = (1.0, [2], dict(y={2, 1}, x=True))\nc = [1, (3,), {}]\n");
    assert_true(value_equal(value_get(cfg, "a"), value_get(cfg, "b")));
    assert_false(value_equal(value_get(cfg, "a"), value_get(cfg, "c")));
    value *copy = value_copy(*state, cfg);
    assert_true(value_equal(cfg, copy));
    assert_true(value_append(*state, value_find(copy, "a"), value_int(*state, 1, (where){0})));
    assert_false(value_equal(cfg, copy));
    assert_int_equal(value_count(value_get(cfg, "a")), 3);
}

static void places(void **state)
{
    char out[512];
    value *cfg = evaluate(*state, "a = 1\nb = dict(\n  c=[2])\n");
    assert_string_equal(value_place(value_find(cfg, "b.c.0"), out), "test.py:3: ");
    assert_int_equal(value_find(cfg, "b.c.0")->at.column, 6);
    assert_string_equal(value_place(value_new(*state, V_NONE, (where){0}), out), "");
    assert_string_equal(value_place(NULL, out), "");
}

static void json_text(void **state)
{
    value *cfg = evaluate(
        *state, "a = [1, (2.5,), {'z', 'b'}]\nb = {1: 'x\"\\n\\x01', None: float('-inf'), (1, 2): True}\nc = {}\n");
    assert_string_equal(value_json(*state, cfg, 0),
                        "{\"a\": [1, [2.5], [\"b\", \"z\"]], \"b\": {\"1\": \"x\\\"\\n\\u0001\", \"None\": -Infinity, "
                        "\"(1, 2)\": true}, \"c\": {}}");
    assert_string_equal(value_json(*state, evaluate(*state, "a = [1, dict(b=[])]\n"), 2),
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}");
}

static void python_text(void **state)
{
    value *cfg = evaluate(
        *state, "norm_cfg = dict(type='SyncBN', requires_grad=True)\n"
                "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=50, out_indices=(0, 1, 2, "
                "3), norm=norm_cfg),\n"
                "    one=(1,), empty=[(), {}, set()], odd={'a b': 1, 3: 'x', 'class': 2}, f=float('inf'))\n"
                "long = ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'c']\n");
    assert_string_equal(value_python(*state, cfg), "norm_cfg = dict(type='SyncBN', requires_grad=True)\n"
                                                   "model = dict(\n"
                                                   "    type='EncoderDecoder',\n"
                                                   "    backbone=dict(\n"
                                                   "        type='ResNetV1c',\n"
                                                   "        depth=50,\n"
                                                   "        out_indices=(0, 1, 2, 3),\n"
                                                   "        norm=dict(type='SyncBN', requires_grad=True)),\n"
                                                   "    one=(1, ),\n"
                                                   "    empty=[(), dict(), set()],\n"
                                                   "    odd={'a b': 1, 3: 'x', 'class': 2},\n"
                                                   "    f=float('inf'))\n"
                                                   "long = [\n"
                                                   "    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n"
                                                   "    'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',\n"
                                                   "    'c'\n"
                                                   "]\n");
    assert_true(value_equal(evaluate(*state, value_python(*state, cfg)), cfg));
}

static void python_text_reads_back(void **state)
{
    static const char *const texts[] = {
        "a = '{' + '{ fileDirname }}' + '\\t\\\\\\'\"'\nb = -1e-300\nc = {(1, 2): [None], True: {'': 0}}\n",
        "a = [[[[['x' * 40, 'y' * 40]]]], dict(z=('w' * 90,))]\n",
        "a = {'b\xE3\x80\x80': 1, '\xC3\xBC': 2}\n\xC3\xBC = 3\n",
        "a = float('nan') != 1\nb = float('-inf')\nc = {1.5: {2}}\n",
        "a = '\xC3\xBC' * 100\n_x = dict(_delete_=True)\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        value *cfg = evaluate(*state, texts[i]);
        assert_true(value_equal(evaluate(*state, value_python(*state, cfg)), cfg));
    }
    /* A key that cannot be a name, or that hides dict(): one expression. */
    cseg_error err;
    value *again, *cfg = evaluate(*state, "a = dict(b=1)\ndict = 5\n");
    const char *text = value_python(*state, cfg);
    assert_string_equal(text, "dict(a=dict(b=1), dict=5)");
    assert_int_equal(config_parse_literal(text, "again", *state, &again, &err), CSEG_OK);
    assert_true(value_equal(again, cfg));
}

static void literals(void **state)
{
    cseg_error err;
    value *v;
    assert_int_equal(config_parse_literal("(1, 2,\n 2)", "default", *state, &v, &err), CSEG_OK);
    assert_string_equal(repr_of(*state, v), "(1, 2, 2)");
    assert_int_equal(config_parse_literal("dict(a=)", "default", *state, &v, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "default:1:8: ')' where a value is wanted"));
    assert_int_equal(config_parse_literal("", "default", *state, &v, &err), CSEG_CONFIG);
    assert_int_equal(config_parse_literal("1; 2", "default", *state, &v, &err), CSEG_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dicts_keep_their_order),
        TEST(nothing_cannot_be_put_in),
        TEST(paths_find_values),
        TEST(numbers_and_truth),
        TEST(equality),
        TEST(places),
        TEST(json_text),
        TEST(python_text),
        TEST(python_text_reads_back),
        TEST(literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
