/* Volumes (MATLAB, NIfTI) and large JSON that are damaged: refused with the file's name, never read beyond their end.
 * What whole ones hold is compared in data/test_convert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/archive/archive.h"
#include "io/json_items.h"
#include "io/volume/matlab.h"
#include "io/volume/nifti.h"

#include <cmocka.h> /* last: it has a macro called fail */

#define DATA TEST_DATA "/data/convert/"
static cseg_error err;
static arena *mem;

static int begin(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

/* A copy of n bytes that ends where its memory ends: a sanitizer sees what is read behind it. */
static uint8_t *exactly(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    return copy;
}

static cseg_status read_mask(const uint8_t *bytes, size_t n, const char *variable, const char *field, image *out)
{
    arena *own = arena_new();
    matlab_value v;
    cseg_status status = matlab_find(bytes, n, "x.mat", variable, own, &v, &err);
    if (status == CSEG_OK && field)
        status = matlab_field(&v, field, &v, &err);
    if (status == CSEG_OK)
        status = matlab_u8(&v, out, &err);
    arena_free(own);
    return status;
}

static void matlab_is_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path, *variable, *field;
        int64_t h, w;
    } files[] = {{DATA "voc_aug/aug/dataset/cls/a.mat", "GTcls", "Segmentation", 7, 9}, /* packed */
                 {DATA "voc_aug/aug/dataset/cls/b.mat", "GTcls", "Segmentation", 7, 9},
                 {DATA "coco_stuff10k/annotations/COCO_train2014_00000005.mat", "S", NULL, 3, 61}};
    for (size_t i = 0; i < 3; i++) {
        char *bytes;
        size_t n, refused = 0;
        image m;
        assert_int_equal(file_read(files[i].path, 0, mem, &bytes, &n, &err), CSEG_OK);
        assert_int_equal(read_mask((uint8_t *)bytes, n, files[i].variable, files[i].field, &m), CSEG_OK);
        assert_true(m.h == files[i].h && m.w == files[i].w && m.c == 1);
        image_release(&m);
        assert_int_equal(read_mask((uint8_t *)bytes, n, "none", NULL, &m), CSEG_NOT_FOUND);
        assert_non_null(strstr(err.text, "x.mat: has no variable 'none'"));
        for (size_t at = 0; at < n; at++)
            for (int how = 0; how < 3; how++) { /* cut off, a byte that is large, one bit */
                uint8_t *bad = exactly(bytes, how ? n : at);
                if (how)
                    bad[at] = how == 1 ? 0xff : bad[at] ^ 4;
                cseg_status status = read_mask(bad, how ? n : at, files[i].variable, files[i].field, &m);
                if (status == CSEG_OK)
                    image_release(&m);
                else
                    assert_non_null(strstr(err.text, "x.mat"));
                refused += status != CSEG_OK;
                free(bad);
            }
        assert_true(refused > n / 2);
    }
    image m;
    const char later[] = "MATLAB 7.3 MAT-file, Platform: GLNXA64";
    assert_int_equal(read_mask((const uint8_t *)later, sizeof later, "S", NULL, &m), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "save it with -v7"));
}

static void nifti_is_read_or_refused(void **state)
{
    (void)state;
    char *packed;
    const uint8_t *bytes;
    size_t n;
    nifti v;
    assert_int_equal(file_read(DATA "synapse/img/img0006.nii.gz", 0, mem, &packed, &n, &err), CSEG_OK);
    assert_int_equal(archive_gunzip((uint8_t *)packed, n, "x", 1 << 20, mem, &bytes, &n, &err), CSEG_OK);
    assert_int_equal(nifti_open(bytes, n, "x.nii", &v, &err), CSEG_OK);
    assert_true(v.size[0] == 18 && v.size[1] == 20 && v.size[2] == 2);
    double first = nifti_at(&v, 0, 0, 0);
    assert_true(nifti_at(&v, 17, 19, 1) > -501.0 && first > -501.0);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *bad = exactly(bytes, cut);
        assert_int_equal(nifti_open(bad, cut, "x.nii", &v, &err), CSEG_CORRUPT);
        assert_non_null(strstr(err.text, "x.nii"));
        free(bad);
    }
    for (size_t at = 0; at < 352; at++)
        for (int value = 0; value < 256; value += 51) {
            uint8_t *bad = exactly(bytes, n);
            bad[at] = (uint8_t)value;
            if (nifti_open(bad, n, "x.nii", &v, &err) == CSEG_OK)
                (void)nifti_at(&v, v.size[0] - 1, v.size[1] - 1, v.size[2] - 1);
            else
                assert_non_null(strstr(err.text, "x.nii"));
            free(bad);
        }
}

