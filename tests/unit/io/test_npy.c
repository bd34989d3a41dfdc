#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/npy.h"

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

static cseg_status read_array(const char *path, pickle_array *out)
{
    char *bytes;
    size_t n;
    assert_int_equal(file_read(path, 0, mem, &bytes, &n, &err), CSEG_OK);
    return npy_decode(bytes, n, path, mem, out, &err);
}

static void files_of_every_version_are_read(void **state)
{
    (void)state;
    /* Written by NumPy: arange(6) as 2 x 3, [1.5, -2] and so on; see make_npy.py. */
    static const struct {
        const char *name, *type;
        int ndim;
        int64_t shape[3];
        bool fortran;
        double values[6];
    } cases[] = {
        {"f4_v1", "f4", 2, {2, 3}, false, {0, 0.5, 1, 1.5, 2, 2.5}},
        {"f8_v2", "f8", 2, {2, 3}, false, {0, 0.5, 1, 1.5, 2, 2.5}},
        {"f8_v3_fortran", "f8", 2, {2, 3}, true, {0, 1.5, 0.5, 2, 1, 2.5}},
        {"f4_big", "f4", 1, {2}, false, {1.5, -2}},
        {"i8", "i8", 1, {2}, false, {-5, 1099511627776}},
        {"i2_big", "i2", 1, {2}, false, {-300, 300}},
        {"u1", "u1", 3, {1, 2, 1}, false, {255, 0}},
        {"b1", "b1", 1, {2}, false, {1, 0}},
        {"f2", "f2", 1, {2}, false, {0.5, 65504}},
        {"scalar", "f8", 0, {0}, false, {7}},
        {"empty", "f4", 2, {0, 3}, false, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pickle_array a;
        char *path = arena_printf(mem, "%s/io/npy/%s.npy", TEST_DATA, cases[i].name);
        if (read_array(path, &a) != CSEG_OK)
            fail_msg("%s", err.text);
        assert_int_equal(a.type, cases[i].type[0]);
        assert_int_equal(a.size, cases[i].type[1] - '0');
        assert_int_equal(a.fortran, cases[i].fortran);
        assert_int_equal(a.ndim, cases[i].ndim);
        for (int d = 0; d < a.ndim; d++)
            assert_int_equal(a.shape[d], cases[i].shape[d]);
        for (int64_t k = 0; k < a.count; k++)
            if (pickle_array_get(&a, k) != cases[i].values[k])
                fail_msg("%s[%lld] is %g", cases[i].name, (long long)k, pickle_array_get(&a, k));
    }
}

static void what_is_no_plain_array_is_refused(void **state)
{
    (void)state;
    pickle_array a;
    assert_int_equal(read_array(TEST_DATA "/io/npy/object.npy", &a), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "object.npy: holds elements of type '|O'"));
    assert_int_equal(read_array(TEST_DATA "/io/npy/fields.npy", &a), CSEG_UNSUPPORTED);
    assert_int_equal(read_array(TEST_DATA "/io/pth.json", &a), CSEG_CORRUPT);
}

static void truncation_is_found_at_every_byte(void **state)
{
    (void)state;
    char *bytes;
    size_t n;
    assert_int_equal(file_read(TEST_DATA "/io/npy/f8_v2.npy", 0, mem, &bytes, &n, &err), CSEG_OK);
    for (size_t cut = 0; cut < n; cut++) {
        pickle_array a;
        char *part = malloc(cut + 1);
        memcpy(part, bytes, cut);
        part = realloc(part, cut ? cut : 1);
        assert_int_equal(npy_decode(part, cut, "part.npy", mem, &a, &err), CSEG_CORRUPT);
        free(part);
    }
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        "{'descr': '<f4', 'shape': (1,), }\n",
        "{'fortran_order': False, 'shape': (1,), }\n",
        "{'descr': '<f4', 'fortran_order': False, }\n",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        strbuf b = {.mem = mem};
        size_t n = strlen(headers[i]);
        char head[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, (char)n, (char)(n >> 8)};
        pickle_array a;
        strbuf_addn(&b, head, sizeof head);
        strbuf_add(&b, headers[i]);
        strbuf_addn(&b, "\0\0\x80?\0\0\0@", 8);
        if (npy_decode(b.text, b.n, "liar.npy", mem, &a, &err) != CSEG_CORRUPT)
            fail_msg("header %zu is accepted", i);
    }
}

