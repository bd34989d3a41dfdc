/* Label maps and scores on a backend whose memory the host must not touch: all bits are those of the cpu backend, and
 * no logits come to the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "config/config.h"
#include "engine/infer/predict_internal.h"
#include "far.h"
#include "graph/passes/passes.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { H = 53, W = 70, PIXELS = H * W };

static const char model_text[] =
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,\n"
    "    strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),\n"
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, %s),\n"
    "  train_cfg=dict(), test_cfg=dict(mode='whole'))\n";

/* Some classes; one channel with a threshold; more classes than a byte can name. */
static const char *const heads[] = {
    "num_classes=3",
    "num_classes=2, out_channels=1, threshold=0.48, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)",
    "num_classes=300"};
enum { HEADS = sizeof heads / sizeof *heads };

/* The images that a model is shown; the same for all. */
static float img[2][PIXELS * 3];

static int make_images(void **state)
{
    (void)state;
    rng r = rng_derive(9, 0, 0);
    for (int i = 0; i < 2 * PIXELS * 3; i++)
        img[i / (PIXELS * 3)][i % (PIXELS * 3)] = (float)rng_normal(&r);
    return 0;
}

static void must(cseg_status status, const cseg_error *err)
{
    if (status != CSEG_OK)
        fail_msg("%s", err->text);
}

/* What comes to the host. */
static size_t bytes_got;
static const memory_calls *far_memory;
static cseg_status counted_get(backend *b, void *to, const void *from, size_t bytes, cseg_error *err)
{
    bytes_got += bytes;
    return far_memory->get(b, to, from, bytes, err);
}

typedef struct side {
    arena *mem;
    backend *b;
    memory_calls counted;
    model *m;
    predictor *whole, *slide;
} side;

static void set_param(side *s, const char *name, float *values)
{
    const param *w = model_find(s->m, name);
    s->b->memory->set(s->b, w->data, values, (size_t)w->count * sizeof *values);
}

/* The reference starts the last convolution near 0: here its logits differ, and their means are 0. */
static void spread_logits(side *s)
{
    enum { MOST = 300 * 8 };
    float values[MOST], bias[300] = {0};
    int64_t k = s->m->heads.at[0].out_channels;
    plan *p;
    void *to;
    cseg_error err;
    rng r = rng_derive(1, 2, 3);
    for (int i = 0; i < MOST; i++)
        values[i] = 20.0f * (float)rng_normal(&r);
    set_param(s, "decode_head.conv_seg.weight", values);
    plan_data in = predict_image(NULL, 1, H, W, 3, 0, &(const char *){NULL});
    must(predictor_plan(s->whole, 1, H, W, 0, PLAN_LOGITS, &p, &err), &err);
    must(plan_open_input(p, "img", &in, &to, &err), &err);
    memcpy(to, img[0], sizeof img[0]);
    must(plan_run(p, &err), &err);
    const float *logits = plan_output(p, "logits", NULL);
    for (int64_t i = 0; i < PIXELS * k; i++)
        bias[i % k] -= logits[i] / PIXELS;
    set_param(s, "decode_head.conv_seg.bias", bias);
    predictor_weights_changed(s->whole);
}

static void side_open(side *s, bool far, const char *head)
{
    const cpu_options one = {.threads = 1};
    const predict_options whole = {.passes = PASS_ALL};
    const predict_options slide = {
        .mode = PREDICT_SLIDE, .crop_h = 32, .crop_w = 40, .stride_h = 20, .stride_w = 24, .passes = PASS_ALL};
    cseg_error err;
    value *cfg;
    *s = (side){.mem = arena_new(), .b = far ? far_new(&one) : backend_cpu_new(&one)};
    assert_true(s->mem && s->b);
    if (far) {
        far_memory = s->b->memory;
        s->counted = *far_memory;
        s->counted.get = counted_get;
        s->b->memory = &s->counted;
    }
    must(config_parse_text(arena_printf(s->mem, model_text, head), "model.py", s->mem, &cfg, &err), &err);
    must(model_build(value_get(cfg, "model"), &(model_options){.backend = s->b, .no_grad = true}, &s->m, &err), &err);
    model_init_weights(s->m, 4);
    must(predictor_new(s->m, s->b, &whole, &s->whole, &err), &err);
    must(predictor_new(s->m, s->b, &slide, &s->slide, &err), &err);
    spread_logits(s);
}

static void side_close(side *s)
{
    predictor_free(s->whole);
    predictor_free(s->slide);
    model_free(s->m);
    backend_free(s->b);
    arena_free(s->mem);
}

static void check_same(const image *a, const image *b)
{
    assert_true(a->h == b->h && a->w == b->w && a->c == b->c && a->type == b->type);
    assert_int_equal(a->data == NULL, b->data == NULL);
    if (a->data)
        assert_memory_equal(a->data, b->data, image_bytes(a));
}

/* That what is compared says something. */
static void check_varied(const image *labels)
{
    size_t label = (size_t)image_row_bytes(labels) / (size_t)labels->w, n = image_bytes(labels);
    assert_true(n > label && memcmp(labels->data, (char *)labels->data + label, n - label) != 0);
}

