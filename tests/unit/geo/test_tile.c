/* Tiles of a small scene that the test makes itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "geo/scene.h"
#include "geo/tile.h"

/* Last: it has a macro called fail. */
#include <cmocka.h>

enum { H = 70, W = 50 };
static char folder[256], scene_path[512], mask_path[512];

/* Red is the row, green the column, so that every pixel of a tile tells where it is from. */
static void make_scene(arena *mem)
{
    raster_place place = {.has_transform = true, .transform = {1000.0, 2.0, 0.0, 5000.0, 0.0, -2.0}, .projection = ""};
    raster_writer *w;
    image m = {0}, label = {0};
    assert_int_equal(image_new(H, W, 4, IMAGE_U8, &m, NULL), CSEG_OK);
    assert_int_equal(image_new(H, W, 1, IMAGE_U8, &label, NULL), CSEG_OK);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            uint8_t *p = image_u8(&m, y, x);
            bool hole = y < 5 && x < 5;
            p[0] = hole ? 0 : (uint8_t)(y + 1);
            p[1] = hole ? 0 : (uint8_t)(x + 1);
            p[2] = hole ? 0 : 7;
            p[3] = hole ? 0 : 9;
            *image_u8(&label, y, x) = x >= W / 2;
        }
    raster_spec spec = {.h = H, .w = W, .bands = 4, .type = IMAGE_U8, .place = &place, .has_nodata = true};
    assert_int_equal(raster_create(scene_path, &spec, mem, &w, NULL), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, NULL), CSEG_OK);
    assert_int_equal(raster_commit(w, NULL), CSEG_OK);
    assert_int_equal(image_write(mask_path, &label, NULL, NULL), CSEG_OK);
    image_release(&m);
    image_release(&label);
}

static int set_up(void **state)
{
    snprintf(folder, sizeof folder, "%s/test_tile_XXXXXX", BUILD_DIR);
    if (!mkdtemp(folder))
        return -1;
    snprintf(scene_path, sizeof scene_path, "%s/scene.tif", folder);
    snprintf(mask_path, sizeof mask_path, "%s/mask.png", folder);
    arena *mem = arena_new();
    *state = mem;
    make_scene(mem);
    return 0;
}

