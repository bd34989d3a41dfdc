/* Polygons and areas of a mask, with each allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "geo/area.h"
#include "geo/vectorize.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "../out_of_memory.h"

static const char mask[] = SOURCE_DIR "/examples/water/mask.tif";

static cseg_status write_polygons(void *arg, cseg_error *err)
{
    static const char *const names[] = {"land", "water"}, *const classes[] = {"water", "0"};
    bool simple = arg != NULL;
    vectorize_options o = {.source = {.mask = mask, .names = names, .n_names = 2},
                           .out = simple ? "m.geojson" : "m.shp",
                           .classes = simple ? NULL : classes,
                           .n_classes = simple ? 0 : 2,
                           .diagonal = !simple,
                           .simplify = simple ? 600.0 : 0.0,
                           .min_area = 1e6};
    return vectorize(&o, NULL, err);
}

static cseg_status write_database(void *arg, cseg_error *err)
{
    (void)arg;
    return vectorize(&(vectorize_options){.source.mask = mask, .out = "m.gpkg", .min_area = 1e8}, NULL, err);
}

static cseg_status write_areas(void *arg, cseg_error *err)
{
    (void)arg;
    area_report r;
    arena *mem = arena_new();
    if (!mem) {
        err->code = CSEG_NO_MEMORY;
        snprintf(err->text, sizeof err->text, "out of memory");
        return CSEG_NO_MEMORY;
    }
    cseg_status status = area_measure(&(mask_source){.mask = mask}, mem, &r, err);
    if (status == CSEG_OK)
        status = area_write_json("m.json", &r, mem, err);
    if (status == CSEG_OK)
        status = area_write_csv("m.csv", &r, mem, err);
    arena_free(mem);
    return status;
}

static void expect_no_temporaries(void)
{
    char **names;
    size_t n;
    cseg_error err;
    arena *mem = arena_new();
    assert_int_equal(dir_list(".", NULL, true, mem, &names, &n, &err), CSEG_OK);
    for (size_t i = 0; i < n; i++)
        assert_null(strstr(names[i], ".tmp"));
    arena_free(mem);
}

static void polygons_are_written_or_not(void **state)
{
    (void)state;
    fail_each_allocation("a Shapefile", write_polygons, NULL, 150);
    fail_each_allocation("simple GeoJSON", write_polygons, "simple", 150);
    fail_each_allocation("a GeoPackage", write_database, NULL, 60);
    expect_no_temporaries();
}

static void areas_are_measured_or_not(void **state)
{
    (void)state;
    fail_each_allocation("areas", write_areas, NULL, 200);
    expect_no_temporaries();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polygons_are_written_or_not),
        cmocka_unit_test(areas_are_measured_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
