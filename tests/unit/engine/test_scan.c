/* Scenes by windows: how windows are joined against the definition, batches, windows read ahead, and points from which
 * a scan goes on to the same answer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backend/backends.h"
#include "config/config.h"
#include "engine/infer/predict_internal.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { H = 75, W = 131, K = 3, CROP_H = 32, CROP_W = 40, STRIDE_H = 20, STRIDE_W = 24, MOST = 64 };

static struct {
    arena *mem;
    backend *b;
    model *m;
    predictor *p, *whole;
    float *img;
} at;

static const char *const model_text =
    "model = dict(type='EncoderDecoder',\n"
    "    backbone=dict(type='ResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),\n"
    "                  dilations=(1, 1), norm_cfg=dict(type='BN')),\n"
    "    decode_head=dict(type='FCNHead', in_channels=8, in_index=1, channels=4, num_convs=1, concat_input=False,\n"
    "                     num_classes=3, norm_cfg=dict(type='BN'), align_corners=False, dropout_ratio=0.1,\n"
    "                     loss_decode=dict(type='CrossEntropyLoss')))\n";

static void must(cseg_status status, const cseg_error *err)
{
    if (status != CSEG_OK)
        fail_msg("%s", err->text);
}

/* cmocka's macro hides the one that fills an error. */
static cseg_status refuse(cseg_error *err, cseg_status code, const char *text)
{
    err->code = code;
    snprintf(err->text, sizeof err->text, "%s", text);
    return code;
}

/* Then each class wins somewhere. */
static void centre_logits(void)
{
    cseg_error err;
    plan *run;
    param *bias = model_find(at.m, "decode_head.conv_seg.bias");
    must(predictor_plan(at.whole, 1, H, W, 0, PLAN_LOGITS, &run, &err), &err);
    memcpy(plan_input(run, "img", NULL), at.img, H * W * 3 * sizeof(float));
    must(plan_run(run, &err), &err);
    const float *logits = plan_output(run, "logits", NULL);
    for (int i = 0; i < H * W * K; i++)
        ((float *)bias->data)[i % K] -= logits[i] / (H * W);
    predictor_weights_changed(at.whole);
}

static int set_up(void **state)
{
    (void)state;
    cseg_error err;
    value *cfg;
    at.mem = arena_new();
    at.b = backend_cpu_new(&(cpu_options){.threads = 2});
    must(config_parse_text(model_text, "test", at.mem, &cfg, &err), &err);
    must(model_build(value_get(cfg, "model"), NULL, &at.m, &err), &err);
    model_init_weights(at.m, 3);
    param *w = model_find(at.m, "decode_head.conv_seg.weight");
    rng r = rng_derive(1, 2, 3);
    for (int64_t i = 0; i < w->count; i++) /* else all logits are nearly 0 */
        ((float *)w->data)[i] = 20.0f * (float)rng_normal(&r);
    predict_options o = {
        .mode = PREDICT_SLIDE, .crop_h = CROP_H, .crop_w = CROP_W, .stride_h = STRIDE_H, .stride_w = STRIDE_W};
    must(predictor_new(at.m, at.b, &o, &at.p, &err), &err);
    must(predictor_new(at.m, at.b, &(predict_options){.mode = PREDICT_WHOLE}, &at.whole, &err), &err);
    at.img = ARENA_ARRAY(at.mem, H * W * 3, float);
    for (int i = 0; i < H * W * 3; i++)
        at.img[i] = (float)rng_normal(&r);
    centre_logits();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    predictor_free(at.p);
    predictor_free(at.whole);
    model_free(at.m);
    backend_free(at.b);
    arena_free(at.mem);
    return 0;
}

/* ---- a scene in memory --------------------------------------------------------------------------------------------
 */

typedef struct in_memory {
    uint8_t labels[H * W], confidence[H * W], written[H * W];
    float scores[H * W * K];
    int points, stop_at; /* stop_at: interrupts after so many points; 0: never */
    predict_point point; /* the last one; its sums are this */
    int64_t parts, last_done;
} in_memory;

