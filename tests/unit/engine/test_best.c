/* Whole runs with save_best: of several figures, of names with a prefix, of figures that are no numbers; and what the
 * checkpoints tell mmengine of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "tiny.h"

static char warned[8192];

static void note(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING && strlen(warned) + strlen(text) + 2 < sizeof warned)
        strcat(strcat(warned, text), "\n");
}

/* The one file of the folder whose name begins so; NULL: none, and more are a failure. */
static char *the_file(const char *dir, const char *first, arena *mem)
{
    cseg_error err;
    char **names, *found = NULL;
    size_t n;
    tiny_check(dir_list(dir, ".pth", false, mem, &names, &n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(names[i], first))
            continue;
        assert_null(found);
        found = names[i];
    }
    return found;
}

static const pickle_node *hub_of(const char *path, arena *mem)
{
    pth *p = tiny_open(path, mem);
    const pickle_node *info = pickle_get(pickle_get(pth_root(p), "message_hub"), "runtime_info");
    assert_non_null(info);
    return info;
}

static void check_hub(const pickle_node *info, const char *score, const char *file, const char *wanted)
{
    double v;
    assert_true(pickle_number(pickle_get(info, score), &v));
    assert_non_null(pickle_str(pickle_get(info, file)));
    assert_string_equal(pickle_str(pickle_get(info, file)), wanted);
}

#define EACH "train_cfg.val_interval=2", "default_hooks.checkpoint.interval=2"

static void each_figure_has_its_own(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    tiny_run r = {.config = TINY_1X "default_hooks['checkpoint'].update(save_best=['mIoU', 'aAcc', 'mAcc'],\n"
                                    "    rule=['greater', 'less', 'greater'], max_keep_ckpts=2)\n",
                  .work_dir = "several",
                  .overrides = {EACH}};
    tiny_must_train(&r);
    char *one = the_file("several", "best_mIoU_iter_", mem), *two = the_file("several", "best_aAcc_iter_", mem);
    assert_non_null(one);
    assert_non_null(two);
    assert_non_null(the_file("several", "best_mAcc_iter_", mem));
    const pickle_node *info = hub_of("several/iter_12.pth", mem);
    assert_null(pickle_get(info, "best_score"));
    /* That of the last was saved before the last evaluation: it tells of the one before. */
    assert_non_null(pickle_get(info, "best_score_mIoU"));
    assert_int_equal(pickle_len(pickle_get(info, "keep_ckpt_ids")), 3);
    info = hub_of(path_join(mem, "several", one), mem);
    check_hub(info, "best_score_mIoU", "best_ckpt_mIoU", path_join(mem, "several", one));
    /* Stopped and gone on with, it ends in the same best ones. */
    r.work_dir = "several-parts";
    r.stop_at = 7;
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    r.stop_at = 0;
    r.resume = true;
    tiny_must_train(&r);
    assert_string_equal(the_file("several-parts", "best_mIoU_iter_", mem), one);
    assert_string_equal(the_file("several-parts", "best_aAcc_iter_", mem), two);
    assert_true(tiny_same(path_join(mem, "several", one), path_join(mem, "several-parts", one)));
    arena_free(mem);
}

static void one_figure_is_told_as_mmengine_does(void **state)
{
    (void)state;
    arena *mem = arena_new();
    tiny_must_train(&(tiny_run){
        .config = TINY_1X, .work_dir = "one", .overrides = {EACH, "default_hooks.checkpoint.save_best=auto"}});
    char *best = the_file("one", "best_aAcc_iter_", mem);
    assert_non_null(best);
    check_hub(hub_of(path_join(mem, "one", best), mem), "best_score", "best_ckpt", path_join(mem, "one", best));
    tiny_must_train(&(tiny_run){.config = TINY_0X,
                                .work_dir = "old",
                                .overrides = {"evaluation.save_best=IoU.red", "evaluation.interval=2",
                                              "checkpoint_config.create_symlink=False"}});
    best = the_file("old", "best_IoU.red_iter_", mem);
    assert_non_null(best);
    assert_false(file_exists("old/latest.pth"));
    pth *p = tiny_open(path_join(mem, "old", best), mem);
    const pickle_node *msgs = pickle_get(pickle_get(pth_root(p), "meta"), "hook_msgs");
    check_hub(msgs, "best_score", "best_ckpt", path_join(mem, "old", best));
    arena_free(mem);
}

static char *read_log(const char *dir, arena *mem)
{
    cseg_error err;
    char **names, *text;
    size_t n;
    tiny_check(dir_list(dir, ".log", true, mem, &names, &n, &err), &err);
    assert_int_equal(n, 1);
    tiny_check(file_read(path_join(mem, dir, names[0]), 0, mem, &text, &n, &err), &err);
    return text;
}

