/* The log of a run, against what the reference wrote for the same figures (tests/data/engine/run_log.py). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "config/config.h"
#include "engine/dialect/dialect.h"
#include "engine/train/log/run_log_internal.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#define STAMP "20261124_090000"

static arena *mem;
static cseg_error err;
static char folder[4096];

static void set_time(struct timespec *out)
{
    *out = (struct timespec){.tv_sec = 1795510800, .tv_nsec = 123456789};
}

static int open_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/run-log-XXXXXX", BUILD_DIR);
    setenv("TZ", "UTC", 1);
    run_log_set_clock(set_time);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[4200];
    run_log_set_clock(NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    err = (cseg_error){0};
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

static void check(cseg_status status)
{
    if (status != CSEG_OK)
        fail_msg("%s", err.text);
}

static char *text_of(const char *path)
{
    char *text;
    size_t n;
    check(file_read(path, 0, mem, &text, &n, &err));
    return text;
}

/* ---- runs whose figures are given ------------------------------------------------------------------------------- */

typedef struct run {
    const char *name, *cfg;
    config_dialect dialect;
    bool by_epoch;
    int64_t length, epochs, iters, interval; /* iters 0: length * epochs, or 12 of iteration-based runs */
    bool slow, norm, base;
    int64_t evaluations[3], validations[3]; /* after these iterations */
} run;

static metrics_style style_of(const run *r)
{
    return r->dialect == DIALECT_1X ? (metrics_style){0} : (metrics_style){true, true, true};
}

static experiment *experiment_of(const run *r)
{
    experiment *e = ARENA_NEW(mem, experiment);
    value *cfg = NULL;
    check(config_parse_text(r->cfg ? r->cfg : "", "tiny.py", mem, &cfg, &err));
    *e = (experiment){.mem = mem,
                      .path = "tiny.py",
                      .cfg = cfg,
                      .profile = (r->dialect == DIALECT_1X ? dialect_1x : dialect_0x).profile,
                      .val_eval.style = style_of(r),
                      .by_epoch = r->by_epoch,
                      .work_dir = r->name,
                      .log.interval = r->interval};
    (r->dialect == DIALECT_1X ? read_log_1x : read_log_0x)(e);
    e->max = r->by_epoch ? r->epochs : r->iters ? r->iters : 12;
    return e;
}

/* As figures() of run_log.py. */
static log_step step_of(const run *r, const experiment *e, int64_t i, double *values)
{
    static const char *const names[] = {"decode.loss_ce", "decode.acc_seg", "loss"};
    double n = (double)i;
    values[0] = 1.7 / (n + 1);
    values[1] = 50 + 0.37 * n;
    values[2] = 2.0 / (n + 1);
    log_step s = {.iter = i,
                  .max_iters = r->by_epoch ? r->length * r->epochs : e->max,
                  .epoch = (i - 1) / r->length + 1,
                  .max_epochs = r->epochs,
                  .inner = (i - 1) % r->length + 1,
                  .epoch_length = r->length,
                  .lr = 0.001 * (1 - n / 200),
                  .momentum = 0.9,
                  .data_seconds = 1 + 0.1 * (double)(i % 7),
                  .seconds = 20 + 0.3 * (double)(i % 11) + (r->slow && i < 3 ? 90000 : 0),
                  .grad_norm = NAN,
                  .memory = (size_t)1234 << 20,
                  .names = names,
                  .values = values,
                  .n = 3};
    if (r->base)
        s.base_lr = 10 * s.lr;
    if (r->norm && (r->dialect == DIALECT_0X || i % 2 == 0))
        s.grad_norm = 1.5 / n;
    return s;
}

