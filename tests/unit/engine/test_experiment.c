/* What configs ask for, in 1.x, 0.x and the oldest style; then all that the reference ships. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/dialect/dialect.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static int new_arena(void **state)
{
    *state = arena_new();
    return *state ? 0 : -1;
}

static int drop_arena(void **state)
{
    arena_free(*state);
    return 0;
}

static cseg_status parse(arena *mem, const char *text, experiment **out, cseg_error *err)
{
    value *cfg;
    *err = (cseg_error){0};
    TRY(config_parse_text(text, "dir/some.py", mem, &cfg, err));
    return experiment_read(cfg, "dir/some.py", mem, out, err);
}

static experiment *must_parse(arena *mem, const char *text)
{
    cseg_error err;
    experiment *e = NULL;
    if (parse(mem, text, &e, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return e;
}

static void must_refuse(arena *mem, const char *text, const char *word)
{
    cseg_error err;
    experiment *e;
    if (parse(mem, text, &e, &err) != CSEG_CONFIG)
        fail_msg("no complaint of the config about: %s", text);
    if (!strstr(err.text, word))
        fail_msg("no word of '%s' in: %s", word, err.text);
}

static void same_number(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

#define MODEL "model = dict(type='EncoderDecoder')\n"
#define ONE_X MODEL "train_cfg = dict(type='IterBasedTrainLoop', max_iters=10)\n"
#define ZERO_X MODEL "data = dict(train=dict(type='CustomDataset'))\n"

static void one_x(void **state)
{
    experiment *e = must_parse(
        *state, MODEL
        "data_preprocessor = dict(type='SegDataPreProcessor')\n"
        "d = dict(type='BaseSegDataset')\n"
        "train_dataloader = dict(batch_size=4, num_workers=3, dataset=d, num_batch_per_epoch=7,\n"
        "    sampler=dict(type='InfiniteSampler', shuffle=True))\n"
        "val_dataloader = dict(batch_size=1, num_workers=5, dataset=d, sampler=dict(type='DefaultSampler',\n"
        "    shuffle=False))\n"
        "val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU', 'mFscore'], beta=2, nan_to_num=-1)\n"
        "test_evaluator = dict(type='IoUMetric', format_only=True, output_dir='maps')\n"
        "optim_wrapper = dict(type='AmpOptimWrapper', optimizer=dict(type='AdamW', lr=1e-3),\n"
        "    paramwise_cfg=dict(norm_decay_mult=0.), clip_grad=dict(max_norm=3, norm_type=1),\n"
        "    accumulative_counts=4)\n"
        "param_scheduler = [dict(type='PolyLR')]\n"
        "train_cfg = dict(type='IterBasedTrainLoop', max_iters=4000, val_interval=400, val_begin=800,\n"
        "    dynamic_intervals=[(3000, 50)])\n"
        "default_hooks = dict(logger=dict(type='LoggerHook', interval=25), checkpoint=dict(type='CheckpointHook',\n"
        "    by_epoch=False, interval=200, max_keep_ckpts=3, save_best=['mIoU'], rule='greater', save_begin=600,\n"
        "    save_last=False, save_optimizer=False, out_dir='store'))\n"
        "vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]\n"
        "custom_hooks = [dict(type='mmseg.EMAHook', momentum=0.01, begin_iter=5), dict(type='EarlyStoppingHook',\n"
        "    monitor='mIoU', patience=3, min_delta=0.5)]\n"
        "val_cfg = dict(type='ValLoop')\ntest_cfg = dict(type='TestLoop', fp16=True)\n"
        "load_from = 'a.pth'\nrandomness = dict(seed=7, deterministic=True)\n");
    assert_ptr_equal(e->dialect, &dialect_1x);
    assert_string_equal(e->work_dir, "work_dirs/some");
    assert_non_null(e->preprocessor);
    assert_int_equal(e->train.batch_size, 4);
    assert_int_equal(e->train.workers, 3);
    assert_int_equal(e->train.limit, 7);
    assert_int_equal(e->train.order, ORDER_INFINITE);
    assert_int_equal(e->val.workers, 5);
    assert_int_equal(e->val.order, ORDER_SEQUENTIAL);
    assert_null(e->test.dataset);
    assert_int_equal(e->val_eval.n_metrics, 2);
    assert_string_equal(e->val_eval.metrics[1], "mFscore");
    same_number(e->val_eval.beta, 2);
    assert_true(e->val_eval.has_nan_to_num);
    same_number(e->val_eval.nan_to_num, -1);
    assert_true(e->test_eval.format_only);
    assert_string_equal(e->test_eval.output_dir, "maps");
    assert_true(e->amp && e->test_bf16);
    assert_false(e->val_bf16);
    same_number(e->clip_norm, 3);
    same_number(e->clip_norm_type, 1);
    assert_int_equal(e->accumulate, 4);
    assert_non_null(e->paramwise);
    assert_int_equal(value_count(e->rates), 1);
    assert_false(e->by_epoch);
    assert_int_equal(e->max, 4000);
    assert_int_equal(e->n_validate, 2);
    assert_int_equal(e->validate[0].begin, 800);
    assert_int_equal(e->validate[0].every, 400);
    assert_int_equal(e->validate[1].begin, 3000);
    assert_int_equal(e->validate[1].every, 50);
    assert_int_equal(e->log.interval, 25);
    assert_true(e->log.tensorboard);
    const experiment_checkpoint *c = &e->checkpoint;
    assert_true(c->on && !c->by_epoch && !c->save_last && !c->save_optimizer);
    assert_int_equal(c->interval, 200);
    assert_int_equal(c->begin, 600);
    assert_int_equal(c->max_keep, 3);
    assert_int_equal(c->n_best, 1);
    assert_string_equal(c->save_best[0], "mIoU");
    assert_string_equal(c->rules[0], "greater");
    assert_string_equal(c->out_dir, "store");
    assert_true(e->ema.on);
    same_number(e->ema.momentum, 0.01);
    assert_int_equal(e->ema.begin_iter, 5);
    assert_true(e->stopping.on);
    assert_int_equal(e->stopping.patience, 3);
    same_number(e->stopping.min_delta, 0.5);
    assert_string_equal(e->load_from, "a.pth");
    assert_null(e->resume_from);
    assert_true(e->has_seed && e->deterministic);
    assert_int_equal(e->seed, 7);
}

/* What mmengine does where a config is silent. */
static void one_x_defaults(void **state)
{
    experiment *e = must_parse(*state, ONE_X);
    assert_true(e->checkpoint.on && e->checkpoint.by_epoch && e->checkpoint.save_last && e->checkpoint.save_optimizer);
    assert_int_equal(e->checkpoint.interval, 1);
    assert_int_equal(e->checkpoint.max_keep, -1);
    assert_int_equal(e->validate[0].every, 1000);
    assert_int_equal(e->log.interval, 10);
    assert_int_equal(e->accumulate, 1);
    assert_false(e->has_seed || e->resume || e->amp || e->ema.on || e->stopping.on);
    e = must_parse(*state, ONE_X "default_hooks = dict(checkpoint=dict(type='CheckpointHook'))\n");
    assert_int_equal(e->checkpoint.interval, -1);
    e = must_parse(*state, ONE_X "default_hooks = dict(checkpoint=None)\n");
    assert_false(e->checkpoint.on);
    e = must_parse(*state, ONE_X "train_cfg = dict(by_epoch=True, max_epochs=3)\nresume = True\nload_from = 'b.pth'\n");
    assert_true(e->by_epoch && e->validate_by_epoch && e->resume);
    assert_int_equal(e->max, 3);
    assert_int_equal(e->validate[0].every, 1);
    assert_string_equal(e->resume_from, "b.pth");
}

