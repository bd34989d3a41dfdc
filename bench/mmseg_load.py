#!/usr/bin/env python3
"""Times MMSegmentation 1.x loading and augmenting what `cseg bench load` does, on one thread.

    mmseg_load.py CONFIG [--images N] [--repeats R] [--json]

Needs MMSegmentation alone, with what it needs itself. The training dataset's samples are asked for one after the other
and put through the config's data_preprocessor in batches: no processes, one thread of OpenCV's and PyTorch's, so that
the figure is what one core does. The fastest of R rounds over N images counts. Paths in CONFIG are relative to the
working folder.
"""
import argparse
import json
import os
import resource
import sys
import time
import warnings

for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(name, '1')
warnings.filterwarnings('ignore')

import cv2
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS


def build(path):
    """The training dataset, the preprocessor and the batch size of a config."""
    cfg = Config.fromfile(path)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    loader = cfg.train_dataloader
    pre = cfg.get('data_preprocessor') or cfg.model.data_preprocessor
    return DATASETS.build(loader.dataset), MODELS.build(pre), loader.batch_size


def time_transforms(dataset, spent):
    """Adds the seconds of each transform to `spent`, under its name."""
    def timed(name, run):
        def call(results):
            begin = time.thread_time()
            results = run(results)
            spent[name] = spent.get(name, 0) + time.thread_time() - begin
            return results
        return call
    steps = dataset.pipeline.transforms
    steps[:] = [timed(type(t).__name__, t) for t in steps]


def load(dataset, pre, batch_size, images, spent):
    """Loads so many images, in the dataset's order. Returns wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    samples = []
    for i in range(images):
        samples.append(dataset[i % len(dataset)])
        if len(samples) == batch_size or i == images - 1:
            begin = time.thread_time()
            pre(pseudo_collate(samples), True)
            spent['pack'] = spent.get('pack', 0) + time.thread_time() - begin
            samples = []
    return time.perf_counter() - wall, time.process_time() - cpu


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('config')
    p.add_argument('--images', type=int, default=400)
    p.add_argument('--repeats', type=int, default=3)
    p.add_argument('--json', action='store_true')
    o = p.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    dataset, pre, batch_size = build(o.config)
    dataset.full_init()
    spent = {}
    time_transforms(dataset, spent)
    load(dataset, pre, batch_size, min(o.images, 2 * batch_size), {})
    best = None
    for _ in range(o.repeats):
        spent.clear()
        wall, cpu = load(dataset, pre, batch_size, o.images, spent)
        if best is None or cpu < best[1]:
            best = wall, cpu, dict(spent)
    wall, cpu, spent = best
    figures = dict(mode='load', config=o.config, engine='mmseg', images=o.images, batch=batch_size, threads=1,
                   images_per_s=round(o.images / wall, 1), images_per_core_s=round(o.images / cpu, 1),
                   ms_per_image={k: round(1e3 * v / o.images, 4) for k, v in spent.items()},
                   peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    if o.json:
        print(json.dumps(figures))
        return
    print(f"{figures['images_per_s']} images a second, {figures['images_per_core_s']} a second of processor time")
    for name, ms in figures['ms_per_image'].items():
        print(f'  {name:24} {ms:8.3f} ms an image')


if __name__ == '__main__':
    sys.exit(main())