static void evaluation_of(const run *r, int64_t classes, const char *const *names, evaluation *v)
{
    static const char *const measure[] = {"mIoU"};
    metrics_options o = {.names = measure, .n_names = 1};
    confusion c;
    check(confusion_new(mem, classes, &c, &err));
    for (int64_t i = 0; i < classes; i++) {
        c.intersect[i] = i % 2 ? 20 : 50;
        c.predicted[i] = i % 2 ? 30 : 60;
        c.labelled[i] = i % 2 ? 35 : 55;
    }
    *v = (evaluation){.images = 7, .seconds = 0.125, .data_seconds = 0.0025, .n_parts = 1};
    v->parts = ARENA_NEW(mem, evaluation_part);
    assert_non_null(v->parts);
    check(metrics_compute(&c, names, &o, mem, &v->parts[0].m, &err));
    v->entries = metrics_entries(&v->parts[0].m, style_of(r), mem, &v->n);
    assert_non_null(v->entries);
}

static bool is_one_of(int64_t i, const int64_t *some)
{
    return i == some[0] || i == some[1] || i == some[2];
}

static void evaluate_at(run_log *l, const run *r, log_step s)
{
    static const char *const classes[] = {"ground", "water"};
    static const char *const names[] = {"decode.loss_ce", "decode.acc_seg", "loss"};
    static const double values[] = {1.5, 60.25, 0.25};
    evaluation v;
    if (r->by_epoch) { /* the trainer has turned to the next one */
        s.epoch++;
        s.inner = 0;
    }
    evaluation_of(r, 2, classes, &v);
    if (is_one_of(s.iter, r->evaluations))
        check(run_log_evaluation(l, &s, &v, mem, &err));
    s.names = names;
    s.values = values;
    s.batches = 3;
    if (is_one_of(s.iter, r->validations))
        check(run_log_val_losses(l, &s, &err));
}

static run_log *perform(const run *r, experiment *e)
{
    run_log *l = NULL;
    double values[3];
    check(run_log_open(e, 5, mem, &l, &err));
    int64_t last = r->by_epoch ? r->length * r->epochs : e->max;
    for (int64_t i = 1; i <= last; i++) {
        log_step s = step_of(r, e, i, values);
        check(run_log_train(l, &s, &err));
        evaluate_at(l, r, s);
    }
    assert_true(run_log_eta(l) == 0);
    return l;
}

/* What the reference wrote under "== NAME log" or "== NAME json". */
static char *golden(const run *r, const char *which)
{
    char *all =
        text_of(r->dialect == DIALECT_1X ? TEST_DATA "/engine/run_log_1x.txt" : TEST_DATA "/engine/run_log_0x.txt");
    char *title = arena_printf(mem, "== %s %s\n", r->name, which), *begin = strstr(all, title);
    assert_non_null(begin);
    begin += strlen(title);
    char *end = strstr(begin, "\n== ");
    if (end)
        end[1] = 0;
    return begin;
}

static const char *after_line(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    assert_non_null(at);
    return strchr(at, '\n') + 1;
}

/* Lines of the text log after its head; of the JSON log all (1.x), or all but the first (0.x). */
static void check_run(const run *r)
{
    perform(r, experiment_of(r));
    if (r->dialect == DIALECT_1X) {
        const char *dir = arena_printf(mem, "%s/" STAMP, r->name);
        const char *text = text_of(arena_printf(mem, "%s/" STAMP ".log", dir));
        const char *json = text_of(arena_printf(mem, "%s/vis_data/" STAMP ".json", dir));
        assert_string_equal(after_line(text, "Checkpoints will be saved to"), golden(r, "log"));
        assert_string_equal(json, golden(r, "json"));
        assert_string_equal(text_of(arena_printf(mem, "%s/vis_data/scalars.json", dir)), json);
        assert_true(file_exists(arena_printf(mem, "%s/vis_data/config.py", dir)));
    } else {
        const char *text = text_of(arena_printf(mem, "%s/" STAMP ".log", r->name));
        const char *json = text_of(arena_printf(mem, "%s/" STAMP ".log.json", r->name));
        assert_string_equal(after_line(text, "Start running"), golden(r, "log"));
        assert_true(str_starts(json, "{\"env_info\": \"sys.platform: linux\\n"));
        assert_string_equal(strchr(json, '\n') + 1, strchr(golden(r, "json"), '\n') + 1);
    }
    assert_true(file_exists(arena_printf(mem, "%s/tiny.py", r->name)));
}

