/* Masks become files of polygons, and tables of areas: what they hold, read with OGR, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cpl_conv.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "geo/area.h"
#include "geo/ground.h"
#include "geo/vectorize.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static char warned[2048];

static void keep_warning(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(warned, sizeof warned, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    warned[0] = 0;
    log_set_sink(keep_warning, NULL);
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

static const char *wkt_of(const char *system)
{
    char *text = NULL;
    OGRSpatialReferenceH s = OSRNewSpatialReference(NULL);
    assert_int_equal(OSRSetFromUserInput(s, system), OGRERR_NONE);
    OSRExportToWkt(s, &text);
    const char *kept = arena_strdup(mem, text);
    CPLFree(text);
    OSRDestroySpatialReference(s);
    return kept;
}

enum { W = 70, H = 55 };
static uint8_t labels[H * W], scores[H * W];
static int64_t counts[256];

/* Blobs of classes 0 to 3, with holes of 255 in some of them. */
static void make_labels(void)
{
    rng r = rng_derive(5, 0, 0);
    memset(counts, 0, sizeof counts);
    for (int i = 0; i < H * W; i++) {
        int y = i / W, x = i % W;
        double f = sin(x / 6.0) * cos(y / 5.0) + 0.4 * sin(x / 2.1 + y);
        labels[i] = rng_below(&r, 40) == 0 ? 255 : (uint8_t)((f + 1.4) / 0.72);
        scores[i] = rng_below(&r, 30) == 0 ? 255 : (uint8_t)(100 + 30 * (labels[i] % 4) + rng_below(&r, 30));
        counts[labels[i]]++;
    }
}

static void write_raster(const char *path, const uint8_t *from, const raster_place *place, bool has_nodata)
{
    raster_writer *w;
    raster_spec spec = {
        .h = H, .w = W, .bands = 1, .type = IMAGE_U8, .place = place, .has_nodata = has_nodata, .nodata = 255};
    image m = {.h = H, .w = W, .c = 1, .type = IMAGE_U8, .data = (void *)from};
    assert_int_equal(raster_create(path, &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
}

static void write_mask(const char *path, const char *system, const double transform[6])
{
    raster_place place = {.has_transform = true, .projection = wkt_of(system)};
    memcpy(place.transform, transform, sizeof place.transform);
    write_raster(path, labels, &place, true);
}

static const double utm_at[6] = {500000, 10, 0, 5000000, 0, -10};

typedef struct sums {
    int64_t n, pixels[5];
    double m2[5], geometry[5], score[5];
    int64_t invalid, without_name;
    OGRFieldType date;
    char text[64];
} sums;

static sums read_layer(const char *path)
{
    sums s = {0};
    GDALDatasetH set = GDALOpenEx(path, GDAL_OF_VECTOR | GDAL_OF_READONLY, NULL, NULL, NULL);
    assert_non_null(set);
    assert_int_equal(GDALDatasetGetLayerCount(set), 1);
    OGRLayerH layer = GDALDatasetGetLayer(set, 0);
    OGRFeatureDefnH about = OGR_L_GetLayerDefn(layer);
    int confidence = OGR_FD_GetFieldIndex(about, "confidence"), date = OGR_FD_GetFieldIndex(about, "date_2");
    if (date >= 0)
        s.date = OGR_Fld_GetType(OGR_FD_GetFieldDefn(about, date));
    OGRFeatureH f;
    while ((f = OGR_L_GetNextFeature(layer))) {
        int64_t id = OGR_F_GetFieldAsInteger64(f, 0);
        assert_in_range(id, 0, 4);
        OGRGeometryH g = OGR_F_GetGeometryRef(f);
        s.n++;
        s.pixels[id] += OGR_F_GetFieldAsInteger64(f, OGR_FD_GetFieldIndex(about, "pixels"));
        s.m2[id] += OGR_F_GetFieldAsDouble(f, OGR_FD_GetFieldIndex(about, "area_m2"));
        s.geometry[id] += OGR_G_Area(g);
        s.invalid += !OGR_G_IsValid(g);
        s.without_name += !OGR_F_IsFieldSetAndNotNull(f, 1);
        if (confidence >= 0)
            s.score[id] += OGR_F_GetFieldAsDouble(f, confidence);
        if (date >= 0)
            snprintf(s.text, sizeof s.text, "%s", OGR_F_GetFieldAsString(f, date));
        OGR_F_Destroy(f);
    }
    GDALClose(set);
    return s;
}

static void expect_left(int n)
{
    char **names;
    size_t found, left = 0;
    assert_int_equal(dir_list(".", ".tmp", true, mem, &names, &found, &err), CSEG_OK);
    left = found;
    assert_int_equal(left, n);
}

static void every_format_holds_every_pixel(void **state)
{
    (void)state;
    static const char *const out[] = {"a.gpkg", "a.geojson", "a.shp", "b.json"};
    write_mask("mask.tif", "EPSG:32633", utm_at);
    for (int i = 0; i < 4 * 2 * 2; i++) {
        vectorize_report report;
        vectorize_options o = {
            .source.mask = "mask.tif", .out = out[i / 4], .diagonal = i & 1, .simplify = i & 2 ? 15.0 : 0.0};
        assert_int_equal(vectorize(&o, &report, &err), CSEG_OK);
        sums s = read_layer(out[i / 4]);
        assert_int_equal(s.n, report.shapes);
        assert_int_equal(s.invalid, 0);
        assert_int_equal(report.pixels, H * W - counts[255]);
        assert_int_equal(report.other, counts[255]);
        for (int c = 0; c < 4; c++) {
            assert_int_equal(s.pixels[c], counts[c]);
            assert_true(fabs(s.m2[c] - 100.0 * (double)counts[c]) < 1e-6);
            if (!o.simplify && i / 4 != 1 && i / 4 != 3) /* not in degrees */
                assert_true(fabs(s.geometry[c] - s.m2[c]) < 1e-6);
        }
        expect_left(0);
    }
    assert_false(file_exists("a.gpkg-journal"));
    assert_true(file_exists("a.prj") && file_exists("a.cpg") && file_exists("a.dbf") && file_exists("a.shx"));
}

static void geojson_lies_where_the_mask_does(void **state)
{
    (void)state;
    write_mask("mask.tif", "EPSG:32633", utm_at);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "mask.tif", .out = "g.geojson"}, NULL, &err),
                     CSEG_OK);
    GDALDatasetH set = GDALOpenEx("g.geojson", GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGREnvelope e;
    assert_int_equal(OGR_L_GetExtent(GDALDatasetGetLayer(set, 0), &e, TRUE), OGRERR_NONE);
    GDALClose(set);
    /* 500000 is the central meridian, 15 degrees east; 5000000 m north is 45.15 degrees. */
    assert_true(fabs(e.MinX - 15.0) < 1e-4 && fabs(e.MaxX - 15.0089) < 1e-3);
    assert_true(fabs(e.MaxY - 45.1535) < 1e-3 && fabs(e.MinY - 45.1485) < 1e-3);
}