/* The header of version 2, and of the other byte order. */
static void nifti_of_both_versions_and_orders_is_read(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        uint8_t file[540 + 4 + 6 * 2] = {0};
        const struct {
            int at, bytes;
            int64_t v;
        } fields[] = {{0, 4, 540}, {12, 2, 4},    {16, 8, 3},   {24, 8, 1},   {32, 8, 2},
                      {40, 8, 3},  {168, 8, 544}, {544, 2, -7}, {554, 2, 300}};
        double slope = 2.0;
        int64_t bits;
        memcpy(&bits, &slope, sizeof bits);
        memcpy(file + 4, "n+2\0\r\n\032\n", 8);
        for (size_t i = 0; i <= sizeof fields / sizeof *fields; i++) {
            bool last = i == sizeof fields / sizeof *fields;
            int at = last ? 176 : fields[i].at, n = last ? 8 : fields[i].bytes;
            for (int k = 0; k < n; k++)
                file[at + k] = (uint8_t)((last ? bits : fields[i].v) >> 8 * (big ? n - 1 - k : k));
        }
        nifti v;
        assert_int_equal(nifti_open(file, sizeof file, "x.nii", &v, &err), CSEG_OK);
        assert_true(v.size[0] == 1 && v.size[1] == 2 && v.size[2] == 3);
        assert_true(nifti_at(&v, 0, 0, 0) == -14.0 && nifti_at(&v, 0, 1, 2) == 600.0);
    }
}

static int count_items(const char *text, size_t n, const char *key)
{
    json_items j;
    const char *item;
    size_t length;
    int count = 0;
    if (json_items_begin(&j, text, n, key, "x.json", &err) != CSEG_OK)
        return -1;
    while (json_items_next(&j, &item, &length)) {
        assert_true(item >= text && item + length <= text + n);
        count++;
    }
    return json_items_end(&j, &err) == CSEG_OK ? count : -2;
}

static void items_of_json_are_found(void **state)
{
    (void)state;
    const char text[] =
        " { \"b\" : {\"a\": [1, 2]}, \"s\": \"a\\\": [\", \"n\":-1.5e3,\n \"a\": [ {\"x\": [\"]\"]}, 7 ,\"\\\\\"],"
        "\"e\":[]}";
    size_t n = sizeof text - 1;
    assert_int_equal(count_items(text, n, "a"), 3);
    assert_int_equal(count_items(text, n, "e"), 0);
    assert_int_equal(count_items(text, n, "x"), -1);
    assert_non_null(strstr(err.text, "x.json: has no array 'x'"));
    assert_int_equal(count_items(text, n, "n"), -1); /* a number */
    size_t open = (size_t)(strstr(text, "[ {") - text) + 1, close = (size_t)(strstr(text, "],\"e\"") - text);
    for (size_t cut = 0; cut < n; cut++) {
        char *bad = (char *)exactly(text, cut);
        int found = count_items(bad, cut, "a");
        assert_true(cut > close ? found == 3 : found < 0);
        assert_true(found >= -1 || cut >= open);
        assert_non_null(strstr(err.text, "x.json"));
        free(bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matlab_is_read_or_refused, begin, end),
        cmocka_unit_test_setup_teardown(nifti_is_read_or_refused, begin, end),
        cmocka_unit_test_setup_teardown(nifti_of_both_versions_and_orders_is_read, begin, end),
        cmocka_unit_test_setup_teardown(items_of_json_are_found, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