static void iterations_are_logged_as_mmengine_does(void **state)
{
    (void)state;
    check_run(&(run){.name = "iters",
                     .dialect = DIALECT_1X,
                     .length = 5,
                     .epochs = 3,
                     .interval = 4,
                     .evaluations = {8, 12},
                     .cfg = "log_processor = dict(by_epoch=False)\n"
                            "default_hooks = dict(logger=dict(interval_exp_name=6, log_metric_by_epoch=False))\n"});
    check_run(&(run){.name = "short", .dialect = DIALECT_1X, .length = 3, .epochs = 4, .interval = 8, .norm = true});
    check_run(&(run){.name = "long",
                     .dialect = DIALECT_1X,
                     .length = 500,
                     .epochs = 1,
                     .iters = 450,
                     .interval = 150,
                     .cfg = "log_processor = dict(window_size=300)\n"});
}

static void epochs_are_logged_as_mmengine_does(void **state)
{
    (void)state;
    check_run(&(run){.name = "epochs",
                     .dialect = DIALECT_1X,
                     .by_epoch = true,
                     .length = 6,
                     .epochs = 5,
                     .interval = 4,
                     .slow = true,
                     .evaluations = {6, 30}});
}

#define SAID                                                                                                           \
    "log_processor = dict(window_size=3, num_digits=3, log_with_hierarchy=True, mean_pattern='acc|time',\n"            \
    "  custom_cfg=[dict(data_src='loss', method_name='mean', window_size='epoch'),\n"                                  \
    "    dict(data_src='loss', log_name='all', method_name='mean', window_size='global'),\n"                           \
    "    dict(data_src='decode.loss_ce', log_name='worst', method_name='max', window_size=5),\n"                       \
    "    dict(data_src='decode.loss_ce', log_name='best', method_name='min'),\n"                                       \
    "    dict(data_src='lr', log_name='decode.acc_seg', method_name='current')])\n"                                    \
    "default_hooks = dict(logger=dict(ignore_last=False))\n"

static void the_log_processor_is_followed(void **state)
{
    (void)state;
    check_run(&(run){.name = "said",
                     .dialect = DIALECT_1X,
                     .by_epoch = true,
                     .length = 6,
                     .epochs = 5,
                     .interval = 4,
                     .norm = true,
                     .base = true,
                     .evaluations = {6},
                     .cfg = SAID});
}

static void iterations_are_logged_as_mmcv_does(void **state)
{
    (void)state;
    check_run(&(run){.name = "iters",
                     .dialect = DIALECT_0X,
                     .length = 5,
                     .epochs = 3,
                     .interval = 4,
                     .norm = true,
                     .evaluations = {6, 12},
                     .cfg = "log_config = dict(hooks=[dict(type='TensorboardLoggerHook'), dict(type='TextLoggerHook',\n"
                            "    by_epoch=False, interval_exp_name=6)])\n"});
}

