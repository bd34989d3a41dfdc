/* Grids of pairs: what differs is named, and the second raster on the first's grid is what its pixels say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cpl_conv.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "base/log.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static char said[2048];

static void keep(void *arg, log_level level, const char *text)
{
    (void)arg;
    (void)level;
    snprintf(said, sizeof said, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    said[0] = 0;
    log_set_sink(keep, NULL);
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

static char *system_of(int epsg)
{
    OGRSpatialReferenceH s = OSRNewSpatialReference(NULL);
    char *wkt = NULL;
    assert_int_equal(OSRImportFromEPSG(s, epsg), OGRERR_NONE);
    assert_int_equal(OSRExportToWkt(s, &wkt), OGRERR_NONE);
    OSRDestroySpatialReference(s);
    return wkt;
}

typedef struct made {
    const char *path;
    int64_t h, w, bands;
    image_type type;
    double x, y, size;
    int epsg;
    bool has_nodata;
} made;

static double value_at(int64_t y, int64_t x, int64_t k)
{
    return (double)((y * 7 + x * 3 + k * 50) % 251);
}

static raster *make(const made *m)
{
    raster_writer *w;
    raster *r = NULL;
    image pixels;
    char *wkt = system_of(m->epsg);
    raster_place place = {.has_transform = true,
                          .transform = {m->x, m->size, 0, m->y, 0, -m->size},
                          .projection = wkt,
                          .gcp_projection = "",
                          .area_or_point = ""};
    raster_spec spec = {.h = m->h, .w = m->w, .bands = m->bands, .type = m->type, .place = &place};
    spec.has_nodata = m->has_nodata;
    assert_int_equal(image_new(m->h, m->w, m->bands, IMAGE_F32, &pixels, &err), CSEG_OK);
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++)
            for (int64_t k = 0; k < m->bands; k++)
                image_f32(&pixels, y, x)[k] = (float)value_at(y, x, k);
    if (raster_create(m->path, &spec, mem, &w, &err) || raster_write(w, 0, 0, 0, &pixels, &err) ||
        raster_commit(w, &err) || raster_open(m->path, mem, &r, &err))
        fail_msg("%s", err.text);
    image_release(&pixels);
    CPLFree(wkt);
    return r;
}

static const made first = {"first.tif", 60, 80, 2, IMAGE_U16, 500000, 5000000, 10, 32632, false};

static pair_difference differ(made second)
{
    pair_difference d;
    second.path = "second.tif";
    raster_pair_compare(raster_describe(make(&first)), raster_describe(make(&second)), &d);
    return d;
}

static void names(made second, pair_relation relation, const char *text)
{
    pair_difference d = differ(second);
    if (d.relation != relation || !strstr(d.text, text))
        fail_msg("relation %d, '%s' instead of %d, '%s'", (int)d.relation, d.text, (int)relation, text);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    made m = first;
    names(m, PAIR_ALIKE, "");
    m.x += 1;
    names(m, PAIR_ALIKE, "");
    m.x = first.x + 4;
    names(m, PAIR_FRACTION, "shifted by 0.4 columns and 0 rows (parts of a pixel)");
    m.x = first.x + 30;
    m.y = first.y + 20;
    names(m, PAIR_EXTENT,
          "shifted by 3 columns and -2 rows and has 80 x 60 pixels, the first 80 x 60; they overlap in "
          "77 x 58");
    m = first;
    m.w = 90;
    names(m, PAIR_EXTENT, "has 90 x 60 pixels, the first 80 x 60; they overlap in 80 x 60 (100%");
    m = first;
    m.x += 800;
    names(m, PAIR_APART, "they do not overlap: the second begins 80 columns");
    m = first;
    m.size = 20;
    names(m, PAIR_PIXELS, "10 x 10 in the first, 20 x 20 in the second");
    m = first;
    m.epsg = 32633;
    names(m, PAIR_SYSTEM, "the first is in WGS 84 / UTM zone 32N (EPSG:32632), the second in WGS 84 / UTM zone 33N");
}

static raster *align(const raster *a, raster *b, bool nearest)
{
    raster *out = NULL;
    pair_options o = {.warp = true, .nearest = nearest};
    if (raster_pair_align("first.tif", a, "second.tif", b, &o, mem, &out, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return out;
}

/* The value of b at a's pixel, by the definition. False: b has nothing there. */
static bool expected(const made *b, bool nearest, int64_t y, int64_t x, int64_t k, double *v)
{
    double col = (first.x + ((double)x + 0.5) * first.size - b->x) / b->size,
           row = (b->y - (first.y - ((double)y + 0.5) * first.size)) / b->size;
    if (col < 0 || row < 0 || col >= (double)b->w || row >= (double)b->h)
        return false;
    if (nearest) {
        *v = value_at((int64_t)floor(row), (int64_t)floor(col), k);
        return true;
    }
    double sum = 0, weights = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            int64_t r = (int64_t)floor(row - 0.5) + i, c = (int64_t)floor(col - 0.5) + j;
            double wr = 1 - fabs(row - 0.5 - (double)r), wc = 1 - fabs(col - 0.5 - (double)c);
            if (r < 0 || c < 0 || r >= b->h || c >= b->w)
                continue;
            sum += wr * wc * value_at(r, c, k);
            weights += wr * wc;
        }
    *v = sum / weights;
    return true;
}