static void prefixes_are_part_of_the_name(void **state)
{
    (void)state;
    arena *mem = arena_new();
    tiny_must_train(&(tiny_run){.config =
                                    TINY_1X "val_evaluator = [dict(type='IoUMetric', prefix='val'),\n"
                                            "    dict(type='IoUMetric', prefix='dice', iou_metrics=['mDice'])]\n"
                                            "default_hooks['checkpoint']['save_best'] = ['val/mIoU', 'dice/mDice']\n"
                                            "custom_hooks = [dict(type='EarlyStoppingHook', monitor='dice/mDice',\n"
                                            "    min_delta=1000, patience=2)]\n",
                                .work_dir = "prefix",
                                .overrides = {EACH}});
    assert_non_null(the_file("prefix", "best_val_mIoU_iter_", mem));
    assert_non_null(the_file("prefix", "best_dice_mDice_iter_", mem));
    assert_true(file_exists("prefix/iter_6.pth"));
    assert_false(file_exists("prefix/iter_8.pth"));
    char *log = read_log("prefix", mem), *first = strstr(log, "val/aAcc: "), *second = strstr(log, "dice/aAcc: ");
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(strstr(log, "val/mIoU: "));
    assert_non_null(strstr(log, "dice/mDice: "));
    assert_non_null(strstr(log, "  Dice "));
    /* Both measure the same maps. */
    assert_true(strtod(first + 10, NULL) > 0);
    assert_true(strtod(first + 10, NULL) == strtod(second + 11, NULL));
    arena_free(mem);
}

/* A class that no image has and that no head predicts: its IoU is 0 / 0. */
static void what_is_no_number_is_never_the_best(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const char *more = "classes = classes + ('none',)\npalette = palette + [[1, 2, 3]]\n";
    strbuf text = {.mem = mem};
    char *model = strstr(TINY_0X, "norm = ");
    strbuf_addn(&text, TINY_0X, (size_t)(model - TINY_0X));
    strbuf_addf(&text, "%s%s", more, model);
    warned[0] = 0;
    log_set_sink(note, NULL);
    tiny_must_train(&(tiny_run){.config = text.text,
                                .work_dir = "undefined",
                                .overrides = {"evaluation.save_best=IoU.none", "evaluation.interval=2"}});
    log_set_sink(NULL, NULL);
    assert_null(the_file("undefined", "best_", mem));
    assert_true(file_exists("undefined/iter_12.pth"));
    /* The head has one class less than the data, and names are the data's. */
    assert_non_null(strstr(warned, "decode_head has 3 classes, its CustomDataset 4"));
    assert_non_null(strstr(read_log("undefined", mem), "|  none  |"));
    arena_free(mem);
}

static void figures_that_there_are_not_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *more, *words[3];
    } cases[] = {
        {"default_hooks['checkpoint']['save_best'] = ['mIoU', 'mIuo']\n",
         {"save_best='mIuo'", "'mIoU'?", "aAcc, mIoU, mAcc"}},
        {"custom_hooks = [dict(type='EarlyStoppingHook', monitor='val/mIoU')]\n",
         {"monitor='val/mIoU'", "there are", "aAcc, mIoU, mAcc"}},
        {"param_scheduler = dict(type='ReduceOnPlateauLR')\n",
         {"ReduceOnPlateau's monitor='loss'", "there are", "mIoU"}},
        {"default_hooks['checkpoint']['save_best'] = 'mIoU'\nval_evaluator['format_only'] = True\n",
         {"save_best='mIoU'", "none", "format_only"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_error err = {0};
        arena *mem = arena_new();
        assert_int_equal(
            tiny_train(&(tiny_run){.config = arena_printf(mem, "%s%s", TINY_1X, cases[i].more), .work_dir = "figures"},
                       &err),
            CSEG_CONFIG);
        for (int k = 0; k < 3; k++)
            if (!strstr(err.text, cases[i].words[k]))
                fail_msg("no '%s' in: %s", cases[i].words[k], err.text);
        arena_free(mem);
    }
}

/* Twice the batch that the rate was meant for, twice the rate. */
static void rates_scale_with_the_batch(void **state)
{
    (void)state;
    arena *mem = arena_new();
    tiny_must_train(&(tiny_run){.config = TINY_1X "auto_scale_lr = dict(enable=True, base_batch_size=1)\n",
                                .work_dir = "scaled",
                                .overrides = {"train_cfg.max_iters=1", "param_scheduler=None"}});
    tiny_must_train(
        &(tiny_run){.config = TINY_1X,
                    .work_dir = "doubled",
                    .overrides = {"train_cfg.max_iters=1", "param_scheduler=None", "optim_wrapper.optimizer.lr=0.04"}});
    tiny_must_train(&(tiny_run){
        .config = TINY_1X, .work_dir = "plain", .overrides = {"train_cfg.max_iters=1", "param_scheduler=None"}});
    assert_true(tiny_same("scaled/iter_1.pth", "doubled/iter_1.pth"));
    assert_false(tiny_same("scaled/iter_1.pth", "plain/iter_1.pth"));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_figure_has_its_own),
        cmocka_unit_test(one_figure_is_told_as_mmengine_does),
        cmocka_unit_test(prefixes_are_part_of_the_name),
        cmocka_unit_test(what_is_no_number_is_never_the_best),
        cmocka_unit_test(figures_that_there_are_not_are_listed),
        cmocka_unit_test(rates_scale_with_the_batch),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
