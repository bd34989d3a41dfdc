/* How figures are compared. The numbers are mmengine 0.10's: EarlyStoppingHook, ReduceOnPlateauLR, IoUMetric; those of
 * classes mmseg 0.30's eval_metrics too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "config/config.h"
#include "data/metrics.h"
#include "engine/dialect/dialect.h"
#include "engine/evaluate/figures.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static void nan_is_never_better(void **state)
{
    (void)state;
    for (int greater = 0; greater < 2; greater++) {
        assert_false(figure_is_better(greater, false, 0, NAN));
        assert_false(figure_is_better(greater, true, 0.5, NAN));
        assert_false(figure_is_better(greater, true, 0.5, 0.5));
        assert_true(figure_is_better(greater, false, 0, 0));
    }
    assert_true(figure_is_better(true, true, 0.5, 0.6));
    assert_false(figure_is_better(true, true, 0.6, 0.5));
    assert_true(figure_is_better(false, true, 0.6, 0.5));
    assert_false(figure_is_better(true, false, 0, -INFINITY));
    assert_false(figure_is_better(false, false, 0, INFINITY));
}

/* One run of the hook: after each value whether it stops, its best score and its wait_count. */
typedef struct hook_case {
    const char *rule;
    double min_delta, threshold;
    bool check_finite;
    int64_t patience;
    double values[8];
    double best[8];
    int waits[8];
    int n;
    bool stops; /* at the last value, and nowhere before */
} hook_case;

#define UNUSED (-12345.)
static void runs_end_where_mmengine_ends_them(void **state)
{
    (void)state;
    static const hook_case cases[] = {
        {"greater", .1, NAN, true, 2, {10, 10.05, 10.2, 10.2, 9}, {10, 10, 10.2, 10.2, 10.2}, {0, 1, 0, 1, 2}, 5, true},
        {"greater", 0, NAN, true, 2, {5, 5, 5, 5}, {5, 5, 5, 5}, {0, 0, 0, 0}, 4, false},
        {"greater", .1, NAN, true, 2, {5, 5, 5}, {5, 5, 5}, {0, 1, 2}, 3, true},
        {"greater", .1, NAN, true, 2, {NAN}, {UNUSED}, {0}, 1, true},
        {"greater", .1, NAN, true, 2, {5, NAN}, {5, 5}, {0, 0}, 2, true},
        {"greater", .1, NAN, false, 2, {5, NAN, 3, 3.2, 3.1}, {5, NAN, 3, 3.2, 3.2}, {0, 0, 0, 0, 1}, 5, false},
        {"greater", .1, NAN, false, 1, {NAN, 1, 2}, {NAN, 1, 2}, {0, 0, 0}, 3, false},
        {"less", .1, NAN, true, 2, {3, 2.95, 2.8, 2.85, 2.9}, {3, 3, 2.8, 2.8, 2.8}, {0, 1, 0, 1, 2}, 5, true},
        {"greater", .1, 10.1, true, 2, {10, 10.05, 10.2}, {10, 10, 10.2}, {0, 1, 1}, 3, true},
        {"greater", .1, NAN, true, 9, {1, INFINITY}, {1, 1}, {0, 0}, 2, true},
    };
    arena *mem = arena_new();
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const hook_case *h = &cases[c];
        stopping how = {.greater = strcmp(h->rule, "greater") == 0,
                        .min_delta = h->min_delta,
                        .threshold = h->threshold,
                        .patience = h->patience,
                        .check_finite = h->check_finite};
        stopping_state s = {0};
        for (int i = 0; i < h->n; i++) {
            const char *why = stopping_next(&how, "mIoU", h->values[i], &s, mem);
            if ((why != NULL) != (h->stops && i == h->n - 1))
                fail_msg("case %zu, value %d: %s", c, i, why ? why : "goes on");
            if (h->best[i] == UNUSED)
                assert_false(s.has_best);
            else if (!(s.best == h->best[i] || (isnan(s.best) && isnan(h->best[i]))))
                fail_msg("case %zu, value %d: the best is %g, not %g", c, i, s.best, h->best[i]);
            assert_int_equal(s.bad_rounds, h->waits[i]);
        }
    }
    arena_free(mem);
}

