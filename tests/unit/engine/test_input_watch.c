/* What a model learned from is stated in its checkpoint, and other inputs than that are told of: once, with the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/infer/infer.h"
#include "engine/infer/input_watch.h"
#include "engine/setup/learned_from.h"
#include "engine/train/runner.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "again.h"
#include "tiny.h"

static char heard[8192];
static int warnings;

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level != LOG_WARNING)
        return;
    warnings++;
    snprintf(heard, sizeof heard, "%s", text);
}

/* Values from low to high, of the file's type. */
static void save(const char *path, int64_t bands, image_type type, double low, double high)
{
    arena *mem = arena_new();
    cseg_error err;
    raster_writer *w;
    image floats_, m;
    raster_spec spec = {.h = 40, .w = 48, .bands = bands, .type = type};
    tiny_check(image_new(40, 48, bands, IMAGE_F32, &floats_, &err), &err);
    int64_t n = 40 * 48 * bands;
    for (int64_t i = 0; i < n; i++)
        ((float *)floats_.data)[i] = (float)(low + (high - low) * (double)(i * 37 % n) / (double)(n - 1));
    tiny_check(image_convert(&floats_, type, &m, &err), &err);
    if (strstr(path, ".png")) {
        tiny_check(image_write(path, &m, NULL, &err), &err);
    } else {
        tiny_check(raster_create(path, &spec, mem, &w, &err), &err);
        tiny_check(raster_write(w, 0, 0, 0, &m, &err), &err);
        tiny_check(raster_commit(w, &err), &err);
    }
    image_release(&floats_);
    image_release(&m);
    arena_free(mem);
}

/* As the reference leaves checkpoints: without our part. */
static void forget(const char *from, const char *to)
{
    arena *mem = arena_new();
    cseg_error err;
    pth *file = tiny_open(from, mem);
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b), *state;
    state = again(&b, file, pickle_get(pth_root(file), "state_dict"));
    pth_set(&b, root, "state_dict", state);
    tiny_check(pth_write(to, &b, root, &err), &err);
    arena_free(mem);
}

static infer *open_infer(const char *checkpoint, const char *const *overrides, arena *mem)
{
    cseg_error err;
    value *cfg;
    experiment *e;
    infer *x;
    tiny_check(config_parse_text(TINY_1X, "tiny.py", mem, &cfg, &err), &err);
    for (int i = 0; overrides && overrides[i]; i++)
        tiny_check(config_override(cfg, overrides[i], mem, &err), &err);
    tiny_check(experiment_read(cfg, "tiny.py", mem, &e, &err), &err);
    tiny_check(infer_open(e, checkpoint, &(infer_options){.threads = 1}, mem, &x, &err), &err);
    return x;
}

typedef struct input {
    const char *path;
    int64_t bands;
    image_type type;
    double low, high;
    const char *says; /* NULL: nothing */
} input;

static void look(const char *checkpoint, const char *const *overrides, const input *in, size_t n)
{
    cseg_error err;
    for (int windows = 0; windows < 2; windows++)
        for (size_t i = 0; i < n; i++) {
            arena *mem = arena_new();
            infer *x = open_infer(checkpoint, overrides, mem);
            infer_answer out = {0};
            infer_scene by = {.path = in[i].path, .mask_path = "mask.tif", .head = -1};
            save(in[i].path, in[i].bands, in[i].type, in[i].low, in[i].high);
            warnings = 0;
            log_set_sink(hear, NULL);
            for (int again = 0; again < 2; again++) /* the second image like it is not told of */
                tiny_check(windows ? infer_run_scene(x, &by, &err)
                                   : infer_image(x, in[i].path, NULL, -1, false, &out, &err),
                           &err);
            log_set_sink(NULL, NULL);
            if (warnings != (in[i].says ? 1 : 0) ||
                (in[i].says && (!strstr(heard, in[i].says) || strncmp(heard, in[i].path, strlen(in[i].path)) != 0)))
                fail_msg("%s (windows %d): %d warnings, '%s' instead of '%s'", in[i].path, windows, warnings,
                         warnings ? heard : "", in[i].says ? in[i].says : "");
            infer_answer_release(&out);
            infer_close(x);
            arena_free(mem);
        }
}

static void checkpoints_state_what_they_learned_from(void **state)
{
    (void)state;
    cseg_error err;
    learned_from l, resumed;
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "run"});
    tiny_check(learned_from_load("run/iter_12.pth", &l, &err), &err);
    assert_true(l.has_images && l.has_range);
    assert_int_equal(l.bands[0], 3);
    assert_int_equal(l.bands[1], 3);
    for (int t = 0; t < IMAGE_TYPES; t++)
        assert_int_equal(l.types[t], t == IMAGE_U8);
    /* Normalised by mean 100 and deviation 50, from 8 bits. */
    assert_true(l.range[0] >= -2 && l.range[0] < -0.5 && l.range[1] <= 3.1 && l.range[1] > 1);
    tiny_run half = {.config = TINY_1X, .work_dir = "half", .stop_at = 6};
    assert_int_equal(tiny_train(&half, &err), CSEG_INTERRUPTED);
    half.stop_at = 0;
    half.resume = true;
    tiny_must_train(&half);
    tiny_check(learned_from_load("half/iter_12.pth", &resumed, &err), &err);
    assert_memory_equal(l.range, resumed.range, sizeof l.range);
    forget("run/iter_12.pth", "silent.pth");
    tiny_check(learned_from_load("silent.pth", &l, &err), &err);
    assert_false(l.has_images || l.has_range);
}