static void check_warp(made second, bool nearest)
{
    second.path = "second.tif";
    raster *a = make(&first), *b = make(&second), *r = align(a, b, nearest);
    const raster_info *info = raster_describe(r);
    image m;
    uint8_t holes[60 * 80];
    int64_t n = 0, empty = 0;
    assert_true(r != b);
    assert_int_equal(info->h, first.h);
    assert_int_equal(info->w, first.w);
    assert_int_equal(info->bands, second.bands);
    assert_int_equal(info->type, second.type);
    assert_int_equal(image_new(first.h, first.w, second.bands, second.type, &m, &err), CSEG_OK);
    assert_int_equal(raster_read(r, 0, 0, NULL, &m, &err), CSEG_OK);
    assert_int_equal(raster_read_holes(r, 0, 0, first.h, first.w, holes, &n, &err), CSEG_OK);
    for (int64_t y = 0; y < first.h; y++)
        for (int64_t x = 0; x < first.w; x++)
            for (int64_t k = 0; k < second.bands; k++) {
                double want = 0;
                bool there = expected(&second, nearest, y, x, k, &want);
                empty += !there && k == 0;
                assert_int_equal(holes[y * first.w + x], !there);
                if (there && fabs(image_get(&m, y, x, k) - want) > (nearest ? 0 : 0.5 + 1e-6))
                    fail_msg("row %d, column %d: %g instead of %g", (int)y, (int)x, image_get(&m, y, x, k), want);
            }
    assert_int_equal(n, empty);
    /* By windows as the whole. */
    for (int64_t y = 0; y < first.h; y += 17)
        for (int64_t x = 0; x < first.w; x += 23) {
            image part;
            int64_t h = first.h - y < 17 ? first.h - y : 17, w = first.w - x < 23 ? first.w - x : 23;
            assert_int_equal(image_new(h, w, second.bands, second.type, &part, &err), CSEG_OK);
            assert_int_equal(raster_read(r, y, x, NULL, &part, &err), CSEG_OK);
            for (int64_t i = 0; i < h; i++)
                assert_memory_equal(image_at(&part, i, 0), image_at(&m, y + i, x), (size_t)image_row_bytes(&part));
            image_release(&part);
        }
    image_release(&m);
    raster_close(r);
}

static void the_second_comes_onto_the_first_grid(void **state)
{
    (void)state;
    made m = first;
    m.type = IMAGE_U8;
    m.x += 33;
    m.y -= 47;
    check_warp(m, true);
    check_warp(m, false);
    m.size = 7;
    check_warp(m, true);
    m.size = 25;
    m.bands = 3;
    m.type = IMAGE_F32;
    check_warp(m, true);
    m.x = first.x + 30;
    m.size = 10;
    check_warp(m, false);
}

