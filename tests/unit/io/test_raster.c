#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "io/raster/raster.h"

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

/* UTM zone 18 North, shortened. */
static const char utm[] =
    "PROJCS[\"WGS 84 / UTM zone 18N\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,"
    "AUTHORITY[\"EPSG\",\"7030\"]],AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0],UNIT[\"degree\","
    "0.0174532925199433],AUTHORITY[\"EPSG\",\"4326\"]],PROJECTION[\"Transverse_Mercator\"],PARAMETER["
    "\"latitude_of_origin\",0],PARAMETER[\"central_meridian\",-75],PARAMETER[\"scale_factor\",0.9996],PARAMETER["
    "\"false_easting\",500000],PARAMETER[\"false_northing\",0],UNIT[\"metre\",1],AUTHORITY[\"EPSG\",\"32618\"]]";
static const raster_place place = {
    .has_transform = true, .transform = {101985, 300.04, 0, 2826915, 0, -300.05}, .projection = utm};

static image pattern(int64_t h, int64_t w, int64_t c, image_type type)
{
    image m, f;
    assert_int_equal(image_new(h, w, c, IMAGE_F32, &f, &err), CSEG_OK);
    for (int64_t i = 0; i < h * w * c; i++)
        ((float *)f.data)[i] = (float)((i * 37 + i / 91) % 251);
    assert_int_equal(image_convert(&f, type, &m, &err), CSEG_OK);
    image_release(&f);
    return m;
}

