#include "config_test.h"

static void override(arena *mem, value *cfg, const char *assignment)
{
    cseg_error err = {0};
    if (config_override(cfg, assignment, mem, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* The value that `text` stands for behind the '='. */
static void assert_parsed(arena *mem, const char *text, const char *want)
{
    value *cfg = value_new(mem, V_DICT, (where){0});
    override(mem, cfg, arena_printf(mem, "k=%s", text));
    assert_string_equal(repr_of(mem, value_get(cfg, "k")), want);
}

/* As mmengine's DictAction answers. */
static void values_are_read_as_the_reference_does(void **state)
{
    static const char *const cases[][2] = {
        {"5", "5"},
        {"-5", "-5"},
        {"+5", "5"},
        {"1_000", "1000"},
        {"007", "7"},
        {"1e-3", "0.001"},
        {".5", "0.5"},
        {"inf", "inf"},
        {"True", "True"},
        {"false", "False"},
        {"None", "None"},
        {"none", "'none'"},
        {"abc", "'abc'"},
        {"0x10", "'0x10'"},
        {"_1", "'_1'"},
        {"", "''"},
        {"'abc'", "'abc'"},
        {"\"a b\"", "'ab'"},
        {"'5'", "5"},
        {"a=b", "'a=b'"},
        {"1,2,3", "[1, 2, 3]"},
        {"[1,2]", "[1, 2]"},
        {"(1,2)", "(1, 2)"},
        {"[a, b]", "['a', 'b']"},
        {"[(1,2),(3,4)]", "[(1, 2), (3, 4)]"},
        {"[[1,2],3]", "[[1, 2], 3]"},
        {"(1,)", "(1,)"},
        {"[]", "[]"},
        {"()", "()"},
        {"1,", "[1]"},
        {"[True,None,x,1.5]", "[True, None, 'x', 1.5]"},
        {"a/b.png", "'a/b.png'"},
        {"[1)", "'[1)'"},
        {"(1", "'(1'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_parsed(*state, cases[i][0], cases[i][1]);
}

static value *sample(arena *mem)
{
    return evaluate(mem, "model = dict(type='A', head=[dict(n=1), dict(n=2)], crop=(4, 4), neck='x')\nsizes = [1, "
                         "2]\nnested = [[1], [2]]\n");
}

static void keys_reach_everywhere(void **state)
{
    value *cfg = sample(*state);
    override(*state, cfg, "model.type=B");
    override(*state, cfg, "model.head.1.n=9");
    override(*state, cfg, "model.head.0.new.deep=1");
    override(*state, cfg, "sizes.1=7");
    override(*state, cfg, "nested.1.0=[5]");
    override(*state, cfg, "a.b.c=1,2");
    override(*state, cfg, "model.crop=(8,8)");
    assert_string_equal(
        repr_of(*state, cfg),
        "{'model': {'type': 'B', 'head': [{'n': 1, 'new': {'deep': 1}}, {'n': 9}], 'crop': (8, 8), 'neck': 'x'}, "
        "'sizes': [1, 7], 'nested': [[1], [[5]]], 'a': {'b': {'c': [1, 2]}}}");
    override(*state, cfg, "model._delete_=True");
    assert_string_equal(repr_of(*state, value_get(cfg, "model")), "{}");
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *assignment;
        cseg_status code;
        const char *message;
    } cases[] = {
        {"novalue", CSEG_USAGE, "--cfg-options: 'novalue' is not of the form key=value"},
        {"=1", CSEG_USAGE, "is not of the form key=value"},
        {"a..b=1", CSEG_USAGE, "'a..b' has an empty part"},
        {"a.=1", CSEG_USAGE, "'a.' has an empty part"},
        {"sizes.5=1", CSEG_CONFIG, "--cfg-options sizes.5=1: index 5 is outside; the list has 2 elements"},
        {"sizes.99999999999999999999999=1", CSEG_CONFIG, "is outside; the list has 2 elements"},
        {"sizes.x=1", CSEG_CONFIG, "'x' is no index of a list"},
        {"model.neck.a=1", CSEG_CONFIG, "'neck' is a dict here, but a string in the base (test.py:1: )"},
        {"model.crop.0=1", CSEG_CONFIG, "'crop' is a dict here, but a tuple in the base"},
        {"a=[(1,2]),3]", CSEG_USAGE, "--cfg-options a: the brackets do not match in '[(1,2]),3]'"},
        {"a=99999999999999999999", CSEG_UNSUPPORTED, "is beyond 64 bits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        value *cfg = sample(*state);
        const char *before = repr_of(*state, cfg);
        cseg_error err = {0};
        assert_int_equal(config_override(cfg, cases[i].assignment, *state, &err), cases[i].code);
        if (!strstr(err.text, cases[i].message))
            fail_msg("'%s' instead of '%s'", err.text, cases[i].message);
        assert_string_equal(repr_of(*state, cfg), before);
    }
    char deep[1000] = "a";
    for (int i = 0; i < 200; i++)
        strcat(deep, ".a");
    cseg_error err;
    assert_int_equal(config_override(sample(*state), strcat(deep, "=1"), *state, &err), CSEG_USAGE);
    memset(deep, '[', 300);
    memcpy(deep, "a=", 2);
    memset(deep + 300, ']', 298);
    deep[598] = 0;
    assert_int_equal(config_override(sample(*state), deep, *state, &err), CSEG_USAGE);
}

static void where_tells_the_whole_way(void **state)
{
    char *dir = new_folder(*state), *text;
    cseg_error err;
    write_file(*state, dir, "a.py", "model = dict(\n    head=dict(n=1, list=[1, dict(k=2)]))\nlr = 1\n");
    write_file(*state, dir, "b.py", "_base_ = 'a.py'\nmodel = dict(head=dict(n=5))\n");
    char *path = write_file(*state, dir, "c.py", "_base_ = 'b.py'\nmodel = dict(head=dict(\n    n=7))\n");
    value *cfg = load(*state, path);
    override(*state, cfg, "model.head.n=9");
    assert_int_equal(config_where(cfg, "model.head.n", *state, &text, &err), CSEG_OK);
    assert_string_equal(text, arena_printf(*state,
                                           "model.head.n = 9  # --cfg-options\n"
                                           "  in place of n = 7  # %s/c.py:3:7\n"
                                           "  in place of n = 5  # %s/b.py:2:26\n"
                                           "  in place of n = 1  # %s/a.py:2:17",
                                           dir, dir, dir));
    assert_int_equal(config_where(cfg, "model.head.list.1.k", *state, &text, &err), CSEG_OK);
    assert_string_equal(text, arena_printf(*state, "model.head.list.1.k = 2  # %s/a.py:2:36", dir));
    assert_int_equal(config_where(cfg, "model.haed.n", *state, &text, &err), CSEG_NOT_FOUND);
    assert_string_equal(err.text, "the config has no 'model.haed'; is 'model.head' meant?");
    assert_int_equal(config_where(cfg, "model.head.list.7", *state, &text, &err), CSEG_NOT_FOUND);
    assert_string_equal(err.text, "the config has no 'model.head.list.7': 'model.head.list' is a list of 2");
    assert_int_equal(config_where(cfg, "lr.x", *state, &text, &err), CSEG_NOT_FOUND);
}

static void dialects(void **state)
{
    assert_int_equal(config_dialect_of(evaluate(*state, "data = dict()\nrunner = dict()\nmodel = dict()\n")),
                     DIALECT_0X);
    assert_int_equal(config_dialect_of(evaluate(*state, "train_dataloader = dict()\noptim_wrapper = dict()\n")),
                     DIALECT_1X);
    assert_int_equal(config_dialect_of(evaluate(*state, "total_iters = 5\nlr_config = dict()\n")), DIALECT_0X);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_read_as_the_reference_does),
        TEST(keys_reach_everywhere),
        TEST(faults_are_named),
        TEST(where_tells_the_whole_way),
        TEST(dialects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
