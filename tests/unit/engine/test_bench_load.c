/* What `cseg bench load` measures, on a config of six small images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "engine/train/runner.h"
#include "engine/verify/bench_load.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "tiny.h"

static experiment *read_config(const char *text, arena *mem)
{
    cseg_error err;
    value *cfg;
    experiment *e;
    tiny_check(config_parse_text(text, "tiny.py", mem, &cfg, &err), &err);
    tiny_check(experiment_read(cfg, "tiny.py", mem, &e, &err), &err);
    return e;
}

static double step_of(const bench_load_report *r, const char *name)
{
    for (int i = 0; i < r->steps.n; i++)
        if (strcmp(r->steps.at[i].name, name) == 0)
            return r->steps.at[i].seconds;
    fail_msg("no step is called %s", name);
    return 0;
}

static void check(const char *config, int64_t images, int64_t threads)
{
    cseg_error err;
    arena *mem = arena_new();
    bench_load_report r;
    bench_load_options o = {.images = images, .repeats = 2, .threads = threads};
    tiny_check(bench_load(read_config(config, mem), &o, &r, &err), &err);
    assert_int_equal(r.images, images ? (images + 1) / 2 * 2 : 6); /* batches are of two */
    assert_int_equal(r.batch, 2);
    assert_int_equal(r.threads, threads);
    assert_true(r.images_per_s > 0 && r.images_per_core_s > 0);
    /* The steps' times are parts of the whole. */
    double sum = 0;
    for (int i = 0; i < r.steps.n; i++)
        sum += r.steps.at[i].seconds;
    assert_true(step_of(&r, "LoadImageFromFile") > 0 && step_of(&r, "RandomCrop") > 0 && step_of(&r, "pack") > 0);
    assert_true(sum > 0 && sum < 1.5e3 / r.images_per_core_s);
    arena_free(mem);
}

static void both_dialects_are_measured(void **state)
{
    (void)state;
    check(TINY_1X, 41, 1);
    check(TINY_1X, 0, 2);
    check(TINY_0X, 40, 1);
}

static void missing_data_is_an_error(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    bench_load_report r;
    bench_load_options o = {0};
    assert_int_equal(bench_load(read_config(TINY_1X "train_dataloader = None\ntrain_cfg = None\n", mem), &o, &r, &err),
                     CSEG_CONFIG);
    assert_non_null(strstr(err.text, "no dataset to train on"));
    assert_int_equal(remove("data/img/3.png"), 0);
    assert_int_equal(bench_load(read_config(TINY_1X, mem), &o, &r, &err), CSEG_OK); /* it is not listed any more */
    assert_int_equal(remove("data/ann/4.png"), 0);
    assert_int_equal(bench_load(read_config(TINY_1X, mem), &o, &r, &err), CSEG_NOT_FOUND);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_dialects_are_measured, tiny_setup, tiny_teardown),
        cmocka_unit_test_setup_teardown(missing_data_is_an_error, tiny_setup, tiny_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
