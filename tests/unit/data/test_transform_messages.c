/* Pipelines, samples and batches that cannot be get one clear message; memory that ends is no crash; and who exchanges
 * the colours. */
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

static const struct {
    const char *text;
    config_dialect dialect;
    cseg_status status;
    const char *says;
} refused[] = {
    {"[dict(type='RandomCorp', crop_size=5)]", DIALECT_1X, CSEG_CONFIG,
     "test.py:1: there is no transform 'RandomCorp'; did you mean 'RandomCrop'?"},
    {"[dict(type='Albu', transforms=[])]", DIALECT_1X, CSEG_UNSUPPORTED, "test.py:1: Albu is not supported: it runs"},
    {"[5]", DIALECT_1X, CSEG_CONFIG, "a transform must be a dict with a type, not an int"},
    {"5", DIALECT_1X, CSEG_CONFIG, "a pipeline must be a list of transforms, not an int"},
    {"[dict(type='RandomCrop', crop_sise=5)]", DIALECT_1X, CSEG_CONFIG, "crop_size"},
    {"[dict(type='RandomCrop', crop_size=0)]", DIALECT_1X, CSEG_CONFIG,
     "RandomCrop: 'crop_size' must be one or two whole numbers of 1 or more"},
    {"[dict(type='RandomCrop', crop_size=(5, 5), cat_max_ratio=1.5)]", DIALECT_1X, CSEG_CONFIG, "cat_max_ratio"},
    {"[dict(type='Resize')]", DIALECT_1X, CSEG_CONFIG, "Resize: needs 'scale' or 'scale_factor'"},
    {"[dict(type='Resize', scale=(5, 5), img_scale=(5, 5))]", DIALECT_1X, CSEG_CONFIG, "use one of them"},
    {"[dict(type='Resize', scale=(5, 5), backend='pillow')]", DIALECT_1X, CSEG_CONFIG, "only 'cv2'"},
    {"[dict(type='Resize', scale=(5, 5), interpolation='lanczos')]", DIALECT_1X, CSEG_CONFIG, "lanczos"},
    {"[dict(type='Resize', img_scale=(5, 5), ratio_range=(2.0, 1.0))]", DIALECT_0X, CSEG_CONFIG, "low <= high"},
    {"[dict(type='Resize', img_scale=[(5, 5), (6, 6), (7, 7)])]", DIALECT_0X, CSEG_CONFIG, "draws between two"},
    {"[dict(type='RandomResize', scale=(5, 5))]", DIALECT_1X, CSEG_CONFIG, "two to draw between"},
    {"[dict(type='RandomChoiceResize', scales=[5])]", DIALECT_1X, CSEG_CONFIG, "a size must be (w, h)"},
    {"[dict(type='ResizeShortestEdge', scale=5)]", DIALECT_1X, CSEG_CONFIG, "max_size"},
    {"[dict(type='RandomFlip')]", DIALECT_1X, CSEG_CONFIG, "RandomFlip: needs 'prob'"},
    {"[dict(type='RandomFlip', prob=1.5)]", DIALECT_1X, CSEG_CONFIG, "'prob' is a probability, from 0 to 1"},
    {"[dict(type='RandomFlip', prob=[0.7, 0.7], direction=['horizontal', 'vertical'])]", DIALECT_1X, CSEG_CONFIG,
     "more than 1"},
    {"[dict(type='RandomFlip', prob=0.5, direction='sideways')]", DIALECT_1X, CSEG_CONFIG, "'diagonal'"},
    {"[dict(type='RandomFlip', prob=0.5, swap_seg_labels=[(1, 2, 3)])]", DIALECT_1X, CSEG_CONFIG, "pairs of labels"},
    {"[dict(type='RandomRotate', prob=0.5, degree=-5)]", DIALECT_1X, CSEG_CONFIG, "'degree' must be"},
    {"[dict(type='RandomRotate', prob=0.5, degree=5, center=(1, 1), auto_bound=True)]", DIALECT_1X, CSEG_CONFIG,
     "contradict"},
    {"[dict(type='Pad')]", DIALECT_1X, CSEG_CONFIG, "takes one of 'size'"},
    {"[dict(type='Pad', size=(5, 5), size_divisor=4)]", DIALECT_0X, CSEG_CONFIG, "takes one of 'size'"},
    {"[dict(type='Normalize', mean=[1, 2], std=[1])]", DIALECT_0X, CSEG_CONFIG, "one number a channel"},
    {"[dict(type='Normalize', mean=[1], std=[0])]", DIALECT_0X, CSEG_CONFIG, "must not be 0"},
    {"[dict(type='RandomCutOut', prob=0.5, n_holes=1)]", DIALECT_1X, CSEG_CONFIG, "takes one of 'cutout_shape'"},
    {"[dict(type='RandomCutOut', prob=0.5, n_holes=(5, 2), cutout_shape=(3, 3))]", DIALECT_1X, CSEG_CONFIG, "(least"},
    {"[dict(type='Rerange', min_value=5, max_value=5)]", DIALECT_1X, CSEG_CONFIG, "less than"},
    {"[dict(type='RandomMosaic', prob=0.5, center_ratio_range=(1.0, 0.5))]", DIALECT_1X, CSEG_CONFIG, "(low, high)"},
    {"[dict(type='RandomChoice', transforms=[[]], prob=[0.5])]", DIALECT_1X, CSEG_CONFIG, "with sum 1"},
    {"[dict(type='TestTimeAug', transforms=[])]", DIALECT_1X, CSEG_CONFIG, "a list of lists"},
    {"[dict(type='TestTimeAug', transforms=[[dict(type='PackSegInputs')]]), dict(type='Pad', size_divisor=3)]",
     DIALECT_1X, CSEG_CONFIG, "nothing may follow TestTimeAug"},
    {"[dict(type='Compose', transforms=[dict(type='TestTimeAug', transforms=[[dict(type='PackSegInputs')]])])]",
     DIALECT_1X, CSEG_CONFIG, "TestTimeAug cannot be within it"},
    {"[dict(type='MultiScaleFlipAug', transforms=[])]", DIALECT_0X, CSEG_CONFIG, "'img_scale' or 'img_ratios'"},
    {"[dict(type='LoadImageFromFile', color_type='rgb')]", DIALECT_1X, CSEG_CONFIG, "color|grayscale"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        value *list;
        pipeline *p;
        OK(config_parse_literal(refused[i].text, "test.py", mem, &list, &err));
        cseg_status got = pipeline_build(list, rules_of(refused[i].dialect), mem, &p, &err);
        if (got != refused[i].status || !strstr(err.text, refused[i].says))
            fail_msg("%s\n  gave %d: %s\n  expected: %s", refused[i].text, got, got ? err.text : "nothing",
                     refused[i].says);
    }
}

