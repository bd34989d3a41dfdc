/* Checkpoints that name counts no run can have: each is refused by name, or told of, before a step is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "again.h"
#include "tiny.h"

static char said[16384];

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    size_t n = strlen(said);
    if (level == LOG_WARNING)
        snprintf(said + n, sizeof said - n, "%s\n", text);
}

/* What takes a value's place: text as it stands, or a number; NULL: None. */
typedef struct edit {
    const char *path; /* keys with '/' between */
    const char *text;
    double real;
    bool whole;
} edit;

static pth_value *value_of(pth_builder *b, const edit *e)
{
    return e->text ? pth_str(b, e->text) : e->whole ? pth_int(b, (int64_t)e->real) : pth_float(b, e->real);
}

/* The key or number in front of a path, and the rest of the path; NULL: nothing is left. */
static const char *front(const char *path, char key[static 64])
{
    size_t n = strcspn(path, "/");
    snprintf(key, 64, "%.*s", (int)n, path);
    return path[n] ? path + n + 1 : NULL;
}

static bool is_key(const pickle_node *n, const char *key)
{
    int64_t v;
    char number[32] = "";
    if (pickle_int(n, &v))
        snprintf(number, sizeof number, "%lld", (long long)v);
    return strcmp(pickle_str(n) ? pickle_str(n) : number, key) == 0;
}

/* The tree as it was read, but for the value at `path`; a key that is missing is added. */
static pth_value *edited(pth_builder *b, pth *p, const pickle_node *n, const char *path, const edit *e)
{
    char key[64];
    bool found = false;
    if (!path)
        return value_of(b, e);
    const char *rest = front(path, key);
    if (n->kind == PICKLE_DICT) {
        pth_value *d = pth_dict(b);
        for (size_t i = 0; i < n->seq.n; i += 2) {
            bool here = is_key(n->seq.at[i], key);
            found |= here;
            pth_set_key(b, d, again(b, p, n->seq.at[i]),
                        here ? edited(b, p, n->seq.at[i + 1], rest, e) : again(b, p, n->seq.at[i + 1]));
        }
        if (!found && !rest)
            pth_set(b, d, key, value_of(b, e));
        assert_true(found || !rest);
        return d;
    }
    assert_true(n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE);
    pth_value *list = n->kind == PICKLE_LIST ? pth_list(b) : pth_tuple(b);
    for (size_t i = 0; i < n->seq.n; i++)
        pth_add(b, list, i == strtoul(key, NULL, 10) ? edited(b, p, n->seq.at[i], rest, e) : again(b, p, n->seq.at[i]));
    return list;
}

/* changed.pth: `from`, but for the edit. */
static void change(const char *from, const edit *e)
{
    cseg_error err;
    arena *mem = arena_new();
    pth_builder b = {.mem = mem};
    pth *p = tiny_open(from, mem);
    tiny_check(pth_write("changed.pth", &b, edited(&b, p, pth_root(p), e->path, e), &err), &err);
    arena_free(mem);
}

#define GO_ON "load_from='changed.pth'", "resume=True"

static cseg_status go_on(const char *config, const char *more, cseg_error *err)
{
    tiny_run r = {.config = config, .work_dir = "again", .overrides = {GO_ON, "train_cfg.val_interval=100", more}};
    tiny_run old = {.config = config, .work_dir = "again", .overrides = {"resume_from='changed.pth'", more}};
    err->text[0] = said[0] = 0;
    log_set_sink(hear, NULL);
    cseg_status status = tiny_train(strcmp(config, TINY_0X) == 0 ? &old : &r, err);
    log_set_sink(NULL, NULL);
    return status;
}

static void refused(const char *config, const char *from, const edit *e, const char *says, const char *more)
{
    cseg_error err;
    change(from, e);
    cseg_status status = go_on(config, more, &err);
    if ((status != CSEG_CORRUPT && status != CSEG_SHAPE) || !strstr(err.text, says) || !strstr(err.text, "changed.pth"))
        fail_msg("%s = %s%g: %d: %s", e->path, e->text ? e->text : "", e->real, (int)status, err.text);
    assert_false(file_exists("again/iter_12.pth"));
}