static void zero_x(void **state)
{
    experiment *e = must_parse(
        *state, MODEL
        "data = dict(samples_per_gpu=3, workers_per_gpu=5, train=dict(type='CustomDataset'),\n"
        "    val=dict(type='CustomDataset'), val_dataloader=dict(samples_per_gpu=2, workers_per_gpu=1),\n"
        "    train_dataloader=dict(drop_last=False))\n"
        "optimizer = dict(type='SGD', lr=0.01)\n"
        "optimizer_config = dict(type='GradientCumulativeFp16OptimizerHook', cumulative_iters=2,\n"
        "    grad_clip=dict(max_norm=35, norm_type=2))\n"
        "lr_config = dict(policy='poly')\nmomentum_config = dict(policy='cyclic')\n"
        "runner = dict(type='IterBasedRunner', max_iters=80000)\n"
        "checkpoint_config = dict(by_epoch=False, interval=8000, max_keep_ckpts=2)\n"
        "evaluation = dict(interval=4000, metric=['mIoU', 'mDice'], pre_eval=True, save_best='auto', start=16000,\n"
        "    by_epoch=True)\n"
        "log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook'), dict(type='TensorboardLoggerHook')])\n"
        "custom_hooks = [dict(type='EMAHook', momentum=0.002, warm_up=10)]\n"
        "workflow = [('train', 100), ('val', 1)]\n"
        "resume_from = 'c.pth'\nwork_dir = 'w'\nseed = 0\n");
    assert_ptr_equal(e->dialect, &dialect_0x);
    assert_string_equal(e->work_dir, "w");
    assert_int_equal(e->train.batch_size, 3);
    assert_int_equal(e->train.workers, 5);
    assert_int_equal(e->train.order, ORDER_SHUFFLE);
    assert_false(e->train.drop_last);
    assert_int_equal(e->val.batch_size, 2);
    assert_int_equal(e->val.workers, 1);
    assert_int_equal(e->val.order, ORDER_SEQUENTIAL);
    assert_true(e->amp && e->val_bf16 && !e->test_bf16);
    assert_int_equal(e->accumulate, 2);
    same_number(e->clip_norm, 35);
    assert_non_null(e->rates);
    assert_non_null(e->momenta);
    assert_int_equal(e->max, 80000);
    /* mmseg sets evaluation.by_epoch by the runner. */
    assert_false(e->by_epoch || e->validate_by_epoch);
    assert_int_equal(e->validate[0].begin, 16000);
    assert_int_equal(e->validate[0].every, 4000);
    assert_int_equal(e->val_eval.n_metrics, 2);
    assert_string_equal(e->checkpoint.save_best[0], "auto");
    assert_int_equal(e->checkpoint.interval, 8000);
    assert_int_equal(e->checkpoint.max_keep, 2);
    assert_int_equal(e->log.interval, 50);
    assert_true(e->log.tensorboard);
    assert_true(e->ema.on);
    assert_int_equal(e->ema.warm_up, 10);
    assert_int_equal(e->n_workflow, 2);
    assert_int_equal(e->workflow[0].n, 100);
    assert_int_equal(e->workflow[1].mode, PHASE_VAL);
    assert_string_equal(e->resume_from, "c.pth");
    assert_true(e->has_seed);
}

