/* Images that are decoded when their pixels are needed give what images decoded at once give. */
#include <unistd.h>

#include "transform_test.h"

static cseg_error err;
static char path[64];

/* Writes a JPEG of h x w; no two of its blocks are alike. */
static void write_jpeg(int64_t h, int64_t w, uint64_t seed)
{
    image m;
    rng r = rng_derive(seed, 0, 0);
    OK(image_new(h, w, 3, IMAGE_U8, &m, &err));
    for (int64_t i = 0; i < h * w * 3; i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i / 3 % w + i / 3 / w * 2 + rng_below(&r, 90));
    snprintf(path, sizeof path, "/tmp/cseg-later-%ld.jpg", (long)getpid());
    OK(image_write(path, &m, NULL, &err));
    image_release(&m);
}

static delayed draw(const image *m, resize_kind kind, rng *r)
{
    delayed d = {.any = true, .resizes = true, .kind = kind};
    static const double factors[] = {0.5, 1. / 3, 2, 1};
    int64_t pick = rng_below(r, 8);
    double f = pick < 4 ? factors[pick] : rng_range(r, 0.3, 2.5);
    d.full_h = (int64_t)((double)m->h * f);
    d.full_w = pick < 6 ? (int64_t)((double)m->w * f) : 1 + rng_below(r, 2 * m->w);
    d.h = 1 + rng_below(r, d.full_h);
    d.w = 1 + rng_below(r, d.full_w);
    d.y = rng_below(r, d.full_h - d.h + 1);
    d.x = rng_below(r, d.full_w - d.w + 1);
    d.flip_x = rng_below(r, 2);
    d.flip_y = rng_below(r, 2);
    return d;
}

static void every_way_of_resizing_needs_only_its_window(void **state)
{
    (void)state;
    rng r = rng_derive(3, 2, 1);
    for (int vectors = 0; vectors < 2; vectors++) {
        imgproc_use_vectors(vectors);
        for (int size = 0; size < 6; size++) {
            image now, later, a, b;
            write_jpeg(90 + size % 3, 132 - size, (uint64_t)size);
            OK(image_read(path, IMAGE_COLOR, &now, &err));
            OK(image_read_later(path, IMAGE_COLOR, &later, &err));
            for (int kind = RESIZE_NEAREST; kind <= RESIZE_AREA; kind++)
                for (int k = 0; k < 40; k++) {
                    delayed d = draw(&now, (resize_kind)kind, &r);
                    OK(imgproc_settle(&now, &d, &a, &err));
                    OK(imgproc_settle(&later, &d, &b, &err));
                    assert_same_image("settled", &b, &a);
                    image_release(&a);
                    image_release(&b);
                }
            image_release(&now);
            image_release(&later);
        }
    }
    remove(path);
}

/* Runs `list` on the file, read by the pipeline itself, and on the same pixels in memory. */
static void check_pipeline(const char *list)
{
    arena *mem = arena_new();
    char text[1024];
    image whole;
    OK(image_read(path, IMAGE_COLOR, &whole, &err));
    image labels;
    OK(image_new(whole.h, whole.w, 1, IMAGE_U8, &labels, &err));
    for (int64_t i = 0; i < whole.h * whole.w; i++)
        ((uint8_t *)labels.data)[i] = (uint8_t)(i / 31 % 7);
    for (uint64_t seed = 0; seed < 10; seed++) {
        sample views[2][4] = {0};
        int n = 0;
        for (int file = 0; file < 2; file++) {
            snprintf(text, sizeof text, "[dict(type='%s'), %s]", file ? "LoadImageFromFile" : "LoadImageFromNDArray",
                     list);
            pipeline *p = pipeline_of(text, DIALECT_1X, mem);
            sample s = sample_of(&whole, &labels, mem);
            s.random = rng_derive(seed, 0, 0);
            if (file) {
                image_release(&s.img);
                s.path = path;
            }
            n = pipeline_describe(p)->variants;
            assert_in_range(n, 1, 4);
            OK(pipeline_apply_variants(p, &s, views[file], &err));
            sample_release(&s);
        }
        for (int i = 0; i < n; i++) {
            preprocessor pre = {.n = 1, .mean = {100}, .std = {50}, .swap = true, .seg_pad_val = 255};
            image packed[2];
            for (int file = 0; file < 2; file++) {
                sample *s = &views[file][i];
                int64_t h, w;
                OK(preprocessor_size(&pre, (const sample *const[]){s}, 1, true, &h, &w, &err));
                OK(image_new(h, w, 3, IMAGE_F32, &packed[file], &err));
                OK(pipeline_pack(&pre, s, h, w, packed[file].data, &err));
                sample_release(s);
            }
            assert_same_image(list, &packed[1], &packed[0]);
            image_release(&packed[0]);
            image_release(&packed[1]);
        }
    }
    image_release(&whole);
    image_release(&labels);
    arena_free(mem);
}

static void pipelines_give_the_same_from_a_file(void **state)
{
    (void)state;
    write_jpeg(117, 149, 8);
    check_pipeline("dict(type='PackSegInputs')");
    check_pipeline("dict(type='RandomFlip', prob=0.5)");
    check_pipeline("dict(type='PhotoMetricDistortion')");
    check_pipeline("dict(type='RandomCrop', crop_size=(60, 70), cat_max_ratio=0.75)");
    check_pipeline("dict(type='RandomResize', scale=(150, 120), ratio_range=(0.5, 2.0), keep_ratio=True), "
                   "dict(type='RandomCrop', crop_size=(60, 70)), dict(type='RandomFlip', prob=0.5), "
                   "dict(type='PhotoMetricDistortion')");
    check_pipeline("dict(type='Resize', scale=(80, 50)), dict(type='Resize', scale=(90, 70))");
    check_pipeline("dict(type='RandomRotate', prob=1.0, degree=20), dict(type='Pad', size=(200, 200))");
    check_pipeline("dict(type='TestTimeAug', transforms=[[dict(type='Resize', scale_factor=0.5), "
                   "dict(type='Resize', scale_factor=1.5)], [dict(type='RandomFlip', prob=0.0), "
                   "dict(type='RandomFlip', prob=1.0)]])");
    remove(path);
}

/* A part that cannot be decoded is an error of the sample that needs it, with the file's name. */
static void damage_is_found_where_it_is_needed(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char *bytes;
    size_t n;
    write_jpeg(200, 160, 9);
    OK(file_read(path, 0, mem, &bytes, &n, &err));
    memset(bytes + n / 2, 0, n / 3); /* zeros are no code that this file knows for long */
    bytes[n / 2] = (char)0xff, bytes[n / 2 + 1] = (char)0xd9;
    OK(file_replace_bytes(path, bytes, n, mem, &err));
    pipeline *p = pipeline_of("[dict(type='LoadImageFromFile'), dict(type='PhotoMetricDistortion')]", DIALECT_1X, mem);
    sample s = {.mem = mem, .path = path, .random = rng_derive(1, 2, 3)};
    assert_int_equal(pipeline_apply(p, &s, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "PhotoMetricDistortion"));
    sample_release(&s);
    remove(path);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_of_resizing_needs_only_its_window),
        cmocka_unit_test(pipelines_give_the_same_from_a_file),
        cmocka_unit_test(damage_is_found_where_it_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
