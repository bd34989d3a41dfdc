/* What a checkpoint tells of its run's files: names in the run's own folder, whatever it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/train/checkpoint/run_files.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "again.h"
#include "tiny.h"

static void note_warning(void *arg, log_level level, const char *text)
{
    *(bool *)arg |= level == LOG_WARNING && strstr(text, "is forgotten: the next one is the best");
}

static void names_are_those_that_saving_gives(void **state)
{
    (void)state;
    static const char *const good[] = {"iter_1.pth", "epoch_12.pth", "iter_1234567890.pth"};
    static const char *const bad[] = {"",
                                      "iter_.pth",
                                      "iter_1",
                                      "iter_-1.pth",
                                      "iter_ 1.pth",
                                      "iter_1.pth.pth",
                                      "iter_1/.pth",
                                      "x_iter_1.pth",
                                      "../iter_1.pth",
                                      "/iter_1.pth",
                                      "Iter_1.pth",
                                      "latest.pth",
                                      "best_mIoU_iter_1.pth",
                                      "iter_99999999999999999999.pth"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(run_files_is_saved(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(run_files_is_saved(bad[i]));
    arena *mem = arena_new();
    assert_string_equal(run_files_best_name("val/mIoU", false, 7, mem), "best_val_mIoU_iter_7.pth");
    assert_string_equal(run_files_best_name("IoU.a\nb", true, 7, mem), "best_IoU.a_b_epoch_7.pth");
    assert_true(run_files_is_best("best_val_mIoU_iter_7.pth", "val/mIoU"));
    assert_false(run_files_is_best("best_val_mIoU_iter_7.pth", "mIoU"));
    assert_false(run_files_is_best("best_mIoU_../iter_7.pth", "mIoU"));
    assert_false(run_files_is_best("best_mIoU_extra_iter_7.pth", "mIoU"));
    assert_false(run_files_is_best("mIoU_iter_7.pth", "mIoU"));
    arena_free(mem);
}

/* Another root for the checkpoint `from`: its own parts, and `own`, `info` and `msgs` in the place of what it tells. */
static void rewrite(const char *from, const char *to, pth_builder *b, pth_value *own, pth_value *info)
{
    cseg_error err;
    pth *p = tiny_open(from, b->mem);
    const pickle_node *root = pth_root(p);
    pth_value *out = pth_dict(b), *hub = pth_dict(b);
    for (size_t i = 0; i < root->seq.n; i += 2) {
        const char *key = pickle_str(root->seq.at[i]);
        if (strcmp(key, "cseg") == 0 || strcmp(key, "message_hub") == 0)
            continue;
        pth_set(b, out, key, again(b, p, root->seq.at[i + 1]));
    }
    pth_set(b, hub, "log_scalars", pth_dict(b));
    pth_set(b, hub, "runtime_info", info);
    pth_set(b, hub, "resumed_keys", pth_dict(b));
    pth_set(b, out, "message_hub", hub);
    if (own)
        pth_set(b, out, "cseg", own);
    tiny_check(pth_write(to, b, out, &err), &err);
}

/* The best of a file that says `score`; *said: whether it was forgotten aloud. */
static run_best best_of(double score, bool *said, arena *mem)
{
    cseg_error err;
    pth *p;
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b), *own = pth_dict(&b), *list = pth_list(&b), *one = pth_dict(&b);
    run_best best = {.figure = "mIoU"};
    run_files f = {.best = &best, .n_best = 1};
    pth_set(&b, one, "figure", pth_str(&b, "mIoU"));
    pth_set(&b, one, "score", pth_float(&b, score));
    pth_add(&b, list, one);
    pth_set(&b, own, "bests", list);
    pth_set(&b, root, "cseg", own);
    tiny_check(pth_write("scored.pth", &b, root, &err), &err);
    p = tiny_open("scored.pth", mem);
    *said = false;
    log_set_sink(note_warning, said);
    tiny_check(run_files_load(&f, pth_root(p), "scored.pth", ".", mem, &err), &err);
    log_set_sink(NULL, NULL);
    return best;
}

static void a_best_figure_is_a_number(void **state)
{
    (void)state;
    bool said;
    arena *mem = arena_new();
    run_best best = best_of(41.5, &said, mem);
    assert_true(best.has_score && best.score == 41.5 && !said);
    assert_true(!best_of(NAN, &said, mem).has_score && said);
    assert_true(!best_of(INFINITY, &said, mem).has_score && said);
    arena_free(mem);
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("precious", f);
    assert_int_equal(fclose(f), 0);
}