static void what_it_did_not_learn_from_is_told_of(void **state)
{
    (void)state;
    static const input colours[] = {
        {"alike.tif", 3, IMAGE_U8, 20, 240, NULL},
        {"dark.tif", 3, IMAGE_U8, 0, 9, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 4000, "3 bands of uint16, but the model learned from images of 3 bands of uint8"},
        {"four.tif", 4, IMAGE_U8, 0, 255, "holds 4 bands of uint8, but the model learned from images of 3 bands"},
        {"gray.tif", 1, IMAGE_U8, 0, 255, "holds 1 band of uint8, but the model learned"},
    };
    look("run/iter_12.pth", NULL, colours, sizeof colours / sizeof *colours);
    static const input alpha[] = {{"alpha.png", 4, IMAGE_U8, 0, 255, NULL}};
    look("run/iter_12.pth", NULL, alpha, 1);
}

static void checkpoints_that_say_nothing_go_by_the_config(void **state)
{
    (void)state;
    static const input colours[] = {
        {"alike.tif", 3, IMAGE_U8, 20, 240, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 4000, "samples of uint16, which the config's loader brings down to 8 bits"},
        {"four.tif", 4, IMAGE_U8, 0, 255, "holds 4 bands, of which the config's loader takes the first three"},
        {"gray.tif", 1, IMAGE_U8, 0, 255, "holds 1 band, and the config's loader repeats"},
        {"alpha.png", 4, IMAGE_U8, 0, 255, NULL},
    };
    look("silent.pth", NULL, colours, sizeof colours / sizeof *colours);
    static const char *const raw[] = {"val_dataloader.dataset.pipeline.0.imdecode_backend='tifffile'", NULL};
    static const input values[] = {
        {"bytes.tif", 3, IMAGE_U8, 20, 240, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 255, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 9000, "its samples of uint16 become numbers from -2 to"},
        {"unit.tif", 3, IMAGE_F32, 0, 1, "its samples of float32 become numbers"},
        {"whole.tif", 3, IMAGE_F32, 0, 255, NULL},
    };
    look("silent.pth", raw, values, sizeof values / sizeof *values);
}

/* Trained on float32 rasters of 0 ... 255: the same type on another scale. */
static void other_ranges_are_told_of(void **state)
{
    (void)state;
    cseg_error err;
    static const char *const raw[] = {"val_dataloader.dataset.pipeline.0.imdecode_backend='tifffile'", NULL};
    pth_builder b = {.mem = arena_new()};
    pth *file = tiny_open("silent.pth", b.mem);
    pth_value *root = pth_dict(&b), *own = pth_dict(&b), *weights;
    learned_from l = {.has_images = true, .bands = {3, 3}, .has_range = true, .range = {-2, 3.1}};
    l.types[IMAGE_F32] = true;
    weights = again(&b, file, pickle_get(pth_root(file), "state_dict"));
    pth_set(&b, root, "state_dict", weights);
    pth_set(&b, own, "learned_from", learned_from_value(&b, &l));
    pth_set(&b, root, "cseg", own);
    tiny_check(pth_write("floats.pth", &b, root, &err), &err);
    arena_free(b.mem);
    static const input values[] = {
        {"whole.tif", 3, IMAGE_F32, 0, 255, NULL},
        {"flat.tif", 3, IMAGE_F32, 90, 90, NULL},
        {"unit.tif", 3, IMAGE_F32, 0, 1,
         "goes into the model as numbers from -2 to -1.98, but it learned from -2 to 3.1"},
        {"large.tif", 3, IMAGE_F32, 0, 4000, "goes into the model as numbers from -2 to 78"},
        {"deep.tif", 3, IMAGE_U16, 0, 255, "of uint16, but the model learned from images of 3 bands of float32"},
    };
    look("floats.pth", raw, values, sizeof values / sizeof *values);
}

/* ---- what is refused ---- */