static cseg_status read_window(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
{
    (void)arg;
    if (y < 0 || x < 0 || y + h > H || x + w > W)
        return refuse(err, CSEG_USAGE, "a window outside");
    for (int64_t i = 0; i < h; i++)
        memcpy(to + i * w * 3, at.img + ((y + i) * W + x) * 3, (size_t)w * 3 * sizeof *to);
    return CSEG_OK;
}

static cseg_status write_part(void *arg, const predict_part *part, cseg_error *err)
{
    (void)err;
    in_memory *s = arg;
    s->parts++;
    for (int64_t i = 0; i < part->labels.h * part->labels.w; i++) {
        int64_t to = (part->y + i / part->labels.w) * W + part->x + i % part->labels.w;
        s->written[to]++;
        s->labels[to] = ((uint8_t *)part->labels.data)[i];
        s->confidence[to] = ((uint8_t *)part->confidence.data)[i];
        memcpy(s->scores + to * K, (float *)part->scores.data + i * K, K * sizeof(float));
    }
    return CSEG_OK;
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static cseg_status take_point(void *arg, predict_point *p, cseg_error *err)
{
    in_memory *s = arg;
    mem_free(s->point.sums);
    s->point = *p;
    p->sums = NULL;
    s->points++;
    return s->points == s->stop_at ? refuse(err, CSEG_INTERRUPTED, "enough") : CSEG_OK;
}

static cseg_status note_done(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    (void)err;
    in_memory *s = arg;
    assert_true(done > s->last_done && done <= all);
    s->last_done = done;
    return CSEG_OK;
}

static predict_scene scene_of(in_memory *s)
{
    return (predict_scene){.h = H,
                           .w = W,
                           .c = 3,
                           .read = read_window,
                           .write = write_part,
                           .progress = note_done,
                           .arg = s,
                           .want_scores = true,
                           .want_confidence = true};
}

static in_memory *scan(const predict_scene *asked)
{
    cseg_error err;
    in_memory *s = ARENA_NEW(at.mem, in_memory);
    predict_scene scene = *asked;
    scene.arg = s;
    must(predictor_scan(at.p, &scene, -1, &err), &err);
    for (int i = 0; i < H * W; i++)
        assert_int_equal(s->written[i], 1);
    return s;
}

/* ---- the definition -----------------------------------------------------------------------------------------------
 */

static int64_t start_of(int64_t i, int64_t size, int64_t crop, int64_t stride)
{
    return i * stride + crop > size ? size - crop : i * stride;
}

static int64_t count_of(int64_t size, int64_t crop, int64_t stride)
{
    return (size - crop + stride - 1) / stride + 1;
}

/* The scores of one window, of the mean of its views. */
static void window_scores(int64_t y, int64_t x, const char *flips, float *to)
{
    cseg_error err;
    float crop[CROP_H * CROP_W * 3];
    char all[8] = "n";
    strcat(all, flips);
    memset(to, 0, CROP_H * CROP_W * K * sizeof *to);
    for (const char *f = all; *f; f++) {
        prediction out = {0};
        for (int64_t i = 0; i < CROP_H; i++)
            for (int64_t j = 0; j < CROP_W; j++) {
                int64_t from_y = *f == 'v' || *f == 'd' ? CROP_H - 1 - i : i;
                int64_t from_x = *f == 'h' || *f == 'd' ? CROP_W - 1 - j : j;
                memcpy(crop + (i * CROP_W + j) * 3, at.img + ((y + from_y) * W + x + from_x) * 3, 3 * sizeof *crop);
            }
        predict_view v = {.img = crop, .h = CROP_H, .w = CROP_W, .c = 3, .flip = *f == 'n' ? 0 : *f};
        must(predictor_run(at.whole, &v, 1, CROP_H, CROP_W, -1, true, &out, &err), &err);
        for (int64_t i = 0; i < CROP_H * CROP_W * K; i++)
            to[i] += ((float *)out.scores.data)[i] / (float)strlen(all);
        prediction_release(&out);
    }
}

static double sine(int64_t i, int64_t n)
{
    double s = sin(acos(-1.0) * ((double)i + 0.5) / (double)n);
    return s * s;
}

/* Distance of a pixel from the middle of window i, for `cut`. */
static double from_middle(int64_t at_pixel, int64_t start, int64_t crop)
{
    return fabs((double)at_pixel + 0.5 - ((double)start + (double)crop / 2));
}

/* Whether no window's middle is nearer; of two as near the latter has it. */
static bool is_nearest(int64_t pixel, int64_t i, int64_t size, int64_t crop, int64_t stride)
{
    double mine = from_middle(pixel, start_of(i, size, crop, stride), crop);
    for (int64_t j = 0; j < count_of(size, crop, stride); j++) {
        double other = from_middle(pixel, start_of(j, size, crop, stride), crop);
        if (other < mine - 1e-9 || (j > i && other < mine + 1e-9))
            return false;
    }
    return true;
}

static double *by_definition(predict_blend blend, const char *flips)
{
    double *sum = ARENA_ARRAY(at.mem, H * W * K, double), *weight = ARENA_ARRAY(at.mem, H * W, double);
    static float scores[CROP_H * CROP_W * K];
    for (int64_t i = 0; i < count_of(H, CROP_H, STRIDE_H); i++)
        for (int64_t j = 0; j < count_of(W, CROP_W, STRIDE_W); j++) {
            int64_t y = start_of(i, H, CROP_H, STRIDE_H), x = start_of(j, W, CROP_W, STRIDE_W);
            window_scores(y, x, flips, scores);
            for (int64_t p = 0; p < CROP_H * CROP_W; p++) {
                int64_t py = p / CROP_W, px = p % CROP_W, to = (y + py) * W + x + px;
                double w = blend == BLEND_SMOOTH ? sine(py, CROP_H) * sine(px, CROP_W)
                                                 : is_nearest(y + py, i, H, CROP_H, STRIDE_H) &&
                                                       is_nearest(x + px, j, W, CROP_W, STRIDE_W);
                weight[to] += w;
                for (int k = 0; k < K; k++)
                    sum[to * K + k] += w * (double)scores[p * K + k];
            }
        }
    for (int64_t i = 0; i < H * W * K; i++)
        sum[i] /= weight[i / K];
    return sum;
}

static void compare(const in_memory *got, const double *want)
{
    int seen[K] = {0};
    for (int64_t i = 0; i < H * W; i++) {
        int best = 0;
        for (int k = 0; k < K; k++) {
            assert_float_equal(got->scores[i * K + k], want[i * K + k], 5e-6);
            best = want[i * K + k] > want[i * K + best] ? k : best;
        }
        assert_true(want[i * K + got->labels[i]] > want[i * K + best] - 1e-5);
        assert_true(fabs((double)got->confidence[i] - want[i * K + got->labels[i]] * CONFIDENCE_ONE) < 0.51);
        seen[got->labels[i]]++;
    }
    assert_true((seen[0] > 0) + (seen[1] > 0) + (seen[2] > 0) >= 2);
}

static void windows_are_joined_as_defined(void **state)
{
    (void)state;
    static const char *const flips[] = {"", "h", "v", "hvd"};
    for (int i = 0; i < 8; i++) {
        in_memory nothing;
        predict_scene scene = scene_of(&nothing);
        scene.blend = i % 2 ? BLEND_SMOOTH : BLEND_CUT;
        scene.flips = flips[i / 2];
        compare(scan(&scene), by_definition(scene.blend, scene.flips));
    }
}

static void assert_same(const in_memory *a, const in_memory *b)
{
    assert_memory_equal(a->labels, b->labels, sizeof a->labels);
    assert_memory_equal(a->scores, b->scores, sizeof a->scores);
    assert_memory_equal(a->confidence, b->confidence, sizeof a->confidence);
}

static void reading_ahead_changes_nothing(void **state)
{
    (void)state;
    in_memory nothing;
    predict_scene scene = scene_of(&nothing);
    for (int blend = BLEND_LOGITS; blend <= BLEND_CUT; blend++) {
        scene.blend = (predict_blend)blend;
        scene.ahead = 0;
        in_memory *here = scan(&scene);
        scene.ahead = 1 + 2 * blend;
        assert_same(here, scan(&scene));
        scene.strip_bytes = 1;
        in_memory *strips = scan(&scene);
        scene.strip_bytes = 0;
        assert_true(strips->parts > here->parts);
        assert_memory_equal(here->labels, strips->labels, sizeof here->labels);
    }
}

static void batches_change_nothing_but_rounding(void **state)
{
    (void)state;
    in_memory nothing;
    predict_scene scene = scene_of(&nothing);
    scene.blend = BLEND_SMOOTH;
    for (int n = 2; n <= 7; n += 5) { /* neither divides the windows of a row */
        scene.batch = n;
        compare(scan(&scene), by_definition(BLEND_SMOOTH, ""));
    }
}

/* Interrupted at each point in turn, in one strip and in several, the answer resized and not. */
static void points_go_on_to_the_same_answer(void **state)
{
    (void)state;
    cseg_error err;
    for (int how = 0; how < 4; how++) {
        in_memory nothing;
        predict_scene scene = scene_of(&nothing);
        scene.blend = how & 1 ? BLEND_SMOOTH : BLEND_LOGITS;
        scene.strip_bytes = how & 2 ? 1 : 0;
        scene.ahead = how;
        scene.img_h = how & 1 ? 70 : H; /* the answer is H x W */
        scene.img_w = how & 1 ? 100 : W;
        scene.ori_h = H;
        scene.ori_w = W;
        const in_memory *whole = scan(&scene);
        scene.due = always;
        scene.reached = take_point;
        int points = scan(&scene)->points;
        assert_true(points >= 4);
        for (int stop = 1; stop < points; stop++) {
            in_memory *s = ARENA_NEW(at.mem, in_memory);
            s->stop_at = stop;
            scene.arg = s;
            scene.from = NULL;
            assert_int_equal(predictor_scan(at.p, &scene, -1, &err), CSEG_INTERRUPTED);
            predict_point from = s->point;
            s->point.sums = NULL;
            s->stop_at = 0;
            scene.from = &from;
            must(predictor_scan(at.p, &scene, -1, &err), &err);
            assert_same(whole, s);
            for (int i = 0; i < H * W; i++)
                assert_int_equal(s->written[i], 1); /* nothing twice */
            mem_free(from.sums);
            mem_free(s->point.sums);
        }
    }
}

static void points_of_other_scenes_are_refused(void **state)
{
    (void)state;
    cseg_error err;
    in_memory *s = ARENA_NEW(at.mem, in_memory);
    predict_scene scene = scene_of(s);
    static const predict_point wrong[] = {
        {.strip = -1}, {.strip = 2}, {.done = 1000}, {.row = 1, .from = 20, .to = 32}, {.row = 9}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        scene.from = &wrong[i];
        assert_int_equal(predictor_scan(at.p, &scene, -1, &err), CSEG_CORRUPT);
    }
}

static cseg_status break_window(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
{
    if (y > 0 && x > 50)
        return refuse(err, CSEG_IO, "the file ends here");
    return read_window(arg, y, x, h, w, to, err);
}

static void an_unreadable_window_ends_the_scan(void **state)
{
    (void)state;
    cseg_error err;
    for (int ahead = 0; ahead < 3; ahead++) {
        in_memory *s = ARENA_NEW(at.mem, in_memory);
        predict_scene scene = scene_of(s);
        scene.read = break_window;
        scene.ahead = ahead;
        assert_int_equal(predictor_scan(at.p, &scene, -1, &err), CSEG_IO);
        assert_non_null(strstr(err.text, "the file ends here"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_joined_as_defined),       cmocka_unit_test(reading_ahead_changes_nothing),
        cmocka_unit_test(batches_change_nothing_but_rounding), cmocka_unit_test(points_go_on_to_the_same_answer),
        cmocka_unit_test(points_of_other_scenes_are_refused),  cmocka_unit_test(an_unreadable_window_ends_the_scan),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
