/* Plans, answers and scenes, with each allocation failing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "engine/evaluate/evaluate.h"
#include "engine/infer/infer.h"
#include "engine/setup/build.h"
#include "engine/train/runner.h"
#include "graph/passes/passes.h"
#include "graph/plan.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "../out_of_memory.h"
#include "tiny.h"

#define TESTED                                                                                                         \
    TINY_1X                                                                                                            \
    "test_dataloader = val_dataloader\ntest_evaluator = val_evaluator\ntest_cfg = dict(type='TestLoop')\n"             \
    "model['test_cfg'] = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))\n"                                    \
    "tta_model = dict(type='SegTTAModel')\n"                                                                           \
    "tta_pipeline = [dict(type='LoadImageFromFile'), dict(type='TestTimeAug', transforms=[\n"                          \
    "    [dict(type='Resize', scale_factor=r, keep_ratio=True) for r in (0.75, 1.0)],\n"                               \
    "    [dict(type='RandomFlip', prob=1., direction='horizontal')], [dict(type='LoadAnnotations')],\n"                \
    "    [dict(type='PackSegInputs')]])]\n"

static arena *mem; /* of the experiment, and of what is made before anything fails */
static experiment *e;
static cseg_error error;

static void read_experiment(void)
{
    value *cfg = NULL;
    mem = arena_new();
    tiny_check(config_parse_text(TESTED, "tiny.py", mem, &cfg, &error), &error);
    tiny_check(experiment_read(cfg, "tiny.py", mem, &e, &error), &error);
}

static int set_up(void **state)
{
    int failed = tiny_setup(state);
    if (failed)
        return failed;
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "run", .overrides = {"train_cfg.max_iters=4"}});
    read_experiment();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(mem);
    return tiny_teardown(state);
}

/* ---- plans ----------------------------------------------------------------------------------------------------- */

typedef struct planned {
    model *m;
    backend *b;
    bool train;
    void *figures; /* of the first evaluation */
} planned;

static cseg_status make_plan(void *arg, cseg_error *err)
{
    planned *x = arg;
    graph *g = NULL;
    plan *p = NULL;
    batch_shape s = {2, 32, 32};
    cseg_status status = x->train ? build_loss_graph(x->m, s, NULL, true, PASS_ALL, &g, err)
                                  : build_label_graph(x->m, s, PASS_ALL, &g, err);
    if (status == CSEG_OK)
        status = graph_plan(g, x->b, &p, err);
    plan_free(p);
    graph_free(g);
    return status;
}

static void plans_are_made_or_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"cpu", "ref"};
    planned x = {0};
    for (int i = 0; i < 4; i++) {
        x.train = i % 2;
        cpu_options o = {.threads = 1, .bf16 = i == 0};
        tiny_check(build_backend(names[i / 2], &o, &x.b, &error), &error);
        tiny_check(build_model(e, x.b, !x.train, &x.m, &error), &error);
        model_init_weights(x.m, 1);
        fail_each_allocation(x.train ? "a plan to train" : "a plan to answer", make_plan, &x, 200);
        model_free(x.m);
        backend_free(x.b);
    }
}

/* What fails alone and does not matter gives what is always given. */
static void same_bytes(const void *is, void **first, size_t n)
{
    if (!*first) {
        *first = malloc(n);
        assert_non_null(*first);
        memcpy(*first, is, n);
    }
    assert_memory_equal(is, *first, n);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

typedef struct asked {
    infer_options o;
    void *labels; /* of the first run */
} asked;

static cseg_status answer(void *arg, cseg_error *err)
{
    asked *a = arg;
    infer *x = NULL;
    infer_answer out = {0};
    arena *own = arena_new();
    if (!own)
        return fail_memory(err);
    cseg_status status = infer_open(e, "run/iter_4.pth", &a->o, own, &x, err);
    if (status == CSEG_OK)
        status = infer_image(x, "data/img/0.png", NULL, -1, true, &out, err);
    if (status == CSEG_OK)
        same_bytes(out.p.labels.data, &a->labels, (size_t)40 * 48);
    infer_answer_release(&out);
    infer_close(x);
    arena_free(own);
    return status;
}

static void images_are_answered_or_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        asked a = {.o = {.threads = 1, .tta = i == 1, .own_size = i == 2}};
        fail_each_allocation(i == 1 ? "an image by views" : "an image", answer, &a, 200);
        free(a.labels);
    }
}

static cseg_status answer_scene(void *arg, cseg_error *err)
{
    infer *x = NULL;
    infer_options o = {.threads = 1};
    arena *own = arena_new();
    if (!own)
        return fail_memory(err);
    cseg_status status = infer_open(e, "run/iter_4.pth", &o, own, &x, err);
    if (status == CSEG_OK)
        status = infer_run_scene(x, arg, err);
    infer_close(x);
    arena_free(own);
    return status;
}

/* A failed one leaves no mask behind. */
static void scenes_are_answered_or_refused(void **state)
{
    (void)state;
    infer_scene s = {.path = "data/img/1.png", .mask_path = "mask.tif", .scores_path = "scores.tif", .head = -1};
    fail_each_allocation("a scene", answer_scene, &s, 200);
    char **names;
    size_t n;
    tiny_check(dir_list(".", ".tmp", false, mem, &names, &n, &error), &error);
    assert_int_equal(n, 0);
    assert_true(file_exists("mask.tif") && file_exists("scores.tif"));
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

static cseg_status measure(void *arg, cseg_error *err)
{
    planned *x = arg;
    dataset *ds = NULL;
    loader *l = NULL;
    predictor *p = NULL;
    preprocessor pre;
    evaluation out;
    evaluate_options o = {.head = -1, .how = &e->test_eval};
    arena *own = arena_new();
    if (!own)
        return fail_memory(err);
    cseg_status status = build_preprocessor(e, own, &pre, err);
    if (status == CSEG_OK)
        status = evaluate_open(e, &e->test, &pre, false, true, own, &ds, &l, err);
    if (status == CSEG_OK)
        status = build_predictor(x->m, x->b, &p, err);
    if (status == CSEG_OK)
        status = evaluate(p, x->m, ds, l, &o, own, &out, err);
    for (int64_t i = 0; status == CSEG_OK && i < out.n; i++)
        assert_true(isfinite(out.entries[i].value));
    if (status == CSEG_OK)
        same_bytes(&out.entries[0].value, &x->figures, sizeof out.entries[0].value);
    predictor_free(p);
    loader_close(l);
    arena_free(own);
    return status;
}

static void models_are_measured_or_not(void **state)
{
    (void)state;
    planned x = {0};
    tiny_check(build_backend("cpu", &(cpu_options){.threads = 1}, &x.b, &error), &error);
    tiny_check(build_model(e, x.b, true, &x.m, &error), &error);
    model_init_weights(x.m, 1);
    fail_each_allocation("an evaluation", measure, &x, 150);
    free(x.figures);
    model_free(x.m);
    backend_free(x.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_made_or_refused),
        cmocka_unit_test(images_are_answered_or_refused),
        cmocka_unit_test(scenes_are_answered_or_refused),
        cmocka_unit_test(models_are_measured_or_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
