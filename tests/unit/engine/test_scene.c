/* Scenes by windows against the same file in one piece: the same classes and probabilities, to the bit, for every
 * loader, sample type and transform of a test pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/infer/infer.h"
#include "io/torch/pth.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { H = 75, W = 101 };
static cseg_error err;

#define MODEL                                                                                                          \
    "model = dict(type='EncoderDecoder', %s\n"                                                                         \
    "  backbone=dict(type='ResNet', depth=18, in_channels=%d, base_channels=4, num_stages=2, out_indices=(0, 1),\n"    \
    "    strides=(1, 2), dilations=(1, 1), norm_cfg=dict(type='BN')),\n"                                               \
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, concat_input=False,\n"     \
    "    num_classes=3, norm_cfg=dict(type='BN'), align_corners=False, loss_decode=dict(type='CrossEntropyLoss')),\n"  \
    "  train_cfg=dict(), test_cfg=dict(%s))\n"
#define NORM3 "mean=[100., 110., 90.], std=[50., 40., 60.]"
#define SLIDE "mode='slide', crop_size=(48, 48), stride=(32, 32)"

typedef struct form {
    const char *name;
    bool zero_x;
    int in; /* channels of the model */
    const char *pre, *test_cfg, *steps;
    image_type type;
    int bands;
    double scale; /* of the file's values, 0 ... 255 times it */
    bool holes;   /* the left half has no data */
} form;

