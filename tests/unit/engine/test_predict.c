/* The test modes against their definition, on a small model with weights by chance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/backends.h"
#include "config/config.h"
#include "engine/infer/predict_internal.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { MAX_K = 4 };

typedef struct fixture {
    arena *mem;
    backend *b;
    model *m;
} fixture;

/* Four stages of four channels; stride 32 in the end, so that sizes that are no multiple of it matter. */
static const char *const model_text =
    "model = dict(type='EncoderDecoder',\n"
    "    backbone=dict(type='ResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),\n"
    "                  dilations=(1, 1), norm_cfg=dict(type='BN')),\n"
    "    decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=4, num_convs=1, concat_input=False,\n"
    "                     num_classes=%d, %s norm_cfg=dict(type='BN'), align_corners=%s, dropout_ratio=0.1,\n"
    "                     loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=%s)))\n";

static float *noise(arena *mem, int64_t h, int64_t w, uint64_t seed)
{
    float *x = ARENA_ARRAY(mem, (size_t)(h * w * 3), float);
    rng r = rng_derive(seed, 0, 0);
    for (int64_t i = 0; i < h * w * 3; i++)
        x[i] = (float)rng_normal(&r);
    return x;
}

static predictor *make(const fixture *f, model *m, predict_options o)
{
    predictor *p;
    o.passes = 0;
    assert_int_equal(predictor_new(m, f->b, &o, &p, NULL), CSEG_OK);
    return p;
}

static void logits_of(predictor *p, const float *img, int64_t w, int64_t y, int64_t x, int64_t ch, int64_t cw,
                      float *to, int64_t k)
{
    plan *pl;
    assert_int_equal(predictor_plan(p, 1, ch, cw, 0, PLAN_LOGITS, &pl, NULL), CSEG_OK);
    float *in = plan_input(pl, "img", NULL);
    for (int64_t i = 0; i < ch; i++)
        memcpy(in + i * cw * 3, img + ((y + i) * w + x) * 3, (size_t)cw * 3 * sizeof *in);
    assert_int_equal(plan_run(pl, NULL), CSEG_OK);
    memcpy(to, plan_output(pl, "logits", NULL), (size_t)(ch * cw * k) * sizeof *to);
}

/* The reference starts the last convolution near 0: here its logits differ, and each class wins somewhere. */
static void spread_logits(const fixture *f)
{
    enum { SIDE = 48 };
    param *w = model_find(f->m, "decode_head.conv_seg.weight"), *bias = model_find(f->m, "decode_head.conv_seg.bias");
    rng r = rng_derive(1, 2, 3);
    for (int64_t i = 0; i < w->count; i++)
        ((float *)w->data)[i] = 20.0f * (float)rng_normal(&r);
    float logits[SIDE * SIDE * MAX_K];
    int64_t k = bias->count;
    predictor *p = make(f, f->m, (predict_options){.mode = PREDICT_WHOLE});
    logits_of(p, noise(f->mem, SIDE, SIDE, 7), SIDE, 0, 0, SIDE, SIDE, logits, k);
    for (int64_t i = 0; i < SIDE * SIDE * k; i++)
        ((float *)bias->data)[i % k] -= logits[i] / (SIDE * SIDE);
    predictor_free(p);
}

