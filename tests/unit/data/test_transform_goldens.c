/* Deterministic transforms give byte for byte what the reference gives (tests/data/data/make_goldens.py). */
#include "transform_test.h"

static goldens one_x, zero_x;

static int setup(void **state)
{
    (void)state;
    one_x = goldens_read("goldens_1x.bin");
    zero_x = goldens_read("goldens_0x.bin");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(one_x.mem);
    arena_free(zero_x.mem);
    return 0;
}

/* The sample that RandomMosaic mixes in. */
static cseg_status fetch(void *arg, int64_t index, sample *out, cseg_error *err)
{
    arena *mem = out->mem;
    (void)index;
    (void)err;
    *out = sample_of(goldens_image(arg, "input", "even"), goldens_image(arg, "input", "seg_even"), mem);
    return CSEG_OK;
}

static void check_meta(const char *name, const char *meta, const sample *s)
{
    long h, w;
    double x, y;
    int flip;
    char direction[16];
    assert_int_equal(6, sscanf(meta, "%ld %ld %lf %lf %d %15s", &h, &w, &x, &y, &flip, direction));
    if (h != s->img_h || w != s->img_w)
        fail_msg("%s: img_shape %lldx%lld, expected %ldx%ld", name, (long long)s->img_h, (long long)s->img_w, h, w);
    if ((float)x != (float)s->scale_x || (float)y != (float)s->scale_y)
        fail_msg("%s: scale_factor %.9g %.9g, expected %.9g %.9g", name, s->scale_x, s->scale_y, x, y);
    assert_int_equal(flip, s->flip);
    if (flip)
        assert_int_equal(direction[0], s->flip_direction);
}

/* Keys whose meta the reference leaves stale after it changed the size. */
static bool stale_meta(const char *name)
{
    return str_starts(name, "rotate_bound") || str_starts(name, "rgb2gray");
}

static void run_case(const goldens *g, const char *name, config_dialect dialect)
{
    cseg_error err;
    arena *mem = arena_new();
    const record *seg = goldens_find(g, name, "seg"), *edge = goldens_find(g, name, "out_edge");
    pipeline *p = pipeline_of(goldens_find(g, name, "config")->text, dialect, mem);
    sample s = sample_of(goldens_image(&one_x, "input", goldens_find(g, name, "in")->text),
                         seg ? goldens_image(&one_x, "input", seg->text) : NULL, mem);
    sample_source others = {.n = 3, .fetch = fetch, .arg = &one_x};
    s.others = &others;
    if (str_starts(name, "views_scaled")) {
        s.preset.has_scale = s.preset.has_flip = s.preset.flip = true;
        s.preset.scale[0] = 40, s.preset.scale[1] = 25;
        s.preset.direction = 'v';
    }
    OK(pipeline_apply(p, &s, &err));
    OK(sample_need_pixels(&s, &err));
    assert_same_image(name, &s.img, goldens_image(g, name, "out"));
    if (seg)
        assert_same_image(name, &sample_find(&s, "gt_seg_map")->map, goldens_image(g, name, "out_seg"));
    if (edge)
        assert_same_image(name, &sample_find(&s, "gt_edge_map")->map, &edge->m);
    if (!stale_meta(name))
        check_meta(name, goldens_find(g, name, "meta")->text, &s);
    sample_release(&s);
    arena_free(mem);
}

static int run_cases(const goldens *g, config_dialect dialect)
{
    int n = 0;
    for (size_t i = 0; i < g->n; i++) {
        char name[128];
        const char *slash = strchr(g->at[i].key, '/');
        if (strcmp(slash, "/config") || str_starts(g->at[i].key, "batch"))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(slash - g->at[i].key), g->at[i].key);
        run_case(g, name, dialect);
        n++;
    }
    return n;
}

static void test_one_x(void **state)
{
    (void)state;
    assert_true(run_cases(&one_x, DIALECT_1X) > 60);
}

