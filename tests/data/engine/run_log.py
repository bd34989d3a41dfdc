"""Writes run_log_1x.txt and run_log_0x.txt: what the reference logs of some runs whose figures are given.

    python run_log.py 1 > run_log_1x.txt    # with mmengine 0.10.7, mmseg 1.2.2
    python run_log.py 0 > run_log_0x.txt    # with mmcv 1.7.2, mmseg 0.30.0

Three things are set here: the clock; that there is memory to tell of, as on a GPU; and in 0.x that evaluation gives
Python's floats, as it did before NumPy 2 (they are rounded only then).
"""
import logging
import os
import sys
import tempfile
import time
import types

os.environ['TZ'] = 'UTC'
time.tzset()
NOW, STAMP, MEMORY = 1795510800.123, '20261124_090000', 1234
OUT, FOLDER = sys.stdout, tempfile.TemporaryDirectory()


class Record(logging.LogRecord):

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.created, self.msecs = NOW, 123


def figures(i, slow):
    """Of iteration i, from 1: rate, waiting, all of the time, losses and accuracy, norm."""
    return (0.001 * (1 - i / 200), 1 + 0.1 * (i % 7), 20 + 0.3 * (i % 11) + (90000 if slow and i < 3 else 0),
            {'decode.loss_ce': 1.7 / (i + 1), 'decode.acc_seg': 50 + 0.37 * i, 'loss': 2.0 / (i + 1)}, 1.5 / i)


def areas():
    import torch
    both, predicted, labelled = torch.tensor([50., 20.]), torch.tensor([60., 30.]), torch.tensor([55., 35.])
    return both, predicted + labelled - both, predicted, labelled


def show(name, kind, path):
    print(f'== {name} {kind}', file=OUT)
    with open(path) as f:
        for line in f:
            if 'prefix is not set' not in line:
                OUT.write(line)


def run_1x(name, by_epoch, length, epochs, processor, hook, slow=False, norm=False, base=False, evaluations=(),
           iters=12):
    import mmengine.runner.log_processor as module
    from mmengine.hooks import LoggerHook
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.visualization.vis_backend import LocalVisBackend
    from mmseg.evaluation import IoUMetric
    module.is_cuda_available = lambda: True
    module.get_max_cuda_memory = lambda device: MEMORY
    dir = f'{FOLDER.name}/{name}'
    os.mkdir(dir)
    iters = length * epochs if by_epoch else iters
    r = types.SimpleNamespace(
        message_hub=MessageHub(name), logger=MMLogger.get_instance(name, log_file=f'{dir}/log'), iter=0, epoch=0,
        max_iters=iters, max_epochs=epochs, train_dataloader=[0] * length, val_dataloader=[0] * 7, _train_loop=object(),
        experiment_name=f'tiny_{STAMP}', timestamp=STAMP, model=None, visualizer=LocalVisBackend(dir))
    r.train_loop = types.SimpleNamespace(dataloader=r.train_dataloader)
    r.val_loop = types.SimpleNamespace(dataloader=r.val_dataloader)
    r.log_processor = module.LogProcessor(by_epoch=by_epoch, **processor)
    logger = LoggerHook(**hook)
    logger.before_run(r)
    total, put = 0, r.message_hub.update_scalar
    for i in range(1, iters + 1):
        lr, waiting, whole, losses, grad_norm = figures(i, slow)
        inner, r.iter = (i - 1) % length if by_epoch else i - 1, i - 1
        if base:
            put('train/base_lr', 10 * lr)
        put('train/lr', lr)
        put('train/data_time', waiting)
        if norm and i % 2 == 0:
            put('train/grad_norm', grad_norm)
        for key in ['loss', 'decode.loss_ce', 'decode.acc_seg']:
            put(f'train/{key}', losses[key])
        put('train/time', whole)
        total += whole
        r.message_hub.update_info('eta', total / i * (iters - i))
        logger.after_train_iter(r, inner)
        r.epoch += by_epoch and inner + 1 == length
        if i in evaluations:
            r.iter = i
            put('val/data_time', 0.0025)
            put('val/time', 0.125)
            metric = IoUMetric(iou_metrics=['mIoU'])
            metric.dataset_meta = {'classes': ('ground', 'water')}
            found = metric.compute_metrics([areas()])
            for key, value in found.items():
                put(f'val/{key}', value)
            logger.after_val_epoch(r, found)
    show(name, 'log', f'{dir}/log')
    show(name, 'json', f'{dir}/{STAMP}.json')


