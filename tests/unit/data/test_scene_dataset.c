/* Samples of scenes: which pixels they are, how often, and that a run finds the same again. */
#include "data/loader/loader.h"
#include "data/scenes/scenes.h"

#include <math.h>

#include "scene_test.h"

/* Where a crop lies, told by its pixels; nothing of it may be a hole at its lower right corner. */
static void place_of(const sample *s, int64_t *y, int64_t *x)
{
    const uint8_t *last = image_u8(&s->img, s->img.h - 1, s->img.w - 1); /* blue, green, red: bands 2, 1, 0 */
    *y = last[2] - s->img.h;
    *x = last[1] - s->img.w;
}

static const char *const SPLIT_TRAIN = SCENE_DICT("crop_size=(16, 24), samples_per_epoch=500, "
                                                  "split=dict(by='blocks', block=30, val=0.2, gap=4, part='train')");
static const char *const SPLIT_VAL = SCENE_DICT("crop_size=(16, 24), test_mode=True, "
                                                "split=dict(by='blocks', block=30, val=0.2, part='val')");

static void a_crop_is_the_files_there(void **state)
{
    (void)state;
    write_scene();
    dataset *ds = build(SCENE_DICT("crop_size=(16, 24), samples_per_epoch=50"));
    assert_int_equal(dataset_count(ds), 50);
    assert_int_equal(dataset_sources(ds), 1);
    for (int i = 0; i < 50; i++) {
        int64_t top, left;
        sample s = take_sample(ds, i, 0);
        const sample_map *m = sample_find(&s, "gt_semantic_seg");
        assert_int_equal(s.ori_h, 16);
        assert_int_equal(s.ori_w, 24);
        place_of(&s, &top, &left);
        for (int64_t y = 0; y < 16; y++)
            for (int64_t x = 0; x < 24; x++) {
                for (int k = 0; k < 3; k++)
                    assert_int_equal(image_u8(&s.img, y, x)[k], (int)scene_at(top + y, left + x, 2 - k));
                assert_int_equal(*image_u8(&m->map, y, x), label_at(top + y, left + x));
            }
        sample_release(&s);
    }
}

/* The pixels that validation counts, each as often as it does. */
static void count_val(uint8_t counted[SCENE_H * SCENE_W])
{
    dataset *ds = build(SPLIT_VAL);
    for (int64_t i = 0; i < dataset_count(ds); i++) {
        sample s = take_sample(ds, i, 0);
        const sample_map *m = sample_find(&s, "gt_semantic_seg");
        for (int64_t y = 0; y < s.img.h; y++)
            for (int64_t x = 0; x < s.img.w; x++) {
                const uint8_t *p = image_u8(&s.img, y, x);
                int64_t at = (p[2] - 1) * SCENE_W + p[1] - 1;
                if (*image_u8(&m->map, y, x) == 255)
                    continue;
                assert_true(at >= 0);
                counted[at]++;
                assert_int_equal(*image_u8(&m->map, y, x), label_at(p[2] - 1, p[1] - 1));
            }
        const char *name = dataset_item_at(ds, i).name;
        assert_non_null(strstr(name, "scene_0"));
        for (int64_t k = 0; k < i; k++)
            assert_string_not_equal(name, dataset_item_at(ds, k).name);
        sample_release(&s);
    }
}

static void validation_counts_once_and_training_stays_away(void **state)
{
    (void)state;
    write_scene();
    uint8_t counted[SCENE_H * SCENE_W] = {0};
    count_val(counted);
    int64_t n = 0, top, left;
    for (int i = 0; i < SCENE_H * SCENE_W; i++) {
        assert_true(counted[i] <= 1);
        n += counted[i];
    }
    assert_true(n > SCENE_H * SCENE_W / 10);
    dataset *ds = build(SPLIT_TRAIN);
    for (int i = 0; i < 500; i++) {
        sample s = take_sample(ds, i, 1);
        place_of(&s, &top, &left);
        for (int64_t y = top - 4; y < top + 16 + 4; y++)
            for (int64_t x = left - 4; x < left + 24 + 4; x++)
                if (y >= 0 && y < SCENE_H && x >= 0 && x < SCENE_W)
                    assert_int_equal(counted[y * SCENE_W + x], 0);
        sample_release(&s);
    }
}

