/* safetensors files, archives of numpy arrays and TorchScript programs are read as checkpoints are, and nothing in them
 * is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "io/torch/pth.h"
#include "made.h"

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

static pth *open_file(const char *name)
{
    pth *p = NULL;
    if (pth_open(arena_printf(mem, "%s/io/%s", TEST_DATA, name), mem, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return p;
}

static const char *raw_of(pth *p, const pth_tensor *t)
{
    char *to = ARENA_ARRAY(mem, (size_t)t->count * pth_type_size(t->type) + 1, char);
    assert_int_equal(pth_tensor_raw(p, t, to, &err), CSEG_OK);
    return to;
}

/* Both files hold the same, but for `n_less` tensors that `b` lacks. */
static void check_same(pth *a, pth *b, size_t n_less)
{
    assert_int_equal(pth_count(a), pth_count(b) + n_less);
    for (size_t i = 0; i < pth_count(b); i++) {
        const pth_tensor *y = pth_at(b, i), *x = pth_find(a, y->name);
        assert_non_null(x);
        assert_int_equal(x->type, y->type);
        assert_int_equal(x->ndim, y->ndim);
        for (int d = 0; d < x->ndim; d++)
            assert_int_equal(x->shape[d], y->shape[d]);
        assert_memory_equal(raw_of(a, x), raw_of(b, y), (size_t)x->count * pth_type_size(x->type));
    }
}

static void files_of_the_package_and_of_numpy_hold_the_same(void **state)
{
    (void)state;
    pth *want = open_file("pth/zip_protocol2.pth");
    check_same(want, open_file("safetensors/every.safetensors"), 0);
    check_same(want, open_file("safetensors/every.npz"), 1); /* numpy has no bfloat16 */
    check_same(want, open_file("safetensors/packed.npz"), 1);
}

static void a_script_s_modules_are_a_state_dict(void **state)
{
    (void)state;
    pth *p = open_file("safetensors/script.pt");
    check_same(p, open_file("safetensors/script.safetensors"), 0);
    assert_non_null(pth_find(p, "layers.1.1.weight"));
}

/* A TorchScript archive with that pickle. */
static void check_script(const char *pickle, size_t n, const char *says)
{
    pth *p;
    made m = {.file = {.mem = mem}, .dir = {.mem = mem}};
    made_entry(&m, "m/data.pkl", pickle, n, 0);
    made_entry(&m, "m/constants.pkl", "\x80\2).", 4, 0);
    made_finish(&m);
    err.text[0] = 0;
    cseg_status s = pth_open_bytes(m.file.text, m.file.n, "made.pt", mem, &p, &err);
    if (s == CSEG_OK || !strstr(err.text, says))
        fail_msg("%d: %s", (int)s, err.text);
}

static void modules_without_end_are_refused(void **state)
{
    (void)state;
    static const char loop[] = "\x80\2c__torch__\nM\n)\x81q\0}(X\1\0\0\0ah\0ub.";
    strbuf twice = {.mem = mem};
    strbuf_addn(&twice, "\x80\2", 2);
    for (int i = 0; i < 60; i++) { /* each module is both attributes of the one before */
        char memo[] = {'q', (char)i};
        strbuf_add(&twice, "c__torch__\nM\n)\x81");
        strbuf_addn(&twice, memo, 2);
    }
    for (int i = 58; i >= 0; i--) {
        char pair[] = "0h\0}(X\1\0\0\0ah\0X\1\0\0\0bh\0ub";
        pair[2] = (char)i;
        pair[12] = pair[20] = (char)(i + 1);
        strbuf_addn(&twice, pair, sizeof pair - 1);
    }
    strbuf_add(&twice, ".");
    check_script(loop, sizeof loop - 1, "have no end");
    check_script(twice.text, twice.n, "have no end");
    check_script("\x80\2c__torch__\nM\n)\x81.", 18, "without weights");
    check_script("\x80\2}.", 4, "without weights");
}

static void arrays_in_the_order_of_fortran_are_turned(void **state)
{
    (void)state;
    pth *p = open_file("safetensors/order.npz");
    const float *rows = (const float *)raw_of(p, pth_find(p, "a/rows"));
    assert_memory_equal(rows, raw_of(p, pth_find(p, "a/columns")), 24 * sizeof *rows);
    for (int i = 0; i < 24; i++)
        assert_true(rows[i] == (float)i);
}

static void names_are_decoded(void **state)
{
    (void)state;
    pth *p = open_file("safetensors/names.safetensors");
    assert_non_null(pth_find(p, "Gr\xc3\xb6\xc3\x9f"
                                "e"));
    assert_non_null(pth_find(p, "a\"b\\c"));
}

static void types_without_a_meaning_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"float8.safetensors", "'f8' is of type F8_E5M2"},
                                           {"big_endian.npz", "(big-endian)"},
                                           {"unsigned.npz", "type u4"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        cseg_status s = pth_open(arena_printf(mem, "%s/io/safetensors/%s", TEST_DATA, cases[i][0]), mem, &p, &err);
        if (s != CSEG_UNSUPPORTED || !strstr(err.text, cases[i][1]))
            fail_msg("%s: %d: %s", cases[i][0], (int)s, err.text);
    }
}

/* A file with that list and so many bytes behind it. */
static cseg_status open_made(const char *list, size_t data, pth **out)
{
    strbuf b = {.mem = mem};
    made_put(&b, strlen(list), 8);
    strbuf_add(&b, list);
    for (size_t i = 0; i < data; i++)
        strbuf_addn(&b, "\1", 1);
    err.text[0] = 0;
    return pth_open_bytes(b.text, b.n, "made.safetensors", mem, out, &err);
}