/* Does a number of things on both sides, for each head. */
static void on_both(void (*run)(side *s, int i, prediction *out), int things)
{
    for (int head = 0; head < HEADS; head++) {
        side on[2];
        for (int far = 0; far < 2; far++)
            side_open(&on[far], far, heads[head]);
        for (int i = 0; i < things; i++) {
            prediction out[2] = {0};
            for (int far = 0; far < 2; far++)
                run(&on[far], i, &out[far]);
            check_varied(&out[0].labels);
            check_same(&out[0].labels, &out[1].labels);
            check_same(&out[0].scores, &out[1].scores);
            for (int far = 0; far < 2; far++)
                prediction_release(&out[far]);
        }
        for (int far = 0; far < 2; far++)
            side_close(&on[far]);
    }
}

/* ---- one image --------------------------------------------------------------------------------------------------- */

static const predict_view views[2][3] = {
    {{.img = img[0], .h = H, .w = W, .c = 3},
     {.img = img[0], .h = H, .w = W, .c = 3, .flip = 'h'},
     {.img = img[1], .h = H, .w = W, .c = 3, .flip = 'd'}},
    {{.img = img[0], .h = H, .w = W, .c = 3, .top = 2, .left = 3, .img_h = 40, .img_w = 51, .flip = 'v'},
     {.img = img[1], .h = H, .w = W, .c = 3, .top = 1, .left = 7, .img_h = 50, .img_w = 62},
     {.img = img[1], .h = H, .w = W, .c = 3, .img_h = 51, .img_w = 50, .flip = 'h'}}};

static void run_image(side *s, int i, prediction *out)
{
    bool slide = i & 1, resized = i & 2, padded = i & 4, scores = i & 8, several = i & 16;
    cseg_error err;
    int64_t h = resized ? 80 : H, w = resized ? 61 : W;
    bytes_got = 0;
    must(predictor_run(slide ? s->slide : s->whole, views[padded], several ? 3 : 1, h, w, -1, scores, out, &err), &err);
    size_t labels = image_bytes(&out->labels), most = (size_t)(h * w) * sizeof(int32_t);
    if (s->b->memory == &s->counted)
        assert_in_range(bytes_got, labels, scores ? labels + image_bytes(&out->scores) : most);
}

static void images_by_views_and_windows(void **state)
{
    (void)state;
    on_both(run_image, 32);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Two images, of which two views each come one batch after another. */
static void run_batches(side *s, int i, prediction *out)
{
    (void)i;
    cseg_error err;
    batch_meta meta[2] = {{.img_h = H, .img_w = 64, .ori_h = 44, .ori_w = 90},
                          {.img_h = 40, .img_w = W, .ori_h = 44, .ori_w = 90}};
    for (int view = 0; view < 2; view++) {
        batch b = {.n = 2, .h = H, .w = W, .c = 3, .img = img[0], .metas = meta, .view = view, .n_views = 2};
        for (int at = 0; at < 2; at++) {
            bool ready;
            meta[at].flip = view;
            meta[at].flip_direction = 'h';
            must(predictor_feed(s->whole, &b, at, -1, at, out, &ready, &err), &err);
            assert_int_equal(ready, view == 1);
        }
    }
}

static void views_of_a_batch(void **state)
{
    (void)state;
    on_both(run_batches, 1);
}

/* ---- scenes ------------------------------------------------------------------------------------------------------ */

static cseg_status read_scene(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
{
    (void)arg;
    (void)err;
    for (int64_t i = 0; i < h; i++)
        memcpy(to + i * w * 3, img[0] + ((y + i) * W + x) * 3, (size_t)(w * 3) * sizeof *to);
    return CSEG_OK;
}

static void put(image *to, const image *from, int64_t y, int64_t x)
{
    int64_t pixel = image_row_bytes(from) / from->w;
    for (int64_t i = 0; i < from->h; i++)
        memcpy((char *)to->data + ((y + i) * to->w + x) * pixel, (const char *)from->data + i * from->w * pixel,
               (size_t)image_row_bytes(from));
}

static cseg_status write_scene(void *arg, const predict_part *part, cseg_error *err)
{
    prediction *out = arg;
    const image *labels = &part->labels, *scores = &part->scores;
    int64_t y = part->y, x = part->x;
    if (!out->labels.data)
        TRY(image_new(80, 61, 1, labels->type, &out->labels, err));
    if (!out->scores.data)
        TRY(image_new(80, 61, scores->c, scores->type, &out->scores, err));
    put(&out->labels, labels, y, x);
    put(&out->scores, scores, y, x);
    return CSEG_OK;
}

static void run_scene(side *s, int i, prediction *out)
{
    cseg_error err;
    predict_scene scene = {.h = H,
                           .w = W,
                           .c = 3,
                           .img_h = 50,
                           .img_w = 66,
                           .ori_h = 80,
                           .ori_w = 61,
                           .read = read_scene,
                           .write = write_scene,
                           .arg = out,
                           .want_scores = true,
                           .want_confidence = i == 1,
                           .blend = i == 1   ? BLEND_SMOOTH
                                    : i == 2 ? BLEND_CUT
                                             : BLEND_LOGITS,
                           .flips = i == 1 ? "hvd" : NULL,
                           .batch = i == 2 ? 3 : 1,
                           .ahead = i,
                           .strip_bytes = 5000};
    must(predictor_scan(s->slide, &scene, -1, &err), &err);
}

static void scenes_by_strips(void **state)
{
    (void)state;
    on_both(run_scene, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_by_views_and_windows),
        cmocka_unit_test(views_of_a_batch),
        cmocka_unit_test(scenes_by_strips),
    };
    return cmocka_run_group_tests(tests, make_images, NULL);
}