static void test_zero_x(void **state)
{
    (void)state;
    assert_true(run_cases(&zero_x, DIALECT_0X) > 10);
}

static void test_photometric(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        photometric p;
    } cases[] = {
        {"brightness", {.brightens = true, .brightness = -21.75}},
        {"contrast", {.contrasts = true, .contrast_first = true, .contrast = 1.37}},
        {"contrast", {.contrasts = true, .contrast = 1.37}},
        {"saturation", {.saturates = true, .saturation = 0.61}},
        {"saturation_hue", {.saturates = true, .shifts = true, .saturation = 0.61, .hue = -13}},
    };
    cseg_error err;
    const image *in = goldens_image(&one_x, "input", "bgr");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const image *wanted = goldens_image(&one_x, "photometric", cases[i].name);
        image m = copy_of(in), pair;
        OK(photometric_apply(&m, 0, &cases[i].p, &err));
        assert_same_image(cases[i].name, &m, wanted);
        /* the second date of a pair, the first untouched */
        OK(image_new(in->h, in->w, 6, IMAGE_U8, &pair, &err));
        for (int64_t k = 0; k < in->h * in->w; k++)
            for (int c = 0; c < 6; c++)
                ((uint8_t *)pair.data)[6 * k + c] = ((uint8_t *)in->data)[3 * k + c % 3];
        OK(photometric_apply(&pair, 3, &cases[i].p, &err));
        for (int64_t k = 0; k < in->h * in->w; k++) {
            assert_memory_equal((uint8_t *)pair.data + 6 * k, (uint8_t *)in->data + 3 * k, 3);
            assert_memory_equal((uint8_t *)pair.data + 6 * k + 3, (uint8_t *)wanted->data + 3 * k, 3);
        }
        image_release(&pair);
        image_release(&m);
    }
}

static void test_batches(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool training;
    } cases[] = {{"batch_size", true}, {"batch_divisor", true}, {"batch_test", false}, {"batch_plain", false}};
    cseg_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        value *dict;
        preprocessor pre;
        int64_t h, w;
        const image *wanted = goldens_image(&one_x, cases[i].name, "out");
        sample s = sample_of(goldens_image(&one_x, "input", "bgr"), goldens_image(&one_x, "input", "seg"), mem);
        const sample *batch[1] = {&s};
        OK(config_parse_literal(goldens_find(&one_x, cases[i].name, "config")->text, "test.py", mem, &dict, &err));
        OK(preprocessor_build(dict, mem, &pre, &err));
        OK(preprocessor_size(&pre, batch, 1, cases[i].training, &h, &w, &err));
        image got = {.h = h, .w = w, .c = 3, .type = IMAGE_F32, .data = mem_alloc((size_t)(h * w * 3) * 4)};
        OK(pipeline_pack(&pre, &s, h, w, got.data, &err));
        assert_same_image(cases[i].name, &got, wanted);
        if (cases[i].training) {
            image seg = {.h = h, .w = w, .c = 1, .type = IMAGE_I32, .data = mem_alloc((size_t)(h * w) * 4)};
            OK(pipeline_pack_labels(&pre, &s, "gt_semantic_seg", h, w, seg.data, &err));
            assert_same_image(cases[i].name, &seg, goldens_image(&one_x, cases[i].name, "out_seg"));
            image_release(&seg);
        }
        image_release(&got);
        sample_release(&s);
        arena_free(mem);
    }
}

/* The same once more without the processor's vectors. */
static int plain(void **state)
{
    imgproc_use_vectors(false);
    return setup(state);
}

static int vectors_again(void **state)
{
    imgproc_use_vectors(true);
    return teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_x),
        cmocka_unit_test(test_zero_x),
        cmocka_unit_test(test_photometric),
        cmocka_unit_test(test_batches),
    };
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests_name("without vectors", tests, plain, vectors_again);
}
