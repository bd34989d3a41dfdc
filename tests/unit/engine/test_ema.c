/* Moving averages against mmengine's (1.x) and mmcv's (0.x): tests/data/engine/ema.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/dialect/dialect.h"
#include "engine/train/ema.h"
#include "graph/backend.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { N = 3, EPOCH = 10 };

typedef struct rig {
    arena *mem;
    model *m;
    experiment *e;
    ema *average;
} rig;

static void fill(model *m, int64_t t)
{
    for (int k = 0; k < N; k++) {
        m->data[k] = (float)sin((double)(t + k));
        m->buffers[k] = (float)cos((double)(t + k));
    }
}

static rig build(const char *hook, bool one_x)
{
    cseg_error err;
    value *cfg = NULL;
    rig r = {.mem = arena_new()};
    r.m = ARENA_NEW(r.mem, model);
    r.e = ARENA_NEW(r.mem, experiment);
    assert_non_null(r.m);
    assert_non_null(r.e);
    r.m->backend = backend_host();
    r.m->flat_count = r.m->buffer_count = N;
    r.m->data = ARENA_ARRAY(r.mem, N, float);
    r.m->buffers = ARENA_ARRAY(r.mem, N, float);
    assert_non_null(r.m->data);
    assert_non_null(r.m->buffers);
    fill(r.m, -1);
    if (config_parse_literal(hook, "case.py", r.mem, &cfg, &err) != CSEG_OK ||
        (one_x ? read_ema_1x : read_ema_0x)(r.e, cfg, &err) != CSEG_OK ||
        ema_new(&r.e->ema, r.m, r.mem, &r.average, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return r;
}

static void check_line(const rig *r, int64_t t, char *rest)
{
    const float *mean = r->average->buffers ? r->average->buffers : r->m->buffers;
    for (int k = 0; k < 2 * N; k++) {
        double ours = k < N ? r->average->weights[k] : mean[k - N], theirs = strtod(rest, &rest);
        if (fabs(ours - theirs) > 1e-6)
            fail_msg("iteration %d: %.9g here, %.9g there", (int)t, ours, theirs);
    }
}

static void run_golden(const char *path, bool one_x, int cases)
{
    cseg_error err;
    arena *mem = arena_new();
    char *rest, *line;
    size_t n;
    int seen = 0;
    rig r = {0};
    if (file_read(path, 0, mem, &rest, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    while ((line = strtok_r(rest, "\n", &rest))) {
        if (strncmp(line, "case ", 5) == 0) {
            print_message("    %s\n", line + 5);
            r = build(line + 5, one_x);
            seen++;
        } else if (strcmp(line, "end") == 0) {
            arena_free(r.mem);
        } else {
            int64_t t = strtol(line, &line, 10);
            fill(r.m, t);
            ema_update(r.average, t + 1, t / EPOCH);
            check_line(&r, t, line);
        }
    }
    assert_int_equal(seen, cases);
    arena_free(mem);
}

static void mmengine_averages_so(void **state)
{
    (void)state;
    run_golden(TEST_DATA "/engine/ema_1x.txt", true, 10);
}

static void mmcv_averages_so(void **state)
{
    (void)state;
    run_golden(TEST_DATA "/engine/ema_0x.txt", false, 4);
}

static void swapping_twice_is_nothing(void **state)
{
    (void)state;
    rig r = build("dict(type='EMAHook', momentum=0.1, update_buffers=True)", true);
    for (int t = 0; t < 5; t++) {
        fill(r.m, t);
        ema_update(r.average, t + 1, 0);
    }
    float weight = r.m->data[0], average = r.average->weights[0], mean = r.average->buffers[1];
    assert_true(weight != average);
    ema_swap(r.average);
    assert_true(r.m->data[0] == average && r.average->weights[0] == weight && r.m->buffers[1] == mean);
    ema_swap(r.average);
    assert_true(r.m->data[0] == weight && r.average->weights[0] == average);
    arena_free(r.mem);
}

static void bad_hooks_are_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"dict(type='EMAHook', momentum=1.5)", "momentum"},
        {"dict(type='EMAHook', interval=0)", "interval"},
        {"dict(type='EMAHook', ema_type='StochasticWeightAvarage')", "StochasticWeightAverage"},
        {"dict(type='EMAHook', ema_type='MomentumAnnealingEMA', gamma=0)", "gamma"},
        {"dict(type='EMAHook', momentum='much')", "momentum"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cseg_error err = {0};
        arena *mem = arena_new();
        value *cfg = NULL;
        experiment *e = ARENA_NEW(mem, experiment);
        assert_int_equal(config_parse_literal(texts[i][0], "case.py", mem, &cfg, &err), CSEG_OK);
        assert_int_equal(read_ema_1x(e, cfg, &err), CSEG_CONFIG);
        if (!strstr(err.text, texts[i][1]))
            fail_msg("'%s' does not speak of %s", err.text, texts[i][1]);
        arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mmengine_averages_so),
        cmocka_unit_test(mmcv_averages_so),
        cmocka_unit_test(swapping_twice_is_nothing),
        cmocka_unit_test(bad_hooks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