static void check_numbers(const char *path, size_t want, const double *values)
{
    double *v;
    size_t n;
    if (numbers_read(path, mem, &v, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(n, want);
    for (size_t i = 0; i < n; i++)
        if (v[i] != values[i])
            fail_msg("%s: number %zu is %g", path, i, v[i]);
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(file_replace_bytes(path, text, strlen(text), mem, &err), CSEG_OK);
}

static void numbers_come_from_every_kind_of_file(void **state)
{
    (void)state;
    static const double list[] = {0.5, 2, 1.25, -3, 1e300, 1}, array[] = {0.5, 2, -3}, text[] = {0.5, 2, -3e-1};
    for (int protocol = 0; protocol <= 5; protocol++) {
        check_numbers(arena_printf(mem, "%s/io/pickle/list%d.pkl", TEST_DATA, protocol), 6, list);
        check_numbers(arena_printf(mem, "%s/io/pickle/array%d.pkl", TEST_DATA, protocol), 3, array);
    }
    check_numbers(TEST_DATA "/io/npy/f4_big.npy", 2, (double[]){1.5, -2});
    write_text("n.json", " [0.5, 2, -3e-1]\n");
    write_text("n.yaml", "# weights\n---\n- 0.5\n-  2 # two\n\n- -3e-1\n");
    write_text("n.yml", "[0.5, 2, -3e-1]\n");
    check_numbers("n.json", 3, text);
    check_numbers("n.yaml", 3, text);
    check_numbers("n.yml", 3, text);
}

static void what_is_no_list_of_numbers_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        cseg_status status;
    } cases[] = {
        {"n.json", "[1, \"a\"]", CSEG_CORRUPT},
        {"n.json", "{\"a\": 1}", CSEG_CORRUPT},
        {"n.json", "[1, 2", CSEG_CORRUPT},
        {"n.json", "[1] x", CSEG_CORRUPT},
        {"n.json", "[1, 1e999]", CSEG_NUMERIC},
        {"n.yaml", "a: 1\n", CSEG_CORRUPT},
        {"n.yaml", "- 1 2\n", CSEG_CORRUPT},
        {"n.yaml", "- nan\n", CSEG_NUMERIC},
        {"n.txt", "1\n", CSEG_UNSUPPORTED},
        {"n.pkl", "}.", CSEG_CORRUPT},
        {"n.pkl", "]N0.", CSEG_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double *v;
        size_t n;
        write_text(cases[i].name, cases[i].text);
        if (numbers_read(cases[i].name, mem, &v, &n, &err) != cases[i].status)
            fail_msg("case %zu: %s", i, err.text);
        remove(cases[i].name);
    }
    double *v;
    size_t n;
    assert_int_equal(numbers_read(TEST_DATA "/io/npy/f4_v1.npy", mem, &v, &n, &err), CSEG_SHAPE);
    assert_int_equal(numbers_read("nowhere.npy", mem, &v, &n, &err), CSEG_NOT_FOUND);
    remove("n.yml");
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const paths[] = {TEST_DATA "/io/npy/f4_big.npy", TEST_DATA "/io/pickle/array2.pkl"};
    for (int i = 0; i < 2; i++) {
        cseg_status status = CSEG_NO_MEMORY;
        int failures = 0;
        for (long nth = 1; status != CSEG_OK; nth++) {
            arena *own = arena_new();
            double *v;
            size_t n;
            mem_fail_at(nth);
            status = numbers_read(paths[i], own, &v, &n, &err);
            mem_fail_at(0);
            assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
            failures += status != CSEG_OK;
            arena_free(own);
        }
        assert_in_range(failures, 1, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_every_version_are_read),      cmocka_unit_test(what_is_no_plain_array_is_refused),
        cmocka_unit_test(truncation_is_found_at_every_byte),    cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(numbers_come_from_every_kind_of_file), cmocka_unit_test(what_is_no_list_of_numbers_is_refused),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
