"""load_in_torch.py CONFIGS FINAL1 MIDDLE1 FINALE MIDDLEE FINAL0: loads checkpoints of iter_1x (final, middle), epoch_1x
(final, middle) and iter_0x with torch and mmseg, and goes on from the middle ones with mmengine's runner."""
import logging
import sys

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS

configs, final, middle, final_epoch, middle_epoch, final_0x = sys.argv[1:]
init_default_scope('mmseg')


def load(path):
    return torch.load(path, map_location='cpu', weights_only=True)


def strict(config, path):
    """Every tensor of the model is in the file, and nothing else."""
    model = MODELS.build(Config.fromfile(f'{configs}/{config}.py').model)
    model.load_state_dict(load(path)['state_dict'], strict=True)
    optimizer = load(path)['optimizer']
    assert optimizer['param_groups'] and all('lr' in g for g in optimizer['param_groups'])
    model.eval()
    with torch.no_grad():
        out = model(torch.zeros(1, 3, 32, 32), mode='tensor')
    assert torch.isfinite(out).all()
    print(f'{path}: strict')


class Witness(Hook):
    """Notes where a run begins, and that weights and optimizer are the file's."""

    def __init__(self, path):
        self.saved = load(path)

    def before_train(self, runner):
        self.iter, self.epoch = runner.iter, runner.epoch
        weights = self.saved.get('ema_state_dict') or self.saved['state_dict']
        name = next(k for k in weights if k.endswith('conv_seg.weight'))
        assert torch.equal(runner.model.decode_head.conv_seg.weight, weights[name])
        ours, theirs = self.saved['optimizer']['state'], runner.optim_wrapper.optimizer.state_dict()['state']
        assert ours.keys() == theirs.keys() and ours
        for key, state in ours.items():
            for part, value in state.items():
                if torch.is_tensor(value):
                    assert torch.equal(value, theirs[key][part].to(value.dtype)), (key, part)


def go_on(config, path, every, unit):
    """mmengine's runner resumes weights, optimizer, schedules and counters, and trains to the end."""
    cfg = Config.fromfile(f'{configs}/{config}.py')
    cfg.work_dir = f'mmengine-{config}'
    cfg.resume, cfg.load_from = True, path
    cfg.default_hooks.checkpoint.interval = every
    cfg.train_dataloader.num_workers = cfg.val_dataloader.num_workers = 0
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.default_scope = 'mmseg'
    cfg.log_level = 'ERROR'
    runner = Runner.from_cfg(cfg)
    witness = Witness(path)
    runner.register_hook(witness)
    runner.train()
    print(f'{path}: resumed at {unit} {getattr(witness, unit)}, ended at {getattr(runner, unit)}')


logging.disable(logging.WARNING)
strict('iter_1x', final)
strict('epoch_1x', final_epoch)
strict('iter_1x', final_0x)
meta = load(final_0x)['meta']
assert meta['iter'] == 12 and list(meta['CLASSES']) == ['ground', 'red', 'blue'] and len(meta['PALETTE']) == 3
meta = load(final)['meta']
assert meta['iter'] == 12 and list(meta['dataset_meta']['classes']) == ['ground', 'red', 'blue']
go_on('iter_1x', middle, 2, 'iter')
go_on('epoch_1x', middle_epoch, 1, 'epoch')
