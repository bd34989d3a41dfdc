/* Scenes, masks and second dates on one grid; what the pictures of them show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "draw/quicklook.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

#define GOOD(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) != CSEG_OK)                                                                                         \
            fail_msg("%s", err.text);                                                                                  \
    } while (0)

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static void write_at(const char *path, const image *m, double x, double y, double pixel, bool nodata)
{
    raster_place place = {.has_transform = true, .transform = {x, pixel, 0, y, 0, -pixel}}; /* of no known system */
    raster_spec spec = {.h = m->h, .w = m->w, .bands = m->c, .type = m->type, .place = &place, .has_nodata = nodata};
    raster_writer *w;
    GOOD(raster_create(path, &spec, mem, &w, &err));
    GOOD(raster_write(w, 0, 0, 0, m, &err));
    GOOD(raster_commit(w, &err));
}

/* 40 x 60 pixels of 10 units: gray 100, but 0 (no data) in the first 20 columns. */
static void write_scene(void)
{
    image m = {0};
    GOOD(image_new(40, 60, 3, IMAGE_U8, &m, &err));
    for (int64_t i = 0; i < 40 * 60 * 3; i++)
        ((uint8_t *)m.data)[i] = i / 3 % 60 < 20 ? 0 : 100;
    write_at("scene.tif", &m, 0, 400, 10, true);
    image_release(&m);
}

static const uint8_t *pixel(const image *m, int64_t y, int64_t x)
{
    return image_u8(m, y, x);
}

static int32_t row_at(const map_layers *l, int64_t y, int64_t x)
{
    return ((int32_t *)l->map.data)[y * l->w + x];
}

static void holes_are_transparent(void **state)
{
    (void)state;
    map_layers *l;
    map_layers_options how = {.scene = "scene.tif", .most_w = 30, .most_h = 30};
    write_scene();
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(l->w, 30);
    assert_int_equal(l->h, 20);
    assert_int_equal(pixel(&l->scene, 5, 9)[3], 0);
    assert_int_equal(pixel(&l->scene, 5, 10)[3], 255);
    assert_int_equal(pixel(&l->scene, 5, 10)[0], 100);
    how.most_w = how.most_h = 300;
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(l->w, 60); /* not enlarged unless asked for */
    how.enlarge = true;
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(l->w, 300);
    assert_int_equal(l->h, 200);
}

/* A mask of half the pixel size over rows 10 ... 19, columns 30 ... 49 of the scene. */
static void a_mask_is_placed_by_its_georeference(void **state)
{
    (void)state;
    image m = {0};
    map_layers *l;
    map_layers_options how = {.scene = "scene.tif", .mask = "mask.tif", .most_w = 60, .most_h = 60};
    write_scene();
    GOOD(image_new(20, 40, 1, IMAGE_U8, &m, &err));
    for (int64_t i = 0; i < 20 * 40; i++)
        ((uint8_t *)m.data)[i] = i % 40 < 20 ? 3 : 9;
    write_at("mask.tif", &m, 300, 300, 5, false);
    image_release(&m);
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(l->n_classes, 2);
    assert_int_equal(l->classes[0].id, 3);
    assert_int_equal(l->classes[1].id, 9);
    assert_int_equal(l->classes[1].pixels, 400);
    assert_string_equal(l->classes[1].name, "class 9");
    for (int64_t y = 0; y < 40; y++)
        for (int64_t x = 0; x < 60; x++) {
            bool in = y >= 10 && y < 20 && x >= 30 && x < 50;
            assert_int_equal(row_at(l, y, x), !in ? -1 : x < 40 ? 0 : 1);
        }
}

