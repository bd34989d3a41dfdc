/* Whole runs: the same seed gives the same bits, and a run that was stopped goes on as if it had not been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "tiny.h"

static void the_same_seed_gives_the_same_bits(void **state)
{
    (void)state;
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "same/a"});
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "same/b"});
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "same/c", .overrides = {"randomness.seed=6"}});
    tiny_must_train(
        &(tiny_run){.config = TINY_1X, .work_dir = "same/d", .overrides = {"train_dataloader.num_workers=1"}});
    assert_true(tiny_same("same/a/iter_12.pth", "same/b/iter_12.pth"));
    assert_false(tiny_same("same/a/iter_12.pth", "same/c/iter_12.pth"));
    assert_true(tiny_same("same/a/iter_12.pth", "same/d/iter_12.pth"));
}

static void deterministic_runs_do_not_count_threads(void **state)
{
    (void)state;
    const char *on = "randomness.deterministic=True";
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "threads/1", .overrides = {on}, .threads = 1});
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "threads/2", .overrides = {on}, .threads = 2});
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "threads/3", .overrides = {on}, .threads = 3});
    assert_true(tiny_same("threads/1/iter_12.pth", "threads/2/iter_12.pth"));
    assert_true(tiny_same("threads/1/iter_12.pth", "threads/3/iter_12.pth"));
}

/* Stops after `at` iterations, goes on, and compares with a run that did neither. */
static void check_resume(const char *name, tiny_run r, int64_t at, const char *last)
{
    cseg_error err = {0};
    char whole[64], parts[64], one[128], two[128];
    snprintf(whole, sizeof whole, "resume/%s/whole", name);
    snprintf(parts, sizeof parts, "resume/%s/parts-%d", name, (int)at);
    snprintf(one, sizeof one, "%s/%s", whole, last);
    snprintf(two, sizeof two, "%s/%s", parts, last);
    if (!file_exists(one)) {
        r.work_dir = whole;
        tiny_must_train(&r);
    }
    r.work_dir = parts;
    r.stop_at = at;
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    r.stop_at = 0;
    r.resume = true;
    tiny_must_train(&r);
    if (!tiny_same(one, two))
        fail_msg("%s: a run that stopped after %d iterations ends otherwise", name, (int)at);
}

static void stopped_runs_go_on_as_if_they_had_not(void **state)
{
    (void)state;
    tiny_run plain = {.config = TINY_1X};
    for (int64_t at = 1; at < 12; at += 2)
        check_resume("plain", plain, at, "iter_12.pth");
    check_resume("plain", plain, 6, "iter_12.pth");
}

static void so_do_those_that_sum_gradients(void **state)
{
    (void)state;
    tiny_run r = {.config = TINY_1X,
                  .overrides = {"optim_wrapper.accumulative_counts=5", "optim_wrapper.clip_grad.max_norm=0.5"}};
    check_resume("sum", r, 4, "iter_12.pth");
    check_resume("sum", r, 5, "iter_12.pth");
    check_resume("sum", r, 11, "iter_12.pth");
}

static void so_do_those_with_averages(void **state)
{
    (void)state;
    tiny_run r = {.config = TINY_1X "custom_hooks = [dict(type='EMAHook', momentum=0.2)]\n"};
    check_resume("ema", r, 3, "iter_12.pth");
    check_resume("ema", r, 8, "iter_12.pth");
    tiny_run both = {.config =
                         TINY_1X "custom_hooks = [dict(type='EMAHook', ema_type='MomentumAnnealingEMA', interval=2,\n"
                                 "    update_buffers=True)]\n"};
    check_resume("ema-buffers", both, 5, "iter_12.pth");
    tiny_run old = {.config = TINY_0X "custom_hooks = [dict(type='EMAHook', momentum=0.2, warm_up=3, interval=2)]\n"};
    check_resume("ema-0x", old, 5, "iter_12.pth");
    tiny_run epochs = {.config = TINY_0X "custom_hooks = [dict(type='EMAHook', momentum=0.2, warm_up=3)]\n"
                                         "runner = dict(type='EpochBasedRunner', max_epochs=4)\n"
                                         "workflow = [('train', 1)]\ncheckpoint_config = dict(interval=1)\n"
                                         "evaluation = dict(interval=2)\n"};
    check_resume("ema-epochs", epochs, 4, "epoch_4.pth");
    check_resume("ema-epochs", epochs, 6, "epoch_4.pth");
    check_resume("ema-epochs", epochs, 9, "epoch_4.pth");
}