#define ENTRY(name, type, shape, from, to)                                                                             \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void lists_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t data;
        const char *says; /* NULL: fine */
    } cases[] = {
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "}", 4, NULL},
        {"{ }  ", 0, NULL},
        {"{" ENTRY("a", "F32", "[]", "0", "4") "," ENTRY("b", "U8", "[0,5]", "4", "4") "}", 4, NULL},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "}", 3, "outside of the file"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "}", 5, "1 bytes behind its last tensor"},
        {"{" ENTRY("a", "F32", "[2]", "0", "4") "}", 4, "do not fit its shape"},
        {"{" ENTRY("a", "F64", "[1]", "0", "4") "}", 4, "do not fit its shape"},
        {"{" ENTRY("a", "F32", "[1]", "4", "0") "}", 4, "outside of the file"},
        {"{" ENTRY("a", "F32", "[1]", "-4", "0") "}", 4, "outside of the file"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4.5") "}", 5, "outside of the file"},
        {"{" ENTRY("a", "F32", "[1]", "0", "1e999") "}", 4, "outside of the file"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "," ENTRY("b", "F32", "[1]", "0", "4") "}", 4, "'b' begins at byte"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "," ENTRY("b", "U8", "[3]", "5", "8") "}", 8, "'b' begins at byte"},
        {"{" ENTRY("a", "U8", "[1]", "0", "1") "," ENTRY("a", "U8", "[1]", "1", "2") "}", 2, "two tensors called 'a'"},
        {"{" ENTRY("a", "F32", "[4294967296,4294967296,4294967296]", "0", "0") "}", 0, "a shape that is none"},
        {"{" ENTRY("a", "F32", "[4611686018427387904,4]", "0", "0") "}", 0, "a shape that is none"},
        {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "more than 8 dimensions"},
        {"{" ENTRY("a", "F32", "[-1]", "0", "4") "}", 4, "a shape that is none"},
        {"{" ENTRY("a", "F32", "[\"1\"]", "0", "4") "}", 4, "a shape that is none"},
        {"{" ENTRY("a", "F32", "4", "0", "4") "}", 4, "a shape that is none"},
        {"{" ENTRY("a", "F31", "[1]", "0", "4") "}", 4, "of type F31"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "has no dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "a shape that is none"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "outside of the file"},
        {"{\"a\":[1,2]}", 0, "describes no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",}}", 0, "describes no tensor"},
        {"{\"\\q\":{}}", 0, "describes no tensor"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "", 4, "is no JSON, or is cut off"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") "}}", 4, "is no JSON, or is cut off"},
        {"{" ENTRY("a", "F32", "[1]", "0", "4") ",}", 4, "is no JSON, or is cut off"},
        {"{" ENTRY("a", "U8", "[1]", "0", "1") " " ENTRY("b", "U8", "[1]", "1", "2") "}", 2, "is no JSON"},
        {"{\"a\"}", 0, "is no JSON, or is cut off"},
        {"{\"a\":", 0, "is no JSON, or is cut off"},
        {"{\"a", 0, "is no JSON, or is cut off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        cseg_status s = open_made(cases[i].list, cases[i].data, &p);
        if ((s == CSEG_OK) != !cases[i].says || (cases[i].says && !strstr(err.text, cases[i].says)))
            fail_msg("%s: %d: %s", cases[i].list, (int)s, err.text);
    }
}

static void a_list_longer_than_the_file_is_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {3, 99999999};
    for (size_t i = 0; i < 2; i++) {
        pth *p;
        strbuf b = {.mem = mem};
        made_put(&b, lengths[i], 8);
        strbuf_add(&b, "{}");
        assert_int_equal(pth_open_bytes(b.text, b.n, "made.safetensors", mem, &p, &err), CSEG_CORRUPT);
        assert_non_null(strstr(err.text, "ends too early"));
    }
}

/* A list of 0x8b1f bytes begins as gzip files do. */
static void a_length_that_looks_like_another_format_is_none(void **state)
{
    (void)state;
    strbuf list = {.mem = mem};
    pth *p;
    strbuf_add(&list, "{" ENTRY("a", "U8", "[1]", "0", "1") "}");
    while (list.n < 0x8b1f)
        strbuf_add(&list, " ");
    assert_int_equal(open_made(list.text, 1, &p), CSEG_OK);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    pth *from = open_file("pth/zip_protocol2.pth"), *p;
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    for (size_t i = 0; i < pth_count(from); i++) {
        const pth_tensor *t = pth_at(from, i);
        pth_set(&b, dict, t->name, pth_tensor_value(&b, t->type, t->ndim, t->shape, raw_of(from, t)));
    }
    assert_int_equal(pth_write_safetensors("written.safetensors", &b, dict, &err), CSEG_OK);
    if (pth_open("written.safetensors", mem, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    check_same(from, p, 0);
    remove("written.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_package_and_of_numpy_hold_the_same),
        cmocka_unit_test(a_script_s_modules_are_a_state_dict),
        cmocka_unit_test(modules_without_end_are_refused),
        cmocka_unit_test(arrays_in_the_order_of_fortran_are_turned),
        cmocka_unit_test(names_are_decoded),
        cmocka_unit_test(types_without_a_meaning_are_named),
        cmocka_unit_test(lists_that_lie_are_refused),
        cmocka_unit_test(a_list_longer_than_the_file_is_refused),
        cmocka_unit_test(a_length_that_looks_like_another_format_is_none),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