static const form forms[] = {
    {"cv2, u8", false, 3, NORM3 ", bgr_to_rgb=True", SLIDE, "dict(type='LoadImageFromFile')", IMAGE_U8, 3, 1, false},
    {"cv2, u8, padded", false, 3, NORM3 ", bgr_to_rgb=True, test_cfg=dict(size_divisor=32), pad_val=7", SLIDE,
     "dict(type='LoadImageFromFile')", IMAGE_U8, 3, 1, false},
    {"cv2, u16 of four", false, 3, NORM3 ", bgr_to_rgb=True", SLIDE, "dict(type='LoadImageFromFile')", IMAGE_U16, 4,
     257, false},
    {"cv2, one band, to_float32", false, 3, NORM3, SLIDE, "dict(type='LoadImageFromFile', to_float32=True)", IMAGE_U8,
     1, 1, false},
    {"grayscale", false, 1, "mean=[100.], std=[50.]", SLIDE, "dict(type='LoadImageFromFile', color_type='grayscale')",
     IMAGE_U8, 3, 1, false},
    {"unchanged, u16 of three", false, 3, "mean=[10000., 11000., 9000.], std=[5000., 4000., 6000.], bgr_to_rgb=True",
     SLIDE, "dict(type='LoadImageFromFile', color_type='unchanged')", IMAGE_U16, 3, 100, false},
    {"pillow, unchanged", false, 3, NORM3, SLIDE,
     "dict(type='LoadImageFromFile', color_type='unchanged', imdecode_backend='pillow')", IMAGE_U8, 3, 1, false},
    {"tifffile, u16 of three", false, 3, "mean=[10000., 11000., 9000.], std=[5000., 4000., 6000.]", SLIDE,
     "dict(type='LoadImageFromFile', imdecode_backend='tifffile')", IMAGE_U16, 3, 100, false},
    {"tifffile, i16 of five", false, 5, "mean=[1000., 1100., 900., 1000., 1000.], std=[500., 400., 600., 500., 500.]",
     SLIDE, "dict(type='LoadImageFromFile', imdecode_backend='tifffile', to_float32=True)", IMAGE_I16, 5, 10, false},
    {"gdal, f32", false, 3, "mean=[1., 1.1, .9], std=[.5, .4, .6]", SLIDE,
     "dict(type='LoadImageFromFile', imdecode_backend='gdal')", IMAGE_F32, 3, .01, false},
    {"raster, u16", false, 3, "mean=[10000., 11000., 9000.], std=[5000., 4000., 6000.]", SLIDE,
     "dict(type='LoadSingleRSImageFromFile')", IMAGE_U16, 3, 100, false},
    {"raster, u8, own type", false, 4, "mean=[100., 110., 90., 80.], std=[50., 40., 60., 30.]", SLIDE,
     "dict(type='LoadSingleRSImageFromFile', to_float32=False)", IMAGE_U8, 4, 1, false},
    {"gamma", false, 3, NORM3 ", bgr_to_rgb=True", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='AdjustGamma', gamma=1.7)", IMAGE_U8, 3, 1, false},
    {"range", false, 3, NORM3, SLIDE,
     "dict(type='LoadImageFromFile', imdecode_backend='tifffile'), dict(type='Rerange', min_value=0, max_value=255)",
     IMAGE_U16, 3, 100, false},
    {"range of f32, then gray", false, 3, NORM3, SLIDE,
     "dict(type='LoadSingleRSImageFromFile'), dict(type='Rerange'), dict(type='RGB2Gray')", IMAGE_F32, 3, .01, false},
    {"gray, one channel", false, 1, "mean=[100.], std=[50.]", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='RGB2Gray', out_channels=1)", IMAGE_U8, 3, 1, false},
    {"enlarged", false, 3, NORM3 ", bgr_to_rgb=True, test_cfg=dict(size_divisor=32)", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='Resize', scale=(190, 160), keep_ratio=True)", IMAGE_U8, 3, 1, false},
    {"reduced", false, 3, NORM3, SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='Resize', scale=(67, 61), keep_ratio=False)", IMAGE_U8, 3, 1, false},
    {"reduced, u16", false, 3, NORM3, SLIDE,
     "dict(type='LoadSingleRSImageFromFile', to_float32=False), dict(type='Resize', scale_factor=.7)", IMAGE_U16, 3, 1,
     false},
    {"area, cubic, nearest", false, 3, NORM3, SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='Resize', scale_factor=.6, interpolation='area'),"
     "dict(type='AdjustGamma', gamma=.8), dict(type='Resize', scale=(120, 90), interpolation='bicubic'),"
     "dict(type='Resize', scale=(100, 80), interpolation='nearest')",
     IMAGE_U8, 3, 1, false},
    {"halved", false, 4, "mean=[100., 110., 90., 80.], std=[50., 40., 60., 30.]", SLIDE,
     "dict(type='LoadSingleRSImageFromFile'), dict(type='ResizeToMultiple', size_divisor=8),"
     "dict(type='Resize', scale_factor=.5)",
     IMAGE_U8, 4, 1, false},
    {"shortest edge", false, 3, NORM3 ", bgr_to_rgb=True", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='ResizeShortestEdge', scale=96, max_size=200),"
     "dict(type='ResizeToMultiple', size_divisor=32)",
     IMAGE_U8, 3, 1, false},
    {"0.x", true, 3, "", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_scale=(128, 128), flip=False, transforms=["
     "dict(type='Resize', keep_ratio=True), dict(type='RandomFlip'), dict(type='Normalize', " NORM3 ", to_rgb=True),"
     "dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img'])])",
     IMAGE_U8, 3, 1, false},
    {"0.x, by ratio, normalised first", true, 3, "", SLIDE,
     "dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_ratios=[.75], transforms=["
     "dict(type='Normalize', " NORM3 ", to_rgb=True), dict(type='Resize', keep_ratio=True),"
     "dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img'])])",
     IMAGE_U8, 3, 1, false},
    {"stretched, u16 with holes", false, 4, "mean=[100., 110., 90., 80.], std=[50., 40., 60., 30.]", SLIDE,
     "dict(type='LoadSingleRSImageFromFile'), dict(type='Stretch')", IMAGE_U16, 4, 40, true},
    {"indices, stretched, f32", false, 6, "mean=[100.], std=[50.]", SLIDE,
     "dict(type='LoadSingleRSImageFromFile'), dict(type='AddIndices', indices=['NDVI', 'b4 - b1'], bands=dict(nir=4,"
     "red=2)), dict(type='Stretch', percentiles=(1, 99.5))",
     IMAGE_F32, 4, .01, true},
};