static void test_nesting_ends(void **state)
{
    (void)state;
    strbuf text = {.mem = mem};
    for (int i = 0; i < 40; i++)
        strbuf_add(&text, "[dict(type='Compose', transforms=");
    strbuf_add(&text, "[]");
    for (int i = 0; i < 40; i++)
        strbuf_add(&text, ")]");
    value *list;
    pipeline *p;
    OK(config_parse_literal(text.text, "test.py", mem, &list, &err));
    assert_int_equal(CSEG_CONFIG, pipeline_build(list, NULL, mem, &p, &err));
    assert_non_null(strstr(err.text, "nested"));
}

static void applies_not(const char *text, config_dialect dialect, sample s, cseg_status status, const char *says)
{
    cseg_status got = pipeline_apply(pipeline_of(text, dialect, mem), &s, &err);
    sample_release(&s);
    if (got != status || !strstr(err.text, says))
        fail_msg("%s gave %d: %s; expected: %s", text, got, got ? err.text : "nothing", says);
}

static void test_unfit_samples(void **state)
{
    (void)state;
    image f = ramp(8, 9, 3, IMAGE_F32), flat = ramp(1, 1, 3, IMAGE_U8);
    sample empty = {.mem = mem};
    applies_not("[dict(type='Resize', scale=(5, 5))]", DIALECT_1X, empty, CSEG_CONFIG,
                "put LoadImageFromFile in front");
    applies_not("[dict(type='PhotoMetricDistortion')]", DIALECT_1X, sample_of(&f, NULL, mem), CSEG_UNSUPPORTED,
                "PhotoMetricDistortion: it works on 8-bit images of 3 channels");
    applies_not("[dict(type='PhotoMetricDistortion')]", DIALECT_1X, ramp_sample(5, 5, 1), CSEG_UNSUPPORTED, "of 1");
    applies_not("[dict(type='CLAHE')]", DIALECT_1X, sample_of(&f, NULL, mem), CSEG_UNSUPPORTED, "float32");
    applies_not("[dict(type='AdjustGamma')]", DIALECT_1X, sample_of(&f, NULL, mem), CSEG_UNSUPPORTED, "8-bit");
    applies_not("[dict(type='Normalize', mean=[1, 2], std=[1, 2])]", DIALECT_0X, ramp_sample(5, 5, 3), CSEG_SHAPE,
                "2 means for images of 3 channels");
    applies_not("[dict(type='RandomCrop', crop_size=3, cat_max_ratio=0.5)]", DIALECT_1X, sample_of(&f, NULL, mem),
                CSEG_CONFIG, "needs labels");
    applies_not("[dict(type='Rerange')]", DIALECT_1X,
                sample_of(&(image){.h = 1, .w = 1, .c = 1, .data = flat.data}, NULL, mem), CSEG_NUMERIC, "no range");
    applies_not("[dict(type='Collect', keys=['img', 'seg_weight_map'])]", DIALECT_0X, ramp_sample(5, 5, 3), CSEG_CONFIG,
                "no 'seg_weight_map' to deliver");
    applies_not("[dict(type='RandomMosaic', prob=1.0)]", DIALECT_1X, ramp_sample(5, 5, 3), CSEG_CONFIG,
                "MultiImageMixDataset");
    applies_not("[dict(type='ConcatCDInput')]", DIALECT_1X, ramp_sample(5, 5, 3), CSEG_CONFIG, "not a pair");
    applies_not("[dict(type='RandomCutOut', prob=1.0, n_holes=1, cutout_shape=(2, 2))]", DIALECT_1X,
                ramp_sample(5, 5, 1), CSEG_SHAPE, "3 numbers for 1 channels");
    applies_not("[dict(type='LoadAnnotations')]", DIALECT_1X, ramp_sample(5, 5, 1), CSEG_CONFIG, "names no labels");
    applies_not("[dict(type='Resize', scale_factor=0.01)]", DIALECT_1X, ramp_sample(5, 5, 1), CSEG_SHAPE,
                "cannot be resized to 0 x 0");
    image_release(&f);
    image_release(&flat);
}