/* mmengine's best_ckpt, and the lists that this program wrote and writes, with paths of all kinds in them. */
static void a_crafted_checkpoint_removes_nothing(void **state)
{
    (void)state;
    cseg_error err;
    static const char *const victims[] = {"victim.txt", "iter_1.pth", "best_mIoU_iter_1.pth", "crafted/notes.txt",
                                          "crafted/iter_3.pth.txt"};
    tiny_run r = {.config = TINY_1X,
                  .work_dir = "crafted",
                  .stop_at = 8,
                  .overrides = {"default_hooks.checkpoint.max_keep_ckpts=1", "default_hooks.checkpoint.save_best=mIoU",
                                "train_cfg.val_interval=2"}};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    for (size_t i = 0; i < sizeof victims / sizeof *victims; i++)
        touch(victims[i]);
    pth_builder b = {.mem = arena_new()};
    char *here = path_join(b.mem, tiny_folder, "victim.txt");
    const char *const listed[] = {here,
                                  "../victim.txt",
                                  "../iter_1.pth",
                                  "victim.txt",
                                  "notes.txt",
                                  "iter_3.pth.txt",
                                  "crafted/notes.txt",
                                  "..",
                                  "../crafted/..",
                                  "iter_1/../../victim.txt"};
    pth_value *own = pth_dict(&b), *kept = pth_list(&b), *info = pth_dict(&b), *ids = pth_list(&b);
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++)
        pth_add(&b, kept, pth_str(&b, listed[i]));
    pth_add(&b, ids, pth_int(&b, -1));
    pth_set(&b, own, "kept", kept);
    pth_set(&b, own, "best", pth_float(&b, -1));
    pth_set(&b, own, "best_path", pth_str(&b, here));
    pth_set(&b, info, "best_score", pth_float(&b, -1));
    pth_set(&b, info, "best_ckpt", pth_str(&b, "../best_mIoU_iter_1.pth"));
    pth_set(&b, info, "keep_ckpt_ids", ids);
    rewrite("crafted/iter_8.pth", "crafted/iter_9.pth", &b, own, info);
    tiny_run again = r;
    again.stop_at = 0;
    again.overrides[3] = "resume=True";
    again.overrides[4] = "load_from=crafted/iter_9.pth";
    tiny_must_train(&again);
    for (size_t i = 0; i < sizeof victims / sizeof *victims; i++)
        if (!file_exists(victims[i]))
            fail_msg("%s is gone", victims[i]);
    assert_true(file_exists("crafted/iter_12.pth"));
    arena_free(b.mem);
    for (size_t i = 0; i < sizeof victims / sizeof *victims; i++)
        unlink(victims[i]);
}

/* The reference's own lists: bare numbers, and a path, of a run in this folder. */
static void those_of_mmengine_are_followed(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X,
                  .work_dir = "foreign",
                  .stop_at = 8,
                  .overrides = {"default_hooks.checkpoint.interval=2", "train_cfg.val_interval=2"}};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    touch("foreign/best_mIoU_iter_2.pth");
    pth_builder b = {.mem = arena_new()};
    pth_value *info = pth_dict(&b), *ids = pth_list(&b);
    for (int i = 4; i <= 8; i += 2)
        pth_add(&b, ids, pth_int(&b, i));
    pth_set(&b, info, "best_score", pth_float(&b, -1));
    pth_set(&b, info, "best_ckpt", pth_str(&b, "/elsewhere/run/best_mIoU_iter_2.pth"));
    pth_set(&b, info, "keep_ckpt_ids", ids);
    rewrite("foreign/iter_8.pth", "foreign/iter_8.pth", &b, NULL, info);
    r.stop_at = 0;
    r.resume = true;
    r.overrides[2] = "default_hooks.checkpoint.max_keep_ckpts=2";
    r.overrides[3] = "default_hooks.checkpoint.save_best=mIoU";
    tiny_must_train(&r);
    assert_false(file_exists("foreign/best_mIoU_iter_2.pth"));
    for (int i = 2; i <= 12; i += 2) {
        char path[64];
        snprintf(path, sizeof path, "foreign/iter_%d.pth", i);
        /* The first was in no list. */
        assert_int_equal(file_exists(path), i == 2 || i >= 10);
    }
    arena_free(b.mem);
}

static void count(const char *dir, const char *first, size_t wanted)
{
    arena *mem = arena_new();
    cseg_error err;
    char **names;
    size_t n, found = 0;
    tiny_check(dir_list(dir, ".pth", false, mem, &names, &n, &err), &err);
    for (size_t i = 0; i < n; i++)
        found += str_starts(names[i], first);
    if (found != wanted)
        fail_msg("%s has %zu files %s*, not %zu", dir, found, first, wanted);
    arena_free(mem);
}

#define KEEPS                                                                                                          \
    "default_hooks.checkpoint.interval=2", "default_hooks.checkpoint.max_keep_ckpts=2",                                \
        "default_hooks.checkpoint.save_best=mIoU", "train_cfg.val_interval=2"