static experiment *read_config(const form *f, const char *test_cfg, arena *mem)
{
    char pre[512] = "";
    value *cfg;
    experiment *e = NULL;
    if (!f->zero_x)
        snprintf(pre, sizeof pre, "data_preprocessor=dict(type='SegDataPreProcessor', %s),", f->pre);
    char *text =
        arena_printf(mem,
                     MODEL "crop_size = (512, 512)\n"
                           "steps = [%s%s]\n"
                           "ds = dict(type='%s', pipeline=steps, img_suffix='.tif', %s)\n%s",
                     pre, f->in, test_cfg, f->steps, f->zero_x ? "" : ", dict(type='PackSegInputs')",
                     f->zero_x ? "CustomDataset" : "BaseSegDataset",
                     f->zero_x ? "img_dir='.', classes=('a', 'b', 'c')" : "metainfo=dict(classes=('a', 'b', 'c'))",
                     f->zero_x ? "data = dict(test=ds)\n" : "test_dataloader = dict(batch_size=1, dataset=ds)\n");
    if (config_parse_text(text, "scene.py", mem, &cfg, &err) != CSEG_OK ||
        experiment_read(cfg, "scene.py", mem, &e, &err) != CSEG_OK)
        fail_msg("%s: %s", f->name, err.text);
    return e;
}

/* Weights by chance, with logits of which each wins somewhere. */
static void save_weights(const experiment *e, const char *path)
{
    arena *mem = arena_new();
    model *m;
    assert_int_equal(build_model(e, NULL, true, &m, &err), CSEG_OK);
    model_init_weights(m, 3);
    rng r = rng_derive(1, 2, 3);
    pth_builder b = {.mem = mem};
    pth_value *root = pth_ordered_dict(&b);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        for (int64_t k = 0; strstr(p->name, "conv_seg.weight") && k < p->count; k++)
            ((float *)p->data)[k] = 20.0f * (float)rng_normal(&r);
        pth_set(&b, root, p->name,
                pth_tensor_value(&b, p->type == DT_I64 ? PTH_I64 : PTH_F32, p->rank, p->dim, p->data));
    }
    assert_int_equal(pth_write(path, &b, root, &err), CSEG_OK);
    model_free(m);
    arena_free(mem);
}

static const raster_place somewhere = {
    .has_transform = true, .transform = {500000, 2, 0, 4000000, 0, -2}, .projection = ""};

