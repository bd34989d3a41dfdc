/* Loading images, labels and weights from files, in both dialects. */
#include "transform_test.h"

#include <sys/stat.h>
#include <unistd.h>

static cseg_error err;
static arena *mem;
static char folder[64], paths[8][128];

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    strcpy(folder, "/tmp/cseg-transforms-XXXXXX");
    return mem && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    arena_free(mem);
    return system(command);
}

static const char *write_image(int slot, const char *name, const image *m)
{
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", folder, name);
    OK(image_write(paths[slot], m, NULL, &err));
    return paths[slot];
}

static image filled(int64_t h, int64_t w, int64_t c, image_type t, int by, int modulo)
{
    image m;
    OK(image_new(h, w, c, t, &m, &err));
    for (int64_t i = 0; i < h * w * c; i++) {
        if (t == IMAGE_U8)
            ((uint8_t *)m.data)[i] = (uint8_t)(i * by % modulo);
        else
            ((uint16_t *)m.data)[i] = (uint16_t)(i * by % modulo);
    }
    return m;
}

static const char *write_filled(int slot, const char *name, int64_t h, int64_t w, int64_t c, int by, int modulo)
{
    image m = filled(h, w, c, IMAGE_U8, by, modulo);
    const char *path = write_image(slot, name, &m);
    image_release(&m);
    return path;
}

static sample file_sample(const char *img, const char *labels)
{
    sample s = {.mem = mem, .path = img, .n_images = 1};
    if (labels)
        sample_add_map(&s, "gt_semantic_seg", labels, false);
    return s;
}

static cseg_status load(const char *text, config_dialect dialect, sample *s)
{
    return pipeline_apply(pipeline_of(text, dialect, mem), s, &err);
}

static uint8_t label_at(sample *s, const char *key, int64_t i)
{
    return ((uint8_t *)sample_find(s, key)->map.data)[i];
}