static void epochs_are_logged_as_mmcv_does(void **state)
{
    (void)state;
    check_run(&(run){.name = "plain",
                     .dialect = DIALECT_0X,
                     .by_epoch = true,
                     .length = 6,
                     .epochs = 3,
                     .interval = 4,
                     .evaluations = {12}});
    check_run(&(run){.name = "ends",
                     .dialect = DIALECT_0X,
                     .by_epoch = true,
                     .length = 6,
                     .epochs = 3,
                     .interval = 4,
                     .evaluations = {12},
                     .validations = {6, 18},
                     .cfg = "log_config = dict(hooks=[dict(type='TextLoggerHook', ignore_last=False)])\n"});
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static void settings_that_cannot_be_followed_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *cfg, *word;
        cseg_status code;
    } cases[] = {
        {"window_size=0", "window_size", CSEG_CONFIG},
        {"window_size='all'", "window_size", CSEG_CONFIG},
        {"num_digits=-1", "num_digits", CSEG_CONFIG},
        {"mean_pattern=3", "an int", CSEG_CONFIG},
        {"mean_pattern='(?i)loss'", "(?i)loss", CSEG_UNSUPPORTED},
        {"mean_pattern=r'loss\\d'", "loss\\d", CSEG_UNSUPPORTED},
        {"mean_pattern='.*?loss'", ".*?loss", CSEG_UNSUPPORTED},
        {"mean_pattern='(loss'", "(loss", CSEG_UNSUPPORTED},
        {"custom_cfg=[dict(method_name='mean')]", "data_src", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss', method_name='median')]", "method_name", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss')]", "method_name", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss', method_name='mean', window_size='epoch')]", "by_epoch", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss', method_name='mean', window_size='day')]", "window_size", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss', method_name='mean', window_size=-2)]", "window_size", CSEG_CONFIG},
        {"custom_cfg=[dict(data_src='loss', method_name='max'), dict(data_src='loss', method_name='min')]",
         "loss twice", CSEG_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run r = {.name = "refused", .dialect = DIALECT_1X, .interval = 4, .length = 6, .epochs = 1};
        run_log *l;
        r.cfg = arena_printf(mem, "log_processor = dict(by_epoch=False, %s)\n", cases[i].cfg);
        assert_int_equal(run_log_open(experiment_of(&r), 5, mem, &l, &err), cases[i].code);
        if (!strstr(err.text, cases[i].word) || !strstr(err.text, "tiny.py:1"))
            fail_msg("%s: %s", cases[i].cfg, err.text);
    }
    assert_false(file_exists("refused"));
}

static void the_processor_decides_whether_epochs_are_told(void **state)
{
    (void)state;
    run r = {.name = "epochs-by-iters",
             .dialect = DIALECT_1X,
             .by_epoch = true,
             .length = 6,
             .epochs = 2,
             .interval = 4,
             .evaluations = {12},
             .cfg = "log_processor = dict(by_epoch=False)\n"};
    perform(&r, experiment_of(&r));
    const char *text = text_of("epochs-by-iters/" STAMP "/" STAMP ".log");
    assert_non_null(strstr(text, "INFO - Iter(train) [ 4/12]  lr: "));
    assert_non_null(strstr(text, "INFO - Iter(train) [10/12]  lr: "));
    assert_non_null(strstr(text, "INFO - Iter(val) [7/7]    aAcc: "));
    assert_null(strstr(text_of("epochs-by-iters/" STAMP "/vis_data/scalars.json"), "epoch"));

    run old = {.name = "iters-0x",
               .dialect = DIALECT_0X,
               .by_epoch = true,
               .length = 6,
               .epochs = 2,
               .interval = 5,
               .cfg = "log_config = dict(hooks=[dict(type='TextLoggerHook', by_epoch=False)])\n"};
    perform(&old, experiment_of(&old));
    text = text_of("iters-0x/" STAMP ".log");
    assert_non_null(strstr(text, "INFO - Iter [5/12]\tlr: "));
    assert_non_null(strstr(text, "INFO - Iter [10/12]\tlr: ")); /* the buffer began anew at 7 */
    assert_non_null(strstr(text, "loss: 0.2135\n"));
}