static void attributes_say_what_was_asked(void **state)
{
    (void)state;
    static const char *const names[] = {"land", "water", "ice \"thick\"", NULL}, *const classes[] = {"water", "3"};
    raster_place place = {.has_transform = true, .projection = wkt_of("EPSG:32633")};
    memcpy(place.transform, utm_at, sizeof utm_at);
    write_raster("mask.tif", labels, &place, true);
    write_raster("confidence.tif", scores, &place, true);
    for (int i = 0; i < 2; i++) {
        vectorize_options o = {
            .source = {.mask = "mask.tif", .confidence = "confidence.tif", .names = names, .n_names = 4},
            .out = i ? "c.geojson" : "c.gpkg",
            .classes = classes,
            .n_classes = 2,
            .min_area = 500.0,
            .dates = {"2020-05-01", i ? "summer" : "2024-02-29"}};
        vectorize_report report;
        assert_int_equal(vectorize(&o, &report, &err), CSEG_OK);
        sums s = read_layer(o.out);
        assert_int_equal(s.pixels[0] + s.pixels[2], 0);
        assert_int_equal(s.pixels[1] + s.pixels[3], report.pixels);
        assert_true(report.dropped > 0);
        assert_int_equal(report.pixels + report.dropped_pixels, counts[1] + counts[3]);
        assert_true(s.without_name > 0 && s.without_name < s.n);
        assert_true(s.score[1] > 0.5 && s.score[3] > 0.7);
        if (!i)
            assert_int_equal(s.date, OFTDate);
        assert_string_equal(s.text, i ? "summer" : "2024/02/29");
    }
}