static void build(fixture *f, int classes, const char *more, bool align, bool sigmoid)
{
    cseg_error err;
    value *cfg;
    char *text = arena_printf(f->mem, model_text, classes, more, align ? "True" : "False", sigmoid ? "True" : "False");
    if (config_parse_text(text, "test", f->mem, &cfg, &err) != CSEG_OK ||
        model_build(value_get(cfg, "model"), NULL, &f->m, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    model_init_weights(f->m, 3);
    spread_logits(f);
}

static int set_up(void **state)
{
    static fixture f;
    f.mem = arena_new();
    f.b = backend_cpu_new(&(cpu_options){.threads = 2});
    build(&f, 3, "", false, false);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    model_free(f->m);
    backend_free(f->b);
    arena_free(f->mem);
    return 0;
}

static void run(predictor *p, const predict_view *v, int n, int64_t h, int64_t w, prediction *out)
{
    cseg_error err;
    if (predictor_run(p, v, n, h, w, -1, true, out, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* The reference's loop, with whole maps. */
static float *slide_by_definition(const fixture *f, predictor *p, const float *img, int64_t h, int64_t w)
{
    const predict_options *o = &p->options;
    int64_t k = 3;
    float *sum = ARENA_ARRAY(f->mem, (size_t)(h * w * k), float),
          *crop = ARENA_ARRAY(f->mem, (size_t)(h * w * k), float);
    float *count = ARENA_ARRAY(f->mem, (size_t)(h * w), float);
    int64_t rows = (h - o->crop_h + o->stride_h - 1 > 0 ? h - o->crop_h + o->stride_h - 1 : 0) / o->stride_h + 1;
    int64_t cols = (w - o->crop_w + o->stride_w - 1 > 0 ? w - o->crop_w + o->stride_w - 1 : 0) / o->stride_w + 1;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            int64_t y2 = i * o->stride_h + o->crop_h, x2 = j * o->stride_w + o->crop_w;
            y2 = y2 < h ? y2 : h;
            x2 = x2 < w ? x2 : w;
            int64_t y1 = y2 - o->crop_h > 0 ? y2 - o->crop_h : 0, x1 = x2 - o->crop_w > 0 ? x2 - o->crop_w : 0;
            logits_of(p, img, w, y1, x1, y2 - y1, x2 - x1, crop, k);
            for (int64_t y = y1; y < y2; y++)
                for (int64_t x = x1; x < x2; x++) {
                    count[y * w + x] += 1.0f;
                    for (int64_t c = 0; c < k; c++)
                        sum[(y * w + x) * k + c] += crop[((y - y1) * (x2 - x1) + x - x1) * k + c];
                }
        }
    for (int64_t i = 0; i < h * w * k; i++)
        sum[i] /= count[i / k];
    return sum;
}

static int largest(const float *v, int64_t k)
{
    int best = 0;
    for (int c = 1; c < k; c++)
        if (v[c] > v[best])
            best = c;
    return best;
}

static void softmax(const float *v, int64_t k, double *to)
{
    double sum = 0.0;
    for (int64_t c = 0; c < k; c++)
        sum += to[c] = exp((double)v[c] - v[largest(v, k)]);
    for (int64_t c = 0; c < k; c++)
        to[c] /= sum;
}

static void assert_answers(const prediction *got, const float *logits, int64_t k)
{
    for (int64_t i = 0, n = got->labels.h * got->labels.w; i < n; i++) {
        double want[MAX_K];
        softmax(logits + i * k, k, want);
        assert_int_equal(((uint8_t *)got->labels.data)[i], largest(logits + i * k, k));
        for (int64_t c = 0; c < k; c++)
            assert_float_equal(((float *)got->scores.data)[i * k + c], want[c], 2e-6);
    }
}

static void slides_as_the_reference(void **state)
{
    const fixture *f = *state;
    static const int64_t cases[][6] = {/* h, w, crop, stride */ {50, 70, 32, 32, 20, 24},
                                       {32, 40, 32, 32, 32, 32},
                                       {20, 70, 32, 32, 16, 16},
                                       {33, 33, 32, 32, 31, 5},
                                       {20, 24, 32, 32, 16, 16},
                                       {97, 41, 24, 40, 7, 40}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t *c = cases[i];
        predictor *p =
            make(f, f->m,
                 (predict_options){
                     .mode = PREDICT_SLIDE, .crop_h = c[2], .crop_w = c[3], .stride_h = c[4], .stride_w = c[5]});
        prediction out = {0};
        float *img = noise(f->mem, c[0], c[1], i);
        run(p, &(predict_view){.img = img, .h = c[0], .w = c[1], .c = 3}, 1, c[0], c[1], &out);
        assert_answers(&out, slide_by_definition(f, p, img, c[0], c[1]), 3);
        prediction_release(&out);
        predictor_free(p);
    }
}

/* A scene that is read from memory and written to memory. */
typedef struct in_memory {
    const float *img;
    int64_t w;
    image labels, scores;
    int64_t windows, last_done, all;
} in_memory;

static cseg_status read_window(void *arg, int64_t y, int64_t x, int64_t n_h, int64_t n_w, float *to, cseg_error *err)
{
    (void)err;
    const in_memory *s = arg;
    for (int64_t i = 0; i < n_h; i++)
        memcpy(to + i * n_w * 3, s->img + ((y + i) * s->w + x) * 3, (size_t)n_w * 3 * sizeof *to);
    return CSEG_OK;
}

static cseg_status write_window(void *arg, const predict_part *part, cseg_error *err)
{
    (void)err;
    in_memory *s = arg;
    const image *labels = &part->labels, *scores = &part->scores;
    int64_t y = part->y, x = part->x;
    s->windows++;
    for (int64_t i = 0; i < labels->h; i++)
        for (int64_t j = 0; j < labels->w; j++) {
            *image_u8(&s->labels, y + i, x + j) += *image_u8(labels, i, j); /* twice would show */
            for (int64_t c = 0; c < 3; c++)
                image_f32(&s->scores, y + i, x + j)[c] += image_f32(scores, i, j)[c];
        }
    return CSEG_OK;
}

static cseg_status note_progress(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    in_memory *s = arg;
    assert_int_equal(done, s->last_done + 1);
    s->last_done = done;
    s->all = all;
    (void)err;
    return all == 3 && done == 2 ? CSEG_INTERRUPTED : CSEG_OK;
}

static void scenes_in_strips_equal_the_whole(void **state)
{
    const fixture *f = *state;
    enum { H = 75, W = 150 };
    predictor *p = make(
        f, f->m, (predict_options){.mode = PREDICT_SLIDE, .crop_h = 32, .crop_w = 32, .stride_h = 20, .stride_w = 24});
    prediction whole = {0};
    float *img = noise(f->mem, H, W, 9);
    run(p, &(predict_view){.img = img, .h = H, .w = W, .c = 3}, 1, H, W, &whole);
    static const size_t budgets[] = {1, 33 * 60 * 3 * sizeof(float), 0};
    for (size_t i = 0; i < 3; i++) {
        in_memory s = {.img = img, .w = W};
        assert_int_equal(image_new(H, W, 1, IMAGE_U8, &s.labels, NULL), CSEG_OK);
        assert_int_equal(image_new(H, W, 3, IMAGE_F32, &s.scores, NULL), CSEG_OK);
        predict_scene scene = {.h = H,
                               .c = 3,
                               .w = W,
                               .read = read_window,
                               .write = write_window,
                               .progress = note_progress,
                               .arg = &s,
                               .want_scores = true,
                               .strip_bytes = budgets[i]};
        assert_int_equal(predictor_scan(p, &scene, -1, NULL), CSEG_OK);
        assert_memory_equal(s.labels.data, whole.labels.data, H * W);
        assert_memory_equal(s.scores.data, whole.scores.data, H * W * 3 * sizeof(float));
        assert_int_equal(s.last_done, s.all);
        assert_true(i == 2 ? s.windows <= 4 : s.windows > 4);
        image_release(&s.labels);
        image_release(&s.scores);
    }
    prediction_release(&whole);
    predictor_free(p);
}

/* Padded below and to the right, the answer larger or smaller than what the model sees. */
static void strips_of_resized_scenes_equal_the_whole(void **state)
{
    const fixture *f = *state;
    enum { H = 75, W = 150, IMG_H = 60, IMG_W = 141 };
    static const int64_t sizes[][2] = {{IMG_H, IMG_W}, {133, 300}, {31, 20}, {250, 7}};
    static const size_t budgets[] = {1, 33 * 60 * 3 * sizeof(float), 0};
    predictor *p = make(
        f, f->m, (predict_options){.mode = PREDICT_SLIDE, .crop_h = 32, .crop_w = 32, .stride_h = 20, .stride_w = 24});
    float *img = noise(f->mem, H, W, 9);
    for (size_t i = 0; i < 12; i++) {
        int64_t h = sizes[i % 4][0], w = sizes[i % 4][1];
        prediction whole = {0};
        run(p, &(predict_view){.img = img, .h = H, .w = W, .c = 3, .img_h = IMG_H, .img_w = IMG_W}, 1, h, w, &whole);
        in_memory s = {.img = img, .w = W};
        assert_int_equal(image_new(h, w, 1, IMAGE_U8, &s.labels, NULL), CSEG_OK);
        assert_int_equal(image_new(h, w, 3, IMAGE_F32, &s.scores, NULL), CSEG_OK);
        predict_scene scene = {.h = H,
                               .w = W,
                               .c = 3,
                               .img_h = IMG_H,
                               .img_w = IMG_W,
                               .ori_h = h,
                               .ori_w = w,
                               .read = read_window,
                               .write = write_window,
                               .progress = note_progress,
                               .arg = &s,
                               .want_scores = true,
                               .strip_bytes = budgets[i / 4]};
        assert_int_equal(predictor_scan(p, &scene, -1, NULL), CSEG_OK);
        assert_memory_equal(s.labels.data, whole.labels.data, h * w);
        assert_memory_equal(s.scores.data, whole.scores.data, h * w * 3 * sizeof(float));
        assert_int_equal(s.last_done, s.all);
        image_release(&s.labels);
        image_release(&s.scores);
        prediction_release(&whole);
    }
    predictor_free(p);
}

static bool skip_left(void *arg, int64_t y, int64_t x, int64_t n_h, int64_t n_w)
{
    (void)arg;
    (void)y;
    (void)n_h;
    return x + n_w <= 40;
}

static void scenes_skip_crops_and_stop_when_asked(void **state)
{
    const fixture *f = *state;
    predictor *p = make(
        f, f->m, (predict_options){.mode = PREDICT_WHOLE, .crop_h = 32, .crop_w = 32, .stride_h = 32, .stride_w = 32});
    in_memory s = {.img = noise(f->mem, 32, 96, 1), .w = 96};
    cseg_error err;
    assert_int_equal(image_new(32, 96, 1, IMAGE_U8, &s.labels, NULL), CSEG_OK);
    assert_int_equal(image_new(32, 96, 3, IMAGE_F32, &s.scores, NULL), CSEG_OK);
    predict_scene scene = {.h = 32,
                           .c = 3,
                           .w = 96,
                           .read = read_window,
                           .write = write_window,
                           .skip = skip_left,
                           .arg = &s,
                           .want_scores = true};
    assert_int_equal(predictor_scan(p, &scene, -1, NULL), CSEG_OK);
    assert_float_equal(image_f32(&s.scores, 0, 0)[0], 1.0 / 3.0, 1e-6); /* logits of 0 */
    assert_true(fabsf(image_f32(&s.scores, 9, 50)[0] - 1.0f / 3.0f) > 1e-5f);
    scene.skip = NULL;
    scene.progress = note_progress;
    assert_int_equal(predictor_scan(p, &scene, -1, &err), CSEG_INTERRUPTED);
    image_release(&s.labels);
    image_release(&s.scores);
    predictor_free(p);
}

/* torch.nn.functional.interpolate, bilinear, in double precision. */
static double bilinear(const float *v, int64_t h, int64_t w, int64_t oh, int64_t ow, bool align, int64_t y, int64_t x,
                       int64_t c, int64_t stride)
{
    double sy = align ? (oh > 1 ? (double)(h - 1) / (double)(oh - 1) : 0.0) * (double)y
                      : fmax(0.0, ((double)y + 0.5) * (double)h / (double)oh - 0.5);
    double sx = align ? (ow > 1 ? (double)(w - 1) / (double)(ow - 1) : 0.0) * (double)x
                      : fmax(0.0, ((double)x + 0.5) * (double)w / (double)ow - 0.5);
    int64_t y0 = (int64_t)sy, x0 = (int64_t)sx, y1 = y0 + (y0 < h - 1), x1 = x0 + (x0 < w - 1);
    double ty = sy - (double)y0, tx = sx - (double)x0;
    return (1 - ty) * ((1 - tx) * v[(y0 * stride + x0) * 3 + c] + tx * v[(y0 * stride + x1) * 3 + c]) +
           ty * ((1 - tx) * v[(y1 * stride + x0) * 3 + c] + tx * v[(y1 * stride + x1) * 3 + c]);
}

static void cuts_padding_and_resizes_to_the_file(void **state)
{
    fixture *f = *state;
    static const int64_t sizes[][2] = {{60, 90}, {40, 44}, {17, 23}, {1, 1}};
    for (int align = 0; align < 2; align++) {
        fixture other = {.mem = f->mem, .b = f->b};
        build(&other, 3, "", align, false);
        for (int slide = 0; slide < 2; slide++)
            for (size_t i = 0; i < 4; i++) {
                enum { H = 48, W = 64 };
                int64_t oh = sizes[i][0], ow = sizes[i][1], ih = 40, iw = 44, top = slide * 3, left = slide * 5;
                predictor *p = make(f, other.m,
                                    (predict_options){.mode = slide ? PREDICT_SLIDE : PREDICT_WHOLE,
                                                      .crop_h = 32,
                                                      .crop_w = 32,
                                                      .stride_h = 13,
                                                      .stride_w = 17});
                float *img = noise(f->mem, H, W, i), *all = ARENA_ARRAY(f->mem, H * W * 3, float);
                if (slide)
                    all = slide_by_definition(f, p, img, H, W);
                else
                    logits_of(p, img, W, 0, 0, H, W, all, 3);
                float *want = ARENA_ARRAY(f->mem, (size_t)(oh * ow * 3), float);
                for (int64_t k = 0; k < oh * ow * 3; k++)
                    want[k] = (float)bilinear(all + (top * W + left) * 3, ih, iw, oh, ow, align, k / 3 / ow, k / 3 % ow,
                                              k % 3, W);
                prediction out = {0};
                run(p,
                    &(predict_view){
                        .img = img, .h = H, .w = W, .c = 3, .top = top, .left = left, .img_h = ih, .img_w = iw},
                    1, oh, ow, &out);
                for (int64_t k = 0; k < oh * ow; k++) {
                    double soft[3];
                    softmax(want + 3 * k, 3, soft);
                    for (int64_t c = 0; c < 3; c++)
                        assert_float_equal(((float *)out.scores.data)[3 * k + c], soft[c], 5e-5);
                }
                prediction_release(&out);
                predictor_free(p);
            }
        model_free(other.m);
    }
}

static void flips_are_taken_back_and_views_averaged(void **state)
{
    const fixture *f = *state;
    enum { H = 40, W = 56 };
    predictor *p = make(f, f->m, (predict_options){.mode = PREDICT_WHOLE});
    float *img[3] = {noise(f->mem, H, W, 1), noise(f->mem, H, W, 2), noise(f->mem, H, W, 3)};
    prediction plain[3], all = {0};
    memset(plain, 0, sizeof plain);
    for (int i = 0; i < 3; i++)
        run(p, &(predict_view){.img = img[i], .h = H, .w = W, .c = 3}, 1, H, W, &plain[i]);
    run(p,
        (predict_view[]){{.img = img[0], .h = H, .w = W, .c = 3, .flip = 'h'},
                         {.img = img[1], .h = H, .w = W, .c = 3, .flip = 'v'},
                         {.img = img[2], .h = H, .w = W, .c = 3, .flip = 'd'}},
        3, H, W, &all);
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++) {
            float mean[3];
            for (int c = 0; c < 3; c++)
                mean[c] = (image_f32(&plain[0].scores, y, W - 1 - x)[c] + image_f32(&plain[1].scores, H - 1 - y, x)[c] +
                           image_f32(&plain[2].scores, H - 1 - y, W - 1 - x)[c]) /
                          3.0f;
            for (int c = 0; c < 3; c++)
                assert_float_equal(image_f32(&all.scores, y, x)[c], mean[c], 1e-6);
            assert_int_equal(*image_u8(&all.labels, y, x), largest(image_f32(&all.scores, y, x), 3));
        }
    for (int i = 0; i < 3; i++)
        prediction_release(&plain[i]);
    prediction_release(&all);
    predictor_free(p);
}

/* The views of a loader come one by one, two images at a time. */
static void feeding_batches_equals_running_views(void **state)
{
    const fixture *f = *state;
    enum { H = 24, W = 32 };
    predictor *p = make(f, f->m, (predict_options){.mode = PREDICT_WHOLE});
    float *small = noise(f->mem, 2 * H, W, 5), *large = noise(f->mem, 2 * 40, 48, 6);
    prediction want = {0}, got = {0};
    bool ready;
    for (int64_t at = 0; at < 2; at++) {
        run(p,
            (predict_view[]){{.img = small + at * H * W * 3, .h = H, .w = W, .c = 3},
                             {.img = large + at * 40 * 48 * 3, .h = 40, .w = 48, .c = 3, .flip = 'h'}},
            2, 30, 36, &want);
        for (int view = 0; view < 2; view++)
            for (int64_t other = 0; other < 2; other++) {
                batch_meta metas[2] = {{.path = "a", .ori_h = 30, .ori_w = 36, .flip = view, .flip_direction = 'h'}};
                batch b = {.n = 2,
                           .h = view ? 40 : H,
                           .w = view ? 48 : W,
                           .c = 3,
                           .img = view ? large : small,
                           .metas = metas,
                           .view = view,
                           .n_views = 2};
                metas[0].img_h = b.h;
                metas[0].img_w = b.w;
                metas[1] = metas[0];
                assert_int_equal(predictor_feed(p, &b, other, -1, true, &got, &ready, NULL), CSEG_OK);
                assert_int_equal(ready, view == 1);
                if (ready && other == at)
                    assert_memory_equal(got.scores.data, want.scores.data, 30 * 36 * 3 * sizeof(float));
            }
    }
    batch_meta meta = {.path = "four.tif", .ori_h = H, .ori_w = W, .img_h = H, .img_w = W};
    batch wrong = {.n = 1, .h = H, .w = W, .c = 4, .img = large, .metas = &meta, .n_views = 1};
    cseg_error err;
    assert_int_equal(predictor_feed(p, &wrong, 0, -1, false, &got, &ready, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "four.tif has 4 channels, the model takes 3"));
    prediction_release(&want);
    prediction_release(&got);
    predictor_free(p);
}

static void one_channel_is_compared_with_the_threshold(void **state)
{
    const fixture *f = *state;
    enum { H = 24, W = 32 };
    fixture other = {.mem = f->mem, .b = f->b};
    build(&other, 2, "out_channels=1, threshold=0.4,", false, true);
    predictor *p = make(f, other.m, (predict_options){.mode = PREDICT_WHOLE});
    float *img = noise(f->mem, H, W, 5), *logits = ARENA_ARRAY(f->mem, H * W, float);
    prediction out = {0};
    logits_of(p, img, W, 0, 0, H, W, logits, 1);
    run(p, &(predict_view){.img = img, .h = H, .w = W, .c = 3}, 1, H, W, &out);
    int64_t ones = 0;
    for (int64_t i = 0; i < H * W; i++) {
        double s = 1.0 / (1.0 + exp(-(double)logits[i]));
        assert_float_equal(((float *)out.scores.data)[i], s, 1e-6);
        assert_int_equal(((uint8_t *)out.labels.data)[i], s > 0.4);
        ones += s > 0.4;
    }
    assert_in_range(ones, 1, H * W - 1);
    prediction_release(&out);
    predictor_free(p);
    model_free(other.m);
}

/* With and without scores the labels are those of the same logits; dropped plans are made again. */
static void labels_do_not_depend_on_the_way(void **state)
{
    const fixture *f = *state;
    predictor *p = make(f, f->m, (predict_options){.mode = PREDICT_WHOLE, .plan_bytes = 1});
    prediction a = {0}, b = {0};
    for (int round = 0; round < 2; round++)
        for (int64_t h = 24; h <= 56; h += 16) {
            predict_view v = {.img = noise(f->mem, h, 40, (uint64_t)h), .h = h, .w = 40, .c = 3};
            assert_int_equal(predictor_run(p, &v, 1, h, 40, -1, false, &a, NULL), CSEG_OK);
            assert_null(a.scores.data);
            assert_int_equal(p->plans.n, 1);
            run(p, &v, 1, h, 40, &b);
            assert_memory_equal(a.labels.data, b.labels.data, (size_t)h * 40);
        }
    prediction_release(&a);
    prediction_release(&b);
    predictor_free(p);
}

static void new_weights_are_seen(void **state)
{
    const fixture *f = *state;
    fixture own = {.mem = f->mem, .b = f->b};
    build(&own, 3, "", false, false);
    predictor *p = make(f, own.m, (predict_options){.mode = PREDICT_WHOLE});
    predict_view v = {.img = noise(f->mem, 24, 32, 1), .h = 24, .w = 32, .c = 3};
    prediction before = {0}, after = {0};
    run(p, &v, 1, 24, 32, &before);
    float *bias = model_find(own.m, "decode_head.conv_seg.bias")->data;
    bias[2] += 100.0f;
    predictor_weights_changed(p);
    run(p, &v, 1, 24, 32, &after);
    for (int64_t i = 0; i < 24 * 32; i++)
        assert_int_equal(((uint8_t *)after.labels.data)[i], 2);
    assert_memory_not_equal(before.labels.data, after.labels.data, 24 * 32);
    prediction_release(&before);
    prediction_release(&after);
    predictor_free(p);
    model_free(own.m);
}

static cseg_status read_options(arena *mem, const char *text, predict_options *o, cseg_error *err)
{
    value *v;
    assert_int_equal(config_parse_literal(text, "test", mem, &v, NULL), CSEG_OK);
    return predict_options_read(v, o, err);
}

static void test_cfg_is_read(void **state)
{
    arena *mem = ((const fixture *)*state)->mem;
    predict_options o;
    cseg_error err;
    assert_int_equal(predict_options_read(NULL, &o, NULL), CSEG_OK);
    assert_int_equal(o.mode, PREDICT_WHOLE);
    assert_int_equal(read_options(mem, "dict(mode='slide', crop_size=(512, 1024), stride=(341, 683))", &o, NULL),
                     CSEG_OK);
    assert_int_equal(o.mode, PREDICT_SLIDE);
    assert_int_equal(o.crop_h, 512);
    assert_int_equal(o.crop_w, 1024);
    assert_int_equal(o.stride_h, 341);
    assert_int_equal(o.stride_w, 683);
    assert_int_equal(read_options(mem, "dict(mode='slid')", &o, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "slide"));
    assert_int_equal(read_options(mem, "dict(mode='slide', crop_size=(512, 512))", &o, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "stride"));
    assert_int_equal(read_options(mem, "dict(mode='slide', crop_size=(8, 8), stride=(9, 8))", &o, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "never be seen"));
}

static void wrong_wishes_are_refused(void **state)
{
    const fixture *f = *state;
    predictor *p = make(f, f->m, (predict_options){.mode = PREDICT_WHOLE});
    predict_view v = {.img = noise(f->mem, 24, 32, 1), .h = 24, .w = 32, .c = 3, .img_h = 25, .img_w = 32};
    prediction out = {0};
    cseg_error err;
    assert_int_equal(predictor_run(p, &v, 1, 24, 32, -1, false, &out, &err), CSEG_SHAPE);
    v.img_h = 0;
    assert_int_equal(predictor_run(p, &v, 1, 24, 32, 1, false, &out, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "head 1"));
    assert_int_equal(predictor_scan(p, &(predict_scene){.h = 9, .w = 9}, -1, &err), CSEG_USAGE);
    prediction_release(&out);
    predictor_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slides_as_the_reference),
        cmocka_unit_test(scenes_in_strips_equal_the_whole),
        cmocka_unit_test(strips_of_resized_scenes_equal_the_whole),
        cmocka_unit_test(scenes_skip_crops_and_stop_when_asked),
        cmocka_unit_test(cuts_padding_and_resizes_to_the_file),
        cmocka_unit_test(flips_are_taken_back_and_views_averaged),
        cmocka_unit_test(feeding_batches_equals_running_views),
        cmocka_unit_test(one_channel_is_compared_with_the_threshold),
        cmocka_unit_test(labels_do_not_depend_on_the_way),
        cmocka_unit_test(new_weights_are_seen),
        cmocka_unit_test(test_cfg_is_read),
        cmocka_unit_test(wrong_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
