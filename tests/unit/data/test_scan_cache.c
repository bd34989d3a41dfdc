/* What an earlier look at the labels found: believed as it was written, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/scan/scan_cache.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static cseg_error err;
static arena *mem;
static const char path[] = "label_scan.cache", label[] = "label.png", picture[] = "image.png";
static scan_value values[] = {{0, 900}, {2, 60}, {255, 40}};
static const scan_facts facts = {
    .c = 1, .h = 25, .w = 40, .image_h = 25, .image_w = 40, .n_values = 3, .values = values};

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem && file_replace_bytes(label, "label", 5, mem, &err) == CSEG_OK &&
                   file_replace_bytes(picture, "image", 5, mem, &err) == CSEG_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return unlink(label) | unlink(picture) | unlink(path);
}

static void write_facts(const scan_facts *f)
{
    scan_cache_writer w;
    assert_int_equal(scan_cache_open(&w, path, mem, &err), CSEG_OK);
    scan_cache_add(&w, label, picture, 0, f);
    assert_int_equal(scan_cache_commit(&w, &err), CSEG_OK);
}

/* At once: no power fails here. */
static void write_bytes(const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static bool found(scan_facts *out)
{
    scan_cache cache;
    scan_cache_read(&cache, path, mem);
    return scan_cache_find(&cache, label, picture, 0, out);
}

static void what_was_written_is_found(void **state)
{
    (void)state;
    scan_facts got;
    write_facts(&facts);
    assert_true(found(&got));
    assert_int_equal(got.h, 25);
    assert_int_equal(got.w, 40);
    assert_int_equal(got.n_values, 3);
    assert_memory_equal(got.values, values, sizeof values);
}

/* Any byte: a digit for another digit is still a number. */
static void damage_is_never_believed(void **state)
{
    (void)state;
    char *text;
    size_t n;
    scan_facts got;
    write_facts(&facts);
    assert_int_equal(file_read(path, 0, mem, &text, &n, &err), CSEG_OK);
    for (size_t i = 0; i < n; i++) {
        char was = text[i];
        text[i] ^= 1;
        write_bytes(text, n);
        text[i] = was;
        if (found(&got))
            fail_msg("byte %d of the cache was changed, and it is believed", (int)i);
    }
    for (size_t cut = 0; cut < n; cut++) {
        write_bytes(text, cut);
        assert_false(found(&got));
    }
    write_bytes(text, n);
    assert_true(found(&got));
}

/* Sealed rightly, but no label file can be so. */
static void what_cannot_be_is_not_believed(void **state)
{
    (void)state;
    static scan_value wrong[][3] = {
        {{0, 900}, {2, 60}, {255, 41}},           {{0, 900}, {2, 60}, {255, 39}}, {{0, INT64_MAX}, {2, 60}, {255, 40}},
        {{0, 900}, {0, 60}, {255, 40}},           {{2, 900}, {0, 60}, {255, 40}}, {{0, 900}, {2, 60}, {65536, 40}},
        {{0, INT64_MAX}, {1, INT64_MAX}, {2, 2}},
    };
    static const int64_t sides[][4] = {{0, 40, 25, 40},
                                       {-25, -40, 25, 40},
                                       {25, 40, 0, 40},
                                       {25, 40, 25, -1},
                                       {INT64_C(1) << 33, INT64_C(1) << 33, 25, 40}};
    scan_facts got, f = facts;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        f.values = wrong[i];
        write_facts(&f);
        assert_false(found(&got));
    }
    f = facts;
    f.n_values = 0;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        f.h = sides[i][0];
        f.w = sides[i][1];
        f.image_h = sides[i][2];
        f.image_w = sides[i][3];
        write_facts(&f);
        assert_false(found(&got));
    }
    write_facts(&facts);
    assert_true(found(&got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_found),
        cmocka_unit_test(damage_is_never_believed),
        cmocka_unit_test(what_cannot_be_is_not_believed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
