/* What transforms promise beyond the goldens: decisions and their chances, weights, pairs, views, crops that are put
 * off. */
#include "transform_test.h"

static cseg_error err;
static arena *mem;

static int set_up(void **state)
{
    (void)state;
    mem_fail_at(0);
    mem = arena_new();
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mem_fail_at(0);
    arena_free(mem);
    return 0;
}

/* An image where every sample says where it was: value = 7 y + 3 x + c, modulo 251. */
static image ramp(int64_t h, int64_t w, int64_t c, image_type t)
{
    image m;
    OK(image_new(h, w, c, t, &m, &err));
    for (int64_t i = 0; i < h * w * c; i++) {
        int64_t v = (7 * (i / c / w) + 3 * (i / c % w) + i % c) % 251;
        if (t == IMAGE_U8)
            ((uint8_t *)m.data)[i] = (uint8_t)v;
        else
            ((float *)m.data)[i] = (float)v;
    }
    return m;
}

static sample ramp_sample(int64_t h, int64_t w, int64_t c)
{
    image img = ramp(h, w, c, IMAGE_U8), seg = ramp(h, w, 1, IMAGE_U8);
    sample s = sample_of(&img, &seg, mem);
    image_release(&img);
    image_release(&seg);
    return s;
}

static void apply(const char *text, config_dialect dialect, sample *s)
{
    OK(pipeline_apply(pipeline_of(text, dialect, mem), s, &err));
}

/* ---- decisions ---- */

static void test_flip_chances(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='RandomFlip', prob=[0.2, 0.5], direction=['horizontal', 'vertical'])]",
                              DIALECT_1X, mem);
    int seen[128] = {0};
    for (uint64_t i = 0; i < 4000; i++) {
        sample s = ramp_sample(2, 2, 1);
        s.random = rng_derive(9, 0, i);
        OK(pipeline_apply(p, &s, &err));
        assert_int_equal(s.flip, s.flip_direction != 0);
        seen[(int)s.flip_direction]++;
        sample_release(&s);
    }
    assert_in_range(seen['h'], 700, 900);
    assert_in_range(seen['v'], 1880, 2120);
    assert_in_range(seen[0], 1080, 1320);
}

static void test_crop_covers_everything(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='RandomCrop', crop_size=(3, 4))]", DIALECT_1X, mem);
    int seen[3][5] = {{0}};
    for (uint64_t i = 0; i < 3000; i++) {
        sample s = ramp_sample(5, 8, 1);
        s.random = rng_derive(4, 0, i);
        OK(pipeline_apply(p, &s, &err));
        assert_int_equal(3, s.img_h);
        assert_int_equal(4, s.img_w);
        assert_true(s.todo.y >= 0 && s.todo.y <= 2 && s.todo.x >= 0 && s.todo.x <= 4);
        seen[s.todo.y][s.todo.x]++;
        OK(sample_settle(&s, &err));
        assert_memory_equal(s.img.data, s.maps[0].map.data, 12);
        sample_release(&s);
    }
    for (int i = 0; i < 15; i++)
        assert_in_range(seen[i / 5][i % 5], 140, 260);
}

/* Left half one class, right half another: only windows across the middle are mixed enough. */
static void test_crop_seeks_mixed_labels(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='Resize', scale=(40, 20)),"
                              " dict(type='RandomCrop', crop_size=(8, 8), cat_max_ratio=0.75, ignore_index=9)]",
                              DIALECT_1X, mem);
    int mixed = 0;
    for (uint64_t i = 0; i < 400; i++) {
        sample s = ramp_sample(10, 20, 3);
        for (int k = 0; k < 200; k++)
            ((uint8_t *)s.maps[0].map.data)[k] = k % 20 < 2 ? 9 : k % 20 < 10 ? 0 : 1;
        s.random = rng_derive(5, 0, i);
        OK(pipeline_apply(p, &s, &err));
        OK(sample_settle(&s, &err));
        int ones = 0;
        for (int k = 0; k < 64; k++)
            ones += ((uint8_t *)s.maps[0].map.data)[k] == 1;
        mixed += ones > 16 && ones < 48;
        sample_release(&s);
    }
    assert_in_range(mixed, 225, 295); /* 3 of 33 places are mixed: 400 (1 - (30/33)^11) is 260 */
}