static void rows_are_whole(void **state)
{
    (void)state;
    static const dialect *const both[] = {&dialect_0x, &dialect_1x};
    for (int i = 0; i < 2; i++) {
        const dialect *d = both[i];
        const experiment_profile *p = d->profile;
        assert_ptr_equal(d->other, both[1 - i]);
        assert_non_null(p->reference);
        assert_true(p->data && p->log && p->constructors && p->schedules);
        assert_true(p->words.batch_size && p->words.drop_last);
        assert_true(p->checkpoint.config_key && p->checkpoint.name_key && p->checkpoint.time_format);
        for (const char *const *key = d->telling; *key; key++) { /* only its own names tell a dialect */
            int known = 0;
            for (const char *const *name = d->names; *name; name++)
                known += strcmp(*name, *key) == 0;
            for (const char *const *name = d->other->names; *name; name++)
                known -= strcmp(*name, *key) == 0;
            assert_int_equal(known, 1);
        }
    }
}

/* mmcv's place for it is not mmengine's, whose optimizers fail over it. */
static void paramwise_cfg_has_its_place(void **state)
{
    experiment *e = must_parse(*state, ONE_X "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1,\n"
                                             "    paramwise_cfg=dict(norm_decay_mult=0.)))\n");
    assert_null(e->paramwise);
    assert_non_null(e->optimizer_refused);
    assert_non_null(strstr(e->optimizer_refused, "some.py:4: paramwise_cfg belongs beside the optimizer"));
    e = must_parse(*state, ZERO_X "optimizer = dict(type='SGD', lr=0.1, paramwise_cfg=dict(norm_decay_mult=0.))\n");
    assert_null(e->optimizer_refused);
    assert_int_equal(value_count(e->paramwise), 1);
}

