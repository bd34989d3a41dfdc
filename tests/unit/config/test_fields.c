/* Before cmocka's fail() hides the project's. */
#include "config/fields.h"
#include "config_test.h"

#include <math.h>

typedef struct {
    int64_t channels, depth;
    double ratio;
    bool align;
    const char *mode, *name;
    ints strides;
    floats weights;
    value *norm;
} head;

static const field head_fields[] = {
    FIELD_RANGE(head, F_INT, channels, NULL, 1, 4096, "width"),
    FIELD(head, F_INT, depth, "50", "layers"),
    FIELD_RANGE(head, F_FLOAT, ratio, "0.1", 0, 1, "of dropout"),
    FIELD(head, F_BOOL, align, "False", "corners"),
    FIELD_CHOICE(head, mode, "'whole'", "whole|slide", "of testing"),
    FIELD(head, F_STR, name, "None", "a name"),
    FIELD_RANGE(head, F_INTS, strides, "(1, 2, 2, 2)", 1, INFINITY, "per stage"),
    FIELD(head, F_FLOATS, weights, "None", "of classes"),
    FIELD(head, F_VALUE, norm, "dict(type='BN')", "normalisation"),
    FIELD_IGNORED(legacy, "of old versions"),
};
static const field_table head_table = {head_fields, sizeof head_fields / sizeof *head_fields, sizeof(head), false};
static const field_table open_table = {head_fields, sizeof head_fields / sizeof *head_fields, sizeof(head), true};

static value *dict_of(arena *mem, const char *text)
{
    return value_get(evaluate(mem, arena_printf(mem, "h = %s\n", text)), "h");
}

static cseg_status parse(arena *mem, const char *text, const char *inherited, head *out, cseg_error *err)
{
    return fields_parse(&head_table, "FCNHead", dict_of(mem, text), inherited ? dict_of(mem, inherited) : NULL, mem,
                        out, err);
}

static void given_inherited_and_default(void **state)
{
    head h;
    cseg_error err = {0};
    assert_int_equal(parse(*state,
                           "dict(type='FCNHead', _scope_='mmseg', channels=64, ratio=1, weights=[1, 0.5], strides=4, "
                           "mode='slide', legacy=3)",
                           "dict(depth=18, channels=9, unknown=1)", &h, &err),
                     CSEG_OK);
    assert_int_equal(h.channels, 64);
    assert_int_equal(h.depth, 18);
    assert_true(h.ratio == 1.0);
    assert_false(h.align);
    assert_string_equal(h.mode, "slide");
    assert_null(h.name);
    assert_int_equal(h.strides.n, 1);
    assert_int_equal(h.strides.at[0], 4);
    assert_int_equal(h.weights.n, 2);
    assert_true(h.weights.at[1] == 0.5);
    assert_string_equal(value_type_name(h.norm), "BN");
    assert_int_equal(parse(*state, "dict(channels=8.0, norm=None, align=1)", NULL, &h, &err), CSEG_OK);
    assert_int_equal(h.channels, 8);
    assert_true(h.align);
    assert_null(h.norm);
    assert_int_equal(h.strides.n, 4);
    assert_int_equal(h.strides.at[3], 2);
    assert_int_equal(h.weights.n, 0);
}

static void faults_have_places(void **state)
{
    static const char *const cases[][2] = {
        {"dict(chanels=1)", "test.py:1: FCNHead has no key 'chanels'; is 'channels' meant?"},
        {"dict(channels=1, zzzzzzzz=2)", "test.py:1: FCNHead has no key 'zzzzzzzz'"},
        {"dict(depth=1)", "test.py:1: FCNHead needs the key 'channels'"},
        {"dict(channels=0)", "test.py:1: FCNHead: 'channels' must be from 1 to 4096, not 0"},
        {"dict(channels='a')", "test.py:1: FCNHead: 'channels' must be an int, not 'a'"},
        {"dict(channels=1.5)", "'channels' must be an int, not 1.5"},
        {"dict(channels=1, ratio=1.5)", "'ratio' must be from 0.0 to 1.0, not 1.5"},
        {"dict(channels=1, ratio='x')", "'ratio' must be a number, not 'x'"},
        {"dict(channels=1, align='yes')", "'align' must be True or False, not 'yes'"},
        {"dict(channels=1, mode='slid')", "'mode' must be one of whole|slide, not 'slid'"},
        {"dict(channels=1, name=5)", "'name' must be a string, not 5"},
        {"dict(channels=1, strides=(1, 0))", "'strides' must be 1 or more, not (1, 0)"},
        {"dict(channels=1, strides='a')", "'strides' must be ints, not 'a'"},
        {"dict(channels=1, weights=['a'])", "'weights' must be numbers, not ['a']"},
        {"[1]", "test.py:1: FCNHead is described by a dict, not by a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        head h;
        cseg_error err = {0};
        assert_int_equal(parse(*state, cases[i][0], NULL, &h, &err), CSEG_CONFIG);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("'%s' instead of '%s'", err.text, cases[i][1]);
    }
}

static void more_keys_where_the_kind_takes_them(void **state)
{
    head h;
    cseg_error err;
    assert_int_equal(
        fields_parse(&open_table, "X", dict_of(*state, "dict(channels=1, anything=2)"), NULL, *state, &h, &err),
        CSEG_OK);
    assert_int_equal(fields_parse(&head_table, "X", NULL, NULL, *state, &h, &err), CSEG_CONFIG);
    assert_string_equal(err.text, "X needs the key 'channels'");
}

static void documentation_has_a_row_a_field(void **state)
{
    char *text = NULL;
    size_t n;
    (void)state;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    fields_document(&head_table, out);
    fclose(out);
    assert_non_null(strstr(text, "| `channels` | int, 1.0 to 4096.0 | required | width |\n"));
    assert_non_null(strstr(text, "| `mode` | str: `whole`, `slide` | `'whole'` | of testing |\n"));
    assert_non_null(strstr(text, "| `strides` | ints, 1.0 or more | `(1, 2, 2, 2)` | per stage |\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(given_inherited_and_default),
        TEST(faults_have_places),
        TEST(more_keys_where_the_kind_takes_them),
        TEST(documentation_has_a_row_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
