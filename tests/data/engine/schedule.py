#!/usr/bin/env python3
"""Learning rates and momenta as the reference's schedules move them, iteration by iteration.

Run with mmengine installed: schedule.py > schedule_1x.txt; with mmcv 1.x: schedule.py > schedule_0x.txt.
A line gives the iteration, the rates of two groups that start at 0.1 and 1.0, and the first one's momentum."""
import logging
import warnings

import torch

warnings.filterwarnings('ignore')
logging.disable(logging.CRITICAL)

# by_epoch run?, epochs, iterations an epoch, configs
ITER = (False, 1, 60)
EPOCH = (True, 12, 5)
CASES_1X = [
    (ITER, "dict(type='ConstantLR', factor=0.25, begin=0, end=20, by_epoch=False)"),
    (ITER, "dict(type='ConstantLR', factor=0.5, begin=5, end=9, by_epoch=False)"),
    (ITER, "dict(type='LinearLR', start_factor=0.01, begin=0, end=25, by_epoch=False)"),
    (ITER, "dict(type='LinearLR', start_factor=1.0, end_factor=0.1, begin=10, end=45, by_epoch=False)"),
    (ITER, "dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=60, by_epoch=False)"),
    (ITER, "dict(type='PolyLR', eta_min=0.02, power=2.0, begin=10, end=40, by_epoch=False)"),
    (ITER, "[dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=15),"
           " dict(type='PolyLR', eta_min=0.0, power=1.0, begin=15, end=60, by_epoch=False)]"),
    (ITER, "[dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=20),"
           " dict(type='CosineAnnealingLR', eta_min=1e-3, T_max=40, begin=20, end=60, by_epoch=False)]"),
    (ITER, "dict(type='CosineAnnealingLR', eta_min_ratio=0.05, T_max=20, by_epoch=False)"),
    (ITER, "dict(type='CosineAnnealingLR', begin=10, end=50, by_epoch=False)"),
    (ITER, "dict(type='CosineRestartLR', periods=[10, 20, 30], restart_weights=[1, 0.5, 0.25], eta_min=1e-3, by_epoch=False)"),
    (ITER, "dict(type='CosineRestartLR', periods=[30, 30], restart_weights=[1, 0.5], eta_min_ratio=0.1, by_epoch=False)"),
    (ITER, "dict(type='ExponentialLR', gamma=0.95, begin=5, end=50, by_epoch=False)"),
    (ITER, "dict(type='StepLR', step_size=7, gamma=0.5, by_epoch=False)"),
    (ITER, "dict(type='MultiStepLR', milestones=[10, 30, 30, 45], gamma=0.2, by_epoch=False)"),
    (ITER, "dict(type='MultiStepLR', milestones=[10, 20], begin=5, by_epoch=False)"),
    (ITER, "dict(type='OneCycleLR', eta_max=0.5, total_steps=60, by_epoch=False)"),
    (ITER, "dict(type='OneCycleLR', eta_max=0.5, total_steps=60, pct_start=0.2, anneal_strategy='linear',"
           " three_phase=True, div_factor=10., final_div_factor=100., by_epoch=False)"),
    (ITER, "[dict(type='LinearMomentum', start_factor=0.5, begin=0, end=20, by_epoch=False),"
           " dict(type='CosineAnnealingMomentum', T_max=40, eta_min=0.1, begin=20, end=60, by_epoch=False)]"),
    (ITER, "[dict(type='StepMomentum', step_size=9, gamma=0.9, by_epoch=False),"
           " dict(type='PolyMomentum', power=0.9, eta_min=0.2, end=60, by_epoch=False),"
           " dict(type='ExponentialMomentum', gamma=0.99, by_epoch=False)]"),
    (ITER, "[dict(type='MultiStepMomentum', milestones=[20], gamma=0.9, by_epoch=False),"
           " dict(type='ConstantMomentum', factor=0.5, end=10, by_epoch=False),"
           " dict(type='CosineRestartMomentum', periods=[60], eta_min=0.5, begin=10, by_epoch=False)]"),
    (EPOCH, "dict(type='MultiStepLR', milestones=[3, 7], gamma=0.1)"),
    (EPOCH, "dict(type='PolyLR', eta_min=1e-4, power=0.9, end=12)"),
    (EPOCH, "dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=2, end=10, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='CosineAnnealingLR', T_max=12, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='StepLR', step_size=3, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='MultiStepLR', milestones=[3, 7], convert_to_iter_based=True)"),
    (EPOCH, "dict(type='ExponentialLR', gamma=0.7, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='LinearLR', start_factor=0.1, begin=0, end=4, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='ConstantLR', factor=0.1, begin=0, end=4, convert_to_iter_based=True)"),
    (EPOCH, "dict(type='CosineRestartLR', periods=[4, 8], restart_weights=[1, 0.5], eta_min=0., convert_to_iter_based=True)"),
    (EPOCH, "dict(type='OneCycleLR', eta_max=0.5, total_steps=12, convert_to_iter_based=True)"),
    (EPOCH, "[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=7), dict(type='ExponentialLR', gamma=0.8)]"),
    (EPOCH, "dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater', factor=0.5, patience=1)"),
    (EPOCH, "dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater', factor=0.5, patience=0, cooldown=2,"
            " threshold=0.4, threshold_rule='abs', min_value=0.01)"),
    (EPOCH, "dict(type='ReduceOnPlateauLR', monitor='loss', factor=0.1, patience=2, threshold=0.1)"),
]
# What validation measures after each epoch.
MEASURED = dict(mIoU=[10, 10.2, 10.2, 12, 11, 12.1, 12.2, 12.3, 12.4, 12.3, 20, 19],
                loss=[3, 2.9, 2.8, 2.75, 2.7, 1.0, 0.99, 0.98, 0.97, 0.96, 0.5, 0.1])