/* 150 classes are 303 figures in a line, and names may hold anything. */
static void long_lines_are_whole(void **state)
{
    (void)state;
    const char *classes[150];
    run r = {.name = "wide", .dialect = DIALECT_0X, .interval = 4, .length = 5, .epochs = 3};
    experiment *e = experiment_of(&r);
    run_log *l;
    double values[3];
    evaluation v;
    for (int i = 0; i < 150; i++)
        classes[i] = arena_printf(mem, "something with a name of its own, number %d", i);
    classes[0] = "\"w\xc3\xa4ssrig\\\"\t\x01";
    classes[1] = "\xf0\x9f\x8c\x8a\xff\xe2\x82";
    check(run_log_open(e, 5, mem, &l, &err));
    evaluation_of(&r, 150, classes, &v);
    log_step s = step_of(&r, e, 4, values);
    check(run_log_evaluation(l, &s, &v, mem, &err));
    const char *json = strchr(text_of("wide/" STAMP ".log.json"), '\n') + 1;
    int figures = 0;
    for (const char *p = json; (p = strstr(p, "\": ")); p++)
        figures++;
    assert_int_equal(figures, 4 + 303);
    assert_true(str_ends(json, "\"Acc.something with a name of its own, number 149\": 0.5714}\n"));
    assert_non_null(strstr(json, "\"IoU.\\\"w\\u00e4ssrig\\\\\\\"\\t\\u0001\": 0.7692, "));
    assert_non_null(strstr(json, "\"IoU.\\ud83c\\udf0a\\ufffd\\ufffd\\ufffd\": 0.4444, "));
    assert_true(str_ends(text_of("wide/" STAMP ".log"), "Acc.something with a name of its own, number 149: 0.5714\n"));
}

static void numbers_that_are_none_are_told(void **state)
{
    (void)state;
    static const char *const names[] = {"loss_a", "loss_b", "loss"};
    const double values[] = {-NAN, INFINITY, NAN};
    for (int zero = 0; zero < 2; zero++) {
        run r = {.name = zero ? "nan-0x" : "nan-1x",
                 .dialect = zero ? DIALECT_0X : DIALECT_1X,
                 .interval = 1,
                 .length = 9,
                 .epochs = 1};
        experiment *e = experiment_of(&r);
        run_log *l;
        double unused[3];
        check(run_log_open(e, 5, mem, &l, &err));
        log_step s = step_of(&r, e, 1, unused);
        s.names = names;
        s.values = values;
        check(run_log_train(l, &s, &err));
    }
    const char *one = text_of("nan-1x/" STAMP "/" STAMP ".log"), *zero = text_of("nan-0x/" STAMP ".log");
    assert_true(str_ends(one, "memory: 1234  loss: nan  loss_a: nan  loss_b: inf\n"));
    assert_true(str_ends(zero, "memory: 1234, loss_a: nan, loss_b: inf, loss: nan\n"));
    assert_non_null(strstr(text_of("nan-1x/" STAMP "/vis_data/scalars.json"),
                           "\"loss\": NaN, \"loss_a\": NaN, \"loss_b\": Infinity,"));
    assert_non_null(
        strstr(text_of("nan-0x/" STAMP ".log.json"), "\"loss_a\": NaN, \"loss_b\": Infinity, \"loss\": NaN,"));
}

/* The one event file in `dir`, whose bytes hold each tag with its length in front. */
static bool board_has(const char *dir, const char *tag)
{
    char **names, *bytes;
    size_t n, size;
    check(dir_list(dir, NULL, false, mem, &names, &n, &err));
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(names[i], "events.out.tfevents."))
            continue;
        check(file_read(path_join(mem, dir, names[i]), 0, mem, &bytes, &size, &err));
        const char *wanted = arena_printf(mem, "\n%c%s\x15", (int)strlen(tag), tag);
        return memmem(bytes, size, wanted, strlen(wanted)) != NULL;
    }
    fail_msg("%s holds no events", dir);
    return false;
}