/* Before runner=: the number alone says what is counted; train_cfg and test_cfg stand beside the model. */
static void the_oldest_style(void **state)
{
    experiment *e = must_parse(*state, ZERO_X "train_cfg = dict()\ntest_cfg = dict(mode='slide')\n"
                                              "total_iters = 40000\nevaluation = dict(interval=4000, metric='mIoU')\n");
    assert_ptr_equal(e->dialect, &dialect_0x);
    assert_false(e->by_epoch);
    assert_int_equal(e->max, 40000);
    assert_non_null(e->train_cfg);
    assert_string_equal(value_text(value_get(e->test_cfg, "mode")), "slide");
    assert_int_equal(e->n_workflow, 1);
    assert_false(e->checkpoint.on);
    e = must_parse(*state, ZERO_X "total_epochs = 12\ncheckpoint_config = dict()\n");
    assert_true(e->by_epoch && e->checkpoint.by_epoch && e->checkpoint.on);
    assert_int_equal(e->max, 12);
    assert_int_equal(e->checkpoint.interval, -1);
    assert_int_equal(e->validate[0].every, 1);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"total_iters = 4\n", "no model"},
        {ONE_X "train_cfg = dict(type='Loop')\n", "IterBasedTrainLoop"},
        {ONE_X "train_cfg = dict(type='IterBasedTrainLoop', max_iters='many')\n", "some.py:3"},
        {ONE_X "train_dataloader = dict(sampler=dict(type='Randomly'))\n", "InfiniteSampler"},
        {ONE_X "train_dataloader = dict(batch_size=2.5)\n", "batch_size is a float"},
        {ONE_X "val_evaluator = dict(type='IoUMetric', iou_metrics=['mIuo'])\n", "did you mean mIoU"},
        {ONE_X "optim_wrapper = dict(type='Wrapper')\n", "'Wrapper'"},
        {ONE_X "optim_wrapper = dict(accumulative_counts=0)\n", "1 or more"},
        {ONE_X "train_cfg.update(dynamic_intervals=[3])\n", "dynamic_intervals"},
        {ONE_X "custom_hooks = ['EMAHook']\n", "a hook is a dict"},
        {ONE_X "custom_hooks = [dict(momentum=1)]\n", "a dict without"},
        {ZERO_X "runner = dict(type='Runner', max_iters=1)\n", "IterBasedRunner"},
        {ZERO_X "workflow = [('val', 1)]\n", "never trains"},
        {ZERO_X "workflow = [('test', 1)]\n", "workflow"},
        {ZERO_X "workflow = [('train', 0)]\n", "workflow"},
        {ZERO_X "workflow = [('train', 1)] * 9\n", "8 phases"},
        {ZERO_X "evaluation = dict(metric='IoU')\n", "mIoU"},
        {ZERO_X "optimizer_config = dict(grad_clip=dict(max_norm='big'))\n", "max_norm is a string"},
        {ZERO_X "seed = 'seven'\n", "seed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_refuse(*state, cases[i].text, cases[i].word);
}

/* ---- the reference's configs ------------------------------------------------------------------------------------ */