static void so_do_those_by_epochs(void **state)
{
    (void)state;
    tiny_run r = {.config = TINY_1X "train_dataloader.update(sampler=dict(type='DefaultSampler', shuffle=True))\n"
                                    "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=4, val_interval=2)\n"
                                    "param_scheduler = [dict(type='StepLR', step_size=1, gamma=0.5),\n"
                                    "    dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater', patience=0)]\n"
                                    "default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=1)\n"};
    for (int64_t at = 2; at < 12; at += 2)
        check_resume("epochs", r, at, "epoch_4.pth");
    check_resume("epochs", r, 9, "epoch_4.pth");
}

static void so_do_those_of_the_older_dialect(void **state)
{
    (void)state;
    tiny_run r = {.config = TINY_0X};
    for (int64_t at = 2; at < 12; at += 3)
        check_resume("0x", r, at, "iter_12.pth");
    tiny_run sum = {
        .config = TINY_0X,
        .overrides = {"optimizer_config.type=GradientCumulativeOptimizerHook", "optimizer_config.cumulative_iters=3"}};
    check_resume("0x-sum", sum, 7, "iter_12.pth");
}

static void no_more_checkpoints_are_kept_than_asked_for(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X,
                  .work_dir = "kept",
                  .stop_at = 7,
                  .overrides = {"default_hooks.checkpoint.interval=2", "default_hooks.checkpoint.max_keep_ckpts=2"}};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    assert_true(file_exists("kept/iter_7.pth"));
    r.stop_at = 0;
    r.resume = true;
    tiny_must_train(&r);
    for (int i = 1; i <= 12; i++) {
        char path[64];
        snprintf(path, sizeof path, "kept/iter_%d.pth", i);
        assert_int_equal(file_exists(path), i == 10 || i == 12);
    }
}

static char *read_text(const char *path, arena *mem)
{
    cseg_error err;
    char *text;
    size_t n;
    tiny_check(file_read(path, 0, mem, &text, &n, &err), &err);
    return text;
}

static void the_last_checkpoint_is_pointed_to(void **state)
{
    (void)state;
    arena *mem = arena_new();
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "last1"});
    tiny_must_train(&(tiny_run){.config = TINY_0X, .work_dir = "last0"});
    assert_string_equal(read_text("last1/last_checkpoint", mem), "last1/iter_12.pth");
    assert_true(tiny_same("last0/latest.pth", "last0/iter_12.pth"));
    arena_free(mem);
}

/* The lines of a JSON log, each shortened to its mode and iteration: "t1 t2 v2 ...". */
static void order_of(const char *dir, const char *suffix, strbuf *out)
{
    cseg_error err;
    char **names, *rest, *line;
    size_t n;
    tiny_check(dir_list(dir, suffix, false, out->mem, &names, &n, &err), &err);
    assert_int_equal(n, 1);
    rest = read_text(path_join(out->mem, dir, names[0]), out->mem);
    while ((line = strtok_r(rest, "\n", &rest))) {
        const char *mode = strstr(line, "\"mode\": \""), *iter = strstr(line, "\"iter\": ");
        if (mode && iter)
            strbuf_addf(out, "%s%c%d", out->n ? " " : "", mode[9], atoi(iter + 8));
    }
    assert_false(out->failed);
}

/* An evaluation gives as its iteration the number of images, as mmcv has it. */
static void workflows_alternate(void **state)
{
    (void)state;
    strbuf order = {.mem = arena_new()}, leading = {.mem = order.mem};
    tiny_must_train(&(tiny_run){.config = TINY_0X, .work_dir = "workflow"});
    order_of("workflow", ".log.json", &order);
    assert_string_equal(order.text, "t1 t2 v2 t3 t4 v4 t5 t6 v6 v6 t7 t8 v8 t9 t10 v10 t11 t12 v6 v12");
    tiny_must_train(&(tiny_run){.config = TINY_0X "workflow = [('val', 1), ('train', 5)]\n", .work_dir = "leading"});
    order_of("leading", ".log.json", &leading);
    assert_string_equal(leading.text, "v0 t1 t2 t3 t4 t5 v5 t6 v6 t7 t8 t9 t10 v10 t11 t12 v6");
    arena_free(order.mem);
}

static void every_forward_pass_is_counted(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    tiny_must_train(&(tiny_run){.config = TINY_0X, .work_dir = "counted"});
    pth *p = tiny_open("counted/iter_12.pth", mem);
    const pth_tensor *t = pth_find(p, "backbone.bn1.num_batches_tracked");
    int64_t n = 0;
    assert_non_null(t);
    tiny_check(pth_tensor_i64(p, t, &n, &err), &err);
    assert_int_equal(n, 12);
    arena_free(mem);
}