static void test_image(void **state)
{
    (void)state;
    sample s = file_sample(write_filled(0, "a.png", 5, 7, 3, 11, 251), NULL);
    OK(load("[dict(type='LoadImageFromFile')]", DIALECT_1X, &s));
    assert_int_equal(5, s.ori_h);
    assert_int_equal(7, s.img_w);
    assert_int_equal(IMAGE_U8, s.img.type);
    for (int i = 0; i < 105; i++)
        assert_int_equal(i * 11 % 251, ((uint8_t *)s.img.data)[i]);
    sample_release(&s);
    s = file_sample(paths[0], NULL);
    OK(load("[dict(type='LoadImageFromFile', to_float32=True, color_type='grayscale')]", DIALECT_0X, &s));
    assert_int_equal(IMAGE_F32, s.img.type);
    assert_int_equal(1, s.img.c);
    sample_release(&s);
    s = file_sample("/nowhere/b.png", NULL);
    assert_int_equal(CSEG_NOT_FOUND, load("[dict(type='LoadImageFromFile')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "/nowhere/b.png"));
    sample_release(&s);
}

static void test_pair(void **state)
{
    (void)state;
    sample s = file_sample(write_filled(0, "a.png", 4, 3, 3, 7, 251), NULL);
    s.path2 = write_filled(1, "b.png", 4, 3, 3, 13, 241);
    s.n_images = 2;
    OK(load("[dict(type='MultiImgLoadImageFromFile'), dict(type='MultiImgPackSegInputs')]", DIALECT_1X, &s));
    assert_int_equal(6, s.img.c);
    for (int i = 0; i < 36; i++) {
        assert_int_equal(i * 7 % 251, ((uint8_t *)s.img.data)[i / 3 * 6 + i % 3]);
        assert_int_equal(i * 13 % 241, ((uint8_t *)s.img.data)[i / 3 * 6 + 3 + i % 3]);
    }
    /* a batch exchanges blue and red of each date */
    preprocessor pre = {.swap = true, .pairs = true};
    float slot[72];
    OK(pipeline_pack(&pre, &s, 4, 3, slot, &err));
    assert_true(slot[0] == 14 && slot[2] == 0 && slot[3] == 26 && slot[5] == 0);
    sample_release(&s);
    s = file_sample(paths[0], NULL);
    s.path2 = paths[1];
    OK(load("[dict(type='LoadMultipleRSImageFromFile'), dict(type='ConcatCDInput')]", DIALECT_1X, &s));
    assert_int_equal(6, s.img.c);
    assert_int_equal(IMAGE_F32, s.img.type);
    sample_release(&s);
    s = file_sample(paths[0], NULL);
    assert_int_equal(CSEG_CONFIG, load("[dict(type='MultiImgLoadImageFromFile')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "no second image"));
    s.path2 = write_filled(2, "c.png", 5, 3, 3, 1, 2);
    assert_int_equal(CSEG_DATA, load("[dict(type='MultiImgLoadImageFromFile')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "must be alike"));
    sample_release(&s);
}

static void test_labels(void **state)
{
    (void)state;
    const char *path = write_filled(0, "l.png", 16, 16, 1, 1, 256);
    sample s = file_sample(NULL, path);
    OK(load("[dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    for (int i = 0; i < 256; i++)
        assert_int_equal(i, label_at(&s, "gt_seg_map", i));
    sample_release(&s);
    s = file_sample(NULL, path);
    s.reduce_zero_label = true; /* 1.x asks the dataset */
    OK(load("[dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    for (int i = 0; i < 256; i++)
        assert_int_equal(i == 0 || i == 255 ? 255 : i - 1, label_at(&s, "gt_seg_map", i));
    sample_release(&s);
    s = file_sample(NULL, path);
    s.reduce_zero_label = true; /* 0.x does not */
    OK(load("[dict(type='LoadAnnotations')]", DIALECT_0X, &s));
    assert_int_equal(0, label_at(&s, "gt_seg_map", 0));
    sample_release(&s);
    s = file_sample(NULL, path);
    OK(load("[dict(type='LoadAnnotations', reduce_zero_label=True)]", DIALECT_0X, &s));
    assert_int_equal(255, label_at(&s, "gt_seg_map", 0));
    assert_int_equal(253, label_at(&s, "gt_seg_map", 254));
    sample_release(&s);
}

/* The label map comes before the reduction in 0.x, behind it in 1.x; and its changes do not chain. */
static void test_label_map(void **state)
{
    (void)state;
    value *map;
    const char *path = write_filled(0, "l.png", 16, 16, 1, 1, 256);
    OK(config_parse_literal("{1: 2, 2: 5, 3: -1}", "test.py", mem, &map, &err));
    sample s = file_sample(NULL, path);
    s.label_map = map;
    OK(load("[dict(type='LoadAnnotations', reduce_zero_label=True)]", DIALECT_0X, &s));
    const uint8_t old_way[] = {255, 1, 4, 255, 3};
    for (int i = 0; i < 5; i++)
        assert_int_equal(old_way[i], label_at(&s, "gt_seg_map", i));
    sample_release(&s);
    s = file_sample(NULL, path);
    s.label_map = map;
    assert_int_equal(load("[dict(type='LoadAnnotations', reduce_zero_label=True)]", DIALECT_1X, &s), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "LoadAnnotations has reduce_zero_label=True, its dataset False"));
    sample_release(&s);
    s = file_sample(NULL, path);
    s.label_map = map;
    s.reduce_zero_label = true;
    OK(load("[dict(type='LoadAnnotations', reduce_zero_label=True)]", DIALECT_1X, &s));
    const uint8_t new_way[] = {255, 0, 2, 5, 255};
    for (int i = 0; i < 5; i++)
        assert_int_equal(new_way[i], label_at(&s, "gt_seg_map", i));
    sample_release(&s);
    s = file_sample(NULL, path);
    s.to_binary = true;
    OK(load("[dict(type='MultiImgLoadAnnotations')]", DIALECT_1X, &s));
    for (int i = 0; i < 256; i++)
        assert_int_equal(i >= 128, label_at(&s, "gt_seg_map", i));
    sample_release(&s);
}

static void test_dates_have_labels(void **state)
{
    (void)state;
    sample s = file_sample(NULL, write_filled(0, "l.png", 16, 16, 1, 1, 256));
    s.to_binary = true;
    sample_add_map(&s, "gt_semantic_seg_from", write_filled(1, "f.png", 16, 16, 1, 1, 200), false);
    sample_add_map(&s, "gt_semantic_seg_to", write_filled(2, "t.png", 16, 16, 1, 1, 100), false);
    OK(load("[dict(type='MultiImgMultiAnnLoadAnnotations', reduce_semantic_zero_label=True)]", DIALECT_1X, &s));
    assert_int_equal(0, label_at(&s, "gt_seg_map", 0));
    assert_int_equal(1, label_at(&s, "gt_seg_map", 255));
    assert_int_equal(255, label_at(&s, "gt_seg_map_from", 0));
    assert_int_equal(198, label_at(&s, "gt_seg_map_from", 199));
    assert_int_equal(98, label_at(&s, "gt_seg_map_to", 199));
    sample_release(&s);
}

static void test_labels_that_are_none(void **state)
{
    (void)state;
    sample s = file_sample(write_filled(0, "a.png", 6, 8, 3, 3, 250), write_filled(1, "l.png", 6, 7, 1, 1, 5));
    assert_int_equal(CSEG_DATA, load("[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "l.png is 7 x 6, but its image"));
    assert_non_null(strstr(err.text, "8 x 6 (width x height)"));
    sample_release(&s);
    s = file_sample(NULL, paths[0]);
    assert_int_equal(CSEG_DATA, load("[dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "a.png has 3 channels where labels have one"));
    sample_release(&s);
    image deep = filled(4, 4, 1, IMAGE_U16, 20, 65536);
    s = file_sample(NULL, write_image(2, "d.png", &deep));
    assert_int_equal(CSEG_DATA, load("[dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    assert_non_null(strstr(err.text, "label 260 at row 3, column 1"));
    sample_release(&s);
    image_release(&deep);
    deep = filled(4, 4, 1, IMAGE_U16, 2, 65536);
    s = file_sample(NULL, write_image(2, "d.png", &deep));
    OK(load("[dict(type='LoadAnnotations')]", DIALECT_1X, &s));
    assert_int_equal(30, label_at(&s, "gt_seg_map", 15));
    sample_release(&s);
    image_release(&deep);
}

static void test_weights(void **state)
{
    (void)state;
    sample s = file_sample(write_filled(0, "a.png", 6, 8, 3, 3, 250), write_filled(1, "l.png", 6, 8, 1, 1, 5));
    sample_add_map(&s, "seg_weight_map", write_filled(2, "w.png", 6, 8, 1, 5, 256), true);
    OK(load("[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', weight_scale=0.5), "
            "dict(type='Collect', keys=['img', 'gt_semantic_seg', 'seg_weight_map'])]",
            DIALECT_0X, &s));
    sample_map *w = sample_find(&s, "seg_weight_map");
    assert_int_equal(IMAGE_F32, w->map.type);
    for (int i = 0; i < 48; i++)
        assert_true(((float *)w->map.data)[i] == (float)(i * 5 % 256) * 0.5f);
    sample_release(&s);
    s = file_sample(paths[0], NULL);
    sample_add_map(&s, "seg_weight_map", write_filled(2, "w.png", 6, 8, 3, 5, 256), true);
    assert_int_equal(CSEG_DATA, load("[dict(type='LoadAnnotations')]", DIALECT_0X, &s));
    assert_non_null(strstr(err.text, "where weights have one"));
    sample_release(&s);
}

/* The 1.x test pipeline loads labels behind the resize: they keep the file's size. */
static void test_labels_behind_resize(void **state)
{
    (void)state;
    sample s = file_sample(write_filled(0, "a.png", 6, 8, 3, 3, 250), write_filled(1, "l.png", 6, 8, 1, 1, 5));
    OK(load("[dict(type='LoadImageFromFile'), dict(type='Resize', scale=(16, 12)), dict(type='LoadAnnotations'), "
            "dict(type='PackSegInputs')]",
            DIALECT_1X, &s));
    assert_int_equal(12, sample_height(&s));
    assert_int_equal(6, sample_find(&s, "gt_seg_map")->map.h);
    sample_release(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_image),
        TEST(test_pair),
        TEST(test_labels),
        TEST(test_label_map),
        TEST(test_weights),
        TEST(test_dates_have_labels),
        TEST(test_labels_that_are_none),
        TEST(test_labels_behind_resize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
