/* Every allocation of statistics, chosen bands and aligned pairs may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geo/scene.h"
#include "geo/stats.h"

#include <cmocka.h> /* last: it has a macro called fail */

#include "../out_of_memory.h"

static void make(const char *path, image_type type, double x)
{
    arena *mem = arena_new();
    cseg_error err;
    raster_writer *w;
    image m;
    raster_place place = {.has_transform = true,
                          .transform = {x, 1, 0, 50, 0, -1},
                          .projection = "",
                          .gcp_projection = "",
                          .area_or_point = ""};
    raster_spec spec = {.h = 40, .w = 50, .bands = 3, .type = type, .place = &place, .has_nodata = true, .nodata = 1};
    assert_int_equal(image_new(40, 50, 3, type, &m, &err), CSEG_OK);
    for (size_t i = 0; i < image_bytes(&m); i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i * 7 % 61);
    if (raster_create(path, &spec, mem, &w, &err) || raster_write(w, 0, 0, 0, &m, &err) || raster_commit(w, &err))
        fail_msg("%s", err.text);
    image_release(&m);
    arena_free(mem);
}

static cseg_status statistics(void *arg, cseg_error *err)
{
    const char *path = arg, *mask = "mask.tif";
    const double part[] = {2, 98};
    const int64_t bands[] = {3, 1};
    arena *mem = arena_new();
    stats_report r;
    stats_options o = {
        .bands = bands, .n_bands = 2, .percentiles = part, .n_percentiles = 2, .threads = 1, .masks = &mask};
    if (!mem)
        return fail_memory(err);
    cseg_status status = stats_run(&path, 1, &o, mem, &r, err);
    arena_free(mem);
    return status;
}

static cseg_status aligned(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    raster *a, *b, *out;
    image m = {0};
    cseg_status status = CSEG_OK;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(raster_open("a.tif", mem, &a, err));
    TRY_DONE(raster_open("b.tif", mem, &b, err));
    TRY_DONE(raster_pair_align("a.tif", a, "b.tif", b, &(pair_options){.warp = true}, mem, &out, err));
    TRY_DONE(image_new(40, 50, 3, IMAGE_F32, &m, err));
    TRY_DONE(raster_read(out, 0, 0, NULL, &m, err));
done:
    image_release(&m);
    arena_free(mem);
    return status;
}

static cseg_status selected(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    scene s;
    image m = {0};
    uint8_t holes[20];
    cseg_status status = CSEG_OK;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(scene_open("a.tif", IMAGE_UNCHANGED, mem, &s, err));
    TRY_DONE(scene_select(&s, (const int64_t[]){2, 3, 1, 1}, 4, err));
    TRY_DONE(scene_read(&s, 3, 4, 4, 5, &m, err));
    TRY_DONE(scene_nodata(&s, 3, 4, 4, 5, holes, NULL, err));
done:
    image_release(&m);
    arena_free(mem);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    make("a.tif", IMAGE_F32, 0);
    make("b.tif", IMAGE_U16, 3.3);
    raster_writer *w;
    cseg_error err;
    arena *mem = arena_new();
    image m;
    assert_int_equal(image_new(40, 50, 1, IMAGE_U8, &m, &err), CSEG_OK);
    assert_int_equal(raster_create("mask.tif", &(raster_spec){.h = 40, .w = 50, .bands = 1}, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    arena_free(mem);
    image_release(&m);
    fail_each_allocation("statistics of float32", statistics, "a.tif", 200);
    fail_each_allocation("statistics of uint16", statistics, "b.tif", 200);
    fail_each_allocation("a pair on one grid", aligned, NULL, 200);
    fail_each_allocation("chosen bands", selected, NULL, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