static cseg_status verdict_on(const char *checkpoint, const char *steps, bool refuses, const input *in, cseg_error *err)
{
    arena *mem = arena_new();
    value *list, *dict;
    pipeline *p;
    preprocessor pre;
    input_watch w;
    sample s = {.mem = mem, .path = in->path, .n_images = 1};
    save(in->path, in->bands, in->type, in->low, in->high);
    tiny_check(config_parse_literal(steps, "steps.py", mem, &list, err), err);
    tiny_check(config_parse_literal("dict(type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.4, 57.1, "
                                    "57.4], bgr_to_rgb=True)",
                                    "pre.py", mem, &dict, err),
               err);
    tiny_check(pipeline_build(list, NULL, mem, &p, err), err);
    tiny_check(preprocessor_build(dict, mem, &pre, err), err);
    tiny_check(input_watch_open(&w, checkpoint, p, &pre, false, err), err);
    w.refuses = refuses;
    input_watch_file(&w, in->path);
    cseg_status status = input_watch_verdict(&w, err);
    if (status == CSEG_OK) {
        tiny_check(pipeline_apply(p, &s, err), err);
        int64_t n = 40 * 48 * s.img.c;
        float *v = ARENA_ARRAY(mem, (size_t)n, float);
        tiny_check(pipeline_pack(&pre, &s, 40, 48, v, err), err);
        input_watch_values(&w, v, n);
        input_watch_judge(&w, in->path, true);
        status = input_watch_verdict(&w, err);
        sample_release(&s);
    }
    arena_free(mem);
    return status;
}

static void judge(const char *checkpoint, const char *steps, const input *in, size_t n)
{
    cseg_error err;
    for (size_t i = 0; i < n; i++)
        for (int refuses = 0; refuses < 2; refuses++) {
            warnings = 0;
            log_set_sink(hear, NULL);
            cseg_status status = verdict_on(checkpoint, steps, refuses, &in[i], &err);
            log_set_sink(NULL, NULL);
            bool refused = refuses && in[i].says;
            if (status != (refused ? CSEG_DATA : CSEG_OK))
                fail_msg("%s (%s): status %d, %s", in[i].path, checkpoint, (int)status, refused ? "" : err.text);
            if (refused && (!strstr(err.text, in[i].says) || !strstr(err.text, "--force segments it all the same") ||
                            strncmp(err.text, in[i].path, strlen(in[i].path)) != 0))
                fail_msg("%s: '%s' instead of '%s'", in[i].path, err.text, in[i].says);
            if (!refuses && in[i].says && warnings < 1)
                fail_msg("%s: no warning", in[i].path);
        }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char colour[] = "[dict(type='LoadImageFromFile')]";
    static const char raw[] = "[dict(type='LoadImageFromFile', imdecode_backend='tifffile')]";
    static const char chosen[] = "[dict(type='LoadImageFromFile', bands=[4, 2, 1])]";
    static const char one[] = "[dict(type='LoadImageFromFile', bands=[4])]";
    static const input with_colour[] = {
        {"alike.tif", 3, IMAGE_U8, 20, 240, NULL},
        {"dark.tif", 3, IMAGE_U8, 0, 9, NULL},
        {"four.tif", 4, IMAGE_U8, 0, 255, NULL},
        {"full.tif", 3, IMAGE_U16, 0, 65535, NULL}, /* becomes the picture that it is */
        {"gray.tif", 1, IMAGE_U8, 0, 255, "holds 1 band of uint8, but the model learned from images of 3 bands"},
        {"deep.tif", 3, IMAGE_U16, 0, 3000, "goes into the model as numbers from -2.1"},
    };
    judge("run/iter_12.pth", colour, with_colour, sizeof with_colour / sizeof *with_colour);
    static const input with_raw[] = {
        {"deep.tif", 3, IMAGE_U16, 0, 255, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 9000, "goes into the model as numbers from"},
        {"unit.tif", 3, IMAGE_F32, 0, 1, "goes into the model as numbers from"},
    };
    judge("run/iter_12.pth", raw, with_raw, sizeof with_raw / sizeof *with_raw);
    static const input four[] = {{"four.tif", 4, IMAGE_U8, 0, 255, NULL}};
    judge("run/iter_12.pth", chosen, four, 1);
    static const input few[] = {{"four.tif", 4, IMAGE_U8, 0, 255, "holds 1 band of uint8"}};
    judge("run/iter_12.pth", one, few, 1);
    static const input silent[] = {
        {"alike.tif", 3, IMAGE_U8, 20, 240, NULL},
        {"full.tif", 3, IMAGE_U16, 0, 65535, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 3000, "for which the config's mean and std cannot be meant"},
        {"gray.tif", 1, IMAGE_U8, 0, 255, "repeats the first as red, green and blue"},
        {"gray.png", 1, IMAGE_U8, 0, 255, NULL},
    };
    judge("silent.pth", colour, silent, sizeof silent / sizeof *silent);
    static const input silent_raw[] = {
        {"whole.tif", 3, IMAGE_F32, 0, 255, NULL},
        {"deep.tif", 3, IMAGE_U16, 0, 9000, "its samples of uint16 become numbers"},
    };
    judge("silent.pth", raw, silent_raw, sizeof silent_raw / sizeof *silent_raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_state_what_they_learned_from),
        cmocka_unit_test(what_it_did_not_learn_from_is_told_of),
        cmocka_unit_test(checkpoints_that_say_nothing_go_by_the_config),
        cmocka_unit_test(other_ranges_are_told_of),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
