/* Scenes whose labels are vectors, and scenes that polygons divide. */
#include "base/log.h"
#include "data/scenes/scenes.h"

#include "scene_test.h"

static char warned[4096];

static void keep_warning(void *arg, log_level level, const char *text)
{
    (void)arg;
    size_t used = strlen(warned);
    if (level == LOG_WARNING)
        snprintf(warned + used, sizeof warned - used, "%s\n", text);
}

/* A rectangle of whole pixels: rows y0 to y1, columns x0 to x1, the last ones excluded. */
static const char *rectangle(const char *kind, int y0, int x0, int y1, int x1)
{
    int left = 100 + 10 * x0, right = 100 + 10 * x1, top = 5000 - 10 * y0, bottom = 5000 - 10 * y1;
    return arena_printf(mem,
                        "{\"type\":\"Feature\",\"properties\":{\"kind\":\"%s\"},\"geometry\":{\"type\":\"Polygon\","
                        "\"coordinates\":[[[%d,%d],[%d,%d],[%d,%d],[%d,%d],[%d,%d]]]}}",
                        kind, left, top, right, top, right, bottom, left, bottom, left, top);
}

static void write_shapes(const char *name, const char *const *shapes, int n)
{
    strbuf all = {.mem = mem};
    strbuf_add(&all, "{\"type\":\"FeatureCollection\",\"features\":[");
    for (int i = 0; i < n; i++)
        strbuf_addf(&all, "%s%s", i ? "," : "", shapes[i]);
    strbuf_add(&all, "]}");
    assert_false(all.failed);
    write_text(name, all.text);
}

static void write_houses(void)
{
    const char *shapes[] = {rectangle("house", 40, 50, 60, 90), rectangle("road", 50, 80, 100, 120),
                            rectangle("pond", 90, 110, 140, 130)};
    write_scene();
    write_shapes("v.geojson", shapes, 3);
}

/* With house: b, road: c, and ponds left out. */
static int burnt_at(int64_t y, int64_t x)
{
    if (scene_hole(y, x))
        return 255;
    if (y >= 50 && y < 100 && x >= 80 && x < 120)
        return 2;
    return y >= 40 && y < 60 && x >= 50 && x < 90 ? 1 : 0;
}

/* All labels of a grid, each pixel as it was learned; 255 where nothing counted. */
static void collect(const dataset *ds, uint8_t found[SCENE_H * SCENE_W])
{
    memset(found, 255, SCENE_H * SCENE_W);
    for (int64_t i = 0; i < dataset_count(ds); i++) {
        sample s = take_sample(ds, i, 0);
        const sample_map *m = sample_find(&s, "gt_semantic_seg");
        for (int64_t k = 0; k < s.img.h * s.img.w; k++) {
            const uint8_t *p = image_u8(&s.img, k / s.img.w, k % s.img.w);
            uint8_t label = *image_u8(&m->map, k / s.img.w, k % s.img.w);
            if (label != 255)
                found[(p[2] - 1) * SCENE_W + p[1] - 1] = label;
        }
        sample_release(&s);
    }
}

#define BURNT(more, reduce)                                                                                            \
    "dict(type='SceneDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), crop_size=64, test_mode=True, "  \
    "reduce_zero_label=" reduce ", pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')], " more ")"
#define HOW "attribute='kind', classes=dict(house='b', road='c', pond=None), background='a'"

static void vectors_are_labels(void **state)
{
    (void)state;
    static const char *const ways[] = {
        BURNT("scenes=[dict(img='scene.tif', ann_vectors=dict(file='v.geojson', " HOW "))]", "False"),
        BURNT("scenes=dict(img='scene.tif', ann_vectors='v.geojson'), ann_vectors=dict(" HOW ")", "False"),
        BURNT("scenes=dict(img='scene.tif'), ann_vectors=dict(file='v.geojson', " HOW ")", "False"),
        BURNT("data_prefix=dict(img_path=''), img_suffix='scene.tif', ann_vectors=dict(file='v.geojson', " HOW ")",
              "False"),
        /* By their names classes are the same, whatever numbers stand for them in files. */
        BURNT("scenes=[dict(img='scene.tif', ann_vectors=dict(file='v.geojson', " HOW "))]", "True"),
    };
    uint8_t found[SCENE_H * SCENE_W];
    write_houses();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        dataset *ds = build(ways[i]);
        collect(ds, found);
        for (int64_t k = 0; k < SCENE_H * SCENE_W; k++)
            assert_int_equal(found[k], burnt_at(k / SCENE_W, k % SCENE_W));
        const scene_values *v = dataset_source_at(ds, 0).maps[0].values;
        assert_int_equal(v->n, 3);
    }
}

