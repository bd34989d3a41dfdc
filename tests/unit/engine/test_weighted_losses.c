/* Losses with class weights where some pixels are ignored, and the loss over hard pixels, against counting by hand, on
 * both backends. */
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

static const double class_weight[K] = {0.5, 2, 1.25, 3};
static float logits[PIXELS * K];
static int32_t label[PIXELS];

static void make_up(int32_t ignored)
{
    rng r = rng_derive(5, 6, 7);
    for (int i = 0; i < PIXELS * K; i++)
        logits[i] = (float)rng_below(&r, 4001) / 1000 - 2;
    for (int i = 0; i < PIXELS; i++)
        label[i] = rng_below(&r, 5) ? (int32_t)rng_below(&r, K) : ignored;
}

static double loss_of(int i)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += exp((double)logits[i * K + k]);
    return log(sum) - (double)logits[i * K + label[i]];
}

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

static void release(rig *r)
{
    plan_free(r->p);
    graph_free(r->g);
    model_free(r->m);
    backend_free(r->b);
    arena_free(r->mem);
}

/* The loss on the made-up logits and labels; `head` are further keys of the head. */
static double run_loss(const char *loss, const char *head, bool cpu)
{
    rig r = {.mem = arena_new()};
    char text[1024];
    value *cfg = NULL;
    const tensor *shape;
    const void *y;
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
             "  decode_head=dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_classes=4,\n"
             "    loss_decode=%s%s))\n",
             loss, head);
    check(&r, config_parse_text(text, "test.py", r.mem, &cfg, &r.err));
    check(&r, model_build(value_get(cfg, "model"), NULL, &r.m, &r.err));
    module *m = module_child(r.m->root, "decode_head");
    r.b = cpu ? backend_cpu_new(&(cpu_options){.threads = 3}) : backend_ref_new();
    r.g = graph_new(true);
    assert_true(m && r.b && r.g);
    loss_io io = {.x = graph_input(r.g, "x", DT_F32, 4, (int64_t[]){N, H, W, K}),
                  .target = graph_input(r.g, "label", DT_I32, 3, (int64_t[]){N, H, W}),
                  .ignore_index = m->head->ignore_index};
    graph_add_output(r.g, "loss", loss_run(((decode_head *)m->state)->losses.at[0], r.g, &io));
    check(&r, plan_build(r.g, r.b, &r.p, &r.err));
    memcpy(plan_input(r.p, "x", NULL), logits, sizeof logits);
    memcpy(plan_input(r.p, "label", NULL), label, sizeof label);
    check(&r, plan_run(r.p, &r.err));
    check(&r, plan_get_output(r.p, "loss", &y, &shape, &r.err));
    double v = (double)*(const float *)y;
    release(&r);
    return v;
}

static void assert_loss(const char *loss, const char *head, double want)
{
    for (int cpu = 0; cpu < 2; cpu++) {
        double got = run_loss(loss, head, cpu);
        if (!(fabs(got - want) <= 1e-5 * fabs(want) + 1e-7))
            fail_msg("%s%s: %.9g instead of %.9g", loss, head, got, want);
    }
}

#define WEIGHTS "class_weight=[0.5, 2, 1.25, 3]"

/* Over pixels with a class but `left_out`: the sum of weighted losses, and that of weights; the second also over those
 * with `counted`. */
static double weighted_mean(int32_t left_out, int32_t counted)
{
    double sum = 0, weights = 0;
    for (int i = 0; i < PIXELS; i++) {
        bool learns = label[i] < K && label[i] != left_out;
        sum += learns ? class_weight[label[i]] * loss_of(i) : 0;
        weights += learns || (label[i] < K && label[i] == counted) ? class_weight[label[i]] : 0;
    }
    return weights > 0 ? sum / weights : 0;
}

static void ignored_pixels_weigh_nothing(void **state)
{
    (void)state;
    make_up(255);
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", "", weighted_mean(255, 255));
    assert_loss("dict(type='CrossEntropyLoss', avg_non_ignore=True, " WEIGHTS ")", "", weighted_mean(255, 255));
    /* An ignore_index that is a class teaches nothing, but as in the reference its weight is part of the mean. */
    make_up(1);
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", ", ignore_index=1", weighted_mean(1, 1));
    assert_loss("dict(type='CrossEntropyLoss', avg_non_ignore=True, " WEIGHTS ")", ", ignore_index=1",
                weighted_mean(1, -1));
    for (int i = 0; i < PIXELS; i++)
        label[i] = 255;
    assert_loss("dict(type='CrossEntropyLoss', " WEIGHTS ")", "", 0);
    assert_loss("dict(type='OhemCrossEntropy', " WEIGHTS ")", "", 0);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* OhemCrossEntropy's definition. */
static double hard_mean(double thres, int kept, int32_t ignored, bool weighted)
{
    double p[PIXELS], sum = 0;
    int n = 0, hard = 0;
    for (int i = 0; i < PIXELS; i++)
        if (label[i] < K && label[i] != ignored)
            p[n++] = exp(-loss_of(i));
    qsort(p, (size_t)n, sizeof *p, by_size);
    double limit = fmax(thres, p[kept < n ? kept : n - 1]);
    for (int i = 0; i < PIXELS; i++) {
        if (label[i] >= K || label[i] == ignored || !(exp(-loss_of(i)) < limit - 1e-7))
            continue;
        hard++;
        sum += loss_of(i) * (weighted ? class_weight[label[i]] : 1);
    }
    return sum / hard;
}

static void hard_pixels_learn(void **state)
{
    (void)state;
    static const struct {
        double thres;
        int kept;
    } cases[] = {{0.3, 10}, {0.05, 60}, {0.05, 100000}, {2, 1}, {-1, 1}, {0.4, 0}};
    make_up(255);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double thres = cases[i].thres;
        int kept = cases[i].kept;
        char loss[256];
        snprintf(loss, sizeof loss, "dict(type='OhemCrossEntropy', thres=%g, min_kept=%d, loss_weight=0.4)", thres,
                 kept);
        assert_loss(loss, "", 0.4 * hard_mean(thres, kept ? kept : 1, 255, false));
        snprintf(loss, sizeof loss, "dict(type='OhemCrossEntropy', thres=%g, min_kept=%d, ignore_label=2, " WEIGHTS ")",
                 thres, kept);
        assert_loss(loss, "", hard_mean(thres, kept ? kept : 1, 2, true));
    }
}

/* The least probable pixel is no smaller than itself: where all are alike, the reference takes the mean of nothing. */
static void without_hard_pixels_there_is_nothing_to_learn(void **state)
{
    (void)state;
    make_up(255);
    memset(logits, 0, sizeof logits);
    assert_loss("dict(type='OhemCrossEntropy', thres=0.1, min_kept=10)", "", 0);
    assert_loss("dict(type='OhemCrossEntropy', thres=0.3, min_kept=10)", "", log(K));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignored_pixels_weigh_nothing),
        cmocka_unit_test(hard_pixels_learn),
        cmocka_unit_test(without_hard_pixels_there_is_nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