static void all_pixels_of_a_whole_scene_count_once(void **state)
{
    (void)state;
    write_scene();
    for (int context = 0; context < 2; context++) {
        uint8_t counted[SCENE_H * SCENE_W] = {0};
        dataset *ds = build(context ? SCENE_DICT("crop_size=32, test_mode=True, context=5")
                                    : SCENE_DICT("crop_size=32, test_mode=True"));
        for (int64_t i = 0; i < dataset_count(ds); i++) {
            sample s = take_sample(ds, i, 0);
            const sample_map *m = sample_find(&s, "gt_semantic_seg");
            for (int64_t k = 0; k < s.img.h * s.img.w; k++) {
                const uint8_t *p = image_u8(&s.img, k / s.img.w, k % s.img.w);
                if (*image_u8(&m->map, k / s.img.w, k % s.img.w) != 255)
                    counted[(p[2] - 1) * SCENE_W + p[1] - 1]++;
            }
            sample_release(&s);
        }
        for (int64_t i = 0; i < SCENE_H * SCENE_W; i++)
            assert_int_equal(counted[i], label_at(i / SCENE_W, i % SCENE_W) != 255);
    }
}

/* Uniform: the number of crops in each quarter of the corners is near what it should be (5 deviations). */
static void crops_are_drawn_evenly(void **state)
{
    (void)state;
    enum { N = 4000 };
    write_scene();
    dataset *ds = build(SCENE_DICT("crop_size=(50, 40), samples_per_epoch=4000"));
    int quarter[4] = {0};
    int64_t y, x, rows = SCENE_H - 50 + 1, columns = SCENE_W - 40 + 1;
    int64_t high = 0, wide = 0;
    for (int i = 0; i < N; i++) {
        sample s = take_sample(ds, i, 3);
        place_of(&s, &y, &x);
        quarter[2 * (y >= rows / 2) + (x >= columns / 2)]++;
        high = y > high ? y : high;
        wide = x > wide ? x : wide;
        sample_release(&s);
    }
    assert_int_equal(high, rows - 1);
    assert_int_equal(wide, columns - 1);
    for (int q = 0; q < 4; q++) {
        double part = (double)(q < 2 ? rows / 2 : rows - rows / 2) *
                      (double)(q % 2 ? columns - columns / 2 : columns / 2) / (double)(rows * columns);
        assert_true(fabs(quarter[q] - N * part) < 5 * sqrt(N * part * (1 - part)));
    }
}

/* How many of 400 crops have class 1. */
static int with_rare(const char *text)
{
    int n = 0;
    dataset *ds = build(text);
    for (int i = 0; i < 400; i++) {
        sample s = take_sample(ds, i, 0);
        const sample_map *m = sample_find(&s, "gt_semantic_seg");
        n += memchr(m->map.data, 1, (size_t)(m->map.h * m->map.w)) != NULL;
        sample_release(&s);
    }
    return n;
}

static void a_rare_class_is_found(void **state)
{
    (void)state;
    write_scene();
    int plain = with_rare(SCENE_DICT("crop_size=64, samples_per_epoch=400"));
    int half = with_rare(SCENE_DICT("crop_size=64, samples_per_epoch=400, balance=dict(classes=['b'], prob=0.5)"));
    int always = with_rare(SCENE_DICT("crop_size=64, samples_per_epoch=400, balance=dict(classes=[1], prob=1.0)"));
    int thirds = with_rare(SCENE_DICT("crop_size=64, samples_per_epoch=400, class_balanced=True"));
    assert_true(plain < 120);
    assert_true(half > 200 && half > plain);
    assert_int_equal(always, 400);
    assert_true(thirds > 133 - 50 && thirds < 400);
}