/* The checkpoint that is resumed from, and its neighbours, are another run's. */
static void another_runs_checkpoints_stay(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run first = {.config = TINY_1X, .work_dir = "run1", .stop_at = 8, .overrides = {KEEPS}};
    assert_int_equal(tiny_train(&first, &err), CSEG_INTERRUPTED);
    /* Of an older run in the second folder: not in the list either. */
    tiny_check(dir_create("run2", &err), &err);
    touch("run2/iter_6.pth");
    touch("run2/best_mIoU_iter_2.pth");
    tiny_must_train(&(tiny_run){
        .config = TINY_1X, .work_dir = "run2", .overrides = {KEEPS, "resume=True", "load_from=run1/iter_8.pth"}});
    count("run1", "iter_", 2);
    assert_true(file_exists("run1/iter_6.pth"));
    assert_true(file_exists("run1/iter_8.pth"));
    count("run1", "best_", 1);
    assert_true(file_exists("run2/iter_10.pth"));
    assert_true(file_exists("run2/iter_12.pth"));
    assert_true(file_exists("run2/iter_6.pth"));
    assert_true(file_exists("run2/best_mIoU_iter_2.pth"));
}

static void copy_folder(const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command, "cp -r %s %s", from, to);
    assert_int_equal(system(command), 0);
}

static void a_copied_folder_goes_on_by_itself(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X, .work_dir = "original", .stop_at = 8, .overrides = {KEEPS}};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    copy_folder("original", "copy");
    unlink("original/iter_8.pth"); /* so that it would be seen if the copy's mark were followed */
    copy_folder("copy/iter_8.pth", "original/iter_8.pth.aside");
    r.work_dir = "copy";
    r.stop_at = 0;
    r.resume = true;
    tiny_must_train(&r);
    assert_true(file_exists("original/iter_6.pth"));
    count("original", "best_", 1);
    count("copy", "iter_", 2);
    count("copy", "best_", 1);
    assert_true(file_exists("copy/iter_10.pth"));
}

/* Killed behind the renaming of the third and before the first is dropped. */
static void what_was_about_to_be_dropped_is(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X, .work_dir = "killed", .stop_at = 8, .overrides = {KEEPS}};
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    assert_false(file_exists("killed/iter_4.pth"));
    touch("killed/iter_4.pth");
    r.resume = true;
    r.stop_at = 9;
    assert_int_equal(tiny_train(&r, &err), CSEG_INTERRUPTED);
    assert_false(file_exists("killed/iter_4.pth"));
    count("killed", "iter_", 2);
}

static void half_written_files_of_others_stay(void **state)
{
    (void)state;
    cseg_error err;
    tiny_check(dir_create("left", &err), &err);
    /* No process has such a number. */
    touch("left/iter_4.pth.99999999.tmp");
    touch("left/best_val_mIoU_iter_4.pth.99999999.tmp");
    touch("left/last_checkpoint.99999999.tmp");
    touch("left/report.99999999.tmp");
    touch("left/iter_4.pth.tmp");
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "left", .overrides = {"train_cfg.max_iters=1"}});
    assert_false(file_exists("left/iter_4.pth.99999999.tmp"));
    assert_false(file_exists("left/best_val_mIoU_iter_4.pth.99999999.tmp"));
    assert_false(file_exists("left/last_checkpoint.99999999.tmp"));
    assert_true(file_exists("left/report.99999999.tmp"));
    assert_true(file_exists("left/iter_4.pth.tmp"));
}

static void one_training_a_folder(void **state)
{
    (void)state;
    cseg_error err = {0};
    tiny_run r = {.config = TINY_1X, .work_dir = "locked", .overrides = {"train_cfg.max_iters=1"}};
    tiny_must_train(&r);
    int fd = open("locked/.cseg.lock", O_RDWR);
    assert_true(fd >= 0); /* the first one's file stays, its lock does not */
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(pwrite(fd, "4711\n", 5, 0), 5);
    assert_int_equal(tiny_train(&r, &err), CSEG_IO);
    print_message("    %s\n", err.text);
    assert_non_null(strstr(err.text, "locked: process 4711"));
    /* Another work dir whose checkpoints go to the same place. */
    r.work_dir = "other/locked";
    r.overrides[1] = "default_hooks.checkpoint.out_dir=.";
    assert_int_equal(tiny_train(&r, &err), CSEG_IO);
    assert_non_null(strstr(err.text, "process 4711"));
    close(fd);
    tiny_must_train(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_that_saving_gives),
        cmocka_unit_test(a_best_figure_is_a_number),
        cmocka_unit_test(a_crafted_checkpoint_removes_nothing),
        cmocka_unit_test(those_of_mmengine_are_followed),
        cmocka_unit_test(another_runs_checkpoints_stay),
        cmocka_unit_test(a_copied_folder_goes_on_by_itself),
        cmocka_unit_test(what_was_about_to_be_dropped_is),
        cmocka_unit_test(half_written_files_of_others_stay),
        cmocka_unit_test(one_training_a_folder),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
