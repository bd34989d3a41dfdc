/* Whole runs on a backend whose memory the host must not touch: training, with checkpoints written, stopped and gone on
 * with. All bits are those of the cpu backend; label maps are in test_far_predict.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/train/runner.h"
#include "engine/verify/parity.h"
#include "far.h"
#include "graph/passes/passes.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "tiny.h"

/* ---- what the test itself rests on ------------------------------------------------------------------------------- */

static void the_host_cannot_read_it(void **state)
{
    (void)state;
    backend *b = far_new(&(cpu_options){.threads = 1});
    float *at = b ? b->memory->alloc(b, 64, true) : NULL, one = 1;
    char said[200] = "";
    int how, ends[2];
    cseg_error err;
    assert_non_null(at);
    assert_int_equal(b->memory->get(b, &one, at, sizeof one, &err), CSEG_OK);
    assert_true(one == 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(((volatile float *)at)[3] != 0);
    }
    close(ends[1]);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGSEGV);
    assert_non_null(strstr(said, "byte 12 of a buffer of 64 bytes"));
    b->memory->free(b, at);
    backend_free(b);
}

/* The other way round: a model whose weights are the host's. */
static void it_takes_no_memory_of_the_host(void **state)
{
    (void)state;
    cseg_error err = {0};
    backend *b = far_new(&(cpu_options){.threads = 1});
    graph *g = graph_new(false);
    float values[4] = {0};
    param w = {.name = "w", .owner = "", .type = DT_F32, .rank = 1, .dim = {4}, .count = 4, .data = values};
    plan *p = NULL;
    assert_true(b && g);
    graph_add_output(g, "y", op_relu(g, graph_param(g, &w)));
    assert_int_equal(graph_plan(g, b, &p, &err), CSEG_OK);
    assert_int_equal(plan_run(p, &err), CSEG_USAGE);
    assert_non_null(strstr(err.text, "not the backend's"));
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* On cpu; on far; on far, stopped and gone on with; begun on far and ended on cpu. */
static void check_training(const char *name, tiny_run r, int64_t at, const char *last)
{
    cseg_error err = {0};
    char folder[4][64], file[4][512];
    for (int i = 0; i < 4; i++) {
        snprintf(folder[i], sizeof folder[i], "%s/%d", name, i);
        snprintf(file[i], sizeof file[i], "%s/%s", folder[i], last);
        r.work_dir = folder[i];
        r.make_backend = i ? far_new : NULL;
        r.stop_at = i > 1 ? at : 0;
        r.resume = false;
        if (i < 2) {
            tiny_must_train(&r);
            continue;
        }
        assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
        r.stop_at = 0;
        r.resume = true;
        r.make_backend = i == 2 ? far_new : NULL;
        tiny_must_train(&r);
    }
    for (int i = 1; i < 4; i++)
        if (!tiny_same(file[0], file[i]))
            fail_msg("%s: run %d ends otherwise than on the cpu", name, i);
}

static void sgd_with_averages_and_sums_of_gradients(void **state)
{
    (void)state;
    check_training(
        "sgd",
        (tiny_run){.config = TINY_1X "custom_hooks = [dict(type='EMAHook', momentum=0.2, update_buffers=True)]\n",
                   .overrides = {"optim_wrapper.accumulative_counts=2", "optim_wrapper.clip_grad.max_norm=0.5",
                                 "train_cfg.val_interval=4"}},
        7, "iter_12.pth");
}

static void adamw_of_the_older_dialect(void **state)
{
    (void)state;
    check_training(
        "adamw",
        (tiny_run){.config = TINY_0X "custom_hooks = [dict(type='EMAHook', momentum=0.2, warm_up=3, interval=2)]\n"}, 5,
        "iter_12.pth");
}

static void adam_with_clipped_values(void **state)
{
    (void)state;
    check_training("adam",
                   (tiny_run){.config = TINY_1X
                              "optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(type='value', clip_value=0.01),"
                              "\n    optimizer=dict(type='Adam', lr=0.01, amsgrad=True, weight_decay=0.01))\n",
                              .overrides = {"train_cfg.val_interval=12"}},
                   6, "iter_12.pth");
}

/* Two backends, one for validation in float32, work on the same weights. */
static void mixed_precision(void **state)
{
    (void)state;
    if (!backend_cpu_has_bf16())
        skip();
    check_training(
        "amp",
        (tiny_run){.config = TINY_1X, .overrides = {"optim_wrapper.type=AmpOptimWrapper", "train_cfg.val_interval=4"}},
        6, "iter_12.pth");
}

/* What has become of the numbers is found there, too. */
static void a_loss_that_is_none_is_explained(void **state)
{
    (void)state;
    cseg_error on_cpu = {0}, on_far = {0};
    tiny_run r = {.config = TINY_1X, .work_dir = "nan/cpu", .overrides = {"optim_wrapper.optimizer.lr=1e6"}};
    assert_int_equal(tiny_train(&r, &on_cpu), CSEG_NUMERIC);
    r.work_dir = "nan/far";
    r.make_backend = far_new;
    assert_int_equal(tiny_train(&r, &on_far), CSEG_NUMERIC);
    assert_string_equal(on_cpu.text, on_far.text);
}

static char *parity_of(backend *b, char **text, size_t *size)
{
    cseg_error err;
    FILE *out = open_memstream(text, size);
    assert_non_null(out);
    const parity_options o = {.backend = b, .passes = PASS_ALL};
    assert_int_equal(parity_model("tiny.py", &o, out, &err), CSEG_OK);
    assert_int_equal(parity_train("tiny.py", &o, out, &err), CSEG_OK);
    fclose(out);
    return *text;
}

static void parity_prints_the_same(void **state)
{
    (void)state;
    const cpu_options one = {.threads = 1};
    backend *cpu = backend_cpu_new(&one), *far = far_new(&one);
    char *a, *b;
    size_t n, m;
    FILE *f = fopen("tiny.py", "w");
    assert_true(f && fputs(TINY_1X, f) >= 0 && fclose(f) == 0 && cpu && far);
    assert_string_equal(parity_of(cpu, &a, &n), parity_of(far, &b, &m));
    assert_null(strstr(a, "error"));
    free(a);
    free(b);
    backend_free(cpu);
    backend_free(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_cannot_read_it),
        cmocka_unit_test(it_takes_no_memory_of_the_host),
        cmocka_unit_test(sgd_with_averages_and_sums_of_gradients),
        cmocka_unit_test(adamw_of_the_older_dialect),
        cmocka_unit_test(adam_with_clipped_values),
        cmocka_unit_test(mixed_precision),
        cmocka_unit_test(a_loss_that_is_none_is_explained),
        cmocka_unit_test(parity_prints_the_same),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