static void crops_with_few_labels_are_drawn_again(void **state)
{
    (void)state;
    write_scene();
    dataset *ds = build(SCENE_DICT("crop_size=12, samples_per_epoch=400, min_valid=0.9"));
    for (int i = 0; i < 400; i++) {
        sample s = take_sample(ds, i, 0);
        const sample_map *m = sample_find(&s, "gt_semantic_seg");
        int valid = 0;
        for (int k = 0; k < 144; k++)
            valid += ((const uint8_t *)m->map.data)[k] != 255;
        assert_true(valid >= 0.9 * 144);
        sample_release(&s);
    }
}

static unsigned long long digest(loader *l)
{
    batch b;
    if (loader_next(l, &b, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    unsigned long long h = str_fnv1a64(b.img, (size_t)(b.n * b.h * b.w * b.c) * sizeof(float));
    h = h * 31 + str_fnv1a64(b.maps[0].label, (size_t)(b.n * b.h * b.w) * sizeof(int32_t));
    loader_give_back(l, &b);
    return h;
}

static void threads_and_resuming_change_nothing(void **state)
{
    (void)state;
    enum { N = 40, FROM = 17 };
    write_scene();
    unsigned long long first[N];
    dataset *ds = build(SCENE_DICT("crop_size=(16, 24), samples_per_epoch=30, min_valid=0.5, balance=dict(prob=0.5)"));
    for (int workers = 1; workers <= 4; workers++) {
        loader *l;
        loader_options o = {.batch_size = 3, .workers = workers, .order = ORDER_INFINITE, .seed = 9, .training = true};
        assert_int_equal(loader_open(ds, &o, &l, &err), CSEG_OK);
        for (int i = 0; i < N; i++) {
            unsigned long long d = digest(l);
            if (workers == 1)
                first[i] = d;
            assert_true(first[i] == d);
            for (int k = 0; k < i && workers == 1; k++) /* also from one epoch to the next */
                assert_true(first[k] != d);
        }
        loader_seek(l, FROM);
        for (int i = FROM; i < N; i++)
            assert_true(digest(l) == first[i]);
        loader_close(l);
    }
}

static void an_old_config_reads_the_same(void **state)
{
    (void)state;
    write_scene();
    dataset *new = build(SPLIT_TRAIN);
    dataset *old =
        build("dict(type='SceneDataset', data_root='@', classes=['a', 'b', 'c'], img_dir='', ann_dir='', "
              "img_suffix='scene.tif', seg_map_suffix='mask.tif', crop_size=(16, 24), samples_per_epoch=500, "
              "split=dict(by='blocks', block=30, val=0.2, gap=4, part='train'), pipeline=["
              "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')])");
    for (int i = 0; i < 20; i++) {
        sample a = take_sample(new, i, 0), b = take_sample(old, i, 0);
        assert_memory_equal(a.img.data, b.img.data, image_bytes(&a.img));
        assert_memory_equal(a.maps[0].map.data, b.maps[0].map.data, image_bytes(&a.maps[0].map));
        sample_release(&a);
        sample_release(&b);
    }
    /* Its test pipeline loads no labels: evaluation does. */
    dataset *test = build("dict(type='SceneDataset', data_root='@', classes=['a', 'b', 'c'], " SCENES ", crop_size=32, "
                          "test_mode=True, pipeline=[dict(type='LoadImageFromFile')])");
    int64_t n = 0, wanted = 0;
    for (int64_t i = 0; i < dataset_count(test); i++) {
        sample s;
        assert_int_equal(dataset_get_truth(test, i, mem, &s, &err), CSEG_OK);
        for (int64_t k = 0; k < s.maps[0].map.h * s.maps[0].map.w; k++)
            n += ((const uint8_t *)s.maps[0].map.data)[k] == 1;
        sample_release(&s);
    }
    for (int64_t i = 0; i < SCENE_H * SCENE_W; i++)
        wanted += label_at(i / SCENE_W, i % SCENE_W) == 1;
    assert_int_equal(n, wanted);
}

/* Repeated, joined with other data, mixed: each sample is another crop, and every file is there once. */
static void scenes_go_into_wrappers(void **state)
{
    (void)state;
    write_scene();
    write_image("i/a.png", 16, 24, 3, 1, 1);
    write_image("l/a.png", 16, 24, 1, 1, 0);
    static const char crops[] = SCENE_DICT("crop_size=(16, 24), samples_per_epoch=4");
    static const char files[] = "dict(type='BaseSegDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), "
                                "img_suffix='.png', data_prefix=dict(img_path='i', seg_map_path='l'), pipeline=["
                                "dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')])";
    dataset *ds = build(arena_printf(mem,
                                     "dict(type='ConcatDataset', datasets=[%s, dict(type='RepeatDataset', times=3, "
                                     "dataset=%s)])",
                                     files, crops));
    assert_int_equal(dataset_count(ds), 13);
    assert_int_equal(dataset_sources(ds), 2);
    assert_non_null(strstr(dataset_source_at(ds, 0).path, "a.png"));
    assert_non_null(strstr(dataset_source_at(ds, 1).path, "scene.tif"));
    assert_null(dataset_source_at(ds, 0).maps[0].values);
    assert_int_equal(dataset_source_at(ds, 1).maps[0].values->n, 3);
    unsigned long long seen[13];
    for (int i = 0; i < 13; i++) {
        sample s = take_sample(ds, i, 0);
        seen[i] = str_fnv1a64(s.img.data, image_bytes(&s.img));
        for (int k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
        sample_release(&s);
    }
    ds = build(arena_printf(mem,
                            "dict(type='MultiImageMixDataset', dataset=%s, pipeline=[dict(type='RandomMosaic', "
                            "prob=1.0, img_scale=(16, 24))])",
                            crops));
    sample s = take_sample(ds, 0, 0);
    assert_int_equal(s.img.h, 32);
    assert_int_equal(s.img.w, 48);
    sample_release(&s);
}

static double float_at(int64_t y, int64_t x, int64_t band)
{
    return scene_hole(y, x) ? NAN : scene_at(y, x, band) / 4;
}

static double signed_mask(int64_t y, int64_t x, int64_t band)
{
    (void)band;
    return mask_at(y, x) == 255 ? -9999 : mask_at(y, x);
}

static void any_type_and_number_of_bands(void **state)
{
    (void)state;
    write_raster("scene.tif", (raster_like){SCENE_H, SCENE_W, 5, IMAGE_F32, float_at, false, 0, 100});
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W, 1, IMAGE_I16, signed_mask, true, -9999, 100});
    dataset *ds = build("dict(type='SceneDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), " SCENES
                        ", crop_size=32, test_mode=True, pipeline=[dict(type='LoadSingleRSImageFromFile'), "
                        "dict(type='LoadAnnotations')])");
    int64_t ignored = 0, wanted = 0;
    for (int64_t i = 0; i < dataset_count(ds); i++) {
        sample s = take_sample(ds, i, 0);
        assert_int_equal(s.img.c, 5);
        assert_int_equal(s.img.type, IMAGE_F32);
        for (int64_t k = 0; k < s.img.h * s.img.w * 5; k++)
            assert_true(isfinite(((const float *)s.img.data)[k]));
        for (int64_t k = 0; k < s.img.h * s.img.w; k++)
            ignored += ((const uint8_t *)s.maps[0].map.data)[k] != 255;
        sample_release(&s);
    }
    for (int64_t i = 0; i < SCENE_H * SCENE_W; i++)
        wanted += label_at(i / SCENE_W, i % SCENE_W) != 255;
    assert_int_equal(ignored, wanted);
}

static void chosen_bands(void **state)
{
    (void)state;
    write_scene();
    dataset *ds = build("dict(type='SceneDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), " SCENES
                        ", crop_size=32, samples_per_epoch=9, pipeline=[dict(type='LoadSingleRSImageFromFile', "
                        "bands=[2, 1]), dict(type='LoadAnnotations')])");
    for (int64_t i = 0; i < 9; i++) {
        sample s = take_sample(ds, i, 0);
        assert_int_equal(s.img.c, 2);
        const float *last = image_f32(&s.img, 31, 31);
        int64_t y = (int64_t)last[1] - 32, x = (int64_t)last[0] - 32;
        for (int64_t k = 0; k < 32 * 32; k++)
            for (int b = 0; b < 2; b++)
                assert_true(((const float *)s.img.data)[2 * k + b] == (float)scene_at(y + k / 32, x + k % 32, 1 - b));
        sample_release(&s);
    }
}

static double later_at(int64_t y, int64_t x, int64_t band)
{
    return scene_at(y, x, band) + (band == 2);
}

static double weight_at(int64_t y, int64_t x, int64_t band)
{
    (void)band;
    return (double)(y + x);
}

static void pairs_and_weights(void **state)
{
    (void)state;
    int64_t top, left;
    write_scene();
    write_raster("later.tif", (raster_like){SCENE_H, SCENE_W, 3, IMAGE_U8, later_at, false, 0, 100});
    write_raster("weight.tif", (raster_like){SCENE_H, SCENE_W, 1, IMAGE_F32, weight_at, false, 0, 100});
    dataset *ds = build(
        "dict(type='SceneDataset', data_root='@', metainfo=dict(classes=['a', 'b', 'c']), crop_size=16, "
        "samples_per_epoch=9, scenes=dict(img='scene.tif', img2='later.tif', ann='mask.tif', weight='weight.tif'), "
        "pipeline=[dict(type='MultiImgLoadImageFromFile'), dict(type='LoadAnnotations')])");
    assert_true(dataset_about(ds)->pairs);
    for (int i = 0; i < 9; i++) {
        sample s = take_sample(ds, i, 0);
        assert_int_equal(s.img.c, 6);
        image first = s.img;
        const uint8_t *last = image_u8(&first, 15, 15);
        top = last[2] - 16, left = last[1] - 16;
        assert_int_equal(last[3], last[0] + 1);
        assert_true(*image_f32(&sample_find(&s, "seg_weight_map")->map, 3, 4) == (float)(top + 3 + left + 4));
        sample_release(&s);
    }
}

static void counts_are_kept_for_the_next_run(void **state)
{
    (void)state;
    char *cache, **names;
    size_t n, bytes;
    write_scene();
    const dataset_options options = {.work_dir = folder};
    dataset *ds = build_with(SPLIT_VAL, &options);
    const scene_values *v = dataset_source_at(ds, 0).maps[0].values;
    assert_int_equal(dir_list(in_folder("scenes"), NULL, false, mem, &names, &n, &err), CSEG_OK);
    assert_int_equal(n, 1);
    char *path = in_folder(arena_printf(mem, "scenes/%s", names[0]));
    assert_int_equal(file_read(path, 0, mem, &cache, &bytes, &err), CSEG_OK);
    /* Any changed byte: counted anew, and written anew. */
    for (size_t i = 0; i < bytes; i += bytes / 7) {
        char *damaged = arena_alloc(mem, bytes), *again;
        size_t m;
        memcpy(damaged, cache, bytes);
        damaged[i] ^= 1;
        assert_int_equal(file_replace_bytes(path, damaged, bytes, mem, &err), CSEG_OK);
        ds = build_with(SPLIT_VAL, &options);
        const scene_values *w = dataset_source_at(ds, 0).maps[0].values;
        assert_int_equal(w->n, v->n);
        for (int k = 0; k < v->n; k++)
            assert_true(w->at[k].value == v->at[k].value && w->at[k].count == v->at[k].count);
        assert_int_equal(file_read(path, 0, mem, &again, &m, &err), CSEG_OK);
        assert_int_equal(m, bytes);
        assert_memory_equal(again, cache, bytes);
    }
    assert_int_equal(truncate(path, (off_t)bytes / 2), 0);
    build_with(SPLIT_VAL, &options);
    assert_int_equal(file_size(path), bytes);
}

static void wrong_configs_are_refused(void **state)
{
    (void)state;
    write_scene();
    refuse(SCENE_DICT("crop_sise=16"), CSEG_CONFIG, "did you mean 'crop_size'");
    refuse(SCENE_DICT("samples_per_epoch=5"), CSEG_CONFIG, "crop_size");
    refuse(SCENE_DICT("crop_size=16, context=8, test_mode=True"), CSEG_CONFIG, "context=8 leaves nothing");
    refuse(SCENE_DICT("crop_size=16, split=dict(val=0.2)"), CSEG_CONFIG, "part");
    refuse(SCENE_DICT("crop_size=16, split=dict(part='val', val=0.6, test=0.4)"), CSEG_CONFIG, "nothing to train on");
    refuse(SCENE_DICT("crop_size=16, split=dict(part='test', val=0.6)"), CSEG_CONFIG, "its share is 0");
    refuse(SCENE_DICT("crop_size=16, balance=dict(classes=['d'])"), CSEG_CONFIG, "no class 'd'");
    refuse(SCENE_DICT("crop_size=16, balance=dict(classes=[3])"), CSEG_CONFIG, "numbers from 0 to 2");
    refuse(SCENE_DICT("crop_size=16, balance=dict(), class_balanced=True"), CSEG_CONFIG, "not both");
    /* Class 2 is in the held-out columns alone. */
    refuse(SCENE_DICT("crop_size=16, balance=dict(classes=['c']), split=dict(by='columns', part='train', gap=0)"),
           CSEG_DATA, "no crop can have class 2 ('c')");
    refuse(SCENE_DICT("crop_size=64, split=dict(by='blocks', block=32, val=0.5, part='train')"), CSEG_DATA,
           "no crop of 64 x 64");
    refuse(SCENE_DICT("crop_size=64, split=dict(by='blocks', block=2048, seed=1, part='val')"), CSEG_DATA,
           "no pixel with data is in this part");
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    write_scene();
    const char *text = SCENE_DICT("crop_size=16");
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W, 1, IMAGE_U8, mask_value, true, 255, 300});
    refuse(text, CSEG_DATA, "(300, 5000)");
    build(SCENE_DICT("crop_size=16, force_place=True"));
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W - 1, 1, IMAGE_U8, mask_value, true, 255, 100});
    refuse(text, CSEG_SHAPE, "one grid");
    write_raster("mask.tif", (raster_like){SCENE_H, SCENE_W, 3, IMAGE_U8, scene_at, true, 0, 100});
    refuse(text, CSEG_DATA, "3 channels where labels have one");
    unlink(in_folder("mask.tif"));
    refuse(text, CSEG_NOT_FOUND, "mask.tif");
    /* Cut in the middle: said when the labels are looked at, or when a crop is there. */
    write_scene();
    assert_int_equal(truncate(in_folder("scene.tif"), file_size(in_folder("scene.tif")) / 2), 0);
    dataset *ds;
    assert_int_not_equal(dataset_build(literal(text), NULL, mem, &ds, &err), CSEG_OK);
    assert_non_null(strstr(err.text, "scene.tif"));
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    write_scene();
    const value *cfg = literal(SPLIT_TRAIN);
    long n = 1;
    for (bool done = false; !done; n += n < 60 ? 1 : 7) {
        arena *own = arena_new();
        dataset *ds;
        sample s = {0};
        mem_fail_at(n);
        cseg_status status = dataset_build(cfg, NULL, own, &ds, &err);
        if (status == CSEG_OK)
            status = dataset_get(ds, 0, 5, 0, own, &s, &err);
        mem_fail_at(0);
        sample_release(&s);
        arena_free(own);
        done = status == CSEG_OK;
        if (!done && status != CSEG_NO_MEMORY)
            fail_msg("allocation %ld: %s", n, err.text);
        assert_true(n < 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_crop_is_the_files_there),
        TEST(validation_counts_once_and_training_stays_away),
        TEST(all_pixels_of_a_whole_scene_count_once),
        TEST(crops_are_drawn_evenly),
        TEST(a_rare_class_is_found),
        TEST(crops_with_few_labels_are_drawn_again),
        TEST(threads_and_resuming_change_nothing),
        TEST(an_old_config_reads_the_same),
        TEST(scenes_go_into_wrappers),
        TEST(any_type_and_number_of_bands),
        TEST(chosen_bands),
        TEST(pairs_and_weights),
        TEST(counts_are_kept_for_the_next_run),
        TEST(wrong_configs_are_refused),
        TEST(wrong_files_are_refused),
        TEST(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