static int tear_down(void **state)
{
    char command[512];
    arena_free(*state);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void no_held_out_pixel_is_in_a_training_tile(void **state)
{
    arena *mem = *state;
    static const struct {
        hold_side side;
        int64_t y0, y1, x0, x1; /* what is held out */
    } cases[] = {
        {HOLD_BOTTOM, 42, 70, 0, 50}, {HOLD_TOP, 0, 28, 0, 50}, {HOLD_LEFT, 0, 70, 0, 20}, {HOLD_RIGHT, 0, 70, 30, 50}};
    for (size_t i = 0; i < 4; i++) {
        char *out = arena_printf(mem, "%s/split%zu", folder, i), **names;
        size_t n;
        int seen[H][W] = {{0}};
        tile_options o = {.out = out, .size = 16, .stride = 10, .side = cases[i].side, .part = 0.4, .ignore = 255};
        tile_report report;
        assert_int_equal(tile_scene(scene_path, mask_path, &o, &report, NULL), CSEG_OK);
        for (int part = 0; part < 2; part++) {
            char *dir = arena_printf(mem, "%s/images/%s", out, part ? "val" : "train");
            assert_int_equal(dir_list(dir, ".tif", false, mem, &names, &n, NULL), CSEG_OK);
            assert_int_equal(n, part ? report.val : report.train);
            for (size_t k = 0; k < n; k++) {
                image m = {0};
                assert_int_equal(image_read(path_join(mem, dir, names[k]), IMAGE_UNCHANGED | IMAGE_RGB, &m, NULL),
                                 CSEG_OK);
                for (int64_t p = 0; p < m.h * m.w; p++) {
                    const uint8_t *v = (const uint8_t *)m.data + 4 * p;
                    if (v[0])
                        seen[v[0] - 1][v[1] - 1] += part ? 1000 : 1;
                }
                image_release(&m);
            }
        }
        for (int64_t y = 0; y < H; y++)
            for (int64_t x = 0; x < W; x++) {
                bool held = y >= cases[i].y0 && y < cases[i].y1 && x >= cases[i].x0 && x < cases[i].x1;
                if (y < 5 && x < 5)
                    continue;
                if (held)
                    assert_int_equal(seen[y][x], 1000); /* once, and never in training */
                else
                    assert_in_range(seen[y][x], 1, 999);
            }
    }
}

static void tiles_know_where_they_lie_and_nodata_is_ignored(void **state)
{
    arena *mem = *state;
    char *out = arena_printf(mem, "%s/place", folder);
    tile_options o = {.out = out, .size = 16, .stride = 16, .ignore = 255, .edge_gain = 3.0, .edge_width = 2.5};
    tile_report report;
    assert_int_equal(tile_scene(scene_path, mask_path, &o, &report, NULL), CSEG_OK);
    assert_int_equal(report.train, 5 * 4);
    raster *r;
    assert_int_equal(raster_open(arena_printf(mem, "%s/images/train/scene_00016_00032.tif", out), mem, &r, NULL),
                     CSEG_OK);
    assert_float_equal(raster_describe(r)->place.transform[0], 1000.0 + 2.0 * 32, 0.0);
    assert_float_equal(raster_describe(r)->place.transform[3], 5000.0 - 2.0 * 16, 0.0);
    image label = {0}, weight = {0};
    assert_int_equal(
        image_read(arena_printf(mem, "%s/labels/train/scene_00000_00000.png", out), IMAGE_UNCHANGED, &label, NULL),
        CSEG_OK);
    assert_int_equal(*image_u8(&label, 4, 4), 255);
    assert_int_equal(*image_u8(&label, 5, 4), 0);
    /* The border lies between columns 24 and 25: column 15 is 9 away, which this tile alone could not know. */
    assert_int_equal(
        image_read(arena_printf(mem, "%s/weights/train/scene_00016_00000.tif", out), IMAGE_UNCHANGED, &weight, NULL),
        CSEG_OK);
    assert_int_equal(weight.type, IMAGE_F32);
    assert_float_equal(*image_f32(&weight, 3, 15), 1.0 + 3.0 * exp(-81.0 / 12.5), 1e-5);
    assert_float_equal(*image_f32(&weight, 3, 0), 1.0, 1e-5);
    image_release(&label);
    image_release(&weight);
}

static void a_mask_of_another_size_is_refused(void **state)
{
    arena *mem = *state;
    image m = {0};
    cseg_error err;
    char *path = arena_printf(mem, "%s/small.png", folder);
    assert_int_equal(image_new(H, W - 1, 1, IMAGE_U8, &m, NULL), CSEG_OK);
    assert_int_equal(image_write(path, &m, NULL, NULL), CSEG_OK);
    image_release(&m);
    tile_options o = {.out = folder, .size = 16, .stride = 16, .ignore = 255};
    tile_report report;
    assert_int_equal(tile_scene(scene_path, path, &o, &report, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "small.png is 49 x 70 pixels, its scene"));
}

static void masks_have_the_place_of_their_scene_and_its_holes(void **state)
{
    arena *mem = *state;
    scene s;
    scene_mask *m;
    image labels = {0}, back = {0};
    static const uint8_t palette[] = {0, 255, 0, 0, 0, 255};
    char *path = arena_printf(mem, "%s/answer.tif", folder);
    assert_int_equal(scene_open(scene_path, IMAGE_COLOR, mem, &s, NULL), CSEG_OK);
    assert_int_equal(scene_mask_create(path, &s, IMAGE_U8, palette, 2, mem, &m, NULL), CSEG_OK);
    assert_int_equal(image_new(10, W, 1, IMAGE_U8, &labels, NULL), CSEG_OK);
    memset(labels.data, 1, 10 * W);
    for (int64_t y = 0; y < H; y += 10)
        assert_int_equal(scene_mask_write(m, y, 0, &labels, NULL), CSEG_OK);
    assert_false(file_exists(path));
    assert_int_equal(scene_mask_commit(m, NULL), CSEG_OK);
    raster *r;
    assert_int_equal(raster_open(path, mem, &r, NULL), CSEG_OK);
    assert_memory_equal(raster_describe(r)->place.transform, s.info->place.transform, 6 * sizeof(double));
    assert_true(raster_describe(r)->has_nodata);
    assert_float_equal(raster_describe(r)->nodata, 255.0, 0.0);
    assert_int_equal(image_new(H, W, 1, IMAGE_U8, &back, NULL), CSEG_OK);
    assert_int_equal(raster_read(r, 0, 0, NULL, &back, NULL), CSEG_OK);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
            assert_int_equal(*image_u8(&back, y, x), y < 5 && x < 5 ? 255 : 1);
    image_release(&labels);
    image_release(&back);
}

/* Columns 10 to 29 of rows 20 to 49 become 3, but where the scene has no data. */
static void vectors_are_burnt(void **state)
{
    arena *mem = *state;
    static const burn_class kinds[] = {{"pond", 3}};
    const char *text = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{\"kind\":"
                       "\"pond\"},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[1020,4960],[1060,4960],"
                       "[1060,4900],[1020,4900],[1020,4960]]]}}]}";
    char *path = arena_printf(mem, "%s/ponds.geojson", folder), *out = arena_printf(mem, "%s/ponds", folder), **names;
    size_t n;
    tile_report report;
    burn_options burn = {.attribute = "kind", .classes = kinds, .n_classes = 1};
    tile_options o = {.out = out, .size = 16, .stride = 16, .ignore = 255, .burn = &burn};
    assert_int_equal(file_replace_bytes(path, text, strlen(text), mem, NULL), CSEG_OK);
    assert_int_equal(tile_scene(scene_path, path, &o, &report, NULL), CSEG_OK);
    char *dir = arena_printf(mem, "%s/labels/train", out);
    assert_int_equal(dir_list(dir, ".png", false, mem, &names, &n, NULL), CSEG_OK);
    assert_true(n == (size_t)report.train && n >= 20);
    for (size_t i = 0; i < n; i++) {
        long long top, left;
        image m = {0};
        assert_int_equal(sscanf(names[i], "scene_%lld_%lld", &top, &left), 2);
        assert_int_equal(image_read(path_join(mem, dir, names[i]), IMAGE_UNCHANGED, &m, NULL), CSEG_OK);
        for (int64_t k = 0; k < m.h * m.w; k++) {
            int64_t y = top + k / m.w, x = left + k % m.w;
            bool in = y >= 20 && y < 50 && x >= 10 && x < 30;
            assert_int_equal(((const uint8_t *)m.data)[k], y < 5 && x < 5 ? 255 : in ? 3 : 0);
        }
        image_release(&m);
    }
    burn.n_classes = 0;
    cseg_error err;
    assert_int_equal(tile_scene(scene_path, path, &o, &report, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "kind='pond'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_held_out_pixel_is_in_a_training_tile),
        cmocka_unit_test(tiles_know_where_they_lie_and_nodata_is_ignored),
        cmocka_unit_test(a_mask_of_another_size_is_refused),
        cmocka_unit_test(vectors_are_burnt),
        cmocka_unit_test(masks_have_the_place_of_their_scene_and_its_holes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