static void a_mask_of_another_place_is_refused(void **state)
{
    (void)state;
    uint8_t ids[6] = {0};
    image m = {.h = 2, .w = 3, .c = 1, .type = IMAGE_U8, .data = ids};
    map_layers *l;
    map_layers_options how = {.scene = "scene.tif", .mask = "mask.tif", .most_w = 60, .most_h = 60};
    write_scene();
    write_at("mask.tif", &m, 100000, 300, 5, false);
    assert_int_equal(map_layers_open(&how, mem, &l, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "mask.tif does not lie where scene.tif lies"));
    how.mask = NULL;
    how.second = "mask.tif";
    assert_int_equal(map_layers_open(&how, mem, &l, &err), CSEG_DATA);
}

static void write_ramp(const char *path, image_type type)
{
    image m = {0}, typed = {0};
    GOOD(image_new(10, 100, 1, IMAGE_I32, &m, &err));
    for (int64_t i = 0; i < 1000; i++)
        ((int32_t *)m.data)[i] = (int32_t)(1000 + 10 * (i % 100));
    GOOD(image_convert(&m, type, &typed, &err));
    write_at(path, &typed, 0, 100, 10, false);
    image_release(&m);
    image_release(&typed);
}

static void check_ramp(const map_layers_options *how, int first, int middle, int last)
{
    map_layers *l;
    GOOD(map_layers_open(how, mem, &l, &err));
    assert_in_range(pixel(&l->scene, 5, 0)[1] + 1, first, first + 2);
    assert_in_range(pixel(&l->scene, 5, 50)[1] + 1, middle, middle + 2);
    assert_in_range(pixel(&l->scene, 5, 99)[1] + 1, last, last + 2);
}

static void deep_samples_are_stretched(void **state)
{
    (void)state;
    map_layers_options how = {.scene = "ramp.tif", .most_w = 100, .most_h = 100};
    write_ramp("ramp.tif", IMAGE_U16);
    check_ramp(&how, 0, 128, 255);
    how.stretch = (stretch){STRETCH_PERCENT, 0, 50};
    check_ramp(&how, 0, 255, 255);
    how.stretch = (stretch){STRETCH_NONE, 0, 0};
    check_ramp(&how, 4, 6, 8); /* of 65535 */
    write_ramp("ramp.tif", IMAGE_F32);
    how.stretch = (stretch){STRETCH_PERCENT, 0, 100};
    check_ramp(&how, 0, 129, 255);
}

/* 16 x 8, dark above and light below as it lies; orientation 6 turns it clockwise: dark to the right. */
static void a_photograph_stands_upright(void **state)
{
    (void)state;
    static const uint8_t exif[] = {0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                                   1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, 6,   0,   0,  0, 0, 0, 0, 0};
    image m = {0};
    map_layers *l;
    map_layers_options how = {.scene = "turned.jpg", .most_w = 16, .most_h = 16};
    void *bytes;
    size_t n;
    GOOD(image_new(8, 16, 1, IMAGE_U8, &m, &err));
    memset((uint8_t *)m.data + 64, 200, 64);
    GOOD(image_encode("x.jpg", &m, NULL, &bytes, &n, &err));
    image_release(&m);
    uint8_t *whole = ARENA_ARRAY(mem, n + sizeof exif, uint8_t);
    memcpy(whole, bytes, 2);
    memcpy(whole + 2, exif, sizeof exif);
    memcpy(whole + 2 + sizeof exif, (uint8_t *)bytes + 2, n - 2);
    free(bytes);
    GOOD(file_replace_bytes("turned.jpg", whole, n + sizeof exif, mem, &err));
    GOOD(image_read("turned.jpg", IMAGE_GRAYSCALE, &m, &err));
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(l->w, 8);
    assert_int_equal(l->h, 16);
    for (int64_t y = 0; y < 16; y++)
        for (int64_t x = 0; x < 8; x++)
            assert_in_range(pixel(&l->scene, y, x)[0] + 3, image_u8(&m, y, x)[0], image_u8(&m, y, x)[0] + 6);
    assert_true(pixel(&l->scene, 8, 0)[0] > 190 && pixel(&l->scene, 8, 7)[0] < 10);
    image_release(&m);
}