static void one_class_for_all(void **state)
{
    (void)state;
    uint8_t found[SCENE_H * SCENE_W];
    write_houses();
    collect(build(BURNT("scenes=[dict(img='scene.tif', ann_vectors='v.geojson')]", "False")), found);
    for (int64_t k = 0; k < SCENE_H * SCENE_W; k++) {
        int64_t y = k / SCENE_W, x = k % SCENE_W;
        bool pond = y >= 90 && y < 140 && x >= 110 && x < 130 && !scene_hole(y, x);
        int wanted = burnt_at(y, x);
        assert_int_equal(found[k], wanted == 255 ? 255 : pond || wanted);
    }
}

static void wrong_vectors_are_named(void **state)
{
    (void)state;
    write_houses();
    refuse(BURNT("scenes=dict(img='scene.tif', ann='mask.tif', ann_vectors='v.geojson')", "False"), CSEG_CONFIG,
           "not both");
    refuse(BURNT("scenes=dict(img='scene.tif', ann_vectors=dict(value=1))", "False"), CSEG_CONFIG, "names no file");
    refuse(BURNT("scenes=dict(img='scene.tif', ann_vectors=dict(file='v.geojson', value='d'))", "False"), CSEG_CONFIG,
           "ann_vectors: no class 'd'");
    refuse(BURNT("scenes=dict(img='scene.tif', ann_vectors=dict(file='v.geojson', attribute='kind'))", "False"),
           CSEG_CONFIG, "needs classes");
    refuse(BURNT("scenes=dict(img='scene.tif', ann_vectors=dict(file='v.geojson', attribute='kind', "
                 "classes=dict(house=1)))",
                 "False"),
           CSEG_DATA, "kind='road'");
    /* A test may do without labels, unless it measures. */
    dataset *ds = build(BURNT("scenes=dict(img='scene.tif', ann_vectors='none.gpkg')", "False"));
    assert_int_equal(dataset_check_files(ds, true, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "none.gpkg"));
}

#define DIVIDED(part, more)                                                                                            \
    "crop_size=16, samples_per_epoch=300, " more "split=dict(by='polygons', file='areas.geojson', block=16, gap=0, "   \
    "attribute='kind', part='" part "')"

static void polygons_divide(void **state)
{
    (void)state;
    const char *areas[] = {rectangle("val", 33, 34, 60, 75), rectangle("test", 100, 100, 130, 200)};
    uint8_t val[SCENE_H * SCENE_W], test[SCENE_H * SCENE_W];
    write_scene();
    write_shapes("areas.geojson", areas, 2);
    collect(build(SCENE_DICT(DIVIDED("val", "test_mode=True, "))), val);
    collect(build(SCENE_DICT(DIVIDED("test", "test_mode=True, "))), test);
    for (int64_t k = 0; k < SCENE_H * SCENE_W; k++) {
        /* All squares of 16 pixels that they touch. */
        int64_t y = k / SCENE_W / 16, x = k % SCENE_W / 16;
        bool in_val = y >= 2 && y <= 3 && x >= 2 && x <= 4, in_test = y >= 6 && y <= 8 && x >= 6;
        int label = label_at(k / SCENE_W, k % SCENE_W);
        assert_int_equal(val[k], in_val ? label : 255);
        assert_int_equal(test[k], in_test ? label : 255);
    }
    dataset *train = build(SCENE_DICT(DIVIDED("train", "")));
    for (int i = 0; i < 300; i++) {
        sample s = take_sample(train, i, 0);
        for (int64_t k = 0; k < 256; k++) {
            const uint8_t *p = image_u8(&s.img, k / 16, k % 16);
            if (p[2])
                assert_true(val[(p[2] - 1) * SCENE_W + p[1] - 1] == 255 &&
                            test[(p[2] - 1) * SCENE_W + p[1] - 1] == 255);
        }
        sample_release(&s);
    }
    refuse(SCENE_DICT("crop_size=16, split=dict(by='polygons', part='val')"), CSEG_CONFIG, "needs file");
    refuse(SCENE_DICT("crop_size=16, split=dict(by='polygons', part='test', file='areas.geojson')"), CSEG_CONFIG,
           "no polygon is of the test");
}

static void a_class_that_is_nodata_gives_a_warning(void **state)
{
    (void)state;
    write_scene();
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W, 1, IMAGE_U8, mask_value, true, 0, 100});
    *warned = 0;
    log_set_sink(keep_warning, NULL);
    dataset *ds = build(SCENE_DICT("crop_size=64, test_mode=True"));
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(warned, "declares 0 as its value for no data, which would be class 'a'"));
    uint8_t found[SCENE_H * SCENE_W];
    collect(ds, found);
    assert_null(memchr(found, 0, sizeof found));
    collect(build(SCENE_DICT("crop_size=64, test_mode=True, ann_nodata=False")), found);
    for (int64_t k = 0; k < SCENE_H * SCENE_W; k++)
        assert_int_equal(found[k], label_at(k / SCENE_W, k % SCENE_W));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vectors_are_labels),
        TEST(one_class_for_all),
        TEST(wrong_vectors_are_named),
        TEST(polygons_divide),
        TEST(a_class_that_is_nodata_gives_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
