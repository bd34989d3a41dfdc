/* Images that hold what is not a number: named in training, where they end the run, and told of wherever classes are
 * made of them, whole and by windows, nodata or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/infer/infer.h"
#include "engine/train/runner.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "tiny.h"

static char heard[8192];
static int warnings;

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level != LOG_WARNING || !strstr(text, "infinite or not numbers"))
        return;
    warnings++;
    snprintf(heard, sizeof heard, "%s", text);
}

/* Float samples, with `odd` in all bands at row 20, column 30. */
static void save(const char *path, float odd)
{
    arena *mem = arena_new();
    cseg_error err;
    raster_writer *w;
    image m;
    raster_spec spec = {.h = 40, .w = 48, .bands = 3, .type = IMAGE_F32};
    tiny_check(image_new(40, 48, 3, IMAGE_F32, &m, &err), &err);
    for (int64_t i = 0; i < 40 * 48 * 3; i++)
        ((float *)m.data)[i] = i / 3 == 20 * 48 + 30 ? odd : (float)(i * 37 % 250);
    tiny_check(raster_create(path, &spec, mem, &w, &err), &err);
    tiny_check(raster_write(w, 0, 0, 0, &m, &err), &err);
    tiny_check(raster_commit(w, &err), &err);
    image_release(&m);
    arena_free(mem);
}

/* Six float images of which one has an odd pixel, and a config that crops nothing of them. */
static cseg_status train(const char *overridden, arena *mem, cseg_error *err)
{
    static const char *const overrides[] = {
        ("train_dataloader.dataset.pipeline=[dict(type='LoadSingleRSImageFromFile'),dict(type='LoadAnnotations'),"
         "dict(type='RandomFlip',prob=0.5),dict(type='PackSegInputs')]"),
        "train_dataloader.dataset.data_prefix.img_path=../floats",
        "train_dataloader.dataset.img_suffix=.tif",
        "model.data_preprocessor.size=(40,48)",
        "val_dataloader.dataset.pipeline.0.type=LoadSingleRSImageFromFile",
        "val_dataloader.dataset.data_prefix.img_path=../floats",
        "val_dataloader.dataset.img_suffix=.tif",
        "work_dir=work",
    };
    value *cfg;
    experiment *e;
    tiny_check(config_parse_text(TINY_1X, "tiny.py", mem, &cfg, err), err);
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides; i++)
        tiny_check(config_override(cfg, overrides[i], mem, err), err);
    tiny_check(config_override(cfg, overridden, mem, err), err);
    tiny_check(experiment_read(cfg, "tiny.py", mem, &e, err), err);
    return runner_train(e, &(runner_options){.threads = 1}, err);
}

static void save_six(float odd)
{
    char path[64];
    cseg_error err;
    tiny_check(dir_create("floats", &err), &err);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "floats/%d.tif", i);
        save(path, i == 4 ? odd : 7);
    }
}

static void training_names_the_image(void **state)
{
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        arena *mem = arena_new();
        cseg_error err;
        save_six(odd[i]);
        assert_int_equal(train("train_cfg.max_iters=12", mem, &err), CSEG_NUMERIC);
        assert_non_null(strstr(err.text, "floats/4.tif goes into the model with infinite numbers, or what is not a "));
        assert_non_null(strstr(err.text, "(row 20, column "));
        assert_null(strstr(err.text, "learning rate"));
        arena_free(mem);
    }
}

static void validation_tells(void **state)
{
    (void)state;
    arena *mem = arena_new();
    cseg_error err;
    save_six(NAN);
    warnings = 0;
    log_set_sink(hear, NULL);
    /* trains on the others alone */
    tiny_check(train("train_dataloader.dataset.indices=4", mem, &err), &err);
    log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 2); /* one a validation */
    assert_non_null(strstr(heard, "floats/4.tif: 3 of the numbers that go into the model"));
    arena_free(mem);
}

static void inference_tells(void **state)
{
    (void)state;
    cseg_error err;
    save("odd.tif", NAN);
    save("even.tif", 7);
    for (int i = 0; i < 4; i++) {
        bool windows = i & 1, odd = i & 2;
        const char *path = odd ? "odd.tif" : "even.tif";
        arena *mem = arena_new();
        value *cfg;
        experiment *e;
        infer *x;
        infer_answer out = {0};
        infer_scene by = {.path = path, .mask_path = "mask.tif", .head = -1};
        tiny_check(config_parse_text(TINY_1X, "tiny.py", mem, &cfg, &err), &err);
        tiny_check(config_override(cfg, "val_dataloader.dataset.pipeline.0.type=LoadSingleRSImageFromFile", mem, &err),
                   &err);
        tiny_check(experiment_read(cfg, "tiny.py", mem, &e, &err), &err);
        tiny_check(infer_open(e, "work/iter_12.pth", &(infer_options){.threads = 1}, mem, &x, &err), &err);
        warnings = 0;
        log_set_sink(hear, NULL);
        tiny_check(windows ? infer_run_scene(x, &by, &err) : infer_image(x, path, NULL, -1, false, &out, &err), &err);
        log_set_sink(NULL, NULL);
        assert_int_equal(warnings, odd ? 1 : 0);
        assert_true(!odd || strstr(heard, "odd.tif: 3 of the numbers"));
        infer_answer_release(&out);
        infer_close(x);
        arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_names_the_image),
        cmocka_unit_test(validation_tells),
        cmocka_unit_test(inference_tells),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