/* The checkpoint of the best figure stays, the others go. */
static void the_best_is_kept(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    char **names;
    size_t n, best = 0;
    tiny_must_train(&(tiny_run){.config = TINY_1X,
                                .work_dir = "best",
                                .overrides = {"default_hooks.checkpoint.save_best=mIoU", "train_cfg.val_interval=2"}});
    tiny_check(dir_list("best", ".pth", false, mem, &names, &n, &err), &err);
    for (size_t i = 0; i < n; i++)
        best += str_starts(names[i], "best_mIoU_iter_");
    assert_int_equal(best, 1);
    arena_free(mem);
}

static void a_run_can_end_early(void **state)
{
    (void)state;
    tiny_must_train(&(tiny_run){.config = TINY_1X "custom_hooks = [dict(type='EarlyStoppingHook', monitor='mIoU',\n"
                                                  "    min_delta=1000, patience=2)]\n",
                                .work_dir = "early",
                                .overrides = {"train_cfg.val_interval=2", "default_hooks.checkpoint.interval=2"}});
    assert_true(file_exists("early/iter_6.pth"));
    assert_false(file_exists("early/iter_8.pth"));
}

static void nan_stops_the_run(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X,
                  .work_dir = "numbers",
                  .overrides = {"optim_wrapper.optimizer.weight_decay=1e38", "param_scheduler=None",
                                "default_hooks.checkpoint.interval=1"}};
    cseg_status status = tiny_train(&r, &err);
    print_message("    %s\n", err.text);
    assert_int_equal(status, CSEG_NUMERIC);
    assert_non_null(strstr(err.text, "iteration 2"));
    assert_non_null(strstr(err.text, "backbone"));
    assert_true(file_exists("numbers/iter_1.pth"));
    assert_false(file_exists("numbers/iter_2.pth"));
}

static void mistakes_are_told_before_the_first_step(void **state)
{
    (void)state;
    static const struct {
        const char *overrides[3];
        cseg_status code;
        const char *word;
    } cases[] = {
        {{"load_from=nowhere.pth"}, CSEG_NOT_FOUND, "nowhere.pth"},
        {{"resume=True", "load_from=nowhere.pth"}, CSEG_NOT_FOUND, "nowhere.pth"},
        {{"model.decode_head.num_classes=2"}, CSEG_DATA, "2"},
        {{"train_dataloader.dataset.data_prefix.img_path=empty"}, CSEG_NOT_FOUND, "empty"},
        {{"optim_wrapper.optimizer.type=SDG"}, CSEG_CONFIG, "SGD"},
        {{"train_cfg.max_iters=0"}, CSEG_CONFIG, "max_iters"},
        {{"model.decode_head.in_channels=33"}, CSEG_SHAPE, "decode_head"},
        {{"val_evaluator.iou_metrics=[mIou]"}, CSEG_CONFIG, "mIoU"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_error err = {0};
        tiny_run r = {.config = TINY_1X, .work_dir = "wrong"};
        memcpy(r.overrides, cases[i].overrides, sizeof cases[i].overrides);
        cseg_status status = tiny_train(&r, &err);
        print_message("    %s\n", err.text);
        assert_int_equal(status, cases[i].code);
        if (!strstr(err.text, cases[i].word))
            fail_msg("the message does not speak of %s", cases[i].word);
        assert_false(file_exists("wrong/iter_4.pth"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bits),
        cmocka_unit_test(deterministic_runs_do_not_count_threads),
        cmocka_unit_test(stopped_runs_go_on_as_if_they_had_not),
        cmocka_unit_test(so_do_those_that_sum_gradients),
        cmocka_unit_test(so_do_those_with_averages),
        cmocka_unit_test(so_do_those_by_epochs),
        cmocka_unit_test(so_do_those_of_the_older_dialect),
        cmocka_unit_test(no_more_checkpoints_are_kept_than_asked_for),
        cmocka_unit_test(the_last_checkpoint_is_pointed_to),
        cmocka_unit_test(workflows_alternate),
        cmocka_unit_test(every_forward_pass_is_counted),
        cmocka_unit_test(the_best_is_kept),
        cmocka_unit_test(a_run_can_end_early),
        cmocka_unit_test(nan_stops_the_run),
        cmocka_unit_test(mistakes_are_told_before_the_first_step),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