static void areas_are_square_metres(void **state)
{
    (void)state;
    area_report r;
    const double foot = 1200.0 / 3937.0, feet_at[6] = {900000, 30, 0, 200000, 0, -30};
    write_mask("feet.tif", "EPSG:2263", feet_at);
    assert_int_equal(area_measure(&(mask_source){.mask = "feet.tif"}, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.n_classes, 4);
    for (int c = 0; c < 4; c++) {
        assert_int_equal(r.classes[c].pixels, counts[c]);
        assert_true(fabs(r.classes[c].m2 / ((double)counts[c] * 900.0 * foot * foot) - 1.0) < 1e-9);
    }
    assert_int_equal(r.nodata.pixels, counts[255]);
    assert_int_equal(r.all.pixels, H * W - counts[255]);
    /* The whole earth is 510065621724088 m2 on WGS 84's ellipsoid. */
    const double globe_at[6] = {-180, 360.0 / W, 0, 90, 0, -180.0 / H};
    write_mask("globe.tif", "EPSG:4326", globe_at);
    assert_int_equal(area_measure(&(mask_source){.mask = "globe.tif"}, mem, &r, &err), CSEG_OK);
    assert_true(fabs(r.all.m2 + r.nodata.m2 - 510065621724088.4) < 1e5);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "globe.tif", .out = "globe.gpkg"}, NULL, &err),
                     CSEG_OK);
    sums s = read_layer("globe.gpkg");
    for (int c = 0; c < 4; c++)
        assert_true(fabs(s.m2[c] / r.classes[c].m2 - 1.0) < 1e-9);
    /* Turned by 30 degrees, near 50 degrees north: as much as the same square metres in UTM. */
    double step = 1e-4, a = cos(0.5235987755982988) * step, b = sin(0.5235987755982988) * step;
    const double turned_at[6] = {10, a, b, 50, b, -a}, level_at[6] = {10, step, 0, 50, 0, -step};
    double turned, level;
    write_mask("turned.tif", "EPSG:4326", turned_at);
    assert_int_equal(area_measure(&(mask_source){.mask = "turned.tif"}, mem, &r, &err), CSEG_OK);
    turned = r.all.m2;
    write_mask("turned.tif", "EPSG:4326", level_at);
    assert_int_equal(area_measure(&(mask_source){.mask = "turned.tif"}, mem, &r, &err), CSEG_OK);
    level = r.all.m2;
    assert_true(fabs(turned / level - 1.0) < 2e-4); /* its middle lies 3 thousandths of a degree further north */
    assert_string_equal(warned, "");
}