static void other_systems_are_warped(void **state)
{
    (void)state;
    made m = {"second.tif", 200, 260, 1, IMAGE_U8, 8.9995, 45.155, 0.0001, 4326, true};
    raster *a = make(&first), *b = make(&m), *r = align(a, b, true);
    image one, other;
    char *wkt = system_of(32632), *geo = system_of(4326);
    OGRSpatialReferenceH x = OSRNewSpatialReference(wkt), y = OSRNewSpatialReference(geo);
    OSRSetAxisMappingStrategy(y, OAMS_TRADITIONAL_GIS_ORDER);
    OGRCoordinateTransformationH t = OCTNewCoordinateTransformation(x, y);
    int64_t same = 0, there = 0;
    assert_int_equal(image_new(first.h, first.w, 1, IMAGE_U8, &one, &err), CSEG_OK);
    assert_int_equal(raster_read(r, 0, 0, NULL, &one, &err), CSEG_OK);
    assert_int_equal(image_new(1, 1, 1, IMAGE_U8, &other, &err), CSEG_OK);
    for (int64_t row = 0; row < first.h; row++)
        for (int64_t col = 0; col < first.w; col++) {
            double u = first.x + 10 * ((double)col + 0.5), v = first.y - 10 * ((double)row + 0.5);
            assert_true(OCTTransform(t, 1, &u, &v, NULL));
            int64_t j = (int64_t)floor((u - m.x) / m.size), i = (int64_t)floor((m.y - v) / m.size);
            if (i < 0 || j < 0 || i >= m.h || j >= m.w)
                continue;
            there++;
            same += image_u8(&one, row, col)[0] == (uint8_t)value_at(i, j, 0);
        }
    assert_true(there > 1000);
    assert_true((double)same > 0.8 * (double)there); /* up to an eighth of a pixel apart */
    OCTDestroyCoordinateTransformation(t);
    OSRDestroySpatialReference(x);
    OSRDestroySpatialReference(y);
    CPLFree(wkt);
    CPLFree(geo);
    image_release(&one);
    image_release(&other);
    raster_close(r);
}

static void refuses(made second, const pair_options *o, const char *text)
{
    raster *out;
    second.path = "second.tif";
    raster *a = make(&first), *b = make(&second);
    assert_int_equal(raster_pair_align("first.tif", a, "second.tif", b, o, mem, &out, &err), CSEG_DATA);
    if (!strstr(err.text, text))
        fail_msg("'%s' instead of '%s'", err.text, text);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    made m = first;
    raster *out;
    m.x += 30;
    refuses(m, &(pair_options){0}, "first.tif and second.tif do not have one grid: the second is shifted by 3 columns");
    assert_non_null(strstr(err.text, "--warp"));
    m.x += 3000;
    refuses(m, &(pair_options){.warp = true}, "do not overlap");
    m = first;
    m.epsg = 32633;
    refuses(m, &(pair_options){.warp = true}, "second.tif does not overlap");
    m.path = "second.tif";
    raster *a = make(&first), *b = make(&m);
    assert_int_equal(
        raster_pair_align("first.tif", a, "second.tif", b, &(pair_options){.force = true}, mem, &out, &err), CSEG_OK);
    assert_true(out == b && strstr(said, "as --force says"));
    b = make(&(made){"second.tif", 60, 80, 2, IMAGE_U16, 500000, 5000000, 10, 32632, false});
    assert_int_equal(raster_pair_align("first.tif", a, "second.tif", b, &(pair_options){0}, mem, &out, &err), CSEG_OK);
    assert_true(out == b);
}

/* PROJ would open the file that a coordinate system names. */
static void files_of_shifts_are_not_opened(void **state)
{
    (void)state;
    char *wkt = system_of(32632), *end = strrchr(wkt, ']');
    raster *a = make(&first), *b, *out;
    made m = first;
    m.path = "second.tif";
    make(&m);
    FILE *f = fopen("named.vrt", "w");
    assert_non_null(f);
    fprintf(f,
            "<VRTDataset rasterXSize='80' rasterYSize='60'><SRS>%.*s,EXTENSION[\"PROJ4\",\"+proj=utm +zone=32 "
            "+nadgrids=/etc/passwd\"]]</SRS><GeoTransform>500000, 20, 0, 5000000, 0, -20</GeoTransform>"
            "<VRTRasterBand dataType='UInt16' band='1'><SimpleSource><SourceFilename relativeToVRT='1'>second.tif"
            "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>",
            (int)(end - wkt), wkt);
    fclose(f);
    pair_options o = {.warp = true};
    assert_int_equal(raster_open("named.vrt", mem, &b, &err), CSEG_OK);
    assert_non_null(strstr(raster_describe(b)->place.projection, "nadgrids=/etc"));
    assert_int_equal(raster_pair_align("first.tif", a, "named.vrt", b, &o, mem, &out, &err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "names a file of shifts"));
    CPLFree(wkt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_differs_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_second_comes_onto_the_first_grid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_systems_are_warped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_of_shifts_are_not_opened, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
