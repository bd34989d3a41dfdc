/* Tiles of scenes that say by alpha where they have data, and by control points and RPCs where they lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "geo/scene.h"
#include "geo/tile.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { SIDE = 32 };
static cseg_error err;
static arena *mem;
static int warnings;

static void count(void *arg, log_level level, const char *text)
{
    (void)arg;
    (void)text;
    warnings += level == LOG_WARNING;
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    log_set_sink(count, NULL);
    return mem && system("rm -rf tiles") == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

static const raster_gcp points[] = {
    {"a", "", 0, 0, 1000, 5000, 0}, {"b", "", 32, 0, 1320, 5000, 0}, {"c", "", 0, 32, 1000, 4680, 0}};
static const char *const rpc[] = {"LINE_OFF=16",
                                  "SAMP_OFF=15",
                                  "LAT_OFF=36",
                                  "LONG_OFF=-75",
                                  "HEIGHT_OFF=0",
                                  "LINE_SCALE=16",
                                  "SAMP_SCALE=16",
                                  "LAT_SCALE=1",
                                  "LONG_SCALE=1",
                                  "HEIGHT_SCALE=1",
                                  "LINE_NUM_COEFF=0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  "LINE_DEN_COEFF=1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  "SAMP_NUM_COEFF=0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  "SAMP_DEN_COEFF=1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  NULL};

/* Four bands, the last alpha: 0 in the 20 columns on the left of the upper half. */
static void write_scene(const raster_place *place)
{
    raster_spec spec = {.h = SIDE, .w = SIDE, .bands = 4, .type = IMAGE_U8, .place = place, .has_alpha = true};
    raster_writer *w;
    image m;
    assert_int_equal(image_new(SIDE, SIDE, 4, IMAGE_U8, &m, &err), CSEG_OK);
    memset(m.data, 90, image_bytes(&m));
    for (int64_t y = 0; y < SIDE / 2; y++)
        for (int64_t x = 0; x < 20; x++)
            image_u8(&m, y, x)[3] = 0;
    assert_int_equal(raster_create("scene.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    image_release(&m);
}

static void write_mask(const raster_place *place)
{
    raster_spec spec = {.h = SIDE, .w = SIDE, .bands = 1, .type = IMAGE_U8, .place = place};
    raster_writer *w;
    image m;
    assert_int_equal(image_new(SIDE, SIDE, 1, IMAGE_U8, &m, &err), CSEG_OK);
    memset(m.data, 1, image_bytes(&m));
    assert_int_equal(raster_create("mask.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    image_release(&m);
}

static const tile_options plain = {.out = "tiles", .size = 16, .stride = 16, .ignore = 255};

static void alpha_empties_tiles_and_labels(void **state)
{
    (void)state;
    tile_report report;
    image label;
    write_scene(NULL);
    write_mask(NULL);
    if (tile_scene("scene.tif", "mask.tif", &plain, &report, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(report.train, 3);
    assert_int_equal(report.empty, 1);
    assert_int_equal(report.left_out, 0);
    assert_false(file_exists("tiles/images/train/scene_00000_00000.tif"));
    assert_int_equal(image_read("tiles/labels/train/scene_00000_00016.png", IMAGE_UNCHANGED, &label, &err), CSEG_OK);
    for (int64_t y = 0; y < 16; y++)
        for (int64_t x = 0; x < 16; x++)
            assert_int_equal(*image_u8(&label, y, x), x < 4 ? 255 : 1);
    image_release(&label);
    /* The tile says so itself. */
    raster *r;
    uint8_t holes[16 * 16];
    int64_t n;
    assert_int_equal(raster_open("tiles/images/train/scene_00000_00016.tif", mem, &r, &err), CSEG_OK);
    assert_int_equal(raster_read_holes(r, 0, 0, 16, 16, holes, &n, &err), CSEG_OK);
    assert_int_equal(n, 4 * 16);
    assert_int_equal(warnings, 0);
}

static void points_and_polynomials_move_with_the_tile(void **state)
{
    (void)state;
    tile_report report;
    raster_place place = {.gcps = points, .n_gcps = 3, .gcp_projection = "", .rpc = rpc};
    write_scene(&place);
    if (tile_scene("scene.tif", NULL, &plain, &report, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    scene s;
    assert_int_equal(scene_open("tiles/images/train/scene_00016_00016.tif", IMAGE_UNCHANGED, mem, &s, &err), CSEG_OK);
    const raster_place *p = &s.info->place;
    assert_int_equal(p->n_gcps, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(p->gcps[i].pixel == points[i].pixel - 16 && p->gcps[i].line == points[i].line - 16);
        assert_true(p->gcps[i].x == points[i].x && p->gcps[i].y == points[i].y);
    }
    int found = 0;
    for (const char *const *i = p->rpc; i && *i; i++) {
        found += strncmp(*i, "LINE_OFF=", 9) == 0 && atof(*i + 9) == 0;
        found += strncmp(*i, "SAMP_OFF=", 9) == 0 && atof(*i + 9) == -1;
    }
    assert_int_equal(found, 2);
}

static void a_mask_lies_where_its_scene_lies(void **state)
{
    (void)state;
    tile_report report;
    tile_options forced = plain;
    forced.force = true;
    raster_place place = {.has_transform = true, .transform = {1000, 10, 0, 5000, 0, -10}, .projection = ""},
                 other = place;
    other.transform[3] = 5010;
    write_scene(&place);
    write_mask(&place);
    warnings = 0;
    assert_int_equal(tile_scene("scene.tif", "mask.tif", &plain, &report, &err), CSEG_OK);
    assert_int_equal(warnings, 0);
    write_mask(&other);
    assert_int_equal(tile_scene("scene.tif", "mask.tif", &plain, &report, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "mask.tif does not lie where scene.tif lies"));
    assert_int_equal(tile_scene("scene.tif", "mask.tif", &forced, &report, &err), CSEG_OK);
    assert_int_equal(warnings, 1);
    write_mask(NULL);
    assert_int_equal(tile_scene("scene.tif", "mask.tif", &plain, &report, &err), CSEG_OK);
    assert_int_equal(warnings, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alpha_empties_tiles_and_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(points_and_polynomials_move_with_the_tile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mask_lies_where_its_scene_lies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