static void save_scene(const form *f, const char *path)
{
    arena *mem = arena_new();
    raster_writer *w;
    image m;
    raster_spec spec = {
        .h = H, .w = W, .bands = f->bands, .type = f->type, .place = &somewhere, .has_nodata = f->holes, .nodata = 77};
    image exact;
    assert_int_equal(image_new(H, W, f->bands, IMAGE_F32, &exact, &err), CSEG_OK);
    rng r = rng_derive(9, 9, 9);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
            for (int64_t k = 0; k < f->bands; k++) {
                int64_t v = (y * (3 + k) / 2 + x * (2 * k + 1)) % 200 + rng_below(&r, 56);
                image_f32(&exact, y, x)[k] = f->holes && x < W / 2 ? 77.0f : (float)((double)v * f->scale);
            }
    assert_int_equal(image_convert(&exact, f->type, &m, &err), CSEG_OK);
    assert_int_equal(raster_create(path, &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    image_release(&exact);
    image_release(&m);
    arena_free(mem);
}

static void read_whole(const char *path, image *out)
{
    assert_int_equal(image_read(path, IMAGE_UNCHANGED | IMAGE_RGB | IMAGE_PILLOW, out, &err), CSEG_OK);
}

static infer *open_infer(const form *f, const char *test_cfg, const infer_options *o, arena *mem)
{
    infer *x;
    const experiment *e = read_config(f, test_cfg, mem);
    save_weights(e, "scene.pth");
    if (infer_open(e, "scene.pth", o, mem, &x, &err) != CSEG_OK)
        fail_msg("%s: %s", f->name, err.text);
    return x;
}

static void compare(const form *f, const char *test_cfg, const infer_options *o)
{
    arena *mem = arena_new();
    save_scene(f, "scene.tif");
    infer *x = open_infer(f, test_cfg, o, mem);
    infer_answer whole = {0};
    infer_scene by = {.path = "scene.tif", .mask_path = "mask.tif", .scores_path = "scores.tif", .head = -1};
    if (infer_image(x, "scene.tif", NULL, -1, true, &whole, &err) != CSEG_OK ||
        infer_run_scene(x, &by, &err) != CSEG_OK)
        fail_msg("%s: %s", f->name, err.text);
    image mask, scores;
    read_whole("mask.tif", &mask);
    read_whole("scores.tif", &scores);
    bool seen[256] = {false};
    for (int i = 0; i < H * W; i++) {
        seen[((uint8_t *)mask.data)[i]] = true;
        if (f->holes && i % W < W / 2) /* crops without data are not computed */
            memcpy((float *)scores.data + 3 * i, (float *)whole.p.scores.data + 3 * i, 3 * sizeof(float));
    }
    assert_int_equal(seen[255], f->holes);
    if (seen[0] + seen[1] + seen[2] < 2)
        fail_msg("%s: the scene is of one class, so that nothing is compared", f->name);
    if (memcmp(mask.data, whole.p.labels.data, H * W) != 0)
        fail_msg("%s: the classes differ", f->name);
    if (memcmp(scores.data, whole.p.scores.data, (size_t)H * W * 3 * sizeof(float)) != 0)
        fail_msg("%s: the probabilities differ", f->name);
    image_release(&mask);
    image_release(&scores);
    infer_answer_release(&whole);
    infer_close(x);
    arena_free(mem);
}

static void windows_give_what_the_whole_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        compare(&forms[i], forms[i].test_cfg, &(infer_options){.threads = 1});
}

/* mode='whole': a window that covers everything is the whole. */
static void one_window_is_the_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        compare(&forms[i], "mode='whole'", &(infer_options){.threads = 1});
    }
}

/* Crops without data are skipped, which no pixel with data may feel. */
static void nodata_is_left_out(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "dict(type='LoadImageFromFile')",
        "dict(type='LoadImageFromFile'), dict(type='Resize', scale_factor=2.3)",
        "dict(type='LoadImageFromFile'), dict(type='Resize', scale_factor=.8)",
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        form f = {"nodata", false,    3, NORM3, "mode='slide', crop_size=(32, 32), stride=(16, 16)",
                  steps[i], IMAGE_U8, 3, 1,     true};
        compare(&f, f.test_cfg, &(infer_options){.threads = 1});
    }
}

/* Pixels in memory are answered as the file that holds them, whatever order the loader gives. */
static void pixels_give_what_the_file_gives(void **state)
{
    (void)state;
    int compared = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const form *f = &forms[i];
        if (f->type != IMAGE_U8 || f->bands < 3 || strstr(f->steps, "grayscale"))
            continue;
        arena *mem = arena_new();
        image pixels;
        infer_answer file = {0};
        save_scene(f, "scene.tif");
        infer *x = open_infer(f, SLIDE, &(infer_options){.threads = 1}, mem);
        read_whole("scene.tif", &pixels);
        assert_int_equal(infer_image(x, "scene.tif", NULL, -1, false, &file, &err), CSEG_OK);
        for (int rgb = 1; rgb >= 0; rgb--) {
            prediction out = {0};
            if (infer_pixels(x, &pixels, rgb, -1, &out, &err) != CSEG_OK)
                fail_msg("%s: %s", f->name, err.text);
            if (memcmp(out.labels.data, file.p.labels.data, H * W) != 0)
                fail_msg("%s: the classes differ", f->name);
            image_swap_red_blue(&pixels);
            prediction_release(&out);
            compared++;
        }
        infer_answer_release(&file);
        image_release(&pixels);
        infer_close(x);
        arena_free(mem);
    }
    assert_true(compared > 10);
}