static void test_photometric_chances(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='PhotoMetricDistortion')]", DIALECT_1X, mem);
    int same = 0;
    for (uint64_t i = 0; i < 600; i++) {
        sample s = ramp_sample(4, 5, 3);
        for (int k = 0; k < 60; k++)
            ((uint8_t *)s.img.data)[k] = (uint8_t)(k * 97 % 251);
        image before = copy_of(&s.img);
        s.random = rng_derive(3, 0, i);
        OK(pipeline_apply(p, &s, &err));
        same += memcmp(before.data, s.img.data, 60) == 0;
        image_release(&before);
        sample_release(&s);
    }
    assert_in_range(same, 20, 60); /* one in sixteen is left as it is */
}

static void test_equal_streams_give_equal_samples(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='RandomResize', scale=(40, 30), ratio_range=(0.5, 2.0), keep_ratio=True),"
                              " dict(type='RandomCrop', crop_size=(9, 9)), dict(type='RandomFlip', prob=0.5),"
                              " dict(type='PhotoMetricDistortion'), dict(type='RandomRotate', prob=0.5, degree=20)]",
                              DIALECT_1X, mem);
    for (uint64_t i = 0; i < 50; i++) {
        sample a = ramp_sample(21, 33, 3), b = ramp_sample(21, 33, 3);
        a.random = b.random = rng_derive(6, 1, i);
        OK(pipeline_apply(p, &a, &err));
        OK(pipeline_apply(p, &b, &err));
        OK(sample_settle(&a, &err));
        OK(sample_settle(&b, &err));
        assert_same_image("image", &a.img, &b.img);
        assert_same_image("labels", &a.maps[0].map, &b.maps[0].map);
        sample_release(&a);
        sample_release(&b);
    }
}

static void test_cut_out(void **state)
{
    (void)state;
    sample s = ramp_sample(20, 30, 3);
    sample_map *weights = sample_add_map(&s, "seg_weight_map", NULL, true);
    weights->map = ramp(20, 30, 1, IMAGE_F32);
    apply("[dict(type='RandomCutOut', prob=1.0, n_holes=1, cutout_shape=(4, 3), fill_in=(253, 254, 255), "
          "seg_fill_in=252)]",
          DIALECT_1X, &s);
    int image_filled = 0, labels_filled = 0, first = -1;
    for (int i = 0; i < 600; i++) {
        const uint8_t *p = (uint8_t *)s.img.data + 3 * i;
        bool filled = p[0] == 253 && p[1] == 254 && p[2] == 255;
        image_filled += filled;
        labels_filled += ((uint8_t *)s.maps[0].map.data)[i] == 252;
        assert_int_equal(filled, ((uint8_t *)s.maps[0].map.data)[i] == 252);
        if (filled)
            assert_true(((float *)weights->map.data)[i] == 0);
        first = filled && first < 0 ? i : first;
    }
    int h = 20 - first / 30 < 3 ? 20 - first / 30 : 3, w = 30 - first % 30 < 4 ? 30 - first % 30 : 4;
    assert_int_equal(h * w, image_filled);
    assert_int_equal(h * w, labels_filled);
    sample_release(&s);
}

/* ---- what is put off ---- */

