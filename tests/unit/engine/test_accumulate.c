/* Gradients that several iterations sum for one step: when a step is due, what it divides by, what a resumed run lacks.
 * At a rate of 0 the weights stay, so that gradients do not depend on the steps; with momentum 1 SGD's buffers add up
 * what each step was given. A run that makes a step each iteration gives the gradients themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <glob.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "again.h"
#include "tiny.h"

#define NEW                                                                                                            \
    TINY_1X "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0., momentum=1.))\n"              \
            "param_scheduler = []\n"                                                                                   \
            "default_hooks['checkpoint'] = dict(type='CheckpointHook', by_epoch=False, interval=1)\n"                  \
            "train_cfg.update(val_interval=100)\n"
#define NEW_SUM(n) "optim_wrapper.accumulative_counts=" n
#define OLD                                                                                                            \
    TINY_0X "optimizer = dict(type='SGD', lr=0., momentum=1.)\nlr_config = dict(policy='fixed')\n"                     \
            "optimizer_config = dict()\ncheckpoint_config = dict(interval=1)\n"                                        \
            "evaluation = dict(interval=100)\n"
#define OLD_SUM(n) "optimizer_config.type=GradientCumulativeOptimizerHook", "optimizer_config.cumulative_iters=" n

enum { ITERATIONS = 12 };

/* All momentum buffers of a checkpoint, one after the other; as many numbers as the model has. */
static double *buffers(const char *folder, int iteration, size_t *count, arena *mem)
{
    char path[256];
    cseg_error err;
    size_t n = 0, room = 1 << 16;
    double *all = arena_array(mem, room, sizeof *all);
    snprintf(path, sizeof path, "%s/iter_%d.pth", folder, iteration);
    pth *p = tiny_open(path, mem);
    const pickle_node *state = pickle_get(pickle_get(pth_root(p), "optimizer"), "state");
    for (size_t i = 1; i < state->seq.n; i += 2) {
        pth_tensor t;
        tiny_check(pth_as_tensor(p, pickle_get(state->seq.at[i], "momentum_buffer"), &t, &err), &err);
        float *data = arena_array(mem, (size_t)t.count, sizeof *data);
        tiny_check(pth_tensor_f32(p, &t, data, &err), &err);
        for (int64_t k = 0; k < t.count && n < room; k++)
            all[n++] = data[k];
    }
    assert_true(n > 1000 && n < room);
    *count = n;
    return all;
}

/* A step with the gradients of iterations from..to - 1, counted from 0, divided by a number. */
typedef struct wanted_step {
    int from, to, divisor;
} wanted_step;

/* The buffers of `folder` at the end are the sum of the steps, by the run `single`. */
static void check_steps(const char *single, const char *folder, const wanted_step *steps, size_t n_steps)
{
    arena *mem = arena_new();
    size_t count, n;
    double *sums[ITERATIONS + 1], largest = 0, off = 0;
    for (int i = 1; i <= ITERATIONS; i++)
        sums[i] = buffers(single, i, &count, mem);
    sums[0] = arena_array(mem, count, sizeof(double));
    const double *got = buffers(folder, ITERATIONS, &n, mem);
    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++) {
        double want = 0;
        for (size_t k = 0; k < n_steps; k++)
            want += (sums[steps[k].to][i] - sums[steps[k].from][i]) / steps[k].divisor;
        largest = fmax(largest, fabs(want));
        off = fmax(off, fabs(got[i] - want));
    }
    if (!(largest > 0.01) || off > 1e-5 * largest)
        fail_msg("%s: off by %g of %g", folder, off, largest);
    arena_free(mem);
}

#define CHECK(single, folder, ...)                                                                                     \
    check_steps(single, folder, (const wanted_step[]){__VA_ARGS__},                                                    \
                sizeof((const wanted_step[]){__VA_ARGS__}) / sizeof(wanted_step))

static int set_up(void **state)
{
    if (tiny_setup(state) != 0)
        return -1;
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "new"});
    tiny_must_train(&(tiny_run){.config = OLD, .work_dir = "old"});
    return 0;
}

static void the_last_step_divides_by_what_is_left(void **state)
{
    (void)state;
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "new5", .overrides = {NEW_SUM("5")}});
    CHECK("new", "new5", {0, 5, 5}, {5, 10, 5}, {10, 12, 2});
    tiny_must_train(&(tiny_run){.config = OLD, .work_dir = "old5", .overrides = {OLD_SUM("5")}});
    CHECK("old", "old5", {0, 5, 5}, {5, 10, 5}, {10, 12, 2});
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "new4", .overrides = {NEW_SUM("4")}});
    CHECK("new", "new4", {0, 4, 4}, {4, 8, 4}, {8, 12, 4});
    /* More than there are iterations. */
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "new20", .overrides = {NEW_SUM("20")}});
    CHECK("new", "new20", {0, 12, 12});
}

/* Of an epoch's three iterations one remains, which the next epoch goes on with. */
static void epochs_do_not_end_a_step(void **state)
{
    (void)state;
    static const char epochs[] = NEW "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=4, val_interval=100)\n"
                                     "train_dataloader.update(sampler=dict(type='DefaultSampler', shuffle=True))\n";
    tiny_must_train(&(tiny_run){.config = epochs, .work_dir = "epochs"});
    tiny_must_train(&(tiny_run){.config = epochs, .work_dir = "epochs5", .overrides = {NEW_SUM("5")}});
    CHECK("epochs", "epochs5", {0, 5, 5}, {5, 10, 5}, {10, 12, 2});
}