static void counts_are_within_their_range(void **state)
{
    (void)state;
    static const struct {
        edit change;
        const char *says;
    } cases[] = {
        {{"meta/iter", NULL, -1, true}, "'iter' is -1"},
        {{"meta/iter", NULL, 0x1p62, true}, "'iter' is 4611686018427387904"},
        {{"meta/iter", NULL, 3.5, false}, "'iter' is 3.5"},
        {{"meta/iter", NULL, NAN, false}, "'iter' is nan"},
        {{"meta/iter", "many", 0, false}, "'iter' is a string"},
        {{"meta", "nothing", 0, false}, "no checkpoint of a run to go on with"},
        {{"meta/epoch", NULL, -3, true}, "'epoch' is -3"},
        {{"meta/seed", "dice", 0, false}, "'seed' is a string"},
        {{"cseg/inner_iter", NULL, -1, true}, "'inner_iter' is -1"},
        {{"cseg/inner_iter", NULL, 5, true}, "'inner_iter' is 5"},
        {{"cseg/bad_rounds", NULL, -1, true}, "'bad_rounds' is -1"},
        {{"cseg/watched", "high", 0, false}, "'watched' is a string"},
        {{"cseg/summed", NULL, 0x1p62, true}, "'summed' is 4611686018427387904"},
        {{"cseg/summed", NULL, -1, true}, "'summed' is -1"},
        {{"optimizer/param_groups/0/lr", NULL, -1, false}, "'lr' is -1"},
        {{"optimizer/param_groups/0/lr", NULL, NAN, false}, "'lr' is nan"},
        {{"optimizer/param_groups/0/initial_lr", NULL, INFINITY, false}, "'initial_lr' is inf"},
        {{"optimizer/param_groups/0/momentum", NULL, -0.5, false}, "'momentum' is -0.5"},
        {{"optimizer/param_groups/0/momentum", "much", 0, false}, "'momentum' is a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(TINY_1X, "one/iter_4.pth", &cases[i].change, cases[i].says, NULL);
}

static void counts_of_adam_are_too(void **state)
{
    (void)state;
    static const struct {
        edit change;
        const char *says;
    } cases[] = {
        {{"optimizer/state/0/step", NULL, -1, true}, "'step' is -1"},
        {{"optimizer/state/0/step", NULL, INFINITY, false}, "'step' is inf"},
        {{"optimizer/state/0/step", NULL, 5, true}, "has made 5 steps for"},
        {{"optimizer/state/0/exp_avg_sq", NULL, 1, true}, "has no 'exp_avg_sq'"},
        {{"optimizer/param_groups/0/betas/0", NULL, 1, false}, "'betas' is 1"},
        {{"optimizer/param_groups/0/betas/0", NULL, NAN, false}, "'betas' is nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(TINY_0X, "old/iter_4.pth", &cases[i].change, cases[i].says, NULL);
}

#define WITH_AVERAGES TINY_1X "custom_hooks = [dict(type='EMAHook')]\n"
#define WITH_PLATEAU TINY_1X "param_scheduler = [dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater')]\n"

static void counts_of_averages_and_schedules_are_too(void **state)
{
    (void)state;
    cseg_error err;
    tiny_must_train(&(tiny_run){.config = WITH_AVERAGES, .work_dir = "ema"});
    static const edit steps[] = {{"ema_state_dict/steps", NULL, -1, true}, {"ema_state_dict/steps", NULL, 13, true}};
    refused(WITH_AVERAGES, "ema/iter_12.pth", &steps[0], "'steps' is -1", NULL);
    refused(WITH_AVERAGES, "ema/iter_12.pth", &steps[1], "'steps' is 13", NULL);
    tiny_must_train(&(tiny_run){.config = WITH_PLATEAU, .work_dir = "plateau"});
    static const edit bad[] = {{"param_schedulers/0/num_bad_epochs", NULL, -1, true},
                               {"param_schedulers/0/cooldown_counter", NULL, 0x1p60, true},
                               {"param_schedulers/0/last_step", NULL, -2, true}};
    refused(WITH_PLATEAU, "plateau/iter_4.pth", &bad[0], "'num_bad_epochs' is -1", NULL);
    refused(WITH_PLATEAU, "plateau/iter_4.pth", &bad[1], "'cooldown_counter' is", NULL);
    refused(WITH_PLATEAU, "plateau/iter_4.pth", &bad[2], "'last_step' is -2", NULL);
    /* Averages that are missing are told of. */
    static const edit gone = {"ema_state_dict", "gone", 0, false};
    change("ema/iter_12.pth", &gone);
    assert_int_equal(go_on(WITH_AVERAGES, NULL, &err), CSEG_OK);
    assert_non_null(strstr(said, "tensors have no moving average in it; theirs begin as the weights"));
}

static void sums_of_gradients_are_whole(void **state)
{
    (void)state;
    cseg_error err;
    const char *sum = "optim_wrapper.accumulative_counts=3";
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "sum", .overrides = {sum}});
    static const edit cases[] = {{"cseg/gradients", NULL, 1, true}, {"cseg/summed", NULL, 5, true}};
    refused(TINY_1X, "sum/iter_4.pth", &cases[0], "a tensor is expected", sum);
    refused(TINY_1X, "sum/iter_4.pth", &cases[1], "'summed' is 5", sum);
    static const edit none = {"cseg/summed", NULL, 1, true};
    refused(TINY_1X, "one/iter_4.pth", &none, "waited for a step are missing", sum);
    /* Into a run that sums none they cannot go. */
    static const edit same = {"cseg/summed", NULL, 1, true};
    change("sum/iter_4.pth", &same);
    assert_int_equal(go_on(TINY_1X, NULL, &err), CSEG_OK);
    assert_non_null(strstr(said, "the gradients of 1 iterations waited for a step and are left out"));
    assert_int_equal(system("rm -rf again"), 0);
}

static void what_can_be_gone_on_with_is_told(void **state)
{
    (void)state;
    cseg_error err;
    static const edit far = {"meta/iter", NULL, 40, true}, same = {"meta/iter", NULL, 4, true};
    change("one/iter_4.pth", &far);
    assert_int_equal(go_on(TINY_1X, NULL, &err), CSEG_OK);
    assert_non_null(strstr(said, "has 40 iterations behind it, this config asks for 12: nothing is left to train"));
    assert_int_equal(system("rm -rf again"), 0);
    /* Nothing of this is said, and nothing lost, where nothing was changed. */
    change("one/iter_4.pth", &same);
    assert_int_equal(go_on(TINY_1X, NULL, &err), CSEG_OK);
    assert_string_equal(said, "");
    assert_true(tiny_same("again/iter_12.pth", "one/iter_12.pth"));
    assert_int_equal(system("rm -rf again"), 0);
}

#define BY_EPOCH                                                                                                       \
    TINY_1X "train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=100)\n"                           \
            "train_dataloader.update(sampler=dict(type='DefaultSampler', shuffle=True))\n"

static void epochs_are_those_of_the_data(void **state)
{
    (void)state;
    cseg_error err;
    static const edit inner = {"cseg/inner_iter", NULL, 4, true}, far = {"meta/epoch", NULL, 9, true},
                      other = {"meta/iter", NULL, 5, true};
    tiny_must_train(&(tiny_run){.config = BY_EPOCH, .work_dir = "epochs"});
    refused(BY_EPOCH, "epochs/iter_4.pth", &inner, "after iteration 4 of an epoch, this run's epochs have 3", NULL);
    change("epochs/iter_8.pth", &far);
    assert_int_equal(go_on(BY_EPOCH, NULL, &err), CSEG_OK);
    assert_non_null(strstr(said, "has 9 epochs behind it, this config asks for 3"));
    change("epochs/iter_4.pth", &other);
    assert_int_equal(go_on(BY_EPOCH, NULL, &err), CSEG_OK);
    assert_non_null(strstr(said, "1 epochs had 4 iterations, this run's have 3 each"));
    assert_int_equal(system("rm -rf again"), 0);
}

static void a_config_asks_for_what_can_be_counted(void **state)
{
    (void)state;
    cseg_error err;
    tiny_run r = {.config = TINY_1X, .work_dir = "never", .overrides = {"train_cfg.max_iters=4611686018427387904"}};
    assert_int_equal(tiny_train(&r, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "no run has as many"));
}

static int setup(void **state)
{
    if (tiny_setup(state) != 0)
        return -1;
    tiny_must_train(&(tiny_run){.config = TINY_1X, .work_dir = "one"});
    tiny_must_train(&(tiny_run){.config = TINY_0X, .work_dir = "old"});
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_within_their_range),
        cmocka_unit_test(counts_of_adam_are_too),
        cmocka_unit_test(counts_of_averages_and_schedules_are_too),
        cmocka_unit_test(sums_of_gradients_are_whole),
        cmocka_unit_test(what_can_be_gone_on_with_is_told),
        cmocka_unit_test(epochs_are_those_of_the_data),
        cmocka_unit_test(a_config_asks_for_what_can_be_counted),
    };
    return cmocka_run_group_tests(tests, setup, tiny_teardown);
}