/* A resize, crop, flip and pack in one go are the same as step by step. */
static void test_delayed_is_the_same(void **state)
{
    (void)state;
    const char *steps[] = {"[dict(type='Resize', scale=(61, 47), interpolation='%s')]",
                           "[dict(type='CenterCrop', crop_size=(40, 33))]", "[dict(type='RandomFlip', prob=1.0)]",
                           "[dict(type='CenterCrop', crop_size=(31, 20))]",
                           "[dict(type='RandomFlip', prob=1.0, direction='vertical')]"};
    const char *kinds[] = {"nearest", "bilinear", "bicubic", "area"};
    const int64_t channels[] = {1, 3, 4, 5, 6};
    for (int t = 0; t < 2; t++)
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < 5; c++) {
                image img = ramp(35, 44, channels[c], t ? IMAGE_F32 : IMAGE_U8), seg = ramp(35, 44, 1, IMAGE_U8);
                sample at_once = sample_of(&img, &seg, mem), by_step = sample_of(&img, &seg, mem);
                image_release(&img);
                image_release(&seg);
                for (int i = 0; i < 5; i++) {
                    char text[256];
                    snprintf(text, sizeof text, steps[i], kinds[k]);
                    pipeline *p = pipeline_of(text, DIALECT_1X, mem);
                    OK(pipeline_apply(p, &at_once, &err));
                    OK(pipeline_apply(p, &by_step, &err));
                    OK(sample_settle(&by_step, &err));
                }
                assert_true(at_once.todo.any && at_once.img.h == 35);
                preprocessor plain;
                OK(preprocessor_build(NULL, mem, &plain, &err));
                float a[20 * 31 * 6], b[20 * 31 * 6];
                int32_t la[20 * 31], lb[20 * 31];
                OK(pipeline_pack(&plain, &at_once, 20, 31, a, &err));
                OK(pipeline_pack(&plain, &by_step, 20, 31, b, &err));
                assert_memory_equal(a, b, sizeof(float) * (size_t)(20 * 31 * channels[c]));
                OK(pipeline_pack_labels(&plain, &at_once, "gt_seg_map", 20, 31, la, &err));
                OK(pipeline_pack_labels(&plain, &by_step, "gt_seg_map", 20, 31, lb, &err));
                assert_memory_equal(la, lb, sizeof la);
                sample_release(&at_once);
                sample_release(&by_step);
            }
}

/* ---- weights ---- */

static void test_weights_go_along(void **state)
{
    (void)state;
    sample s = ramp_sample(20, 30, 3);
    sample_map *w = sample_add_map(&s, "seg_weight_map", NULL, true);
    w->map = ramp(20, 30, 1, IMAGE_F32);
    image wanted, source = copy_of(&w->map);
    OK(imgproc_resize(&source, 26, 41, RESIZE_LINEAR, &wanted, &err));
    apply("[dict(type='Resize', scale=(41, 26)), dict(type='CenterCrop', crop_size=(31, 20)),"
          " dict(type='RandomFlip', prob=1.0), dict(type='Pad', size=(34, 22))]",
          DIALECT_1X, &s);
    float got[24 * 40];
    preprocessor plain;
    OK(preprocessor_build(NULL, mem, &plain, &err));
    OK(pipeline_pack_weights(&s, "seg_weight_map", 24, 40, got, &err));
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 40; x++) {
            float v = y < 20 && x < 31 ? *image_f32(&wanted, 3 + y, 5 + 30 - x) : 0;
            assert_true(got[y * 40 + x] == v);
        }
    image_release(&wanted);
    image_release(&source);
    sample_release(&s);
}

/* ---- pairs ---- */

/* What happens to each half of a pair is what happens to it alone. */
static void test_pairs_are_two_images(void **state)
{
    (void)state;
    const char *pipelines[] = {"[dict(type='MultiImgResize', scale=(22, 15))]",
                               "[dict(type='MultiImgResize', scale=(31, 19))]",
                               "[dict(type='MultiImgRandomFlip', prob=1.0, direction='diagonal')]",
                               "[dict(type='MultiImgRandomRotate', prob=1.0, degree=(33.0, 33.0), pad_val=7)]",
                               "[dict(type='MultiImgPad', size=(50, 40), pad_val=9)]",
                               "[dict(type='MultiImgCLAHE')]",
                               "[dict(type='MultiImgAdjustGamma', gamma=0.5)]",
                               "[dict(type='MultiImgRGB2Gray')]",
                               "[dict(type='MultiImgRerange', min_value=0, max_value=1)]",
                               "[dict(type='MultiImgNormalize', mean=[1, 2, 3], std=[4, 5, 6])]"};
    for (size_t i = 0; i < sizeof pipelines / sizeof *pipelines; i++) {
        image a = ramp(30, 44, 3, IMAGE_U8), b = copy_of(&a), both;
        for (int k = 0; k < 30 * 44 * 3; k++)
            ((uint8_t *)b.data)[k] = (uint8_t)(((uint8_t *)b.data)[k] * 13 + 5);
        OK(image_new(30, 44, 6, IMAGE_U8, &both, &err));
        for (int k = 0; k < 30 * 44; k++) {
            memcpy((uint8_t *)both.data + 6 * k, (uint8_t *)a.data + 3 * k, 3);
            memcpy((uint8_t *)both.data + 6 * k + 3, (uint8_t *)b.data + 3 * k, 3);
        }
        sample pair = sample_of(&both, NULL, mem), one[2] = {sample_of(&a, NULL, mem), sample_of(&b, NULL, mem)};
        pair.n_images = 2;
        apply(pipelines[i], DIALECT_1X, &pair);
        OK(sample_need_pixels(&pair, &err));
        for (int d = 0; d < 2; d++) {
            apply(pipelines[i], DIALECT_1X, &one[d]);
            OK(sample_need_pixels(&one[d], &err));
            assert_int_equal(6, pair.img.c);
            assert_int_equal(one[d].img.h, pair.img.h);
            assert_int_equal(one[d].img.w, pair.img.w);
            for (int64_t k = 0; k < pair.img.h * pair.img.w * 3; k++)
                if (image_get(&pair.img, 0, k / 3, 3 * d + k % 3) != image_get(&one[d].img, 0, k / 3, k % 3))
                    fail_msg("%s: date %d differs", pipelines[i], d);
            sample_release(&one[d]);
        }
        sample_release(&pair);
        image_release(&a);
        image_release(&b);
        image_release(&both);
    }
}