static void areas_are_written(void **state)
{
    (void)state;
    area_report r;
    char *text;
    size_t n;
    static const char *const names[] = {"land", "a, \"b\"", "ice", "rock", "absent"};
    write_mask("mask.tif", "EPSG:32633", utm_at);
    write_raster("confidence.tif", scores,
                 &(raster_place){.has_transform = true, .transform = {500000, 10, 0, 5000000, 0, -10}}, true);
    mask_source source = {.mask = "mask.tif", .confidence = "confidence.tif", .names = names, .n_names = 5};
    assert_int_equal(area_measure(&source, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.n_classes, 5);
    assert_int_equal(r.classes[4].pixels, 0);
    double sum = 0.0, of = 0.0;
    for (int i = 0; i < H * W; i++)
        if (labels[i] == 2 && scores[i] != 255) {
            sum += scores[i] / 250.0;
            of += 1.0;
        }
    assert_true(fabs(r.classes[2].confidence - sum / of) < 1e-12);
    assert_int_equal(area_write_csv("a.csv", &r, mem, &err), CSEG_OK);
    assert_int_equal(file_read("a.csv", 0, mem, &text, &n, &err), CSEG_OK);
    assert_non_null(strstr(text, "id,class,pixels,m2,ha,share,confidence\n0,land,"));
    assert_non_null(strstr(text, "\n1,\"a, \"\"b\"\"\","));
    assert_non_null(strstr(text, "\n4,absent,0,0.0,0.0,0.0,\n,nodata,"));
    assert_int_equal(area_write_json("a.json", &r, mem, &err), CSEG_OK);
    assert_int_equal(file_read("a.json", 0, mem, &text, &n, &err), CSEG_OK);
    assert_non_null(strstr(text, "\"name\": \"a, \\\"b\\\"\""));
    assert_non_null(strstr(text, "\"confidence\": null"));
}

static void masks_without_a_place(void **state)
{
    (void)state;
    area_report r;
    image m = {.h = H, .w = W, .c = 1, .type = IMAGE_U8, .data = labels};
    assert_int_equal(image_write("mask.png", &m, NULL, &err), CSEG_OK);
    assert_int_equal(
        vectorize(&(vectorize_options){.source.mask = "mask.png", .out = "p.gpkg", .simplify = 1.0}, NULL, &err),
        CSEG_OK);
    assert_non_null(strstr(warned, "does not say where it lies"));
    sums s = read_layer("p.gpkg");
    assert_int_equal(s.pixels[2], counts[2]); /* 255 is nothing, though the file does not say so */
    assert_int_equal(s.invalid, 0);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "mask.png", .out = "p.geojson"}, NULL, &err),
                     CSEG_OK);
    s = read_layer("p.geojson");
    assert_true(fabs(s.geometry[2] - (double)counts[2]) < 1e-6);
    assert_int_equal(area_measure(&(mask_source){.mask = "mask.png"}, mem, &r, &err), CSEG_OK);
    assert_true(isnan(r.all.m2) && !r.has_area);
    /* Control points on a plane are a transform; others are not. */
    raster_gcp points[4] = {{"a", "", 0, 0, 1000, 2000, 0},
                            {"b", "", 70, 0, 1700, 2000, 0},
                            {"c", "", 0, 55, 1000, 1450, 0},
                            {"d", "", 70, 55, 1700, 1450, 0}};
    raster_place place = {.gcps = points, .n_gcps = 4, .gcp_projection = wkt_of("EPSG:32633"), .projection = ""};
    write_raster("points.tif", labels, &place, true);
    assert_int_equal(area_measure(&(mask_source){.mask = "points.tif"}, mem, &r, &err), CSEG_OK);
    assert_true(fabs(r.all.m2 - 100.0 * (double)r.all.pixels) < 1e-3);
    points[3].x += 90;
    write_raster("bent.tif", labels, &place, true);
    assert_int_equal(area_measure(&(mask_source){.mask = "bent.tif"}, mem, &r, &err), CSEG_OK);
    assert_true(isnan(r.all.m2));
    assert_non_null(strstr(warned, "no plane goes through them"));
    /* Web Mercator. */
    write_mask("web.tif", "EPSG:3857", utm_at);
    assert_int_equal(area_measure(&(mask_source){.mask = "web.tif"}, mem, &r, &err), CSEG_OK);
    assert_non_null(strstr(warned, "Mercator"));
}

static void the_date_line_cuts(void **state)
{
    (void)state;
    const double at[6] = {179.9, 0.01, 0, 10, 0, -0.01};
    write_mask("far.tif", "EPSG:4326", at);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "far.tif", .out = "far.geojson"}, NULL, &err),
                     CSEG_OK);
    GDALDatasetH set = GDALOpenEx("far.geojson", GDAL_OF_VECTOR, NULL, NULL, NULL);
    OGREnvelope e;
    assert_int_equal(OGR_L_GetExtent(GDALDatasetGetLayer(set, 0), &e, TRUE), OGRERR_NONE);
    GDALClose(set);
    assert_true(e.MinX >= -180.0 && e.MaxX <= 180.0);
    sums s = read_layer("far.geojson");
    assert_int_equal(s.pixels[1], counts[1]);
    for (int c = 0; c < 4; c++)
        assert_true(fabs(s.geometry[c] - 1e-4 * (double)counts[c]) < 1e-6);
}

static cseg_status stop_at(void *arg, int64_t done, int64_t all, cseg_error *e)
{
    (void)all;
    e->code = CSEG_INTERRUPTED;
    return done >= *(int64_t *)arg ? CSEG_INTERRUPTED : CSEG_OK;
}