static char *configs_of(arena *mem, const char *version)
{
    const char *named = getenv("CSEG_REFERENCE");
    const char *folders[] = {named ? named : "", BUILD_DIR "/deps", SOURCE_DIR "/build/deps"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = arena_printf(mem, "%s/mmsegmentation-%s/mmseg/.mim/configs", folders[i], version);
        if (path && *folders[i] && file_is_dir(path))
            return path;
    }
    return NULL;
}

/* In place of what the loaders say, of all parts. */
static void bands_are_chosen(void **state)
{
    (void)state;
    static const int64_t bands[] = {4, 3, 2};
    arena *mem = arena_new();
    cseg_error err;
    experiment *e;
    FILE *f = fopen("bands.py", "w");
    assert_non_null(f);
    fputs("model = dict(type='EncoderDecoder')\ntrain_dataloader = dict(batch_size=1, "
          "dataset=dict(type='BaseSegDataset', "
          "pipeline=[dict(type='LoadImageFromFile', bands=[1, 2, 3])]))\ntest_dataloader = dict(batch_size=1, "
          "dataset=dict(type='BaseSegDataset', pipeline=[dict(type='LoadSingleRSImageFromFile')]))\n",
          f);
    fclose(f);
    if (experiment_load_bands("bands.py", NULL, 0, bands, 3, mem, &e, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    const value *const all[] = {value_find(e->train.dataset, "pipeline.0.bands"),
                                value_find(e->test.dataset, "pipeline.0.bands")};
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) {
            int64_t v;
            assert_true(value_integer(value_item(all[i], (size_t)k), &v) && v == bands[k]);
        }
    arena_free(mem);
}

static void check_one(const char *root, const char *name)
{
    cseg_error err;
    experiment *e;
    arena *mem = arena_new();
    char *path = path_join(mem, root, name);
    assert_non_null(path);
    if (experiment_load(path, NULL, 0, mem, &e, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    if (e->max < 1 || !e->train.dataset || !e->val.dataset || !e->test.dataset || value_is_none(e->optimizer))
        fail_msg("%s: says neither how long nor on what to train", name);
    if (!e->checkpoint.on || e->checkpoint.interval < 1 || e->validate[0].every < 1 || e->log.interval != 50)
        fail_msg("%s: how often to save, measure and log was not understood", name);
    if (e->dialect == &dialect_1x ? value_count(e->rates) < 1 : value_is_none(e->rates))
        fail_msg("%s: has no schedule", name);
    if (e->optimizer_refused && strstr(e->optimizer_refused, "belongs"))
        fail_msg("%s: %s", name, e->optimizer_refused);
    arena_free(mem);
}

static void check_all(const char *version, int count)
{
    cseg_error err;
    int seen = 0;
    size_t n;
    arena *mem = arena_new();
    char *text, *root = configs_of(mem, version);
    if (!root) {
        arena_free(mem);
        print_message("    the configs of %s are not here (tools/reference_configs.sh build/deps)\n", version);
        skip();
    }
    char *list = arena_printf(mem, TEST_DATA "/config/%s.txt", version);
    assert_int_equal(file_read(list, 0, mem, &text, &n, &err), CSEG_OK);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), seen++) {
        line[strcspn(line, " ")] = 0;
        check_one(root, line);
    }
    assert_int_equal(seen, count);
    arena_free(mem);
}

static void all_of_1_2_2(void **state)
{
    (void)state;
    check_all("1.2.2", 518);
}

static void all_of_0_30_0(void **state)
{
    (void)state;
    check_all("0.30.0", 461);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_arena, drop_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_x),
        TEST(one_x_defaults),
        TEST(zero_x),
        TEST(the_oldest_style),
        cmocka_unit_test(rows_are_whole),
        TEST(paramwise_cfg_has_its_place),
        TEST(what_cannot_be_is_refused),
        cmocka_unit_test(bands_are_chosen),
        cmocka_unit_test(all_of_1_2_2),
        cmocka_unit_test(all_of_0_30_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