static void test_dates_exchange(void **state)
{
    (void)state;
    sample s = ramp_sample(4, 5, 6);
    s.n_images = 2;
    image before = copy_of(&s.img);
    sample_add_map(&s, "gt_semantic_seg_from", NULL, false)->map = ramp(4, 5, 1, IMAGE_U8);
    sample_add_map(&s, "gt_semantic_seg_to", NULL, false)->map = ramp(4, 5, 1, IMAGE_U8);
    ((uint8_t *)s.maps[1].map.data)[0] = 77;
    apply("[dict(type='MultiImgExchangeTime', prob=1.0)]", DIALECT_1X, &s);
    assert_int_equal(77, ((uint8_t *)sample_find(&s, "gt_seg_map_to")->map.data)[0]);
    for (int i = 0; i < 20 * 6; i++)
        assert_int_equal(((uint8_t *)before.data)[i / 6 * 6 + (i % 6 + 3) % 6], ((uint8_t *)s.img.data)[i]);
    image_release(&before);
    sample_release(&s);
}

/* ---- views ---- */

static void test_views_0x(void **state)
{
    (void)state;
    pipeline *p = pipeline_of(
        "[dict(type='MultiScaleFlipAug', img_scale=(40, 20), img_ratios=[0.5, 1.0], flip=True, transforms=["
        "dict(type='Resize', keep_ratio=False), dict(type='RandomFlip'), dict(type='Normalize', mean=[1], std=[2], "
        "to_rgb=False), dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img'])])]",
        DIALECT_0X, mem);
    const pipeline_info *info = pipeline_describe(p);
    assert_int_equal(4, info->variants);
    assert_int_equal(1, info->norm_n);
    sample s = ramp_sample(20, 40, 1), out[4] = {{0}};
    assert_int_equal(CSEG_USAGE, pipeline_apply(p, &s, &err));
    OK(pipeline_apply_variants(p, &s, out, &err));
    const int64_t widths[] = {20, 20, 40, 40};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(widths[i], sample_width(&out[i]));
        assert_int_equal(widths[i] / 2, sample_height(&out[i]));
        assert_int_equal(i % 2, out[i].flip);
        assert_null(out[i].maps[0].map.data); /* Collect does not name it */
    }
    OK(sample_settle(&out[2], &err));
    OK(sample_settle(&out[3], &err));
    assert_int_equal(*image_u8(&out[2].img, 3, 1), *image_u8(&out[3].img, 3, 38));
    for (int i = 0; i < 4; i++)
        sample_release(&out[i]);
    sample_release(&s);
}