static void tensorboard_gets_the_references_tags(void **state)
{
    (void)state;
    run one = {.name = "board-1x", .dialect = DIALECT_1X, .length = 6, .epochs = 2, .interval = 4, .evaluations = {12}};
    run zero = {
        .name = "board-0x", .dialect = DIALECT_0X, .length = 6, .epochs = 2, .interval = 4, .evaluations = {12}};
    static const char *const have_1x[] = {"lr",   "data_time", "loss",   "decode.loss_ce",
                                          "time", "iter",      "memory", "mIoU"};
    static const char *const have_0x[] = {"train/loss",    "train/decode.acc_seg", "val/mIoU",
                                          "val/IoU.water", "learning_rate",        "momentum"};
    experiment *e = experiment_of(&one);
    e->log.tensorboard = true;
    perform(&one, e);
    for (size_t i = 0; i < sizeof have_1x / sizeof *have_1x; i++)
        if (!board_has("board-1x/" STAMP "/vis_data", have_1x[i]))
            fail_msg("no %s", have_1x[i]);
    assert_false(board_has("board-1x/" STAMP "/vis_data", "step"));
    e = experiment_of(&zero);
    e->log.tensorboard = true;
    perform(&zero, e);
    for (size_t i = 0; i < sizeof have_0x / sizeof *have_0x; i++)
        if (!board_has("board-0x/tf_logs", have_0x[i]))
            fail_msg("no %s", have_0x[i]);
    assert_false(board_has("board-0x/tf_logs", "train/time"));
    assert_false(board_has("board-0x/tf_logs", "train/data_time"));
}

/* The disk is full for that file: it is as long already as a file may be. */
static void check_full(const experiment *e, const char *path)
{
    enum { LONGEST = 1 << 20 };
    struct rlimit old, small;
    run_log *l;
    char *bytes = arena_alloc(mem, LONGEST);
    memset(bytes, '\n', LONGEST);
    check(file_replace_bytes(path, bytes, LONGEST, mem, &err));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = LONGEST;
    setrlimit(RLIMIT_FSIZE, &small);
    cseg_status status = run_log_open(e, 5, mem, &l, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, CSEG_IO);
    assert_string_equal(err.text, arena_printf(mem, "%s: cannot write: File too large", path));
    assert_int_equal(unlink(path), 0);
}

static void a_full_disk_is_told_with_the_file(void **state)
{
    (void)state;
    run r = {.name = "full", .dialect = DIALECT_0X, .length = 6, .epochs = 2, .interval = 1};
    const experiment *e = experiment_of(&r);
    check(dir_create("full", &err));
    check_full(e, "full/" STAMP ".log.json");
    check_full(e, "full/" STAMP ".log");
}

/* A log is a file: a device or a pipe in its place is neither written to nor waited for. */
static void what_is_no_file_is_no_log(void **state)
{
    (void)state;
    run r = {.name = "pipe", .dialect = DIALECT_0X, .length = 6, .epochs = 2, .interval = 1};
    const experiment *e = experiment_of(&r);
    run_log *l;
    check(dir_create("pipe", &err));
    assert_int_equal(mkfifo("pipe/" STAMP ".log.json", 0600), 0);
    alarm(20);
    assert_int_equal(run_log_open(e, 5, mem, &l, &err), CSEG_IO);
    alarm(0);
    assert_non_null(strstr(err.text, "pipe/" STAMP ".log.json: is a pipe"));
    assert_int_equal(unlink("pipe/" STAMP ".log.json"), 0);
    assert_int_equal(unlink("pipe/" STAMP ".log"), 0);
    assert_int_equal(symlink("/dev/null", "pipe/" STAMP ".log"), 0);
    assert_int_equal(run_log_open(e, 5, mem, &l, &err), CSEG_IO);
    assert_non_null(strstr(err.text, "pipe/" STAMP ".log: is a device"));
}