static raster *open_raster(const char *path)
{
    raster *r = NULL;
    if (raster_open(path, mem, &r, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return r;
}

static void what_is_written_by_windows_is_read_by_windows(void **state)
{
    (void)state;
    for (int type = 0; type < IMAGE_TYPES; type++) {
        static const char *const names[] = {"red", "green", "near infrared"};
        raster_spec spec = {.h = 300,
                            .w = 421,
                            .bands = 3,
                            .type = (image_type)type,
                            .place = &place,
                            .has_nodata = true,
                            .nodata = 7,
                            .names = names};
        raster_writer *w;
        image all = pattern(300, 421, 3, (image_type)type), part;
        assert_int_equal(raster_create("t.tif", &spec, mem, &w, &err), CSEG_OK);
        for (int64_t y = 0; y < 300; y += 100) {
            image strip = all;
            strip.h = 100;
            strip.data = image_at(&all, y, 0);
            assert_int_equal(raster_write(w, y, 0, 0, &strip, &err), CSEG_OK);
        }
        assert_false(file_exists("t.tif"));
        if (raster_commit(w, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        raster *r = open_raster("t.tif");
        const raster_info *i = raster_describe(r);
        assert_true(i->h == 300 && i->w == 421 && i->bands == 3 && i->type == (image_type)type);
        assert_true(i->has_nodata && i->nodata == 7 && i->block_h == 256 && i->block_w == 256);
        assert_string_equal(i->driver, "GTiff");
        assert_string_equal(i->names[2], "near infrared");
        assert_true(i->place.has_transform);
        assert_memory_equal(i->place.transform, place.transform, sizeof place.transform);
        assert_non_null(strstr(i->place.projection, "UTM zone 18N"));
        assert_int_equal(image_new(45, 130, 2, (image_type)type, &part, &err), CSEG_OK);
        assert_int_equal(raster_read(r, 250, 290, (int[]){2, 0}, &part, &err), CSEG_OK);
        for (int y = 0; y < 45; y++)
            for (int x = 0; x < 130; x++) {
                assert_true(image_get(&part, y, x, 0) == image_get(&all, y + 250, x + 290, 2));
                assert_true(image_get(&part, y, x, 1) == image_get(&all, y + 250, x + 290, 0));
            }
        raster_close(r);
        image_release(&part);
        image_release(&all);
        remove("t.tif");
    }
}

static void masks_have_colours(void **state)
{
    (void)state;
    static const uint8_t palette[] = {1, 2, 3, 200, 100, 50};
    raster_spec spec = {.h = 4, .w = 5, .bands = 1, .type = IMAGE_U8, .palette = palette, .palette_n = 2};
    raster_writer *w;
    image m, back;
    assert_int_equal(image_new(4, 5, 1, IMAGE_U8, &m, &err), CSEG_OK);
    *image_u8(&m, 2, 3) = 1;
    assert_int_equal(raster_create("m.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    raster *r = open_raster("m.tif");
    assert_true(raster_describe(r)->palette_n >= 2);
    assert_memory_equal(raster_describe(r)->palette, palette, sizeof palette);
    assert_false(raster_describe(r)->place.has_transform);
    assert_int_equal(image_read("m.tif", IMAGE_COLOR | IMAGE_RGB, &back, &err), CSEG_OK);
    assert_memory_equal(image_u8(&back, 2, 2), "\1\2\3\310\144\62", 6);
    image_release(&back);
    assert_int_equal(image_read("m.tif", IMAGE_UNCHANGED | IMAGE_PILLOW, &back, &err), CSEG_OK);
    assert_memory_equal(back.data, m.data, 20);
    image_release(&back);
    image_release(&m);
    remove("m.tif");
}

static void narrower_types_are_rounded_and_clamped(void **state)
{
    (void)state;
    static const float values[] = {-3, 0.4f, 254.6f, 70000};
    image f = {.h = 1, .w = 4, .c = 1, .type = IMAGE_F32, .data = (void *)values};
    raster_spec spec = {.h = 1, .w = 4, .bands = 1, .type = IMAGE_F32};
    raster_writer *w;
    uint8_t u[4];
    image into = {.h = 1, .w = 4, .c = 1, .type = IMAGE_U8, .data = u};
    assert_int_equal(raster_create("f.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &f, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    assert_int_equal(raster_read(open_raster("f.tif"), 0, 0, NULL, &into, &err), CSEG_OK);
    assert_memory_equal(u, "\0\0\377\377", 4);
    remove("f.tif");
}

static void windows_must_lie_within(void **state)
{
    (void)state;
    raster *r = open_raster(TEST_DATA "/io/images/rgb.tif");
    uint8_t u[3000];
    static const int64_t at[][2] = {{-1, 0}, {0, -1}, {38, 0}, {0, 52}, {INT64_MAX, 0}, {0, INT64_MAX}};
    image into = {.h = 10, .w = 10, .c = 3, .type = IMAGE_U8, .data = u};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        assert_int_equal(raster_read(r, at[i][0], at[i][1], NULL, &into, &err), CSEG_SHAPE);
    assert_int_equal(raster_read(r, 37, 51, NULL, &into, &err), CSEG_OK);
    assert_int_equal(raster_read(r, 0, 0, (int[]){0, 1, 3}, &into, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "band 3"));
    raster_spec spec = {.h = 10, .w = 10, .bands = 2, .type = IMAGE_U8};
    raster_writer *w;
    assert_int_equal(raster_create("w.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &into, &err), CSEG_SHAPE);
    into.c = 1;
    assert_int_equal(raster_write(w, 0, 0, 2, &into, &err), CSEG_SHAPE);
    assert_int_equal(raster_write(w, 1, 0, 0, &into, &err), CSEG_SHAPE);
    assert_int_equal(raster_write(w, 0, 0, 1, &into, &err), CSEG_OK);
    raster_abort(w);
    raster_abort(w);
    assert_false(file_exists("w.tif"));
}

static void what_is_no_raster_has_a_clear_message(void **state)
{
    (void)state;
    raster *r;
    assert_int_equal(raster_open("/nowhere/a.tif", mem, &r, &err), CSEG_NOT_FOUND);
    assert_int_equal(raster_open(TEST_DATA "/io/images.tsv", mem, &r, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "images.tsv"));
    /* In memory a format that names other files is not opened. */
    static const char vrt[] =
        "<VRTDataset rasterXSize=\"2\" rasterYSize=\"2\"><VRTRasterBand dataType=\"Byte\" band=\"1\">"
        "<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>";
    assert_int_equal(raster_open_bytes(vrt, sizeof vrt - 1, "a.vrt", mem, &r, &err), CSEG_CORRUPT);
}

/* A cut is found, or cost nothing but padding behind the last entry. */
static void truncation_is_found_at_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb.tif", "gray16.tif", "float.tif"};
    for (size_t i = 0; i < 3; i++) {
        char *bytes;
        size_t n;
        image whole;
        assert_int_equal(file_read(arena_printf(mem, "%s/io/images/%s", TEST_DATA, names[i]), 0, mem, &bytes, &n, &err),
                         CSEG_OK);
        assert_int_equal(image_decode(bytes, n, "whole.tif", IMAGE_UNCHANGED, &whole, &err), CSEG_OK);
        for (size_t cut = 0; cut < n; cut += 7) {
            image m;
            char *part = malloc(cut + 1);
            memcpy(part, bytes, cut);
            part = realloc(part, cut ? cut : 1);
            cseg_status status = image_decode(part, cut, "part.tif", IMAGE_UNCHANGED, &m, &err);
            if (status != CSEG_CORRUPT &&
                (status != CSEG_OK || cut + 16 < n || memcmp(m.data, whole.data, image_bytes(&whole)) != 0))
                fail_msg("%s cut at byte %zu of %zu: %d %s", names[i], cut, n, (int)status, err.text);
            image_release(&m);
            free(part);
        }
        image_release(&whole);
    }
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char *bytes;
    size_t n;
    struct rlimit old, small;
    raster_spec spec = {.h = 600, .w = 600, .bands = 1, .type = IMAGE_F32};
    raster_writer *w;
    image m;
    assert_int_equal(image_new(600, 600, 1, IMAGE_F32, &m, &err), CSEG_OK);
    for (int64_t i = 0; i < 360000; i++)
        ((float *)m.data)[i] = sinf((float)i * (float)i);
    assert_int_equal(file_replace_bytes("full.tif", "old", 3, mem, &err), CSEG_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    cseg_status status = raster_create("full.tif", &spec, mem, &w, &err);
    if (status == CSEG_OK) {
        status = raster_write(w, 0, 0, 0, &m, &err);
        if (status == CSEG_OK)
            status = raster_commit(w, &err);
        else
            raster_abort(w);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, CSEG_IO);
    assert_int_equal(file_read("full.tif", 0, mem, &bytes, &n, &err), CSEG_OK);
    assert_string_equal(bytes, "old");
    char **left;
    assert_int_equal(dir_list(".", ".tmp", false, mem, &left, &n, &err), CSEG_OK);
    assert_int_equal(n, 0);
    image_release(&m);
    remove("full.tif");
}

static void *read_in_thread(void *good)
{
    cseg_error e;
    for (int i = 0; i < 50; i++) {
        image m;
        if (image_read(TEST_DATA "/io/images/rgb16.tif", IMAGE_UNCHANGED, &m, &e) != CSEG_OK || m.h != 47)
            *(bool *)good = false;
        image_release(&m);
        if (image_read(TEST_DATA "/io/images.tsv", IMAGE_UNCHANGED, &m, &e) != CSEG_CORRUPT)
            *(bool *)good = false;
    }
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    (void)state;
    pthread_t t[4];
    bool good[4] = {true, true, true, true};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, read_in_thread, &good[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_true(good[i]);
    }
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    cseg_status status = CSEG_NO_MEMORY;
    for (long nth = 1; status != CSEG_OK; nth++) {
        arena *own = arena_new();
        raster_spec spec = {.h = 9, .w = 9, .bands = 1, .type = IMAGE_U8};
        raster_writer *w = NULL;
        raster *r;
        uint8_t u[81] = {0};
        image m = {.h = 9, .w = 9, .c = 1, .type = IMAGE_U8, .data = u};
        mem_fail_at(nth);
        status = raster_create("nth.tif", &spec, own, &w, &err);
        if (status == CSEG_OK)
            status = raster_write(w, 0, 0, 0, &m, &err);
        if (status == CSEG_OK)
            status = raster_commit(w, &err);
        if (status == CSEG_OK)
            status = raster_open("nth.tif", own, &r, &err);
        if (status == CSEG_OK)
            status = raster_read(r, 0, 0, NULL, &m, &err);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        arena_free(own);
    }
    remove("nth.tif");
    char **left;
    size_t n;
    assert_int_equal(dir_list(".", ".tmp", false, mem, &left, &n, &err), CSEG_OK);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_by_windows_is_read_by_windows),
        cmocka_unit_test(masks_have_colours),
        cmocka_unit_test(narrower_types_are_rounded_and_clamped),
        cmocka_unit_test(windows_must_lie_within),
        cmocka_unit_test(what_is_no_raster_has_a_clear_message),
        cmocka_unit_test(truncation_is_found_at_every_byte),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
