#!/usr/bin/env python3
"""Moving averages as the reference's EMAHook keeps them, of a model with one weight and one running mean.

Run with mmengine installed: ema.py > ema_1x.txt; with mmcv 1.x: ema.py > ema_0x.txt. The weight after iteration t (from 0)
is sin(t + k), the running mean cos(t + k), for k = 0, 1, 2. A line gives the averages of both after the iteration."""
import logging
import math
import warnings

import torch
from torch import nn

warnings.filterwarnings('ignore')
logging.disable(logging.CRITICAL)
ITERATIONS = 24
CASES_1X = [
    "dict(type='EMAHook')",
    "dict(type='EMAHook', momentum=0.3)",
    "dict(type='EMAHook', momentum=0.7, interval=3)",
    "dict(type='EMAHook', momentum=0.1, begin_iter=7)",
    "dict(type='EMAHook', momentum=0.1, begin_epoch=2)",
    "dict(type='EMAHook', momentum=0.1, update_buffers=True)",
    "dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.1, gamma=5)",
    "dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=0.1, interval=2, update_buffers=True)",
    "dict(type='EMAHook', ema_type='StochasticWeightAverage')",
    "dict(type='EMAHook', ema_type='StochasticWeightAverage', interval=4, begin_iter=3)",
]
CASES_0X = [
    "dict(type='EMAHook')",
    "dict(type='EMAHook', momentum=0.3, warm_up=10)",
    "dict(type='EMAHook', momentum=0.3, warm_up=2, interval=2)",
    "dict(type='EMAHook', momentum=0.9, warm_up=1)",
]


class Net(nn.Module):

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer('running_mean', torch.zeros(3))


def fill(net, t):
    with torch.no_grad():
        net.weight.copy_(torch.tensor([math.sin(t + k) for k in range(3)], dtype=torch.float32))
        net.running_mean.copy_(torch.tensor([math.cos(t + k) for k in range(3)], dtype=torch.float32))


class Runner:
    pass


def show(t, weight, mean):
    print(t, ' '.join('%.9g' % v for v in weight.tolist() + mean.tolist()))


def one_x():
    from mmengine.registry import HOOKS
    import mmengine.hooks  # noqa: F401
    for text in CASES_1X:
        print('case', text)
        r = Runner()
        r.model = Net()
        fill(r.model, -1)
        hook = HOOKS.build(eval(text))
        hook.before_run(r)
        for t in range(ITERATIONS):
            r.iter, r.epoch = t, t // 10
            fill(r.model, t)
            hook.after_train_iter(r, t)
            show(t, hook.ema_model.module.weight.detach(), hook.ema_model.module.running_mean)
        print('end')


def zero_x():
    from mmcv.runner.hooks import HOOKS
    from mmcv.utils import build_from_cfg
    for text in CASES_0X:
        print('case', text)
        r = Runner()
        r.model = Net()
        fill(r.model, -1)
        hook = build_from_cfg(eval(text), HOOKS)
        hook.before_run(r)
        for t in range(ITERATIONS):
            r.iter = t
            fill(r.model, t)
            hook.after_train_iter(r)
            show(t, r.model.ema_weight, r.model.running_mean)
        print('end')


if __name__ == '__main__':
    try:
        import mmcv.runner  # noqa: F401
    except ImportError:
        one_x()
    else:
        zero_x()
