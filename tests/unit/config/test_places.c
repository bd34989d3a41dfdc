/* Messages name the place that is at fault: of a dict that bases and children made together, where it was changed last;
 * of --cfg-options, the key. And dicts in --cfg-options, which the reference's DictAction cannot read. */
#include "config/fields.h"
#include "config_test.h"

typedef struct box {
    int64_t width;
    value *more;
} box;

static const field box_fields[] = {
    {.name = "width", .type = F_INT, .offset = offsetof(box, width)},
    {.name = "more", .type = F_VALUE, .offset = offsetof(box, more), .initial = "None"},
};
static const field_table box_table = {box_fields, 2, sizeof(box), false};

/* a.py, its child b.py and that one's child c.py. */
static value *family(arena *mem, const char *a, const char *b, const char *c)
{
    cseg_error err = {0};
    value *cfg = NULL;
    write_file(mem, ".", "places_a.py", a);
    write_file(mem, ".", "places_b.py", arena_printf(mem, "_base_ = './places_a.py'\n%s", b));
    write_file(mem, ".", "places_c.py", arena_printf(mem, "_base_ = './places_b.py'\n%s", c));
    if (config_load("places_c.py", mem, &cfg, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return cfg;
}

static void assert_place(const value *cfg, const char *path, const char *want)
{
    char place[512];
    const char *got = value_place(value_find(cfg, path), place);
    if (strncmp(got, "./", 2) == 0)
        got += 2;
    if (strcmp(got, want) != 0)
        fail_msg("%s has the place '%s' instead of '%s'", path, got, want);
}

static void set(arena *mem, value *cfg, const char *assignment)
{
    cseg_error err = {0};
    if (config_override(cfg, assignment, mem, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static const char A[] = "shared = dict(kind='n')\n"
                        "box = dict(\n"
                        "    type='Box',\n"
                        "    width=3,\n"
                        "    inner=dict(\n"
                        "        deep=dict(x=1),\n"
                        "        n=shared),\n"
                        "    rest=dict(a=1))\n";

static void a_merged_dict_lies_where_it_was_changed_last(void **state)
{
    value *cfg = family(*state, A, "\nbox = dict(width=4)\n", "\n\nbox = dict(\n  inner=dict(\n    deep=dict(y=2)))\n");
    assert_place(cfg, "box", "places_c.py:4: ");
    assert_place(cfg, "box.inner", "places_c.py:5: ");
    assert_place(cfg, "box.inner.deep", "places_c.py:6: ");
    assert_place(cfg, "box.type", "places_a.py:3: ");
    assert_place(cfg, "box.width", "places_b.py:3: ");
    assert_place(cfg, "box.rest", "places_a.py:8: ");
    assert_place(cfg, "box.inner.n", "places_a.py:1: ");
}

static void what_changes_nothing_moves_nothing(void **state)
{
    value *cfg = family(*state, A, "box = dict()\n", "");
    assert_place(cfg, "box", "places_a.py:2: ");
}

static void delete_begins_anew(void **state)
{
    value *cfg = family(*state, A, "box = dict(\n    inner=dict(_delete_=True,\n    z=1))\n", "");
    assert_place(cfg, "box.inner", "places_b.py:3: ");
    assert_null(value_find(cfg, "box.inner.deep"));
}

static void options_are_places(void **state)
{
    arena *mem = *state;
    value *cfg = family(mem, "box = dict(width=1, list=[dict(a=1), dict(a=2)])\n", "", "");
    set(mem, cfg, "box.width=5");
    set(mem, cfg, "box.list.1.a=[7,8]");
    assert_place(cfg, "box", "--cfg-options box.list.1.a: ");
    assert_place(cfg, "box.width", "--cfg-options box.width: ");
    assert_place(cfg, "box.list", "places_a.py:1: ");
    assert_place(cfg, "box.list.0", "places_a.py:1: ");
    assert_place(cfg, "box.list.1", "--cfg-options box.list.1.a: ");
    assert_place(cfg, "box.list.1.a.0", "--cfg-options box.list.1.a: ");
    set(mem, cfg, "box.list.0={'b': 3}");
    assert_place(cfg, "box.list.0.b", "--cfg-options box.list.0: ");
}

static void assert_refused(arena *mem, const value *cfg, const char *path, const char *message)
{
    cseg_error err = {0};
    box b;
    assert_int_not_equal(fields_parse(&box_table, "Box", value_find(cfg, path), NULL, mem, &b, &err), CSEG_OK);
    const char *text = strncmp(err.text, "./", 2) == 0 ? err.text + 2 : err.text;
    if (strncmp(text, message, strlen(message)) != 0)
        fail_msg("'%s' instead of '%s'", text, message);
}

static void faults_lie_where_they_were_made(void **state)
{
    arena *mem = *state;
    static const char base[] = "box = dict(type='Box', width=1)\nempty = dict(type='Box')\n";
    value *cfg = family(mem, base, "\nbox = dict(widht=2)\n", "");
    assert_refused(mem, cfg, "box", "places_b.py:3: Box has no key 'widht'");
    cfg = family(mem, base, "\nbox = dict(width='x')\n", "\nbox = dict(more=1)\n");
    assert_refused(mem, cfg, "box", "places_b.py:3: Box: 'width' must be an int");
    cfg = family(mem, base, "\n", "\n\n\nempty = dict(\n    more=1)\n");
    assert_refused(mem, cfg, "empty", "places_c.py:5: Box needs the key 'width'");
    cfg = family(mem, base, "\n\nbox = dict(_delete_=True, type='Box')\n", "");
    assert_refused(mem, cfg, "box", "places_b.py:4: Box needs the key 'width'");
    cfg = family(mem, base, "\n", "");
    set(mem, cfg, "box.width=abc");
    assert_refused(mem, cfg, "box", "--cfg-options box.width: Box: 'width' must be an int, not 'abc'");
    cfg = family(mem, base, "\n", "");
    set(mem, cfg, "box.hight=3");
    assert_refused(mem, cfg, "box", "--cfg-options box.hight: Box has no key 'hight'");
}

static void dicts_are_read(void **state)
{
    static const char *const cases[][2] = {
        {"{'a': [1, 2]}", "{'a': [1, 2]}"},
        {"{'a': 1}", "{'a': 1}"},
        {"{'a': 1, 'b': {'c': [1, (2, 'x y')]}}", "{'a': 1, 'b': {'c': [1, (2, 'x y')]}}"},
        {"dict(type='BN', eps=1e-3)", "{'type': 'BN', 'eps': 0.001}"},
        {"[{'type': 'A', 'x': [1, 2]}, {'type': 'B'}]", "[{'type': 'A', 'x': [1, 2]}, {'type': 'B'}]"},
        {"[dict(a=1),dict(b=(1,2)),3,abc]", "[{'a': 1}, {'b': (1, 2)}, 3, 'abc']"},
        {"({'a': ']'},{'b': \"}\"})", "({'a': ']'}, {'b': '}'})"},
        {"{'a':1},2", "[{'a': 1}, 2]"},
        {"(a,b),(c,d)", "[('a', 'b'), ('c', 'd')]"},
        {"[a,b],[c]", "[['a', 'b'], ['c']]"},
        {"{}", "{}"},
        /* As in the reference, these are texts. */
        {"iter_{}.pth", "'iter_{}.pth'"},
        {"[iter_{}.pth,b]", "['iter_{}.pth', 'b']"},
        {"dict", "'dict'"},
        {"{", "'{'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        value *cfg = value_new(*state, V_DICT, (where){0});
        set(*state, cfg, arena_printf(*state, "k=%s", cases[i][0]));
        assert_string_equal(repr_of(*state, value_get(cfg, "k")), cases[i][1]);
    }
}

static void malformed_values_are_shown(void **state)
{
    static const char *const cases[][2] = {
        {"k={'a': 1, 'b'}", "--cfg-options k:1:13: '}' where ':' is wanted\n    {'a': 1, 'b'}\n                ^"},
        {"k={'a': [1, 2}", "--cfg-options k: the first bracket is not closed in '{'a':[1,2}'"},
        {"k.l={a: 1}", "--cfg-options k.l:1:2: 'a' is not defined"},
        {"k=[x,f(1,2)]", "--cfg-options k: no list, tuple or dict, but commas within brackets in 'f(1,2)', a part of "
                         "[x,f(1,2)]"},
        {"k=f(1,2)", "--cfg-options k: no list, tuple or dict, but commas within brackets in 'f(1,2)'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_error err = {0};
        value *cfg = value_new(*state, V_DICT, (where){0});
        assert_int_not_equal(config_override(cfg, cases[i][0], *state, &err), CSEG_OK);
        if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("'%s' instead of '%s'", err.text, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_merged_dict_lies_where_it_was_changed_last),
        TEST(what_changes_nothing_moves_nothing),
        TEST(delete_begins_anew),
        TEST(options_are_places),
        TEST(faults_lie_where_they_were_made),
        TEST(dicts_are_read),
        TEST(malformed_values_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
