/* Labels and weight maps whose georeference is another than their image's. */
#include "data/scan/scan_place.h"

#include "base/log.h"
#include "data_test.h"
#include "io/raster/raster.h"

static char warned[4096];

static void keep_warning(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(warned, sizeof warned, "%s", text);
}

static void write_at(const char *name, double x, image_type type)
{
    raster_place place = {.has_transform = x >= 0, .transform = {x, 10, 0, 500, 0, -10}};
    raster_spec spec = {.h = 4, .w = 5, .bands = 1, .type = type, .place = &place};
    raster_writer *w;
    image m;
    assert_int_equal(image_new(4, 5, 1, type, &m, &err), CSEG_OK);
    if (raster_create(in_folder(name), &spec, mem, &w, &err) != CSEG_OK ||
        raster_write(w, 0, 0, 0, &m, &err) != CSEG_OK || raster_commit(w, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    image_release(&m);
}

static int64_t look(void)
{
    const dataset_options options = {.no_pipeline = true};
    const dataset *ds =
        build_with("dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', weight_dir='w', "
                   "img_suffix='.tif', seg_map_suffix='.tif', weight_suffix='.tif', classes=['a', 'b'])",
                   &options);
    *warned = 0;
    log_set_sink(keep_warning, NULL);
    int64_t n = scan_places(ds, NULL, NULL);
    log_set_sink(NULL, NULL);
    return n;
}

static void one_warning_names_the_first_and_counts_all(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        write_at(arena_printf(mem, "i/%c.tif", 'a' + i), 100 + i, IMAGE_U8);
        write_at(arena_printf(mem, "l/%c.tif", 'a' + i), 100 + i, IMAGE_U8);
        write_at(arena_printf(mem, "w/%c.tif", 'a' + i), 100 + i, IMAGE_F32);
    }
    assert_int_equal(look(), 0);
    assert_string_equal(warned, "");
    write_at("l/b.tif", 200, IMAGE_U8);
    write_at("w/c.tif", 300, IMAGE_F32);
    assert_int_equal(look(), 2);
    assert_non_null(strstr(warned, "l/b.tif does not lie where its image"));
    assert_non_null(strstr(warned, "(2 such files)"));
    assert_non_null(strstr(warned, "(200, 500)"));
    /* Labels that say no place are usual. */
    write_at("l/b.tif", -1, IMAGE_U8);
    write_at("w/c.tif", -1, IMAGE_F32);
    assert_int_equal(look(), 0);
    assert_string_equal(warned, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(one_warning_names_the_first_and_counts_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
