/* Keys beside models, data and optimizers: obeyed, refused, or warned about; never dropped in silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/dialect/experiment.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#define ONE_X                                                                                                          \
    "model = dict(type='EncoderDecoder')\n"                                                                            \
    "train_dataloader = dict(batch_size=4, sampler=dict(type='InfiniteSampler'), dataset=dict(type='X'))\n"            \
    "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1), clip_grad=dict(max_norm=1.))\n"     \
    "train_cfg = dict(type='IterBasedTrainLoop', max_iters=8, val_interval=4)\n"                                       \
    "val_cfg = dict(type='ValLoop')\n"                                                                                 \
    "default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))\n"                       \
    "val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])\n"
#define ZERO_X                                                                                                         \
    "model = dict(type='EncoderDecoder')\n"                                                                            \
    "data = dict(samples_per_gpu=2, workers_per_gpu=2, train=dict(type='X'), val=dict(type='X'))\n"                    \
    "optimizer = dict(type='SGD', lr=0.1)\n"                                                                           \
    "optimizer_config = dict(grad_clip=dict(max_norm=1.))\n"                                                           \
    "lr_config = dict(policy='poly')\n"                                                                                \
    "runner = dict(type='IterBasedRunner', max_iters=8)\n"                                                             \
    "checkpoint_config = dict(interval=4)\n"                                                                           \
    "evaluation = dict(interval=4, metric='mIoU')\n"                                                                   \
    "log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])\n"

static char warned[8192];

static void note(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING && strlen(warned) + strlen(text) + 2 < sizeof warned)
        strcat(strcat(warned, text), "\n");
}

static cseg_status parse(arena *mem, const char *base, const char *more, experiment **out, cseg_error *err)
{
    value *cfg;
    *err = (cseg_error){0};
    warned[0] = 0;
    char *text = arena_printf(mem, "%s%s", base, more);
    assert_non_null(text);
    TRY(config_parse_text(text, "some.py", mem, &cfg, err));
    return experiment_read(cfg, "some.py", mem, out, err);
}

static experiment *must(arena *mem, const char *base, const char *more)
{
    cseg_error err;
    experiment *e = NULL;
    if (parse(mem, base, more, &e, &err) != CSEG_OK)
        fail_msg("%s: %s", more, err.text);
    return e;
}

typedef struct case_ {
    bool old;
    const char *more, *words;
} case_;

static void what_cannot_be_obeyed_is_refused(void **state)
{
    static const case_ cases[] = {
        {false, "default_hooks['checkpoint']['save_bset'] = 'mIoU'\n", "'save_bset'; is 'save_best' meant?"},
        {false, "default_hooks['checkpoint']['filename_tmpl'] = 'it{}.pth'\n", "filename_tmpl"},
        {false, "default_hooks['checkpoint']['backend_args'] = dict(backend='petrel')\n", "only files on disk"},
        {false, "default_hooks['checkpoint'].update(save_best=['mIoU', 'auto'])\n", "stands alone"},
        {false, "default_hooks['checkpoint'].update(save_best=['mIoU', 'mIoU'])\n", "twice"},
        {false, "default_hooks['checkpoint'].update(save_best=['a', 'b', 'c'], rule=['less', 'less'])\n", "2 entries"},
        {false, "default_hooks['checkpoint'].update(save_best='mIoU', rule='more')\n", "'greater' or 'less'"},
        {false, "default_hooks['checkpoint'].update(save_best=3)\n", "a string or a list of strings"},
        {false, "train_dataloader['batch_sampler'] = dict(type='AspectRatioBatchSampler')\n", "batch_sampler"},
        {false, "train_dataloader['collate_fn'] = dict(type='mine')\n", "collate_fn"},
        {false, "train_dataloader['bath_size'] = 3\n", "is 'batch_size' meant?"},
        {false, "train_dataloader['sampler']['shufle'] = False\n", "is 'shuffle' meant?"},
        {false, "train_cfg['max_iter'] = 3\n", "is 'max_iters' meant?"},
        {false, "val_cfg = dict(type='MyLoop')\n", "there is no loop 'MyLoop'"},
        {false, "optim_wrapper['clip_grad']['maxnorm'] = 3\n", "is 'max_norm' meant?"},
        {false, "auto_scale_lr = dict(enable=True)\n", "base_batch_size"},
        {false, "val_evaluator = [dict(type='IoUMetric'), dict(type='IoUMetric', iou_metrics=['mDice'])]\n",
         "a prefix='...' of its own"},
        {false, "val_evaluator['iou_metric'] = 'mIoU'\n", "is 'iou_metrics' meant?"},
        {false, "custom_hooks = [dict(type='EarlyStoppingHook', monitor='mIoU', patiense=3)]\n",
         "is 'patience' meant?"},
        {true, "evaluation['out_dir'] = 'best'\n", "checkpoint_config.out_dir"},
        {true, "evaluation['save_best'] = ['mIoU']\n", "one figure in this dialect"},
        {true, "checkpoint_config['save_best'] = 'mIoU'\n", "'save_best'"},
        {true, "data['sample_per_gpu'] = 3\n", "is 'samples_per_gpu' meant?"},
        {true, "runner['max_iter'] = 3\n", "is 'max_iters' meant?"},
        {true, "custom_hooks = [dict(type='EMAHook', resume_from='a.pth')]\n", "--resume-from"},
    };
    arena *mem = arena_new();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_error err;
        experiment *e;
        if (parse(mem, cases[i].old ? ZERO_X : ONE_X, cases[i].more, &e, &err) != CSEG_CONFIG)
            fail_msg("%s is accepted", cases[i].more);
        if (!strstr(err.text, cases[i].words) || !strstr(err.text, "some.py:"))
            fail_msg("%s: the message has no '%s' or no place: %s", cases[i].more, cases[i].words, err.text);
    }
    arena_free(mem);
}

static void what_has_no_effect_is_warned_about(void **state)
{
    static const case_ cases[] = {
        {false, "default_hooks['checkpoint']['published_keys'] = ['state_dict']\n", "'published_keys' has no effect"},
        {false, "default_hooks['logger'] = dict(type='LoggerHook', out_dir='logs')\n", "'out_dir' has no effect"},
        {false, "default_hooks['logger'] = None\n", "default_hooks.logger=None has no effect"},
        {false, "default_hooks['visualization'] = dict(type='SegVisualizationHook', draw=True)\n", "'draw' has no"},
        {false, "default_hooks['mine'] = dict(type='MyHook')\n", "the hook MyHook is not known"},
        {false, "default_hooks['checkpoint'] = dict(type='MyHook')\n", "the hook MyHook is not known"},
        {false, "train_dataloader['sampler']['seed'] = 3\n", "'seed' has no effect"},
        {false, "vis_backends = [dict(type='WandbVisBackend')]\n", "WandbVisBackend gets nothing"},
        {false, "vis_backends = [dict(type='LocalVisBackend', save_dir='x')]\n", "'save_dir' has no effect"},
        {false, "randomness = dict(seed=1, diff_rank_seed=True)\n", "'diff_rank_seed' has no effect"},
        {false, "experiment_name = 'mine'\n", "'experiment_name' has no effect"},
        {false, "val_evaluator['output_dir'] = 'maps'\n", "no maps are written"},
        {true, "evaluation['nan_to_num'] = 0\n", "'nan_to_num' has no effect"},
        {true, "evaluation['beta'] = 2\n", "'beta' has no effect"},
        {true, "log_config['hooks'] = [dict(type='TensorboardLoggerHook', log_dir='x')]\n", "'log_dir' has no effect"},
        {true, "log_config['hooks'] = [dict(type='MMSegWandbHook')]\n", "the hook MMSegWandbHook is not known"},
        {true, "data['seed'] = 3\n", "'seed' has no effect"},
    };
    arena *mem = arena_new();
    (void)state;
    log_set_sink(note, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(mem, cases[i].old ? ZERO_X : ONE_X, cases[i].more);
        if (!strstr(warned, cases[i].words) || !strstr(warned, "some.py:"))
            fail_msg("%s: '%s' is not among the warnings: %s", cases[i].more, cases[i].words, warned);
    }
    log_set_sink(NULL, NULL);
    arena_free(mem);
}

/* No word about values that make no difference. */
static void what_is_usual_is_taken_in_silence(void **state)
{
    static const case_ cases[] = {
        {false,
         "train_dataloader.update(persistent_workers=True, pin_memory=True, collate_fn=dict(type='default_collate'))\n"
         "train_dataloader['sampler'].update(shuffle=True, seed=None)\n"
         "env_cfg = dict(cudnn_benchmark=True)\nlauncher = 'none'\ndefault_scope = 'mmseg'\nlog_level = 'INFO'\n"
         "default_hooks.update(timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=5),\n"
         "    param_scheduler=dict(type='ParamSchedulerHook'), sampler_seed=dict(type='DistSamplerSeedHook'),\n"
         "    visualization=dict(type='SegVisualizationHook', draw=False))\n"
         "vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]\n"
         "visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')\n"
         "auto_scale_lr = dict(enable=False, base_batch_size=16)\n"
         "tta_model = dict(type='SegTTAModel')\nmy_own = 3\n"
         "default_hooks['checkpoint'].update(filename_tmpl='iter_{}.pth', file_client_args=dict(backend='disk'))\n",
         ""},
        {true,
         "dist_params = dict(backend='nccl')\nlog_level = 'INFO'\ncudnn_benchmark = True\nmy_own = 3\n"
         "evaluation.update(pre_eval=True, by_epoch=False, gpu_collect=True)\n"
         "data['train_dataloader'] = dict(persistent_workers=True, pin_memory=False)\n",
         ""},
    };
    arena *mem = arena_new();
    (void)state;
    log_set_sink(note, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(mem, cases[i].old ? ZERO_X : ONE_X, cases[i].more);
        assert_string_equal(warned, "");
    }
    log_set_sink(NULL, NULL);
    arena_free(mem);
}

