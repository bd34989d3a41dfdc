/* Vectors as label maps: what each pixel gets, by windows and as a whole, in another coordinate system, and what is
 * refused. */
#include "io/raster/raster_burn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cpl_conv.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "base/random.h"

#include <cmocka.h>

enum { H = 60, W = 80 };

static arena *mem;
static cseg_error err;
static char folder[64];
static const char *wkt = "";

static int set_up(void **state)
{
    (void)state;
    mem_fail_at(0);
    mem = arena_new();
    wkt = "";
    strcpy(folder, "/tmp/cseg-burn-XXXXXX");
    return mem && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    mem_fail_at(0);
    arena_free(mem);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *write_json(const char *name, const char *features)
{
    char *path = arena_printf(mem, "%s/%s", folder, name);
    char *text = arena_printf(mem, "{\"type\":\"FeatureCollection\",\"features\":[%s]}", features);
    assert_int_equal(file_replace_bytes(path, text, strlen(text), mem, &err), CSEG_OK);
    return path;
}

/* Pixel (row, column) has its upper left corner at x = 1000 + 10 column, y = 5000 - 10 row. */
static raster_info grid(void)
{
    return (raster_info){.h = H,
                         .w = W,
                         .bands = 1,
                         .place = {.has_transform = true, .transform = {1000, 10, 0, 5000, 0, -10}, .projection = wkt}};
}

static burner *open_burner(const char *path, burn_options how)
{
    burner *b;
    raster_info g = grid();
    burn_options *kept = ARENA_NEW(mem, burn_options);
    *kept = how;
    if (burner_open(path, kept, "scene.tif", &g, mem, &b, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return b;
}

static image burn(burner *b, int64_t y, int64_t x, int64_t h, int64_t w)
{
    image m;
    if (burner_read(b, y, x, h, w, &m, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return m;
}

/* A polygon with a hole, a triangle over it, and a second part far away; corners lie on no pixel's centre. */
#define OUTER "[1103,4897],[1502,4902],[1497,4604],[1098,4609],[1103,4897]"
#define HOLE "[1203,4797],[1203,4701],[1305,4703],[1302,4798],[1203,4797]"
#define TRIANGLE "[1402,4951],[1703,4649],[1401,4552],[1402,4951]"
static const char *const SHAPES =
    "{\"type\":\"Feature\",\"properties\":{\"kind\":\"house\",\"n\":7},\"geometry\":{\"type\":\"MultiPolygon\","
    "\"coordinates\":[[[" OUTER "],[" HOLE "]],[[[1011,4411],[1057,4411],[1057,4437],[1011,4411]]]]}},"
    "{\"type\":\"Feature\",\"properties\":{\"kind\":\"road\",\"n\":9},\"geometry\":{\"type\":\"Polygon\","
    "\"coordinates\":[[" TRIANGLE "]]}}";

static bool inside(const double (*p)[2], int n, double x, double y)
{
    bool in = false;
    for (int i = 0, k = n - 1; i < n; k = i++)
        if ((p[i][1] > y) != (p[k][1] > y) && x < (p[k][0] - p[i][0]) * (y - p[i][1]) / (p[k][1] - p[i][1]) + p[i][0])
            in = !in;
    return in;
}

/* By the definition: the last feature that the pixel's centre lies in. */
static int expected(int row, int column)
{
    static const double outer[][2] = {{1103, 4897}, {1502, 4902}, {1497, 4604}, {1098, 4609}},
                        hole[][2] = {{1203, 4797}, {1203, 4701}, {1305, 4703}, {1302, 4798}},
                        small[][2] = {{1011, 4411}, {1057, 4411}, {1057, 4437}},
                        triangle[][2] = {{1402, 4951}, {1703, 4649}, {1401, 4552}};
    double x = 1005 + 10 * column, y = 4995 - 10 * row;
    if (inside(triangle, 3, x, y))
        return 2;
    return (inside(outer, 4, x, y) && !inside(hole, 4, x, y)) || inside(small, 3, x, y) ? 1 : 0;
}

static const burn_class kinds[] = {{"house", 1}, {"road", 2}};

static void each_pixel_has_what_its_centre_lies_in(void **state)
{
    (void)state;
    burner *b = open_burner(write_json("a.geojson", SHAPES),
                            (burn_options){.attribute = "kind", .classes = kinds, .n_classes = 2});
    image whole = burn(b, 0, 0, H, W);
    int n[3] = {0};
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            assert_int_equal(*image_u8(&whole, y, x), expected(y, x));
            n[expected(y, x)]++;
        }
    assert_true(n[0] > 100 && n[1] > 100 && n[2] > 100);
    rng r = {7};
    for (int i = 0; i < 200; i++) {
        int64_t y = rng_below(&r, H), x = rng_below(&r, W), h = 1 + rng_below(&r, H - y), w = 1 + rng_below(&r, W - x);
        image part = burn(b, y, x, h, w);
        for (int64_t k = 0; k < h; k++)
            assert_memory_equal(image_u8(&part, k, 0), image_u8(&whole, y + k, x), (size_t)w);
        image_release(&part);
    }
    image_release(&whole);
}

static void options_are_obeyed(void **state)
{
    (void)state;
    const char *path = write_json("a.geojson", SHAPES);
    static const burn_class some[] = {{"7", 5}, {"9", -1}};
    burner *plain = open_burner(path, (burn_options){.value = 3, .background = 255}),
           *touched = open_burner(path, (burn_options){.value = 3, .background = 255, .all_touched = true}),
           *few = open_burner(path, (burn_options){.attribute = "n", .classes = some, .n_classes = 2});
    image a = burn(plain, 0, 0, H, W), t = burn(touched, 0, 0, H, W), f = burn(few, 0, 0, H, W);
    int more = 0, fives = 0;
    for (int i = 0; i < H * W; i++) {
        int p = ((uint8_t *)a.data)[i], q = ((uint8_t *)t.data)[i], five = ((uint8_t *)f.data)[i];
        assert_int_equal(p, expected(i / W, i % W) ? 3 : 255);
        assert_true(p == 255 || q == 3);
        assert_true(five == 0 || five == 5);
        more += q == 3 && p == 255;
        fives += five == 5;
    }
    assert_true(more > 20 && fives > 100);
    image_release(&a);
    image_release(&t);
    image_release(&f);
}

/* GeoJSON is in longitude and latitude: a square of the scene's own system, written so, is the square again. */
static void features_come_to_the_scenes_system(void **state)
{
    (void)state;
    char *text;
    OGRSpatialReferenceH utm = OSRNewSpatialReference(NULL), globe = OSRNewSpatialReference(NULL);
    assert_int_equal(OSRImportFromEPSG(utm, 32618), OGRERR_NONE);
    assert_int_equal(OSRImportFromEPSG(globe, 4326), OGRERR_NONE);
    OSRSetAxisMappingStrategy(globe, OAMS_TRADITIONAL_GIS_ORDER);
    assert_int_equal(OSRExportToWkt(utm, &text), OGRERR_NONE);
    wkt = arena_strdup(mem, text);
    CPLFree(text);
    OGRCoordinateTransformationH to = OCTNewCoordinateTransformation(utm, globe);
    double x[] = {400103, 400402, 400402, 400103}, y[] = {4899897, 4899897, 4899604, 4899604};
    assert_true(OCTTransform(to, 4, x, y, NULL));
    OCTDestroyCoordinateTransformation(to);
    OSRDestroySpatialReference(utm);
    OSRDestroySpatialReference(globe);
    char *shape =
        arena_printf(mem,
                     "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":"
                     "[[[%.12f,%.12f],[%.12f,%.12f],[%.12f,%.12f],[%.12f,%.12f],[%.12f,%.12f]]]}}",
                     x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3], x[0], y[0]);
    const char *path = write_json("b.geojson", shape);
    burner *b;
    burn_options how = {.value = 1};
    raster_info g = grid();
    g.place.transform[0] = 400000;
    g.place.transform[3] = 4900000;
    assert_int_equal(burner_open(path, &how, "scene.tif", &g, mem, &b, &err), CSEG_OK);
    for (int part = 0; part < 3; part++) {
        int64_t top = 10 * part, left = 7 * part;
        image m = burn(b, top, left, 30, 40);
        for (int row = 0; row < 30; row++)
            for (int k = 0; k < 40; k++) {
                double px = 400005 + 10.0 * (double)(left + k), py = 4899995 - 10.0 * (double)(top + row);
                assert_int_equal(*image_u8(&m, row, k), px > 400103 && px < 400402 && py < 4899897 && py > 4899604);
            }
        image_release(&m);
    }
}

static void refuse(const char *path, burn_options how, raster_info g, cseg_status status, const char *part)
{
    burner *b;
    image m = {0};
    cseg_status found = burner_open(path, &how, "scene.tif", &g, mem, &b, &err);
    if (found == CSEG_OK)
        found = burner_read(b, 0, 0, H, W, &m, &err);
    assert_int_equal(found, status);
    assert_null(m.data);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static void what_cannot_be_burnt_is_named(void **state)
{
    (void)state;
    raster_info g = grid(), nowhere = {.h = H, .w = W, .bands = 1};
    const char *path = write_json("a.geojson", SHAPES);
    char *cut = arena_printf(mem, "%s/cut.geojson", folder), *text;
    size_t n;
    refuse(path, (burn_options){.layer = "x"}, g, CSEG_DATA, "no layer 'x'");
    refuse(path, (burn_options){.attribute = "sort"}, g, CSEG_DATA,
           "no attribute 'sort'; the first that they have is 'kind'");
    refuse(path, (burn_options){.attribute = "kind", .classes = kinds, .n_classes = 1}, g, CSEG_DATA,
           "kind='road', for which there is no class");
    refuse(path, (burn_options){0}, nowhere, CSEG_DATA, "states no place");
    refuse("/tmp/there/is/none.gpkg", (burn_options){0}, g, CSEG_NOT_FOUND, "none.gpkg");
    refuse(folder, (burn_options){0}, g, CSEG_IO, folder);
    assert_int_equal(file_read(path, 0, mem, &text, &n, &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(cut, text, n / 2, mem, &err), CSEG_OK);
    refuse(cut, (burn_options){0}, g, CSEG_CORRUPT, "cut.geojson");
    burner *b = open_burner(path, (burn_options){.value = 1});
    image m;
    assert_int_equal(burner_read(b, 0, 1, H, W, &m, &err), CSEG_SHAPE);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    const char *path = write_json("a.geojson", SHAPES);
    raster_info g = grid();
    burn_options how = {.value = 1};
    for (long n = 1;; n++) {
        arena *own = arena_new();
        burner *b;
        image m = {0};
        mem_fail_at(n);
        cseg_status status = burner_open(path, &how, "scene.tif", &g, own, &b, &err);
        if (status == CSEG_OK)
            status = burner_read(b, 0, 0, 9, 9, &m, &err);
        mem_fail_at(0);
        image_release(&m);
        arena_free(own);
        if (status == CSEG_OK)
            break;
        assert_int_equal(status, CSEG_NO_MEMORY);
        assert_true(n < 100);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_pixel_has_what_its_centre_lies_in),
        TEST(options_are_obeyed),
        TEST(features_come_to_the_scenes_system),
        TEST(what_cannot_be_burnt_is_named),
        TEST(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