/* The disk fills up in the middle of a line: that line is not there, those before are. */
static void no_half_line_stays(void **state)
{
    (void)state;
    run r = {.name = "half", .dialect = DIALECT_0X, .length = 6, .epochs = 2, .interval = 1};
    experiment *e = experiment_of(&r);
    run_log *l;
    double values[3];
    struct rlimit before, tight;
    check(run_log_open(e, 5, mem, &l, &err));
    log_step s = step_of(&r, e, 1, values);
    check(run_log_train(l, &s, &err));
    const char *path = "half/" STAMP ".log.json", *text = text_of("half/" STAMP ".log"), *json = text_of(path);
    /* Room for half of one more line of the larger file, which is the text log: the config stands in both. */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)(strlen(text) + 40);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    s = step_of(&r, e, 2, values);
    cseg_status status = run_log_train(l, &s, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, CSEG_IO);
    assert_non_null(strstr(err.text, "half/" STAMP ".log: cannot write: "));
    assert_string_equal(text_of("half/" STAMP ".log"), text);
    assert_string_equal(text_of(path), json);
    /* And it goes on when there is room again. */
    s = step_of(&r, e, 3, values);
    check(run_log_train(l, &s, &err));
    assert_true(str_starts(text_of(path) + strlen(json), "{\"mode\": \"train\", \"epoch\": 1, \"iter\": 3, "));
}

static void a_config_in_the_work_dir_stays_as_it_was(void **state)
{
    (void)state;
    static const char own[] = "# mine\nmax_iters = 6 + 6\n";
    run r = {.name = "own", .dialect = DIALECT_1X, .length = 6, .epochs = 2, .interval = 4, .cfg = own};
    experiment *e = experiment_of(&r);
    run_log *l;
    check(dir_create("own", &err));
    check(file_replace_bytes("own/mine.py", own, strlen(own), mem, &err));
    e->path = "own/mine.py";
    check(run_log_open(e, 5, mem, &l, &err));
    assert_string_equal(text_of("own/mine.py"), own);
    assert_string_equal(text_of("own/" STAMP "/vis_data/config.py"), "max_iters = 12\n");
    /* Elsewhere it is written, in Python whatever it was. */
    e->path = "mine.json";
    check(run_log_open(e, 5, mem, &l, &err));
    assert_string_equal(text_of("own/mine.py"), "max_iters = 12\n");
}

typedef struct heard {
    strbuf text;
    int n;
} heard;

static void hear(void *arg, log_level level, const char *text)
{
    heard *h = arg;
    assert_int_equal(level, LOG_INFO);
    strbuf_addf(&h->text, "%s\n", text);
    h->n++;
}

static void the_terminal_hears_each_line(void **state)
{
    (void)state;
    run r = {.name = "said-too", .dialect = DIALECT_1X, .length = 6, .epochs = 2, .interval = 4};
    heard h = {.text.mem = mem};
    run_log *l;
    check(run_log_open(experiment_of(&r), 5, mem, &l, &err));
    log_set_sink(hear, &h);
    run_log_line(l, "Saving checkpoint at %d iterations", 4);
    run_log_line(l, "%-s", "two\n\nlines");
    log_set_sink(NULL, NULL);
    assert_string_equal(h.text.text, "Saving checkpoint at 4 iterations\ntwo\nlines\n");
    assert_true(str_ends(text_of("said-too/" STAMP "/" STAMP ".log"),
                         "2026/11/24 09:00:00 - mmengine - INFO - Saving checkpoint at 4 iterations\n"
                         "2026/11/24 09:00:00 - mmengine - INFO - two\n\nlines\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(iterations_are_logged_as_mmengine_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(epochs_are_logged_as_mmengine_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_processor_is_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(iterations_are_logged_as_mmcv_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(epochs_are_logged_as_mmcv_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings_that_cannot_be_followed_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_processor_decides_whether_epochs_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_are_none_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tensorboard_gets_the_references_tags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_with_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_no_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_half_line_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_config_in_the_work_dir_stays_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_terminal_hears_each_line, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
