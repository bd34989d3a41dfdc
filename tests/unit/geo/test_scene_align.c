/* A second scene on the grid of the first: windows of chosen bands, and what has no data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "geo/scene.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;

static void make(const char *path, int64_t h, int64_t w, int64_t bands, double x, double y, double size, arena *mem)
{
    raster_writer *out;
    image m;
    raster_place place = {.has_transform = true,
                          .transform = {x, size, 0, y, 0, -size},
                          .projection = "",
                          .gcp_projection = "",
                          .area_or_point = ""};
    raster_spec spec = {.h = h, .w = w, .bands = bands, .type = IMAGE_U8, .place = &place};
    assert_int_equal(image_new(h, w, bands, IMAGE_U8, &m, &err), CSEG_OK);
    for (int64_t i = 0; i < h * w; i++)
        for (int64_t k = 0; k < bands; k++)
            image_u8(&m, 0, i)[k] = (uint8_t)(1 + (i / w * 5 + i % w * 3 + k * 40) % 250);
    if (raster_create(path, &spec, mem, &out, &err) || raster_write(out, 0, 0, 0, &m, &err) || raster_commit(out, &err))
        fail_msg("%s", err.text);
    image_release(&m);
}

static void windows_lie_where_the_first_has_them(void **state)
{
    (void)state;
    arena *mem = arena_new();
    scene first, second;
    image m = {0};
    uint8_t holes[20 * 20];
    int64_t n;
    make("first.tif", 60, 70, 3, 1000, 2000, 10, mem);
    /* Pixels half as large, from column 20, row 10 of the first on. */
    make("second.tif", 200, 60, 4, 1200, 1900, 5, mem);
    assert_int_equal(scene_open("first.tif", IMAGE_COLOR, mem, &first, &err), CSEG_OK);
    assert_int_equal(scene_open("second.tif", IMAGE_UNCHANGED | IMAGE_RGB, mem, &second, &err), CSEG_OK);
    assert_int_equal(scene_select(&second, (const int64_t[]){4, 2}, 2, &err), CSEG_OK);
    assert_int_equal(scene_align(&second, &first, &(pair_options){0}, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "first.tif and second.tif do not have one grid: their pixels differ: 10 x 10"));
    assert_int_equal(scene_align(&second, &first, &(pair_options){.warp = true, .nearest = true}, &err), CSEG_OK);
    assert_true(second.info->h == 60 && second.info->w == 70 && second.info->bands == 2);
    assert_int_equal(scene_read(&second, 5, 15, 20, 20, &m, &err), CSEG_OK);
    assert_int_equal(scene_nodata(&second, 5, 15, 20, 20, holes, &n, &err), CSEG_OK);
    assert_int_equal(n, 20 * 20 - 15 * 15);
    for (int64_t y = 0; y < 20; y++)
        for (int64_t x = 0; x < 20; x++) {
            assert_int_equal(holes[y * 20 + x], y < 5 || x < 5);
            if (y < 5 || x < 5)
                continue;
            /* The centre of the first's pixel is a corner of four of the second's; the nearest is the one behind. */
            int64_t row = (y - 5) * 2 + 1, col = (x - 5) * 2 + 1;
            assert_int_equal(image_u8(&m, y, x)[0], 1 + (row * 5 + col * 3 + 120) % 250);
            assert_int_equal(image_u8(&m, y, x)[1], 1 + (row * 5 + col * 3 + 40) % 250);
        }
    image_release(&m);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_lie_where_the_first_has_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
