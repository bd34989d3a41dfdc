/* Weight maps are looked at before the first step, as labels are. */
#include <math.h>

#include "data/scan/scan.h"

#include "data_test.h"
#include "io/raster/raster.h"

/* 4 x 4 weights of 1, but for one pixel. */
static void write_weights(const char *name, int bands, float odd, int64_t at)
{
    raster_spec spec = {.h = 4, .w = 4, .bands = bands, .type = IMAGE_F32};
    raster_writer *w;
    image m;
    assert_int_equal(image_new(4, 4, bands, IMAGE_F32, &m, &err), CSEG_OK);
    for (int i = 0; i < 16 * bands; i++)
        ((float *)m.data)[i] = i == at ? odd : 1;
    if (raster_create(in_folder(name), &spec, mem, &w, &err) != CSEG_OK ||
        raster_write(w, 0, 0, 0, &m, &err) != CSEG_OK || raster_commit(w, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    image_release(&m);
}

static const dataset *made(const char *load)
{
    for (int i = 0; i < 3; i++) {
        write_image(arena_printf(mem, "i/%d.png", i), 4, 4, 3, 0, 1);
        write_image(arena_printf(mem, "l/%d.png", i), 4, 4, 1, 0, 0);
        write_weights(arena_printf(mem, "w/%d.tif", i), 1, 0, 3);
    }
    return build(arena_printf(mem,
                              "dict(type='CustomDataset', data_root='@', img_dir='i', ann_dir='l', weight_dir='w', "
                              "img_suffix='.png', weight_suffix='.tif', classes=['a', 'b'], pipeline=[%s])",
                              load));
}

static cseg_status look(const dataset *ds, bool measured, scan_report *report)
{
    static const scan_rule rule = {.key = "gt_semantic_seg", .head = "decode_head", .n_labels = 2, .ignore_index = 255};
    scan_options o = {
        .rules = &rule, .n_rules = 1, .measured = measured, .threads = 2, .cache_file = in_folder("cache")};
    return scan_labels(ds, &o, mem, report, &err);
}

static void weights_that_cannot_be_meant_are_found(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *said;
    } cases[] = {{-0.5F, "is -0.5; weights are 0 or more"}, {NAN, "nan"}, {INFINITY, "is inf"}, {-INFINITY, "is -inf"}};
    const dataset *ds = made("dict(type='LoadAnnotations')");
    scan_report report;
    assert_int_equal(look(ds, false, &report), CSEG_OK);
    assert_int_equal(report.files, 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_weights("w/1.tif", 1, cases[i].value, 6);
        assert_int_equal(look(ds, false, &report), CSEG_DATA);
        if (!strstr(err.text, "w/1.tif: the weight at row 1, column 2") || !strstr(err.text, cases[i].said))
            fail_msg("%s", err.text);
        /* Where nothing is learned nobody reads it. */
        assert_int_equal(look(ds, true, &report), CSEG_OK);
    }
    write_weights("w/1.tif", 1, 0, 0);
    assert_int_equal(look(ds, false, &report), CSEG_OK);
    assert_int_equal(look(ds, false, &report), CSEG_OK);
    assert_int_equal(report.cached, 6);
}

static void weights_have_one_channel(void **state)
{
    (void)state;
    const dataset *ds = made("dict(type='LoadAnnotations')");
    write_weights("w/2.tif", 3, 1, 0);
    assert_int_equal(look(ds, false, NULL), CSEG_DATA);
    assert_non_null(strstr(err.text, "w/2.tif has 3 channels where weights have one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(weights_that_cannot_be_meant_are_found),
        TEST(weights_have_one_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