CASES_0X = [
    (ITER, "dict(policy='fixed')", None),
    (ITER, "dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)", None),
    (ITER, "dict(policy='poly', power=2.0, min_lr=0.02)", None),
    (ITER, "dict(policy='poly', power=1.0, min_lr=0.0, warmup='linear', warmup_iters=15, warmup_ratio=1e-6, by_epoch=False)", None),
    (ITER, "dict(policy='step', step=[10, 40], gamma=0.2, warmup='constant', warmup_iters=5, warmup_ratio=0.5)", None),
    (ITER, "dict(policy='step', step=7, min_lr=0.03)", None),
    (ITER, "dict(policy='exp', gamma=0.95, warmup='exp', warmup_iters=12, warmup_ratio=0.01)", None),
    (ITER, "dict(policy='inv', gamma=0.1, power=0.75)", None),
    (ITER, "dict(policy='CosineAnnealing', min_lr=0.01)", None),
    (ITER, "dict(policy='CosineAnnealing', min_lr_ratio=0.01, warmup='linear', warmup_iters=10, warmup_ratio=0.1)",
           "dict(policy='CosineAnnealing', min_momentum_ratio=0.85 / 0.95, by_epoch=False, warmup='linear', warmup_iters=10)"),
    (ITER, "dict(policy='FlatCosineAnnealing', start_percent=0.4, min_lr=0.0)", None),
    (ITER, "dict(policy='LinearAnnealing', min_lr=0.01)",
           "dict(policy='LinearAnnealing', min_momentum=0.5, by_epoch=False, warmup='exp', warmup_iters=10, warmup_ratio=0.8)"),
    (ITER, "dict(policy='CosineRestart', periods=[20, 40], restart_weights=[1, 0.5], min_lr_ratio=0.1)", None),
    (ITER, "dict(policy='cyclic', target_ratio=(10, 1e-4), cyclic_times=2, step_ratio_up=0.4)",
           "dict(policy='cyclic', target_ratio=(0.85 / 0.95, 1), cyclic_times=2, step_ratio_up=0.4)"),
    (ITER, "dict(policy='cyclic', target_ratio=(6.0, ), cyclic_times=3, gamma=0.5, anneal_strategy='linear')",
           "dict(policy='cyclic', by_epoch=False)"),
    (ITER, "dict(policy='OneCycle', max_lr=0.5)", "dict(policy='OneCycle')"),
    (ITER, "dict(policy='OneCycle', max_lr=[0.5, 2.0], pct_start=0.2, div_factor=10, final_div_factor=100,"
           " three_phase=True, anneal_strategy='linear')",
           "dict(policy='OneCycle', base_momentum=0.7, max_momentum=0.99, pct_start=0.2, three_phase=True, anneal_strategy='linear', by_epoch=False)"),
    (ITER, "dict(policy='step', step=[20])", "dict(policy='step', step=10, min_momentum=0.1, by_epoch=False)"),
    (ITER, "dict(policy='poly', power=0.9, by_epoch=True)", "dict(policy='step', step=1)"),
    (EPOCH, "dict(policy='step', step=[3, 7], warmup='linear', warmup_iters=12, warmup_ratio=0.001)", None),
    (EPOCH, "dict(policy='poly', power=0.9, min_lr=1e-4)", "dict(policy='step', step=[5], gamma=0.8)"),
    (EPOCH, "dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)", None),
    (EPOCH, "dict(policy='CosineAnnealing', min_lr=0, warmup='exp', warmup_iters=2, warmup_ratio=0.1, warmup_by_epoch=True)", None),
    (EPOCH, "dict(policy='cyclic')", None),
    (EPOCH, "dict(policy='FlatCosineAnnealing', min_lr_ratio=0.1)", "dict(policy='CosineAnnealing', min_momentum=0.2, warmup='constant', warmup_iters=7)"),
]


