/* Which pixels a sampler lets learn, against counting by hand; bases that training moves; what the keys of both refuse.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/random.h"
#include "config/config.h"
#include "graph/plan.h"
#include "model/heads/decode_head.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { N = 2, H = 9, W = 11, K = 4, PIXELS = N * H * W };

typedef struct rig {
    arena *mem;
    model *m;
    backend *b;
    graph *g;
    plan *p;
    cseg_error err;
} rig;

static void check(const rig *r, cseg_status status)
{
    if (status != CSEG_OK)
        fail_msg("%s", r->err.text);
}

/* A head of four classes with more keys. */
static cseg_status build(rig *r, const char *head, const char *keys)
{
    char text[1024];
    value *cfg = NULL;
    *r = (rig){.mem = arena_new()};
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
             "  decode_head=dict(type='%s', in_channels=[64], in_index=[3], channels=8, num_classes=4, %s))\n",
             head, keys);
    check(r, config_parse_text(text, "test.py", r->mem, &cfg, &r->err));
    return model_build(value_get(cfg, "model"), NULL, &r->m, &r->err);
}

static void release(rig *r)
{
    plan_free(r->p);
    graph_free(r->g);
    model_free(r->m);
    if (r->b)
        backend_free(r->b);
    arena_free(r->mem);
}

/* ---- samplers -------------------------------------------------------------------------------------------------- */

static float logits[PIXELS * K];
static int32_t label[PIXELS];

static void make_up(void)
{
    rng r = rng_derive(5, 6, 7);
    for (int i = 0; i < PIXELS * K; i++)
        logits[i] = (float)(rng_below(&r, 9) - 4) / 2; /* few values, so that losses are equal */
    for (int i = 0; i < PIXELS; i++)
        label[i] = rng_below(&r, 5) ? (int32_t)rng_below(&r, K) : 255;
}

static double loss_of(int i)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += exp((double)logits[i * K + k]);
    return label[i] == 255 ? 0 : log(sum) - (double)logits[i * K + label[i]];
}

/* The sampler's weights of the made-up pixels, in r->p's memory. */
static const float *weights(rig *r, bool cpu)
{
    const tensor *shape;
    module *head = module_child(r->m->root, "decode_head");
    r->b = cpu ? backend_cpu_new(&(cpu_options){.threads = 3}) : backend_ref_new();
    r->g = graph_new(true);
    assert_true(head && r->b && r->g);
    loss_io io = {.x = graph_input(r->g, "x", DT_F32, 4, (int64_t[]){N, H, W, K}),
                  .target = graph_input(r->g, "label", DT_I32, 3, (int64_t[]){N, H, W}),
                  .ignore_index = 255};
    graph_add_output(r->g, "weight", sampler_run(((decode_head *)head->state)->sampler, r->g, &io));
    check(r, plan_build(r->g, r->b, &r->p, &r->err));
    memcpy(plan_input(r->p, "x", NULL), logits, sizeof logits);
    memcpy(plan_input(r->p, "label", NULL), label, sizeof label);
    check(r, plan_run(r->p, &r->err));
    const float *y = plan_output(r->p, "weight", &shape);
    assert_int_equal(tensor_count(shape), PIXELS);
    return y;
}

/* So many, and none where more pixels have clearly larger losses; of pixels with the same logits and label the first
 * ones. (Losses that are equal on paper may differ by their rounding.) */
