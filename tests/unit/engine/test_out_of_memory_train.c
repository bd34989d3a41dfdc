/* Training, resuming and evaluating, with each allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "engine/train/runner.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "../out_of_memory.h"
#include "tiny.h"

#define SHORT_1X                                                                                                       \
    TINY_1X                                                                                                            \
    "train_dataloader['dataset']['pipeline'][2] = dict(type='RandomCrop', crop_size=(16, 16))\n"                       \
    "train_cfg.update(max_iters=2, val_interval=2)\n"                                                                  \
    "default_hooks['checkpoint'] = dict(type='CheckpointHook', by_epoch=False, interval=1, save_best='mIoU')\n"        \
    "custom_hooks = [dict(type='EMAHook', momentum=0.2)]\n"                                                            \
    "vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]\n"                              \
    "visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')\n"                     \
    "optim_wrapper.update(accumulative_counts=2, clip_grad=dict(max_norm=0.5))\n"
#define SHORT_0X                                                                                                       \
    TINY_0X                                                                                                            \
    "data['train']['pipeline'][2] = dict(type='RandomCrop', crop_size=(16, 16))\n"                                     \
    "runner = dict(type='IterBasedRunner', max_iters=2)\n"                                                             \
    "checkpoint_config = dict(interval=1)\nevaluation = dict(interval=2, metric='mIoU')\n"                             \
    "log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook'), dict(type='TensorboardLoggerHook')])\n"         \
    "workflow = [('train', 1), ('val', 1)]\n"

static cseg_status read_experiment(void *arg, cseg_error *err)
{
    arena *mem = arena_new();
    value *cfg = NULL;
    experiment *e = NULL;
    if (!mem)
        return fail_memory(err);
    cseg_status status = config_parse_text(arg, "tiny.py", mem, &cfg, err);
    if (status == CSEG_OK)
        status = experiment_read(cfg, "tiny.py", mem, &e, err);
    arena_free(mem);
    return status;
}

static cseg_status train(void *arg, cseg_error *err)
{
    return tiny_train(arg, err);
}

static void experiments_are_read_or_refused(void **state)
{
    (void)state;
    fail_each_allocation("1.x", read_experiment, SHORT_1X, 1000);
    fail_each_allocation("0.x", read_experiment, SHORT_0X, 1000);
}

/* A checkpoint that is there is whole: the next run begins from it. */
static void runs_end_with_the_reason(void **state)
{
    (void)state;
    tiny_run one = {.config = SHORT_1X, .work_dir = "one"}, zero = {.config = SHORT_0X, .work_dir = "zero"};
    fail_each_allocation("training, 1.x", train, &one, 60);
    fail_each_allocation("training, 0.x", train, &zero, 60);
}

static void so_do_those_that_go_on(void **state)
{
    (void)state;
    tiny_run one = {.config = SHORT_1X, .work_dir = "two", .stop_at = 1};
    cseg_error err;
    assert_int_equal(tiny_train(&one, &err), CSEG_INTERRUPTED);
    assert_int_equal(rename("two/iter_1.pth", "first.pth"), 0);
    one.stop_at = 0;
    one.resume = true;
    one.overrides[0] = "load_from=first.pth";
    fail_each_allocation("resuming", train, &one, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments_are_read_or_refused),
        cmocka_unit_test(runs_end_with_the_reason),
        cmocka_unit_test(so_do_those_that_go_on),
    };
    return cmocka_run_group_tests(tests, tiny_setup, tiny_teardown);
}