static void bands_are_chosen(void **state)
{
    (void)state;
    uint8_t samples[8] = {10, 20, 30, 40, 10, 20, 30, 40};
    image m = {.h = 1, .w = 2, .c = 4, .type = IMAGE_U8, .data = samples};
    map_layers *l;
    map_layers_options how = {.scene = "four.tif", .bands = {3, 2, 1}, .n_bands = 3, .most_w = 2, .most_h = 2};
    write_at("four.tif", &m, 0, 100, 10, false);
    GOOD(map_layers_open(&how, mem, &l, &err));
    assert_int_equal(pixel(&l->scene, 0, 0)[0], 40);
    assert_int_equal(pixel(&l->scene, 0, 0)[1], 30);
    assert_int_equal(pixel(&l->scene, 0, 0)[2], 20);
    how.bands[2] = 4;
    assert_int_equal(map_layers_open(&how, mem, &l, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "four.tif: has no band 5; its bands are 1 to 4"));
}

static void colours_and_outlines_are_drawn(void **state)
{
    (void)state;
    static const char line[] = "{\"type\":\"LineString\",\"coordinates\":[[0,100],[600,100]]}"; /* row 30 */
    image m = {0}, out = {0};
    map_layers *l;
    map_layers_options grid = {.scene = "scene.tif", .mask = "mask.tif", .enlarge = true};
    const char *vectors[] = {"line.geojson"};
    quicklook_options how = {.scene = "scene.tif",
                             .width = 120,
                             .vectors = vectors,
                             .n_vectors = 1,
                             .opacity = 0.5,
                             .background = BACKGROUND_NONE};
    write_scene();
    GOOD(file_replace_bytes("line.geojson", line, strlen(line), mem, &err));
    GOOD(image_new(40, 60, 1, IMAGE_U8, &m, &err));
    write_at("mask.tif", &m, 0, 400, 10, false);
    image_release(&m);
    GOOD(quicklook_room(&how, &grid.most_w, &grid.most_h, &err));
    GOOD(map_layers_open(&grid, mem, &l, &err));
    memcpy(l->classes[0].colour, ((uint8_t[]){200, 0, 50}), 3);
    GOOD(quicklook_draw(&how, l, mem, &out, &err));
    assert_int_equal(out.w, 120);
    assert_int_equal(out.h, 80);
    assert_int_equal(out.c, 4);
    const uint8_t *p = pixel(&out, 20, 80);
    assert_in_range(p[0], 149, 151); /* half of 100 and 200 */
    assert_in_range(p[1], 49, 51);
    assert_in_range(p[2], 74, 76);
    p = pixel(&out, 60, 80); /* 30 rows of 2 pixels: the line is red on white */
    assert_true(p[0] > 200 && p[1] < 120 && p[2] < 140);
    p = pixel(&out, 20, 10); /* no data, but the mask has a class there */
    assert_in_range(p[3], 127, 128);
    image_release(&out);
}

static void a_picture_too_small_for_its_legend_is_refused(void **state)
{
    (void)state;
    int64_t w, h;
    quicklook_options how = {.scene = "scene.tif", .width = 200, .height = 100, .legend = true};
    assert_int_equal(quicklook_room(&how, &w, &h, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "its legend: give a larger --size"));
}

static void areas_have_fitting_units(void **state)
{
    (void)state;
    char text[32];
    quicklook_area(12.3, text);
    assert_string_equal(text, "12 m²");
    quicklook_area(12345, text);
    assert_string_equal(text, "1.2 ha");
    quicklook_area(7.5e9, text);
    assert_string_equal(text, "7500 km²");
    quicklook_area(NAN, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holes_are_transparent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mask_is_placed_by_its_georeference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mask_of_another_place_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deep_samples_are_stretched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_photograph_stands_upright, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bands_are_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colours_and_outlines_are_drawn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_picture_too_small_for_its_legend_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(areas_have_fitting_units, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