static void own_size_resizes_nothing(void **state)
{
    (void)state;
    arena *mem = arena_new();
    form f = {"own size",
              true,
              3,
              "",
              SLIDE,
              "dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_scale=(128, 128), flip=False,"
              "transforms=[dict(type='Resize', keep_ratio=True), dict(type='Normalize', " NORM3 ", to_rgb=True)])",
              IMAGE_U8,
              3,
              1,
              false},
         plain = f;
    plain.steps = "dict(type='LoadImageFromFile'), dict(type='Normalize', " NORM3 ", to_rgb=True)";
    compare(&f, SLIDE, &(infer_options){.threads = 1, .own_size = true});
    image resized, a, b;
    read_whole("mask.tif", &a);
    compare(&plain, SLIDE, &(infer_options){.threads = 1});
    read_whole("mask.tif", &b);
    assert_memory_equal(a.data, b.data, H * W);
    compare(&f, SLIDE, &(infer_options){.threads = 1});
    read_whole("mask.tif", &resized);
    assert_memory_not_equal(a.data, resized.data, H * W);
    image_release(&resized);
    image_release(&a);
    image_release(&b);
    arena_free(mem);
}

typedef struct refusal {
    const char *steps, *says[2];
} refusal;

static void what_needs_the_whole_is_refused(void **state)
{
    (void)state;
    static const refusal cases[] = {
        {"dict(type='LoadImageFromFile'), dict(type='CLAHE')", {"CLAHE needs the whole image", "cseg tile"}},
        {"dict(type='LoadImageFromFile'), dict(type='Pad', size_divisor=32)", {"Pad needs", "scene.py:"}},
        {"dict(type='LoadImageFromFile'), dict(type='PhotoMetricDistortion')", {"PhotoMetricDistortion", "windows"}},
        {"dict(type='LoadImageFromFile'), dict(type='RandomFlip', prob=1.)", {"RandomFlip flips", "scene.py:"}},
        {"dict(type='LoadImageFromFile'), dict(type='Compose', transforms=[dict(type='RandomRotate', prob=1., "
         "degree=9)])",
         {"RandomRotate needs", "scene.py:"}},
        {"dict(type='LoadImageFromNDArray')", {"LoadImageFromNDArray", "scene.py:"}},
        {"dict(type='MultiImgLoadImageFromFile')", {"MultiImgLoadImageFromFile", "scene.py:"}},
        {"dict(type='LoadImageFromFile', color_type='unchanged'), dict(type='AdjustGamma')",
         {"AdjustGamma: it works", ""}},
        {"dict(type='LoadImageFromFile'), dict(type='TestTimeAug', transforms=[[dict(type='RandomFlip', prob=0.),"
         "dict(type='RandomFlip', prob=1.)]])",
         {"TestTimeAug makes several views", "scene.py:"}},
    };
    arena *mem = arena_new();
    form f = {"refused", true, 3, "", SLIDE, NULL, IMAGE_U16, 3, 100, false};
    save_scene(&f, "scene.tif");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f.steps = cases[i].steps;
        infer *x = open_infer(&f, SLIDE, &(infer_options){.threads = 1}, mem);
        infer_scene by = {.path = "scene.tif", .mask_path = "none.tif", .head = -1};
        assert_int_not_equal(infer_run_scene(x, &by, &err), CSEG_OK);
        for (int k = 0; k < 2; k++)
            if (!strstr(err.text, cases[i].says[k]))
                fail_msg("'%s' does not say '%s'", err.text, cases[i].says[k]);
        assert_int_not_equal(access("none.tif", F_OK), 0);
        infer_close(x);
    }
    arena_free(mem);
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const files[] = {"scene.tif", "mask.tif", "scores.tif", "scene.pth"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_give_what_the_whole_gives),
        cmocka_unit_test(one_window_is_the_whole),
        cmocka_unit_test(nodata_is_left_out),
        cmocka_unit_test(pixels_give_what_the_file_gives),
        cmocka_unit_test(own_size_resizes_nothing),
        cmocka_unit_test(what_needs_the_whole_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