static void expect_largest(const float *y, int kept)
{
    int valid = 0, chosen = 0;
    for (int i = 0; i < PIXELS; i++) {
        int before = 0, behind = 0;
        valid += label[i] != 255;
        chosen += y[i] > 0;
        for (int j = 0; j < PIXELS && label[i] != 255; j++) {
            bool same = label[i] == label[j] && memcmp(&logits[i * K], &logits[j * K], K * sizeof *logits) == 0;
            double away = loss_of(j) - loss_of(i);
            before += label[j] != 255 && (away > 1e-5 || (same && j < i));
            behind += label[j] == 255 || away < -1e-5 || (same && j > i);
        }
        bool no = label[i] == 255 || before >= kept, yes = label[i] != 255 && PIXELS - 1 - behind < kept;
        if ((no && y[i] != 0) || (yes && y[i] != 1))
            fail_msg("pixel %d behind %d others counts %g", i, before, (double)y[i]);
    }
    assert_int_equal(chosen, kept < valid ? kept : valid);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void expect_improbable(const float *y, double thresh, int kept)
{
    double p[PIXELS], limit;
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        if (label[i] != 255)
            p[n++] = exp(-loss_of(i));
    qsort(p, (size_t)n, sizeof *p, by_size);
    limit = fmax(thresh, p[kept < n ? kept : n - 1]);
    for (int i = 0; i < PIXELS; i++)
        if (y[i] != (float)(label[i] != 255 && exp(-loss_of(i)) < limit - 1e-6))
            fail_msg("pixel %d of probability %g below %g counts %g", i, exp(-loss_of(i)), limit, (double)y[i]);
}

static void test_pixels_of_the_largest_losses(void **state)
{
    (void)state;
    for (int kept = 2; kept < PIXELS; kept += 17)
        for (int cpu = 0; cpu < 2; cpu++) {
            rig r;
            char keys[256];
            snprintf(keys, sizeof keys,
                     "sampler=dict(type='OHEMPixelSampler', min_kept=%d), loss_decode=[dict(type='CrossEntropyLoss'), "
                     "dict(type='CrossEntropyLoss', loss_weight=3.0)]",
                     kept);
            check(&r, build(&r, "FCNHead", keys));
            expect_largest(weights(&r, cpu), kept * N);
            release(&r);
        }
}

static void test_pixels_of_small_probability(void **state)
{
    (void)state;
    static const double thresh[] = {0, 0.03, 0.4, 0.7, 1.5};
    for (int t = 0; t < 5; t++)
        for (int kept = 2; kept < PIXELS; kept += 31)
            for (int cpu = 0; cpu < 2; cpu++) {
                rig r;
                char keys[256];
                snprintf(keys, sizeof keys, "sampler=dict(type='OHEMPixelSampler', thresh=%g, min_kept=%d)", thresh[t],
                         kept);
                check(&r, build(&r, "FCNHead", keys));
                expect_improbable(weights(&r, cpu), thresh[t], kept * N);
                release(&r);
            }
}

/* The whole way: pixels that are not hard add nothing to the loss, which still is a mean over all of them. */
static void test_the_rest_does_not_learn(void **state)
{
    (void)state;
    double loss[2];
    for (int i = 0; i < 2; i++) {
        rig r;
        tensor *all = NULL;
        check(&r, build(&r, "FCNHead", i ? "sampler=dict(type='OHEMPixelSampler', min_kept=100)" : ""));
        model_init_weights(r.m, 3);
        r.b = backend_ref_new();
        r.g = graph_new(true);
        check(&r, model_trace_loss(r.m, r.g, 2, 32, 32, NULL, &all, &r.err));
        graph_add_output(r.g, "all", all);
        check(&r, plan_build(r.g, r.b, &r.p, &r.err));
        const tensor *shape;
        void *img = plan_input(r.p, "img", &shape);
        memset(img, 0, tensor_bytes(shape));
        void *labels = plan_input(r.p, "gt_semantic_seg", &shape);
        memset(labels, 0, tensor_bytes(shape));
        check(&r, plan_run(r.p, &r.err));
        loss[i] = (double)*(const float *)plan_output(r.p, "all", NULL);
        release(&r);
    }
    assert_true(loss[1] > 0 && loss[1] < loss[0] * 0.2); /* 200 of 2048 pixels */
}

/* ---- bases ----------------------------------------------------------------------------------------------------- */

static const char ema_keys[] = "ema_channels=6, num_bases=5, num_stages=2";

static const float *trained_bases(rig *r, bool train, int runs)
{
    tensor *y = NULL;
    check(r, build(r, "EMAHead", ema_keys));
    model_init_weights(r->m, 3);
    r->b = backend_cpu_new(&(cpu_options){.threads = 2});
    r->g = graph_new(train);
    if (train)
        check(r, model_trace_loss(r->m, r->g, 2, 32, 64, NULL, &y, &r->err));
    else
        check(r, model_trace_logits(r->m, r->g, 2, 32, 64, -1, &y, &r->err));
    graph_add_output(r->g, "y", y);
    check(r, plan_build(r->g, r->b, &r->p, &r->err));
    const tensor *shape;
    float *img = plan_input(r->p, "img", &shape);
    for (int64_t i = 0; i < tensor_count(shape); i++)
        img[i] = (float)(i % 97) / 50 - 1;
    for (int i = 0; i < runs; i++)
        check(r, plan_run(r->p, &r->err));
    return model_find(r->m, "decode_head.ema_module.bases")->data;
}

static double length(const float *bases, int of)
{
    double sum = 0;
    for (int c = 0; c < 6; c++)
        sum += (double)bases[c * 5 + of] * (double)bases[c * 5 + of];
    return sqrt(sum);
}

/* They start with length 1; with a momentum of 0.1 they go a tenth of the way to what is of length 1 again. */
static void test_bases_move_in_training(void **state)
{
    (void)state;
    rig start, once, twice, answering;
    const float *a = trained_bases(&start, true, 0), *b = trained_bases(&once, true, 1),
                *c = trained_bases(&twice, true, 2), *d = trained_bases(&answering, false, 2);
    assert_memory_equal(a, d, 30 * sizeof *a);
    for (int k = 0; k < 5; k++) {
        float found[30];
        assert_true(fabs(length(a, k) - 1) < 1e-5);
        for (int i = 0; i < 30; i++)
            found[i] = (b[i] - 0.9f * a[i]) / 0.1f;
        assert_true(fabs(length(found, k) - 1) < 1e-4);
        for (int i = 0; i < 30; i++)
            found[i] = (c[i] - 0.9f * b[i]) / 0.1f;
        assert_true(fabs(length(found, k) - 1) < 1e-4);
    }
    assert_memory_not_equal(a, b, 30 * sizeof *a);
    release(&start);
    release(&once);
    release(&twice);
    release(&answering);
}

/* Nothing is learnt through the description by bases: what is in front of it has no gradient of its own. */
static void test_no_gradient_through_the_bases(void **state)
{
    (void)state;
    rig r;
    trained_bases(&r, true, 0);
    assert_false(model_find(r.m, "decode_head.ema_mid_conv.conv.weight")->requires_grad);
    assert_true(model_find(r.m, "decode_head.ema_out_conv.conv.weight")->requires_grad);
    assert_int_equal(model_find(r.m, "decode_head.ema_module.bases")->role, PARAM_BUFFER);
    release(&r);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"FCNHead", "sampler=dict(type='OHEMPixelSampler', min_kept=1)", "min_kept"},
        {"FCNHead", "sampler=dict(type='OHEMPixelSampler', thresh='much')", "thresh is a number or None, not a string"},
        {"FCNHead", "sampler=dict(type='OHEMPixelSampler', kept=5)", "kept"},
        {"FCNHead", "sampler=dict(type='OHEMPixelSampelr')", "OHEMPixelSampler"},
        {"EncHead", "input_transform='resize_concat'", "leave input_transform out"},
        {"EncHead", "num_codes=0", "num_codes"},
        {"EncHead", "norm_cfg=dict(type='LN')", "does not fit"},
        {"EMAHead", "ema_channels=6, num_bases=5", "num_stages"},
        {"EMAHead", "ema_channels=6, num_bases=5, num_stages=0", "num_stages"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig r;
        if (build(&r, cases[i][0], cases[i][1]) == CSEG_OK || !strstr(r.err.text, cases[i][2]))
            fail_msg("%s, %s: '%s' says nothing of '%s'", cases[i][0], cases[i][1], r.err.text, cases[i][2]);
        release(&r);
    }
}

/* Said when the loss is traced: a sigmoid over several classes gives a pixel several losses. */
static void test_losses_that_cannot_be_compared(void **state)
{
    (void)state;
    rig r;
    tensor *loss = NULL;
    check(&r, build(&r, "FCNHead",
                    "sampler=dict(type='OHEMPixelSampler'), "
                    "loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)"));
    r.g = graph_new(true);
    assert_int_equal(model_trace_loss(r.m, r.g, 2, 32, 32, NULL, &loss, &r.err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(r.err.text, "Give the sampler a thresh"));
    release(&r);
}

int main(void)
{
    make_up();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_of_the_largest_losses),   cmocka_unit_test(test_pixels_of_small_probability),
        cmocka_unit_test(test_the_rest_does_not_learn),        cmocka_unit_test(test_bases_move_in_training),
        cmocka_unit_test(test_no_gradient_through_the_bases),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_losses_that_cannot_be_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
