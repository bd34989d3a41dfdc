/* Schedules against mmengine's (1.x) and mmcv's (0.x), iteration by iteration: tests/data/engine/schedule.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/config.h"
#include "engine/dialect/dialect.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

typedef struct run {
    arena *mem;
    optimizer *o;
    schedule *s;
    schedule_time t;
    bool one_x;
} run;

/* What the script's validation measured after each epoch. */
static const double miou[] = {10, 10.2, 10.2, 12, 11, 12.1, 12.2, 12.3, 12.4, 12.3, 20, 19};
static const double loss[] = {3, 2.9, 2.8, 2.75, 2.7, 1.0, 0.99, 0.98, 0.97, 0.96, 0.5, 0.1};

static optimizer *two_groups(arena *mem)
{
    optimizer *o = ARENA_NEW(mem, optimizer);
    assert_non_null(o);
    o->groups = ARENA_ARRAY(mem, 2, optim_group);
    assert_non_null(o->groups);
    o->n_groups = o->n_paced = 2;
    for (int i = 0; i < 2; i++)
        o->groups[i] =
            (optim_group){.lr = i ? 1.0 : 0.1, .initial_lr = i ? 1.0 : 0.1, .momentum = 0.9, .initial_momentum = 0.9};
    return o;
}

static value *literal(arena *mem, const char *text, const char *key)
{
    cseg_error err;
    value *v = NULL;
    const char *at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    const char *end = strstr(at, "; ");
    char *part = arena_strndup(mem, at, end ? (size_t)(end - at) : strlen(at));
    if (config_parse_literal(part, "case.py", mem, &v, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return v;
}

static cseg_status build(run *r, const char *text, cseg_error *err)
{
    r->o = two_groups(r->mem);
    if (r->one_x)
        return schedule_read_1x(literal(r->mem, text, "param_scheduler="), NULL, r->o, &r->t, r->mem, &r->s, err);
    return schedule_read_0x(literal(r->mem, text, "lr_config="), literal(r->mem, text, "momentum_config="), r->o, &r->t,
                            r->mem, &r->s, err);
}

/* "case BY_EPOCH EPOCHS LENGTH CONFIG" without its first word. */
static const char *begin(run *r, char *line)
{
    cseg_error err;
    char *p = line;
    r->t = (schedule_time){.by_epoch = strtol(p, &p, 10) != 0};
    r->t.max_epochs = strtol(p, &p, 10);
    r->t.epoch_length = strtol(p, &p, 10);
    r->t.max_iters = r->t.max_epochs * r->t.epoch_length;
    print_message("    %s\n", p);
    if (build(r, p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return p;
}

static void advance(run *r)
{
    schedule_after_iter(r->s);
    r->t.iter++;
    if (!r->t.by_epoch || r->t.iter % r->t.epoch_length != 0)
        return;
    int64_t e = r->t.epoch++;
    schedule_after_epoch(r->s);
    schedule_metric(r->s, "mIoU", miou[e]);
    schedule_metric(r->s, "loss", loss[e]);
}

static void near(const char *what, int64_t iter, double ours, double theirs)
{
    if (fabs(ours - theirs) > 2e-9 * fabs(theirs) + 1e-13)
        fail_msg("iteration %lld: %s is %.10g here, %.10g there", (long long)iter, what, ours, theirs);
}

static void check_line(run *r, char *line)
{
    char *p = line;
    assert_int_equal(strtol(p, &p, 10), r->t.iter);
    schedule_before_iter(r->s, &r->t);
    near("the first rate", r->t.iter, r->o->groups[0].lr, strtod(p, &p));
    near("the second rate", r->t.iter, r->o->groups[1].lr, strtod(p, &p));
    near("the momentum", r->t.iter, r->o->groups[0].momentum, strtod(p, &p));
    advance(r);
}

static char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = 0;
    *rest = end + 1;
    return line;
}

static char *read_golden(arena *mem, bool one_x)
{
    cseg_error err;
    char *text;
    size_t n;
    const char *path = one_x ? TEST_DATA "/engine/schedule_1x.txt" : TEST_DATA "/engine/schedule_0x.txt";
    if (file_read(path, 0, mem, &text, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return text;
}

static void run_golden(bool one_x, int cases)
{
    arena *mem = arena_new();
    char *rest = read_golden(mem, one_x), *line;
    run r = {.one_x = one_x};
    int seen = 0;
    while ((line = next_line(&rest))) {
        if (strncmp(line, "case ", 5) == 0) {
            r.mem = arena_new();
            begin(&r, line + 5);
            seen++;
        } else if (strcmp(line, "end") == 0) {
            assert_int_equal(r.t.iter, r.t.max_iters);
            arena_free(r.mem);
        } else {
            check_line(&r, line);
        }
    }
    assert_int_equal(seen, cases);
    arena_free(mem);
}

static void mmengine_moves_rates_so(void **state)
{
    (void)state;
    run_golden(true, 36);
}

static void mmcv_moves_rates_so(void **state)
{
    (void)state;
    run_golden(false, 25);
}

/* A run that stops after `at` iterations and goes on from what a checkpoint keeps has the same rates, to the bit. */
static void resume_at(char *header, bool one_x, int64_t at)
{
    run whole = {.mem = arena_new(), .one_x = one_x}, second = {.mem = arena_new(), .one_x = one_x};
    char *copy = arena_strdup(whole.mem, header);
    begin(&whole, header);
    begin(&second, copy);
    while (whole.t.iter < at) {
        schedule_before_iter(whole.s, &whole.t);
        advance(&whole);
    }
    memcpy(second.o->groups, whole.o->groups, 2 * sizeof *whole.o->groups);
    second.t = whole.t;
    schedule_resume(second.s, &second.t);
    while (whole.t.iter < whole.t.max_iters) {
        schedule_before_iter(whole.s, &whole.t);
        schedule_before_iter(second.s, &second.t);
        assert_memory_equal(whole.o->groups, second.o->groups, 2 * sizeof *whole.o->groups);
        advance(&whole);
        advance(&second);
    }
    arena_free(whole.mem);
    arena_free(second.mem);
}

static void resume_all(bool one_x)
{
    arena *mem = arena_new();
    char *rest = read_golden(mem, one_x), *line;
    int64_t at = 3;
    while ((line = next_line(&rest)))
        /* ReduceOnPlateau's memory is kept in the checkpoint, and tested with it. */
        if (strncmp(line, "case ", 5) == 0 && !strstr(line, "Plateau")) {
            resume_at(arena_strdup(mem, line + 5), one_x, at);
            resume_at(line + 5, one_x, 59 - at);
            at = at * 7 % 58 + 1;
        }
    arena_free(mem);
}

static void resumed_runs_have_the_same_rates(void **state)
{
    (void)state;
    resume_all(true);
    resume_all(false);
}

static void check_refused(bool one_x, const char *text, const char *word)
{
    cseg_error err = {0};
    run r = {.mem = arena_new(), .one_x = one_x, .t = {.epoch_length = 10, .max_iters = 100, .max_epochs = 10}};
    assert_int_equal(build(&r, text, &err), CSEG_CONFIG);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not speak of %s", err.text, word);
    arena_free(r.mem);
}

static void bad_schedules_are_refused(void **state)
{
    (void)state;
    check_refused(true, "param_scheduler=dict(type='PolyRL')", "PolyLR");
    check_refused(true, "param_scheduler=dict(type='PolyLR', pover=1)", "power");
    check_refused(true, "param_scheduler=dict(type='PolyLR', begin=5, end=5)", "end");
    check_refused(true, "param_scheduler=dict(type='StepLR')", "step_size");
    check_refused(false, "lr_config=dict(policy='pole'); momentum_config=None", "Poly");
    check_refused(false, "lr_config=dict(power=1); momentum_config=None", "policy");
    check_refused(false, "lr_config=dict(policy='poly', step=3); momentum_config=None", "step");
    check_refused(false, "lr_config=dict(policy='CosineAnnealing'); momentum_config=None", "min_lr");
    check_refused(false, "lr_config=dict(policy='step', step=0); momentum_config=None", "step");
    check_refused(false, "lr_config=dict(policy='poly', warmup='linear'); momentum_config=None", "warmup_iters");
    check_refused(false, "lr_config=dict(policy='cyclic', by_epoch=True); momentum_config=None", "by_epoch");
    check_refused(false, "lr_config=dict(policy='OneCycle', max_lr=1, total_steps=50); momentum_config=None",
                  "total_steps");
    check_refused(false, "lr_config=None; momentum_config=dict(policy='poly')", "momentum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mmengine_moves_rates_so),
        cmocka_unit_test(mmcv_moves_rates_so),
        cmocka_unit_test(resumed_runs_have_the_same_rates),
        cmocka_unit_test(bad_schedules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