static void stopped_ones_leave_the_old(void **state)
{
    (void)state;
    static const char *const out[] = {"old.gpkg", "old.geojson", "old.shp"};
    int64_t stop = H;
    write_mask("mask.tif", "EPSG:32633", utm_at);
    for (int i = 0; i < 3; i++) {
        vectorize_options o = {.source.mask = "mask.tif", .out = out[i]};
        assert_int_equal(file_replace_bytes(out[i], "old", 3, mem, &err), CSEG_OK);
        o.source.progress = stop_at;
        o.source.arg = &stop;
        assert_int_equal(vectorize(&o, NULL, &err), CSEG_INTERRUPTED);
        assert_int_equal(file_size(out[i]), 3);
        expect_left(0);
    }
    /* Journals of an earlier database would be taken for the new one's. */
    assert_int_equal(file_replace_bytes("old.gpkg-wal", "old", 3, mem, &err), CSEG_OK);
    assert_int_equal(file_replace_bytes("old.qix", "old", 3, mem, &err), CSEG_OK);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "mask.tif", .out = "old.gpkg"}, NULL, &err),
                     CSEG_OK);
    assert_int_equal(vectorize(&(vectorize_options){.source.mask = "mask.tif", .out = "old.shp"}, NULL, &err), CSEG_OK);
    assert_false(file_exists("old.gpkg-wal") || file_exists("old.qix"));
    assert_int_equal(read_layer("old.gpkg").pixels[1], counts[1]);
}

static void expect_refused(vectorize_options o, cseg_status code, const char *text)
{
    assert_int_equal(vectorize(&o, NULL, &err), code);
    if (!strstr(err.text, text))
        fail_msg("no '%s' in '%s'", text, err.text);
    assert_false(file_exists("no.gpkg"));
    expect_left(0);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"land", "water"}, *const wrong[] = {"watr"}, *const high[] = {"70000"};
    const double moved_at[6] = {600000, 10, 0, 5000000, 0, -10};
    vectorize_options o = {.source.mask = "mask.tif", .out = "no.gpkg"};
    write_mask("mask.tif", "EPSG:32633", utm_at);
    write_mask("moved.tif", "EPSG:32633", moved_at);
    vectorize_options bad = o;
    bad.out = "no.kml";
    expect_refused(bad, CSEG_USAGE, ".gpkg");
    bad = o;
    bad.out = "nowhere/no.gpkg";
    expect_refused(bad, CSEG_IO, "nowhere/no.gpkg");
    bad.out = "nowhere/no.shp";
    expect_refused(bad, CSEG_NOT_FOUND, "nowhere/no.shp");
    bad = o;
    bad.source.mask = "missing.tif";
    expect_refused(bad, CSEG_NOT_FOUND, "missing.tif");
    bad = o;
    bad.source.confidence = "moved.tif";
    expect_refused(bad, CSEG_DATA, "moved.tif");
    bad = o;
    bad.classes = wrong;
    bad.n_classes = 1;
    expect_refused(bad, CSEG_USAGE, "it names none");
    bad.source.names = names;
    bad.source.n_names = 2;
    expect_refused(bad, CSEG_USAGE, "'water' meant");
    bad.classes = high;
    expect_refused(bad, CSEG_USAGE, "70000");
    bad = o;
    bad.out = "mask.tif";
    expect_refused(bad, CSEG_USAGE, "mask.tif");
    /* Not a mask. */
    raster_writer *w;
    raster_spec spec = {.h = 2, .w = 2, .bands = 1, .type = IMAGE_F32};
    image m = {0};
    assert_int_equal(raster_create("float.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    bad = o;
    bad.source.mask = "float.tif";
    expect_refused(bad, CSEG_DATA, "whole numbers");
    spec.type = IMAGE_I32;
    assert_int_equal(image_new(2, 2, 1, IMAGE_I32, &m, &err), CSEG_OK);
    ((int32_t *)m.data)[3] = 70000;
    assert_int_equal(raster_create("wide.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    image_release(&m);
    bad.source.mask = "wide.tif";
    expect_refused(bad, CSEG_DATA, "column 1, row 1 holds 70000");
    spec.bands = 3;
    spec.type = IMAGE_U8;
    assert_int_equal(raster_create("rgb.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    bad.source.mask = "rgb.tif";
    expect_refused(bad, CSEG_DATA, "3 bands");
    bad = o;
    bad.source.confidence = "rgb.tif";
    expect_refused(bad, CSEG_SHAPE, "rgb.tif is 2 x 2 pixels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_format_holds_every_pixel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(geojson_lies_where_the_mask_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(attributes_say_what_was_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(areas_are_square_metres, set_up, tear_down),
        cmocka_unit_test_setup_teardown(areas_are_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(masks_without_a_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_date_line_cuts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_ones_leave_the_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, set_up, tear_down),
    };
    GDALAllRegister();
    make_labels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