static void test_batches_that_cannot_be(void **state)
{
    (void)state;
    preprocessor pre;
    value *dict;
    int64_t h, w;
    sample a = ramp_sample(5, 6, 3), b = ramp_sample(7, 6, 3), c = ramp_sample(5, 6, 1);
    const sample *ab[] = {&a, &b}, *ac[] = {&a, &c};
    OK(preprocessor_build(NULL, mem, &pre, &err));
    assert_int_equal(CSEG_SHAPE, preprocessor_size(&pre, ab, 2, true, &h, &w, &err));
    assert_non_null(strstr(err.text, "crop or pad them alike"));
    assert_int_equal(CSEG_SHAPE, preprocessor_size(&pre, ac, 2, true, &h, &w, &err));
    assert_non_null(strstr(err.text, "channels"));
    pre.divisor = 4;
    OK(preprocessor_size(&pre, ab, 2, true, &h, &w, &err));
    assert_int_equal(8, h);
    assert_int_equal(8, w);
    assert_int_equal(CSEG_SHAPE, preprocessor_size(&pre, ab, 2, false, &h, &w, &err));
    assert_non_null(strstr(err.text, "batch size of 1"));
    float slot[64 * 3];
    int32_t labels[64];
    assert_int_equal(CSEG_SHAPE, pipeline_pack(&pre, &b, 5, 6, slot, &err));
    assert_int_equal(CSEG_SHAPE, pipeline_pack_labels(&pre, &b, "gt_seg_map", 5, 6, labels, &err));
    assert_int_equal(CSEG_NOT_FOUND, pipeline_pack_labels(&pre, &b, "gt_edge_map", 7, 6, labels, &err));
    assert_int_equal(CSEG_USAGE, pipeline_pack_weights(&b, "gt_seg_map", 7, 6, slot, &err));
    pre.n = 2;
    assert_int_equal(CSEG_SHAPE, pipeline_pack(&pre, &b, 7, 6, slot, &err));
    const struct {
        const char *text, *says;
    } bad[] = {{"dict(type='SegDataPreProcessr')", "did you mean 'SegDataPreProcessor'?"},
               {"dict(type='SegDataPreProcessor', mean=[1], std=[0])", "must not be 0"},
               {"dict(type='SegDataPreProcessor', mean=[1, 2], std=[1])", "one number a channel"},
               {"dict(type='SegDataPreProcessor', size=(4, 4), size_divisor=3)", "exclude each other"},
               {"dict(type='SegDataPreProcessor', bgr_to_rgb=True, rgb_to_bgr=True)", "undo each other"},
               {"dict(type='SegDataPreProcessor', batch_augments=[1])", "batch_augments"},
               {"dict(type='SegDataPreProcessor', test_cfg=dict(mode='whole'))", "mode"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        OK(config_parse_literal(bad[i].text, "test.py", mem, &dict, &err));
        assert_int_not_equal(CSEG_OK, preprocessor_build(dict, mem, &pre, &err));
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s: %s", bad[i].text, err.text);
    }
    sample_release(&a);
    sample_release(&b);
    sample_release(&c);
}

/* Who exchanges blue and red: Normalize, the preprocessor, both (which undoes it), of one image and of pairs. */
static void test_swaps(void **state)
{
    (void)state;
    static const struct {
        const char *normalize, *preprocessor;
        int n_images;
        int64_t c;
        float first, third; /* of pixels that are 1 2 3 (4 5 6) */
    } cases[] = {
        {"[]", "dict(type='SegDataPreProcessor', bgr_to_rgb=True)", 1, 3, 3, 1},
        {"[]", "dict(type='SegDataPreProcessor', rgb_to_bgr=True, mean=[1, 1, 1], std=[1, 1, 1])", 1, 3, 2, 0},
        {"[]", "dict(type='SegDataPreProcessor', bgr_to_rgb=True)", 1, 4, 1, 3},
        {"[]", "dict(type='SegDataPreProcessor', bgr_to_rgb=True, mean=[0]*6, std=[1]*6)", 2, 6, 1, 3},
        {"[]", "dict(type='SegDataPreProcessor', bgr_to_rgb=True, mean=[0]*3, std=[1]*3)", 2, 6, 3, 1},
        {"[]", "dict(type='DualInputSegDataPreProcessor', bgr_to_rgb=True, mean=[0]*6, std=[1]*6)", 2, 6, 3, 1},
        {"[dict(type='Normalize', mean=[10, 20, 30], std=[1, 1, 1])]", "None", 1, 3, 3 - 10, 1 - 30},
        {"[dict(type='Normalize', mean=[10, 20, 30], std=[1, 1, 1], to_rgb=False)]", "None", 1, 3, 1 - 10, 3 - 30},
        {"[dict(type='Normalize', mean=[10, 20, 30], std=[1, 1, 1])]",
         "dict(type='SegDataPreProcessor', bgr_to_rgb=True)", 1, 3, 1 - 30, 3 - 10},
        {"[dict(type='Normalize', mean=[10, 20, 30], std=[1, 1, 1], to_rgb=False)]",
         "dict(type='SegDataPreProcessor', bgr_to_rgb=True)", 1, 3, 3 - 30, 1 - 10},
        {"[dict(type='MultiImgNormalize', mean=[10, 20, 30], std=[1, 1, 1])]", "None", 2, 6, 3 - 10, 1 - 30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        value *dict;
        preprocessor pre;
        float slot[12 * 6];
        image img;
        OK(image_new(3, 4, cases[i].c, IMAGE_U8, &img, &err));
        for (int64_t k = 0; k < 12 * img.c; k++)
            ((uint8_t *)img.data)[k] = (uint8_t)(1 + k % img.c);
        sample s = sample_of(&img, NULL, mem);
        s.n_images = cases[i].n_images;
        apply(cases[i].normalize, DIALECT_1X, &s);
        OK(config_parse_literal(cases[i].preprocessor, "test.py", mem, &dict, &err));
        OK(preprocessor_build(dict, mem, &pre, &err));
        OK(pipeline_pack(&pre, &s, 3, 4, slot, &err));
        if (slot[0] != cases[i].first || slot[2] != cases[i].third || slot[11 * img.c + 2] != cases[i].third)
            fail_msg("case %zu: %g, %g", i, (double)slot[0], (double)slot[2]);
        image_release(&img);
        sample_release(&s);
    }
}

/* ---- no memory ---- */

static void test_memory_runs_out(void **state)
{
    (void)state;
    const char *pipelines[] = {
        "[dict(type='Resize', scale=(21, 13)), dict(type='RandomCrop', crop_size=(9, 9), cat_max_ratio=0.75),"
        " dict(type='RandomFlip', prob=1.0), dict(type='PhotoMetricDistortion'), dict(type='RandomRotate', prob=1.0, "
        "degree=9), dict(type='GenerateEdge'), dict(type='Pad', size=(30, 30))]",
        "[dict(type='CLAHE'), dict(type='Rerange'), dict(type='RGB2Gray'), dict(type='Normalize', mean=[1, 2, 3], "
        "std=[1, 2, 3]), dict(type='Pad', size=(40, 40)), dict(type='Resize', scale=(9, 9), interpolation='area')]",
        "[dict(type='RandomRotFlip', rotate_prob=0.0, flip_prob=1.0), dict(type='Resize', scale=(9, 9), "
        "interpolation='bicubic'), dict(type='RandomCutOut', prob=1.0, n_holes=2, cutout_shape=(2, 2))]"};
    for (size_t i = 0; i < sizeof pipelines / sizeof *pipelines; i++) {
        pipeline *p = pipeline_of(pipelines[i], DIALECT_1X, mem);
        preprocessor plain;
        OK(preprocessor_build(NULL, mem, &plain, &err));
        static float slot[40 * 40 * 3];
        cseg_status got = CSEG_NO_MEMORY;
        int n = 0;
        for (; got != CSEG_OK && n < 200; n++) {
            sample s = ramp_sample(17, 25, 3);
            mem_fail_at(n + 1);
            got = pipeline_apply(p, &s, &err);
            if (got == CSEG_OK)
                got = pipeline_pack(&plain, &s, 40, 40, slot, &err);
            mem_fail_at(0);
            if (got != CSEG_OK && got != CSEG_NO_MEMORY)
                fail_msg("%s", err.text);
            sample_release(&s);
        }
        assert_int_equal(CSEG_OK, got);
        assert_in_range(n, 5, 199);
    }
}

static void test_memory_runs_out_while_building(void **state)
{
    (void)state;
    value *list;
    OK(config_parse_literal("[dict(type='LoadImageFromFile'), dict(type='Resize', img_scale=[(5, 5), (6, 6)]), "
                            "dict(type='MultiScaleFlipAug', img_scale=(9, 9), flip=True, transforms=[dict(type='Resize'"
                            "), dict(type='RandomFlip')])]",
                            "test.py", mem, &list, &err));
    cseg_status got = CSEG_NO_MEMORY;
    for (int n = 1; got != CSEG_OK && n < 100; n++) {
        arena *a = arena_new();
        pipeline *p;
        mem_fail_at(n);
        got = pipeline_build(list, rules_of(DIALECT_0X), a, &p, &err);
        mem_fail_at(0);
        arena_free(a);
        assert_true(got == CSEG_OK || got == CSEG_NO_MEMORY);
    }
    assert_int_equal(CSEG_OK, got);
}

static void test_page_is_up_to_date(void **state)
{
    (void)state;
    const char *path = BUILD_DIR "/transforms.md";
    char *page = NULL, *now = NULL;
    size_t n, m;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    transforms_document(out);
    assert_int_equal(0, fclose(out));
    OK(file_read(path, 0, mem, &now, &n, &err));
    assert_non_null(strstr(now, "cat_max_ratio"));
    assert_null(strstr(now, "(null)"));
    if (file_read(SOURCE_DIR "/docs/transforms.md", 0, mem, &page, &m, &err) != CSEG_OK || n != m ||
        memcmp(page, now, n) != 0)
        fail_msg("docs/transforms.md is out of date: copy %s there", path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused),
        TEST(test_nesting_ends),
        TEST(test_unfit_samples),
        TEST(test_batches_that_cannot_be),
        TEST(test_swaps),
        TEST(test_memory_runs_out),
        TEST(test_memory_runs_out_while_building),
        TEST(test_page_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