static void test_views_1x(void **state)
{
    (void)state;
    pipeline *p = pipeline_of(
        "[dict(type='TestTimeAug', transforms=[[dict(type='Resize', scale_factor=r, keep_ratio=True) for r in [0.5, "
        "1.0, 1.5]], [dict(type='RandomFlip', prob=0., direction='horizontal'), dict(type='RandomFlip', prob=1., "
        "direction='horizontal')], [dict(type='PackSegInputs')]])]",
        DIALECT_1X, mem);
    assert_int_equal(6, pipeline_describe(p)->variants);
    sample s = ramp_sample(20, 40, 3), out[6] = {{0}};
    OK(pipeline_apply_variants(p, &s, out, &err));
    const int64_t widths[] = {20, 20, 40, 40, 60, 60};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(widths[i], sample_width(&out[i]));
        assert_int_equal(i % 2, out[i].flip);
        assert_true(out[i].scale_x == (double)widths[i] / 40);
        assert_non_null(out[i].maps[0].map.data);
        sample_release(&out[i]);
    }
    sample_release(&s);
}

/* ---- what a pipeline says of itself ---- */

static void test_info(void **state)
{
    (void)state;
    const pipeline_info *info = pipeline_describe(pipeline_of(
        "[dict(type='LoadImageFromFile', to_float32=True), dict(type='LoadAnnotations', reduce_zero_label=True),"
        " dict(type='Resize', img_scale=(2048, 512), ratio_range=(0.5, 2.0)),"
        " dict(type='RandomCrop', crop_size=(512, 640), cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5),"
        " dict(type='Normalize', mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True),"
        " dict(type='Pad', size=(512, 640), pad_val=0, seg_pad_val=255), dict(type='DefaultFormatBundle'),"
        " dict(type='Collect', keys=['img', 'gt_semantic_seg'])]",
        DIALECT_0X, mem));
    assert_true(info->loads_image && info->loads_labels && info->reduce_zero_label && info->random && info->to_float32);
    assert_int_equal(512, info->h);
    assert_int_equal(640, info->w);
    assert_int_equal(3, info->norm_n);
    assert_true(info->to_rgb && info->mean[2] == 3 && info->std[0] == 4);
    assert_int_equal(1, info->variants);
    info = pipeline_describe(pipeline_of("[dict(type='Resize', scale=(50, 40), keep_ratio=True)]", DIALECT_1X, mem));
    assert_int_equal(0, info->h);
    assert_false(info->random);
    info = pipeline_describe(pipeline_of("[dict(type='Resize', scale=(50, 40)), dict(type='RandomCrop', "
                                         "crop_size=(60, 30)), dict(type='Pad', size_divisor=32)]",
                                         DIALECT_1X, mem));
    assert_int_equal(64, info->h);
    assert_int_equal(32, info->w);
    info = pipeline_describe(pipeline_of("[]", DIALECT_1X, mem));
    assert_false(info->random || info->loads_image || info->h);
}

static void test_wrappers(void **state)
{
    (void)state;
    pipeline *p = pipeline_of("[dict(type='RandomChoice', prob=[0.25, 0.75], transforms=[[dict(type='Resize', "
                              "scale=(7, 5))], [dict(type='Resize', scale=(9, 5))]]), dict(type='RandomApply', "
                              "prob=0.5, transforms=[dict(type='Compose', transforms=[dict(type='Pad', size=(9, 6))])]"
                              ")]",
                              DIALECT_1X, mem);
    int narrow = 0, tall = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        sample s = ramp_sample(5, 8, 3);
        s.random = rng_derive(8, 0, i);
        OK(pipeline_apply(p, &s, &err));
        tall += sample_height(&s) == 6;
        narrow += s.scale_x < 1;
        sample_release(&s);
    }
    assert_in_range(narrow, 430, 570);
    assert_in_range(tall, 900, 1100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_flip_chances),
        TEST(test_crop_covers_everything),
        TEST(test_crop_seeks_mixed_labels),
        TEST(test_photometric_chances),
        TEST(test_equal_streams_give_equal_samples),
        TEST(test_cut_out),
        TEST(test_delayed_is_the_same),
        TEST(test_weights_go_along),
        TEST(test_pairs_are_two_images),
        TEST(test_dates_exchange),
        TEST(test_views_0x),
        TEST(test_views_1x),
        TEST(test_info),
        TEST(test_wrappers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
