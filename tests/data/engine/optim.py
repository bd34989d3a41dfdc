#!/usr/bin/env python3
"""What PyTorch's optimizers do under the reference's constructors: groups, clipping, and weights after five steps.

Run with mmengine installed: optim.py > optim_1x.txt; with mmcv 1.x: optim.py > optim_0x.txt. Weights and gradients come
from their names, as in the parity oracle, so that nothing else is stored."""
import numpy as np
import torch
from torch import nn

STEPS = 5


def uniform(name, n):
    seed = 0xCBF29CE484222325
    for b in name.encode():
        seed = ((seed ^ b) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over='ignore'):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def fill(name, t):
    return torch.from_numpy((2 * uniform(name, t.numel()) - 1).astype(np.float32).reshape(tuple(t.shape)))


class Part(nn.Module):
    pass


def net():
    m = Part()
    m.backbone = Part()
    m.backbone.stem = nn.Conv2d(2, 4, 3)
    m.backbone.stem.requires_grad_(False)
    m.backbone.conv1 = nn.Conv2d(4, 4, 3)
    m.backbone.bn1 = nn.BatchNorm2d(4)
    m.backbone.dw = nn.Conv2d(4, 4, 3, groups=4)
    m.backbone.gn = nn.GroupNorm(2, 4)
    m.decode_head = Part()
    m.decode_head.norm = nn.LayerNorm(4)
    m.decode_head.fc = nn.Linear(4, 3)
    m.decode_head.conv_seg = nn.Conv2d(4, 2, 1)
    with torch.no_grad():
        for name, p in m.named_parameters():
            p.copy_(fill(name, p))
    return m


SGD = "dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01)"
ADAMW = "dict(type='AdamW', lr=0.01, betas=(0.8, 0.95), weight_decay=0.05)"
# optimizer, paramwise_cfg, clip_grad, dialects
CASES = [
    ("dict(type='SGD', lr=0.1)", None, None, '01'),
    (SGD, None, None, '01'),
    ("dict(type='SGD', lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)", None, None, '01'),
    ("dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)", None, None, '01'),
    ("dict(type='Adam', lr=0.01)", None, None, '01'),
    ("dict(type='Adam', lr=0.01, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1)", None, None, '01'),
    ("dict(type='Adam', lr=0.01, betas=(0.5, 0.6), amsgrad=True)", None, None, '01'),
    ("dict(type='AdamW', lr=0.01)", None, None, '01'),
    ("dict(type='AdamW', lr=0.01, betas=(0.5, 0.6), weight_decay=0.3, amsgrad=True)", None, None, '01'),
    (SGD, None, "dict(max_norm=0.5, norm_type=2)", '01'),
    (SGD, None, "dict(max_norm=0.5, norm_type=1)", '01'),
    (SGD, None, "dict(max_norm=0.05, norm_type=float('inf'))", '01'),
    (SGD, None, "dict(max_norm=1000)", '01'),
    (SGD, None, "dict(type='value', clip_value=0.3)", '1'),
    (SGD, "dict(custom_keys=dict(head=dict(lr_mult=10.)))", None, '01'),
    (ADAMW, "dict(custom_keys={'norm': dict(decay_mult=0.), 'decode_head': dict(lr_mult=3., decay_mult=2.), "
            "'decode_head.norm': dict(lr_mult=0.5), 'dw': dict(decay_mult=0.25)})", None, '01'),
    (ADAMW, "dict(custom_keys={'bb': dict(lr_mult=2.), 'aa': dict(lr_mult=3.), 'e.dw': dict(lr_mult=4.), "
            "'dw.w': dict(lr_mult=5.)})", None, '01'),
    (SGD, "dict(norm_decay_mult=0.)", None, '01'),
    (SGD, "dict(bias_lr_mult=2., bias_decay_mult=0.)", None, '01'),
    (SGD, "dict(dwconv_decay_mult=0.5, bias_decay_mult=0.1, norm_decay_mult=0.2)", None, '01'),
    (SGD, "dict(dwconv_decay_mult=0.5)", None, '01'),
    (SGD, "dict(flat_decay_mult=0.5)", None, '1'),
    (SGD, "dict(flat_decay_mult=0.5, norm_decay_mult=0., dwconv_decay_mult=0.25)", None, '1'),
    (SGD, "dict(bypass_duplicate=True, bias_lr_mult=3., custom_keys={'conv1': dict(decay_mult=0.)})", None, '01'),
    (SGD, "dict(custom_keys={'fc': dict(lr_mult=2., momentum=0.5), 'bn1': dict(weight_decay=0.125)})", None, '1'),
]


def build(dialect, model, optimizer, paramwise):
    if dialect == '1':
        from mmengine.optim import build_optim_wrapper
        cfg = dict(type='OptimWrapper', optimizer=optimizer)
        if paramwise:
            cfg['paramwise_cfg'] = paramwise
        return build_optim_wrapper(model, cfg).optimizer
    from mmcv.runner import build_optimizer
    if paramwise:
        optimizer = dict(optimizer, paramwise_cfg=paramwise)
    return build_optimizer(model, optimizer)


def clip(parameters, cfg):
    cfg = dict(cfg)
    kind = cfg.pop('type', 'norm')
    parameters = [p for p in parameters if p.grad is not None]
    if kind == 'norm':
        return float(nn.utils.clip_grad.clip_grad_norm_(parameters, **cfg))
    nn.utils.clip_grad.clip_grad_value_(parameters, **cfg)
    return None


def show(values):
    return ' '.join('%.9g' % v for v in values.flatten().tolist())


def main():
    import logging
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    try:
        import mmcv.runner  # noqa: F401
        dialect = '0'
    except ImportError:
        dialect = '1'
    for optimizer, paramwise, clipping, dialects in CASES:
        if dialect not in dialects:
            continue
        m = net()
        opt = build(dialect, m, eval(optimizer), eval(paramwise) if paramwise else None)
        names = {id(p): n for n, p in m.named_parameters()}
        print('case optimizer=%s; paramwise_cfg=%s; clip_grad=%s' % (optimizer, paramwise, clipping))
        for g in opt.param_groups:
            momentum = g['momentum'] if 'momentum' in g else g['betas'][0]
            print('group %r %r %r %s' % (g['lr'], momentum, g['weight_decay'], ' '.join(names[id(p)] for p in g['params'])))
        for t in range(STEPS):
            for n, p in m.named_parameters():
                p.grad = fill('grad:%d:%s' % (t, n), p) if p.requires_grad else None
            norm = clip(m.parameters(), eval(clipping)) if clipping else None
            if norm is not None and t == 0:
                print('norm %.9g' % norm)
            opt.step()
        for n, p in m.named_parameters():
            if p.requires_grad:
                print('after %s %s' % (n, show(p.detach())))
        print('end')


if __name__ == '__main__':
    main()