static char said[4096];

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    size_t n = strlen(said);
    if (level == LOG_WARNING)
        snprintf(said + n, sizeof said - n, "%s\n", text);
}

/* Writes "lacking.pth": a checkpoint without what the reference does not save, the gradients that wait for a step. */
static void take_gradients_out(const char *from)
{
    cseg_error err;
    arena *mem = arena_new();
    pth_builder b = {.mem = mem};
    pth *p = tiny_open(from, mem);
    const pickle_node *root = pth_root(p);
    pth_value *d = pth_dict(&b);
    for (size_t i = 0; i < root->seq.n; i += 2)
        if (strcmp(pickle_str(root->seq.at[i]), "cseg") != 0)
            pth_set_key(&b, d, again(&b, p, root->seq.at[i]), again(&b, p, root->seq.at[i + 1]));
    tiny_check(pth_write("lacking.pth", &b, d, &err), &err);
    arena_free(mem);
}

static void resume(const char *folder, const char *from, const char *sum)
{
    char load[256];
    snprintf(load, sizeof load, "load_from='%s'", from);
    said[0] = 0;
    log_set_sink(hear, NULL);
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = folder, .overrides = {load, "resume=True", sum}});
    log_set_sink(NULL, NULL);
}

static void a_resumed_run_steps_where_it_would_have(void **state)
{
    (void)state;
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "new5", .overrides = {NEW_SUM("5")}});
    resume("whole", "new5/iter_8.pth", NEW_SUM("5"));
    assert_null(strstr(said, "lacks"));
    CHECK("new", "whole", {0, 5, 5}, {5, 10, 5}, {10, 12, 2});
    take_gradients_out("new5/iter_8.pth");
    resume("lacking", "lacking.pth", NEW_SUM("5"));
    assert_non_null(strstr(said, "saved 3 iterations after a step and has the gradients of 0 of them"));
    CHECK("new", "lacking", {0, 5, 5}, {8, 10, 5}, {10, 12, 2});
    /* With other steps than before: the next one is due after iteration 9, with four gradients. */
    resume("other", "new5/iter_8.pth", NEW_SUM("3"));
    assert_null(strstr(said, "lacks"));
    CHECK("new", "other", {0, 5, 5}, {5, 9, 4}, {9, 12, 3});
    resume("longer", "new5/iter_8.pth", NEW_SUM("7"));
    assert_null(strstr(said, "lacks"));
    CHECK("new", "longer", {0, 5, 5}, {5, 12, 7});
}

/* Clipping is of the mean. */
static void steps_are_clipped(void **state)
{
    (void)state;
    arena *mem = arena_new();
    size_t n;
    tiny_must_train(&(tiny_run){
        .config = NEW, .work_dir = "clip", .overrides = {NEW_SUM("6"), "optim_wrapper.clip_grad.max_norm=0.25"}});
    const double *half = buffers("clip", 6, &n, mem), *whole = buffers("clip", 12, &n, mem);
    double first = 0, second = 0;
    for (size_t i = 0; i < n; i++) {
        first += half[i] * half[i];
        second += (whole[i] - half[i]) * (whole[i] - half[i]);
    }
    assert_true(fabs(sqrt(first) - 0.25) < 1e-5 && fabs(sqrt(second) - 0.25) < 1e-5);
    arena_free(mem);
}

/* The figures of "grad_norm" in the log's lines, in order. */
static int norms_of(const char *pattern, double *norms)
{
    glob_t found;
    cseg_error err;
    size_t size;
    char *text;
    int n = 0;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    arena *mem = arena_new();
    tiny_check(file_read(found.gl_pathv[0], 0, mem, &text, &size, &err), &err);
    for (const char *at = strstr(text, "\"grad_norm\": "); at; at = strstr(at + 1, "\"grad_norm\": "))
        norms[n++] = strtod(at + strlen("\"grad_norm\": "), NULL);
    arena_free(mem);
    globfree(&found);
    return n;
}

/* The mean of the log's window is that of steps, as in the reference: iterations in between have no norm. */
static void norms_are_those_of_steps(void **state)
{
    (void)state;
    double single[ITERATIONS + 1], norms[ITERATIONS + 1];
    const char *clip = "optim_wrapper.clip_grad.max_norm=1000", *last = "log_processor.window_size=1";
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "logged1", .overrides = {NEW_SUM("4"), clip, last}});
    tiny_must_train(&(tiny_run){.config = NEW, .work_dir = "logged", .overrides = {NEW_SUM("4"), clip}});
    assert_int_equal(norms_of("logged1/*/vis_data/scalars.json", single), 9); /* from iteration 4 on */
    assert_int_equal(norms_of("logged/*/vis_data/scalars.json", norms), 9);
    double three = (single[0] + single[4] + single[8]) / 3;
    assert_true(fabs(norms[8] - three) < 1e-6 * three && fabs(single[0] - single[8]) > 1e-3 * three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_step_divides_by_what_is_left),
        cmocka_unit_test(epochs_do_not_end_a_step),
        cmocka_unit_test(a_resumed_run_steps_where_it_would_have),
        cmocka_unit_test(steps_are_clipped),
        cmocka_unit_test(norms_are_those_of_steps),
    };
    return cmocka_run_group_tests(tests, set_up, tiny_teardown);
}