static void what_can_be_obeyed_is(void **state)
{
    arena *mem = arena_new();
    (void)state;
    experiment *e =
        must(mem, ONE_X,
             "default_hooks['checkpoint'].update(save_best=['mIoU', 'val/aAcc'], rule=['greater', 'less'],\n"
             "    save_param_scheduler=False, greater_keys='IoU')\n"
             "auto_scale_lr = dict(enable=True, base_batch_size=16)\n"
             "default_hooks['stop'] = dict(type='EarlyStoppingHook', monitor='mIoU', check_finite=False,\n"
             "    stopping_threshold=90)\n"
             "val_evaluator = [dict(type='IoUMetric', prefix='val', ignore_index=7),\n"
             "    dict(type='IoUMetric', iou_metrics='mDice', prefix='dice'), dict(type='CityscapesMetric')]\n"
             "test_evaluator = dict(type='Evaluator', metrics=[dict(type='IoUMetric', prefix='')])\n");
    assert_int_equal(e->checkpoint.n_best, 2);
    assert_string_equal(e->checkpoint.save_best[1], "val/aAcc");
    assert_string_equal(e->checkpoint.rules[1], "less");
    assert_false(e->checkpoint.save_schedule);
    assert_string_equal(e->checkpoint.greater_keys[0], "IoU");
    assert_true(e->lr_scale == 0.25);
    assert_true(e->stopping.on && !e->stopping.check_finite && e->stopping.threshold == 90);
    assert_string_equal(e->val_eval.prefix, "val");
    assert_int_equal(e->val_eval.ignore_index, 7);
    const experiment_evaluation *second = e->val_eval.next;
    assert_non_null(second);
    assert_string_equal(second->prefix, "dice");
    assert_string_equal(second->metrics[0], "mDice");
    assert_int_equal(second->ignore_index, 255);
    assert_null(second->next);
    assert_null(e->test_eval.prefix);
    assert_null(e->test_eval.refused);
    e = must(mem, ONE_X, "val_evaluator = [dict(type='IoUMetric'), dict(type='DumpResults', out_file_path='a.pkl')]\n");
    assert_non_null(strstr(e->val_eval.refused, "cseg test --out FILE.pkl"));
    e = must(mem, ZERO_X, "checkpoint_config['create_symlink'] = False\ndata.update(shuffle=False, drop_last=False)\n");
    assert_false(e->checkpoint.link);
    assert_int_equal(e->train.order, ORDER_SEQUENTIAL);
    assert_false(e->train.drop_last);
    assert_false(e->val_eval.has_ignore_index);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_obeyed_is_refused),
        cmocka_unit_test(what_has_no_effect_is_warned_about),
        cmocka_unit_test(what_is_usual_is_taken_in_silence),
        cmocka_unit_test(what_can_be_obeyed_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