def optimizer():
    a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    return torch.optim.SGD([dict(params=[a]), dict(params=[b], lr=1.0)], lr=0.1, momentum=0.9)


def show(i, opt):
    a, b = opt.param_groups
    print('%d %.10g %.10g %.10g' % (i, a['lr'], b['lr'], a['momentum']))


def header(run, rest):
    print('case %d %d %d %s' % (run[0], run[1], run[2], rest))


def one_x():
    import mmengine.optim  # noqa: F401
    from mmengine.registry import PARAM_SCHEDULERS
    for run, text in CASES_1X:
        by_epoch, epochs, length = run
        header(run, 'param_scheduler=' + text)
        opt = optimizer()
        cfgs = eval(text)
        schedules = []
        for cfg in cfgs if isinstance(cfgs, list) else [cfgs]:
            convert = cfg.pop('convert_to_iter_based', False)
            cls = PARAM_SCHEDULERS.get(cfg.pop('type'))
            schedules.append(cls.build_iter_from_epoch(opt, epoch_length=length, **cfg) if convert else cls(opt, **cfg))
        for e in range(epochs):
            for i in range(length):
                opt.step()
                show(e * length + i, opt)
                for s in schedules:
                    if not s.by_epoch:
                        s.step()
            if by_epoch:
                for s in schedules:
                    if s.by_epoch:
                        s.step()
                for s in schedules:
                    if s.by_epoch and getattr(s, 'need_val_args', False):
                        s.step({k: v[e] for k, v in MEASURED.items()})
        print('end')


class Runner:
    pass


def hook(cfg, kind):
    from mmcv.runner import HOOKS
    from mmcv.utils import build_from_cfg
    cfg = dict(cfg)
    policy = cfg.pop('policy')
    policy = policy.title() if policy == policy.lower() else policy
    cfg['type'] = policy + kind + 'UpdaterHook'
    return build_from_cfg(cfg, HOOKS)


def zero_x():
    for run, lr, momentum in CASES_0X:
        by_epoch, epochs, length = run
        header(run, 'lr_config=%s; momentum_config=%s' % (lr, momentum))
        r = Runner()
        r.optimizer, r.iter, r.epoch = optimizer(), 0, 0
        r.max_iters = epochs * length
        r.max_epochs = epochs if by_epoch else None
        r.data_loader = range(length)
        lr = eval(lr)
        if not by_epoch:
            lr.setdefault('by_epoch', False)
        hooks = [hook(lr, 'Lr')] + ([hook(eval(momentum), 'Momentum')] if momentum else [])
        for h in hooks:
            h.before_run(r)
        if not by_epoch:
            for h in hooks:
                h.before_epoch(r)
        for e in range(epochs):
            r.epoch = e
            if by_epoch:
                for h in hooks:
                    h.before_train_epoch(r)
            for i in range(length):
                for h in hooks:
                    h.before_train_iter(r)
                show(r.iter, r.optimizer)
                r.iter += 1
        print('end')


if __name__ == '__main__':
    try:
        import mmcv.runner  # noqa: F401
    except ImportError:
        one_x()
    else:
        zero_x()