static void rules_follow_names(void **state)
{
    (void)state;
    static const char *const own[] = {"Rate"}, *const bad[] = {"IoU"};
    const figure_keys less = {.less = bad, .n_less = 1}, greater = {.greater = own, .n_greater = 1};
    cseg_error err;
    bool up = false;
    assert_int_equal(figure_rule("save_best", "val/mIoU", NULL, NULL, &up, &err), CSEG_OK);
    assert_true(up);
    assert_int_equal(figure_rule("save_best", "mIoU", "less", NULL, &up, &err), CSEG_OK);
    assert_false(up);
    assert_int_equal(figure_rule("save_best", "mFscore", NULL, NULL, &up, &err), CSEG_OK);
    assert_true(up);
    assert_int_equal(figure_rule("save_best", "IoU.water", NULL, &less, &up, &err), CSEG_OK);
    assert_false(up);
    assert_int_equal(figure_rule("save_best", "loss_rate", NULL, &greater, &up, &err), CSEG_OK);
    assert_true(up);
    assert_int_equal(figure_rule("save_best", "mIoU", "more", NULL, &up, &err), CSEG_CONFIG);
    /* The class is called so; the reference would keep the worst checkpoint. */
    assert_int_equal(figure_rule("save_best", "IoU.forest_loss", NULL, NULL, &up, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "rule='greater'"));
    assert_int_equal(figure_rule("save_best", "Acc.forest_loss", NULL, NULL, &up, &err), CSEG_OK);
    assert_true(up);
}

static void plateaus_do_not_take_nan_for_a_value(void **state)
{
    (void)state;
    static const double values[] = {NAN, 1, NAN, 2, 0.5};
    static const double rates[2][5] = {{0.5, 0.5, 0.25, 0.25, 0.125}, {0.5, 0.5, 0.25, 0.125, 0.125}};
    static const char *const rules[] = {"greater", "less"};
    for (int r = 0; r < 2; r++) {
        cseg_error err;
        arena *mem = arena_new();
        optim_group group = {.lr = 1, .initial_lr = 1};
        optimizer o = {.groups = &group, .n_groups = 1, .n_paced = 1};
        schedule_time t = {.epoch_length = 1, .max_epochs = 9, .by_epoch = true};
        schedule *s;
        value *cfg;
        char text[160];
        snprintf(text, sizeof text,
                 "dict(type='ReduceOnPlateauLR', monitor='m', rule='%s', patience=0, factor=0.5, threshold=1e-4)",
                 rules[r]);
        assert_int_equal(config_parse_literal(text, "case.py", mem, &cfg, &err), CSEG_OK);
        assert_int_equal(schedule_read_1x(cfg, NULL, &o, &t, mem, &s, &err), CSEG_OK);
        assert_string_equal(schedule_monitor(s, 0), "m");
        assert_null(schedule_monitor(s, 1));
        for (int i = 0; i < 5; i++) {
            schedule_after_epoch(s);
            schedule_metric(s, "m", values[i]);
            if (group.lr != rates[r][i])
                fail_msg("%s, value %d: the rate is %g, not %g", rules[r], i, group.lr, rates[r][i]);
        }
        arena_free(mem);
    }
}

/* A head of five on data of four: what is predicted beyond them is wrong, but there is no fifth class. */
static void classes_are_the_datasets(void **state)
{
    (void)state;
    enum { N = 240 };
    static const char *const names[] = {"a", "b", "c", "d"}, *const measures[] = {"mIoU", "mFscore"};
    static const float means[2][6] = {{33.28f, 47.44f, 49.68f, 52.36f, 47.44f, 47.18f},
                                      {31.71f, 47.44f, 47.93f, 48.66f, 47.44f, 47.18f}};
    static const float iou[2][4] = {{36.76f, 24.32f, 33.33f, 38.71f}, {34.72f, 23.68f, 32.05f, 36.36f}};
    int32_t p[N], l[N];
    uint8_t bytes[N];
    for (int i = 0; i < N; i++) {
        p[i] = (i * 7 + i / 5) % 5;
        bytes[i] = (uint8_t)p[i];
        l[i] = i % 60 == 1 ? 254 : i % 11 == 0 ? 255 : i % 3 == 0 ? p[i] : i % 40 == 5 ? 9 : (i * 3 + i / 7) % 4;
    }
    for (int ignored = 0; ignored < 2; ignored++)
        for (int wide = 0; wide < 2; wide++) {
            cseg_error err;
            arena *mem = arena_new();
            confusion c;
            metrics m;
            metrics_options o = {.names = measures, .n_names = 2, .beta = 1};
            assert_int_equal(confusion_new(mem, 4, &c, &err), CSEG_OK);
            if (wide)
                confusion_add(&c, p, l, N, ignored ? 254 : 255);
            else
                confusion_add_u8(&c, bytes, l, N, ignored ? 254 : 255);
            assert_int_equal(metrics_compute(&c, names, &o, mem, &m, &err), CSEG_OK);
            assert_int_equal(m.n_columns, 5);
            for (int k = 0; k < 5; k++)
                assert_true(m.means[k] == means[ignored][k]);
            assert_true(m.aAcc == means[ignored][5]);
            for (int i = 0; i < 4; i++)
                assert_true(m.values[0][i] == iou[ignored][i]);
            arena_free(mem);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_is_never_better),      cmocka_unit_test(runs_end_where_mmengine_ends_them),
        cmocka_unit_test(rules_follow_names),       cmocka_unit_test(plateaus_do_not_take_nan_for_a_value),
        cmocka_unit_test(classes_are_the_datasets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