def run_0x(name, by_epoch, length, epochs, hook, norm=False, evaluations=(), validations=()):
    from mmcv.runner import LogBuffer
    from mmcv.runner.hooks import TextLoggerHook
    from mmseg.datasets import CustomDataset
    import torch
    torch.cuda.is_available = lambda: True
    dir = f'{FOLDER.name}/{name}'
    os.mkdir(dir)
    iters = length * epochs if by_epoch else 12
    log = logging.getLogger('mmseg')
    log.propagate, log.handlers = False, [logging.FileHandler(f'{dir}/log')]
    log.setLevel(logging.INFO)
    log.handlers[0].setFormatter(logging.Formatter('%(asctime)s - %(name)s - %(levelname)s - %(message)s'))
    r = types.SimpleNamespace(rank=0, work_dir=dir, timestamp=STAMP, logger=log, log_buffer=LogBuffer(), iter=0, epoch=0,
                              max_iters=iters, data_loader=[0] * length, meta=dict(exp_name='tiny.py'), hooks=[])
    r.current_lr = lambda: [figures(r.now, False)[0]]
    logger = TextLoggerHook(by_epoch=by_epoch, **hook)
    logger._get_max_memory = lambda runner: MEMORY
    r.hooks.append(logger)
    logger.before_run(r)

    def evaluate():
        data = CustomDataset.__new__(CustomDataset)
        data.CLASSES = ('ground', 'water')
        r.log_buffer.output['eval_iter_num'] = 7
        for key, value in data.evaluate([areas()], metric='mIoU', logger=log).items():
            r.log_buffer.output[key] = float(value)
        r.log_buffer.ready = True

    total = 0
    for i in range(1, iters + 1):
        lr, waiting, whole, losses, grad_norm = figures(i, False)
        inner = (i - 1) % length
        r.now, r.iter, r.inner_iter, r.mode = i, i - 1, inner, 'train'
        if not by_epoch:
            r.epoch = (i - 1) // length
        if inner == 0 and (by_epoch or i == 1):
            logger.before_epoch(r)
        r.log_buffer.update({'data_time': waiting})
        r.log_buffer.update(losses, 4)
        if norm:
            r.log_buffer.update({'grad_norm': grad_norm}, 4)
        r.log_buffer.update({'time': whole})
        # mmcv's sum for the ETA takes each line for `interval` iterations of its mean; this one has all as they were.
        total += whole
        last = r.log_buffer.val_history['time'][-logger.interval:]
        logger.time_sec_tot = total - logger.interval * sum(last) / len(last)
        if i in evaluations and not by_epoch:
            logger.after_train_iter(r)
            r.log_buffer.clear()
            evaluate()
        logger.after_train_iter(r)
        if not by_epoch or inner + 1 < length:
            continue
        if i in evaluations:
            evaluate()
        logger.after_train_epoch(r)
        r.epoch += 1
        if i in validations:
            r.mode, r.iter, r.inner_iter, r.data_loader = 'val', i, 2, [0] * 3
            logger.before_epoch(r)
            for k in range(3):
                r.log_buffer.update({'decode.loss_ce': 0.5 + k, 'decode.acc_seg': 60.25, 'loss': 0.25 * k}, 4)
            logger.after_val_epoch(r)
            r.data_loader = [0] * length
    show(name, 'log', f'{dir}/log')
    show(name, 'json', f'{dir}/{STAMP}.log.json')


def main():
    sys.stdout = sys.stderr
    logging.setLogRecordFactory(Record)
    if sys.argv[1] == '1':
        run_1x('iters', False, 5, 3, {}, dict(interval=4, interval_exp_name=6, log_metric_by_epoch=False),
               evaluations=[8, 12])
        run_1x('short', False, 3, 4, {}, dict(interval=8), norm=True)
        run_1x('epochs', True, 6, 5, {}, dict(interval=4), slow=True, evaluations=[6, 30])
        run_1x('said', True, 6, 5, dict(
            window_size=3, num_digits=3, log_with_hierarchy=True, mean_pattern='acc|time', custom_cfg=[
                dict(data_src='loss', method_name='mean', window_size='epoch'),
                dict(data_src='loss', log_name='all', method_name='mean', window_size='global'),
                dict(data_src='decode.loss_ce', log_name='worst', method_name='max', window_size=5),
                dict(data_src='decode.loss_ce', log_name='best', method_name='min'),
                dict(data_src='lr', log_name='decode.acc_seg', method_name='current')]),
               dict(interval=4, ignore_last=False), norm=True, base=True, evaluations=[6])
        run_1x('long', False, 500, 1, dict(window_size=300), dict(interval=150), iters=450)
    else:
        run_0x('iters', False, 5, 3, dict(interval=4, interval_exp_name=6), norm=True, evaluations=[6, 12])
        run_0x('plain', True, 6, 3, dict(interval=4), evaluations=[12])
        run_0x('ends', True, 6, 3, dict(interval=4, ignore_last=False), evaluations=[12], validations=[6, 18])


main()
