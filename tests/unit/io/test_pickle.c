#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/torch/pickle.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static const pickle_node *read_file(const char *name, int protocol)
{
    char *bytes;
    size_t n;
    const pickle_node *root;
    char *path = arena_printf(mem, "%s/io/pickle/%s%d.pkl", TEST_DATA, name, protocol);
    assert_int_equal(file_read(path, 0, mem, &bytes, &n, &err), CSEG_OK);
    pickle_found found;
    if (pickle_read(bytes, n, path, mem, &root, &found, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(found.used, n);
    return root;
}

static void numbers_of_every_protocol(void **state)
{
    (void)state;
    static const double want[] = {0.5, 2, 1.25, -3, 1e300, 1};
    for (int protocol = 0; protocol <= 5; protocol++) {
        const pickle_node *list = read_file("list", protocol);
        assert_int_equal(list->kind, PICKLE_LIST);
        assert_int_equal(pickle_len(list), 6);
        for (size_t i = 0; i < 6; i++) {
            double v;
            assert_true(pickle_number(pickle_item(list, i), &v));
            assert_true(v == want[i]);
        }
        assert_int_equal(pickle_item(list, 5)->kind, PICKLE_BOOL);
    }
}

static void arrays_of_every_protocol(void **state)
{
    (void)state;
    for (int protocol = 0; protocol <= 5; protocol++) {
        pickle_array a;
        if (pickle_as_array(read_file("array", protocol), "array", &a, &err) != CSEG_OK)
            fail_msg("protocol %d: %s", protocol, err.text);
        assert_int_equal(a.ndim, 1);
        assert_int_equal(a.count, 3);
        assert_true(pickle_array_get(&a, 0) == 0.5 && pickle_array_get(&a, 1) == 2 && pickle_array_get(&a, 2) == -3);
    }
}

static void every_kind_in_every_protocol(void **state)
{
    (void)state;
    for (int protocol = 0; protocol <= 5; protocol++) {
        const pickle_node *d = read_file("mixed", protocol), *t = pickle_get(d, "t");
        assert_int_equal(d->kind, PICKLE_DICT);
        assert_int_equal(t->kind, PICKLE_TUPLE);
        assert_string_equal(pickle_str(pickle_item(t, 0)), "\xc3\xbc");
        assert_string_equal(pickle_str(pickle_item(t, 1)), "a\nb\\");
        for (size_t i = 2; i < 4; i++)
            assert_int_equal(pickle_item(t, i)->kind, PICKLE_BYTES);
        assert_int_equal(pickle_item(t, 2)->str.n, 2);
        assert_memory_equal(pickle_item(t, 2)->str.text, "\x00\xff", 2);
        assert_string_equal(pickle_item(t, 3)->str.text, "xy");
        assert_int_equal(pickle_get(d, "s")->kind, PICKLE_SET);
        assert_int_equal(pickle_get(d, "f")->kind, PICKLE_SET);
        assert_int_equal(pickle_len(pickle_get(d, "f")), 1);
        assert_int_equal(pickle_get(d, "n")->kind, PICKLE_NONE);
        double big;
        int64_t i;
        assert_true(pickle_number(pickle_get(d, "big"), &big) && big == -0x1p80);
        assert_false(pickle_int(pickle_get(d, "big"), &i));
        assert_true(pickle_int(pickle_get(d, "i"), &i) && i == INT64_MIN);
        const pickle_node *o = pickle_get(d, "o");
        assert_true(o->kind == PICKLE_DICT && pickle_is(o, "collections.OrderedDict"));
        assert_int_equal(pickle_get(o, "k")->kind, PICKLE_LIST);
        assert_true(pickle_int(pickle_get_int(pickle_get(d, "d"), 1), &i) && i == 2);
        const pickle_node *h = pickle_get(d, "h");
        pickle_array a;
        assert_true(h->kind == PICKLE_OBJECT && pickle_is(h, "mmengine.logging.history_buffer.HistoryBuffer"));
        assert_int_equal(pickle_as_array(pickle_get(h->object.state, "_log_history"), "h", &a, &err), CSEG_OK);
        assert_true(a.count == 2 && pickle_array_get(&a, 1) == 2);
    }
}

static cseg_status read_text(const char *text, size_t n, const pickle_node **root)
{
    return pickle_read(text, n, "text", mem, root, NULL, &err);
}
#define READ(s, root) read_text(s, sizeof(s) - 1, root)

static void calls_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *pickle, *name;
    } cases[] = {
        {"cos\nsystem\n(S'true'\ntR.", "os.system"},
        {"cposix\nsystem\n(S'true'\ntR.", "posix.system"},
        {"c__builtin__\neval\n(S'1'\ntR.", "builtins.eval"},
        {"cbuiltins\nexec\n.", "builtins.exec"},
        {"csubprocess\nPopen\n)\x81.", "subprocess.Popen"},
        {"cos.path\njoin\n)R.", "os.path.join"},
        {"(ios\nsystem\n.", "os.system"},
        {"(S'true'\nishlex\nquote\n.", "shlex.quote"},
        {"(cshlex\nquote\nS'a'\no.", "shlex.quote"},
        {"\x80\x04\x8c\x05torch\x8c\x09os.system\x93)R.", "torch.os.system"},
        {"\x80\x04\x8c\x0ctorch._utils\x8c\x15_rebuild_x.os.system_\x93)R.", "_rebuild_x.os.system_"},
        {"cbuiltins\ngetattr\n(S'a'\nS'upper'\ntR.", "builtins.getattr"},
        {"cbuiltins\ngetattr\n(ccollections\nOrderedDict\nS'clear'\ntR.", "builtins.getattr on OrderedDict"},
        {"cnumpy.testing._private.utils\nrunstring\n)R.", "runstring"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pickle_node *root;
        assert_int_equal(read_text(cases[i].pickle, strlen(cases[i].pickle), &root), CSEG_UNSUPPORTED);
        if (!strstr(err.text, cases[i].name) || !strstr(err.text, "byte"))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void unknown_instances_are_records(void **state)
{
    (void)state;
    const pickle_node *root;
    assert_int_equal(READ("\x80\x02"
                          "cmy.module\nThing\n)\x81}(X\x01\0\0\0aK\x05ub.",
                          &root),
                     CSEG_OK);
    int64_t v;
    assert_true(pickle_is(root, "my.module.Thing"));
    assert_true(pickle_int(pickle_get(root->object.state, "a"), &v) && v == 5);
    assert_int_equal(READ("(imy.module\nOld\n}(S'a'\nK\x07ub.", &root), CSEG_OK);
    assert_true(pickle_int(pickle_get(root->object.state, "a"), &v) && v == 7);
}

static void loops_are_kept_and_not_followed(void **state)
{
    (void)state;
    const pickle_node *root;
    assert_int_equal(READ("]q\0h\0a.", &root), CSEG_OK);
    assert_ptr_equal(pickle_item(root, 0), root);
}

static void damage_is_named_with_its_byte(void **state)
{
    (void)state;
    static const struct {
        const char *pickle, *says;
    } cases[] = {
        {"", "ends too early"},
        {"K", "ends too early"},
        {"X\xff\xff\xff\xff"
         "a",
         "ends too early"},
        {"K\x01", "ends too early"},
        {".", "byte 0: takes more from the stack"},
        {"K\x01(K\x02"
         "a.",
         "byte 5: takes more from the stack"},
        {"K\x01K\x02"
         "a.",
         "byte 4: appends to what is no list"},
        {"K\x01(K\x02K\x03u.", "sets a key of what is no dict"},
        {"}(K\x02u.", "key without a value"},
        {"h\x05.", "asks for an object that it did not keep"},
        {"t.", "no mark"},
        {"K\x01r\xff\xff\xff\xff.", "memo number"},
        {"K\x01K\x02"
         "b.",
         "gives a state"},
        {"K\x01)R.", "wants to call an integer"},
        {"K\x01)\x81.", "instance of what is no class"},
        {"S'a\n.", "no quotes"},
        {"I12x\n.", "number cannot be read"},
        {"\x80\x09.", "protocol 9"},
        {"Z.", "byte 0 is 0x5a"},
        {"ccollections\nOrderedDict\n(K\x01tR)R.", "wants to call a dict"},
        {"ccollections\nOrderedDict\n((]ltR.", "no pairs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pickle_node *root;
        const char *p = cases[i].pickle;
        if (read_text(p, strlen(p), &root) == CSEG_OK || !strstr(err.text, cases[i].says))
            fail_msg("case %zu: %s", i, err.text);
    }
}

/* A small file must not become a large tree: here one long list of pairs is turned into a dict again and again. */
static void small_files_stay_small(void **state)
{
    (void)state;
    enum { PAIRS = 20000, CALLS = 20000 };
    strbuf b = {.mem = mem};
    strbuf_add(&b, "(K\x01K\x01tq\x01"
                   "0(");
    for (int i = 0; i < PAIRS; i++)
        strbuf_add(&b, "h\x01");
    strbuf_addn(&b, "lq\2ccollections\nOrderedDict\nq\3", 30);
    for (int i = 0; i < CALLS; i++)
        strbuf_add(&b, "(h\x02tR0h\x03");
    strbuf_add(&b, ".");
    const pickle_node *root;
    arena *own = arena_new();
    assert_int_equal(pickle_read(b.text, b.n, "bomb", own, &root, NULL, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "copies more than it holds"));
    assert_true(arena_bytes(own) < 64 * b.n);
    arena_free(own);
}

static void truncation_and_damage_never_crash(void **state)
{
    (void)state;
    for (int protocol = 0; protocol <= 5; protocol++) {
        char *bytes, *path = arena_printf(mem, "%s/io/pickle/mixed%d.pkl", TEST_DATA, protocol);
        size_t n;
        assert_int_equal(file_read(path, 0, mem, &bytes, &n, &err), CSEG_OK);
        for (size_t cut = 0; cut < n; cut++) {
            const pickle_node *root;
            char *part = malloc(cut + 1);
            memcpy(part, bytes, cut);
            part = realloc(part, cut ? cut : 1);
            arena *own = arena_new();
            assert_int_equal(pickle_read(part, cut, "part", own, &root, NULL, &err), CSEG_CORRUPT);
            bytes[cut] ^= 0x21;
            cseg_status status = pickle_read(bytes, n, "damaged", own, &root, NULL, &err);
            assert_true(status == CSEG_OK || status == CSEG_CORRUPT || status == CSEG_UNSUPPORTED);
            bytes[cut] ^= 0x21;
            arena_free(own);
            free(part);
        }
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    char *bytes;
    size_t n;
    assert_int_equal(file_read(TEST_DATA "/io/pickle/mixed2.pkl", 0, mem, &bytes, &n, &err), CSEG_OK);
    cseg_status status = CSEG_NO_MEMORY;
    int failures = 0;
    for (long nth = 1; status != CSEG_OK; nth++) {
        arena *own = arena_new();
        const pickle_node *root;
        mem_fail_at(nth);
        status = pickle_read(bytes, n, "p", own, &root, NULL, &err);
        mem_fail_at(0);
        failures += status == CSEG_NO_MEMORY;
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        arena_free(own);
    }
    assert_in_range(failures, 1, 100);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    static const int64_t ints[] = {0, 1, -1, 255, 256, 65535, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    enum { N = sizeof ints / sizeof *ints };
    pickle_writer w;
    pickle_begin(&w, mem);
    pickle_put_op(&w, '(');
    for (int i = 0; i < N; i++)
        pickle_put_int(&w, ints[i]);
    pickle_put_float(&w, -0.1);
    pickle_put_str(&w, "a\0b", 3);
    pickle_put_bool(&w, true);
    pickle_put_none(&w);
    pickle_put_op(&w, 't');
    pickle_end(&w);
    assert_false(w.out.failed);
    const pickle_node *root;
    assert_int_equal(read_text(w.out.text, w.out.n, &root), CSEG_OK);
    for (size_t i = 0; i < N; i++) {
        int64_t v;
        assert_true(pickle_int(pickle_item(root, i), &v) && v == ints[i]);
    }
    double f;
    assert_true(pickle_number(pickle_item(root, N), &f) && f == -0.1);
    assert_int_equal(pickle_len(pickle_item(root, N + 1)), 3);
    assert_null(pickle_str(pickle_item(root, N + 1))); /* a NUL inside */
    assert_true(pickle_item(root, N + 2)->boolean);
    assert_int_equal(pickle_item(root, N + 3)->kind, PICKLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_protocol),         cmocka_unit_test(arrays_of_every_protocol),
        cmocka_unit_test(every_kind_in_every_protocol),      cmocka_unit_test(calls_are_refused_by_name),
        cmocka_unit_test(unknown_instances_are_records),     cmocka_unit_test(loops_are_kept_and_not_followed),
        cmocka_unit_test(damage_is_named_with_its_byte),     cmocka_unit_test(small_files_stay_small),
        cmocka_unit_test(truncation_and_damage_never_crash), cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
