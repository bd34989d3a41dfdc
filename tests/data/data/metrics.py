"""Writes metrics.txt: what the reference makes of made-up label maps. test_metrics.c makes the same maps and is to write
the same text.

    python metrics.py 1 >  metrics.txt    # with mmseg 1.2.2
    python metrics.py 0 >> metrics.txt    # with mmseg 0.30.0
"""
import logging
import sys

import numpy as np
import torch

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15

# name, classes, ignore_index, images, height, width, labels up to, predictions up to, agreement, seed, beta, nan, metrics
CASES = {
    1: [('iou', 19, 255, 3, 20, 31, 19, 19, 0.7, 1, 1, None, ['mIoU']),
        ('all', 5, 255, 2, 17, 9, 5, 5, 0.5, 2, 1, None, ['mIoU', 'mDice', 'mFscore']),
        ('absent', 8, 255, 2, 17, 9, 5, 6, 0.5, 3, 1, None, ['mDice', 'mIoU']),
        ('absent_as_0', 8, 255, 2, 17, 9, 5, 6, 0.5, 3, 1, 0, ['mFscore', 'mIoU']),
        ('beta', 6, 255, 2, 13, 21, 6, 6, 0.6, 4, 2, None, ['mFscore']),
        ('ignored', 6, 2, 2, 13, 21, 6, 6, 0.6, 5, 1, None, ['mIoU', 'mFscore']),
        ('no_class', 6, 255, 2, 13, 21, 9, 8, 0.6, 6, 1, None, ['mIoU', 'mFscore']),
        ('one', 1, 255, 2, 13, 21, 3, 2, 0.6, 7, 1, None, ['mIoU']),
        ('change', 2, 255, 4, 16, 16, 2, 2, 0.9, 8, 1, None, ['mFscore', 'mIoU']),
        ('many', 171, 255, 3, 64, 64, 171, 171, 0.8, 9, 1, None, ['mIoU'])],
    0: [('old', 19, 255, 3, 20, 31, 19, 19, 0.7, 11, 1, None, ['mIoU']),
        ('old_all', 5, 255, 2, 17, 9, 5, 5, 0.5, 12, 1, None, ['mIoU', 'mDice', 'mFscore']),
        ('old_absent', 9, 255, 2, 17, 9, 5, 6, 0.5, 13, 1, None, ['mDice', 'mFscore']),
        ('old_zero', 7, 255, 2, 17, 19, 8, 7, 0.5, 14, 1, None, ['mIoU'])],
}


def draws(seed, n):
    i = np.arange(1, n + 1, dtype=np.uint64)
    with np.errstate(over='ignore'):
        z = np.uint64(seed) + i * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def maps(case):
    _, _, ignore, images, h, w, labels, preds, agreement, seed = case[:10]
    for k in range(images):
        base = 1000 * seed + 10 * k
        label = np.floor(draws(base, h * w) * (labels + 1)).astype(np.int64)
        label[label == labels] = 255
        pred = np.floor(draws(base + 1, h * w) * preds).astype(np.int64)
        same = (draws(base + 2, h * w) < agreement) & (label < preds)
        pred[same] = label[same]
        yield pred.reshape(h, w), label.reshape(h, w)


def evaluate_1(case, names, said):
    import mmseg.evaluation.metrics.iou_metric as module
    module.print_log = lambda text, *a, **k: said.append(text)
    metric = module.IoUMetric(ignore_index=case[2], iou_metrics=case[12], nan_to_num=case[11], beta=case[10])
    metric.dataset_meta = dict(classes=names)
    areas = [metric.intersect_and_union(torch.from_numpy(p), torch.from_numpy(g), case[1], case[2])
             for p, g in maps(case)]
    return areas, metric.compute_metrics(areas)


def evaluate_0(case, names, said):
    import mmseg.datasets.custom as module
    module.print_log = lambda text, *a, **k: said.append(text)
    data = module.CustomDataset.__new__(module.CustomDataset)
    data.CLASSES = names
    areas = [module.intersect_and_union(p, g.astype(np.uint8), case[1], case[2], label_map=dict(),
                                        reduce_zero_label=case[0] == 'old_zero') for p, g in maps(case)]
    return areas, data.evaluate(areas, metric=case[12])


def main():
    dialect = int(sys.argv[1])
    logging.disable(logging.WARNING)
    for case in CASES[dialect]:
        names = [f'class {i}' if i % 3 else f'c{i}' for i in range(case[1])]
        said = []
        areas, entries = (evaluate_1 if dialect else evaluate_0)(case, names, said)
        print('case', dialect, *case[:11], -1 if case[11] is None else case[11], ','.join(case[12]))
        for name, which in ('intersect', 0), ('predicted', 2), ('labelled', 3):
            print(name, *(int(x) for x in sum(a[which] for a in areas)))
        for text in said:
            if text.startswith('\n'):
                print(text[1:])
        for key, value in entries.items():
            print(key, '%.9g' % float(value))


main()
