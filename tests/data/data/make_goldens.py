"""Writes what the reference makes of small images: goldens_1x.bin with mmsegmentation 1.2.2, goldens_0x.bin with 0.30.0.

    python make_goldens.py          # in an environment with either, beside this file

A file is a row of records: a line 'KEY TYPE H W C', then H * W * C samples (u1, u2, i4, f4; little-endian), or for TYPE
'text' W bytes. A case NAME has the records NAME/config (a pipeline), NAME/in and NAME/seg (names of input records),
NAME/out, NAME/out_seg, NAME/meta (what the sample says of itself), or some of them. Kernels that no transform reaches
deterministically have records of their own.
"""
import os
import sys

import cv2
import mmcv
import numpy as np

cv2.setNumThreads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
records = []


def put(key, a):
    if isinstance(a, str):
        data = a.encode()
        records.append((f'{key} text 1 {len(data)} 1\n', data))
        return
    a = np.ascontiguousarray(a)
    h, w = a.shape[:2]
    c = a.shape[2] if a.ndim == 3 else 1
    records.append((f'{key} {a.dtype.str[1:]} {h} {w} {c}\n', a.tobytes()))


def write(name):
    with open(os.path.join(HERE, name), 'wb') as f:
        for head, data in records:
            f.write(head.encode())
            f.write(data)


def picture(h, w, c, dtype, seed):
    """Smooth shapes with noise, over the whole range of the type."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    out = []
    for k in range(c):
        a = np.sin(x / (5 + 2 * k) + k) + np.cos(y / (7 - k % 5) + 2 * k) + rng.normal(0, .4, (h, w))
        a = (a - a.min()) / (a.max() - a.min())
        out.append(a)
    a = np.dstack(out)
    if dtype == 'u1':
        a = np.rint(a * 255)
    elif dtype == 'u2':
        a = np.rint(a * 65535)
    else:
        a = a * 300 - 20
    a = a.astype(dtype)
    return a[:, :, 0] if c == 1 else a


def labels(h, w, n, seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, n, ((h + 5) // 6, (w + 5) // 6)).astype('u1')
    a = np.kron(small, np.ones((6, 6), 'u1'))[:h, :w].copy()
    a[rng.random((h, w)) < .02] = 255
    return a


INPUTS = {
    'bgr': picture(23, 47, 3, 'u1', 1), 'gray': picture(23, 47, 1, 'u1', 2), 'bgra': picture(18, 25, 4, 'u1', 3),
    'six': picture(16, 22, 6, 'u1', 4), 'deep': picture(15, 21, 3, 'u2', 5), 'float': picture(15, 21, 3, 'f4', 6),
    'floatgray': picture(15, 21, 1, 'f4', 7), 'even': picture(24, 48, 3, 'u1', 8), 'even6': picture(16, 22, 6, 'u1', 9),
    'seg': labels(23, 47, 5, 10), 'seg_even': labels(24, 48, 5, 11), 'seg_float': labels(15, 21, 5, 12),
}
SEGS = {'bgr': 'seg', 'gray': 'seg', 'even': 'seg_even', 'float': 'seg_float', 'deep': 'seg_float'}


def case(name, pipeline, source, build, key, extra=None):
    """Runs a pipeline on an input and notes what comes out. key: what the dialect calls the labels."""
    img = INPUTS[source].copy()
    seg = INPUTS[SEGS[source]].copy() if source in SEGS else None
    results = dict(img=img, img_shape=img.shape[:2], ori_shape=img.shape[:2], pad_shape=img.shape[:2],
                   scale_factor=1.0, seg_fields=[])
    if seg is not None:
        results[key] = seg
        results['seg_fields'] = [key]
    results.update(extra or {})
    for t in pipeline:
        results = build(dict(t))(results)
    put(f'{name}/config', repr(pipeline))
    put(f'{name}/in', source)
    if seg is not None:
        put(f'{name}/seg', SEGS[source])
    out = results['img']
    put(f'{name}/out', out.astype('f4') if out.dtype == np.float64 else out)
    if seg is not None:
        put(f'{name}/out_seg', results[key])
    if 'gt_edge_map' in results:
        put(f'{name}/out_edge', results['gt_edge_map'])
    factor = np.array(results['scale_factor'], dtype=np.float64).reshape(-1)
    factor = [factor[0], factor[-1 if len(factor) < 4 else 1]]
    put(f'{name}/meta', '%d %d %.9g %.9g %d %s' % (*results['img_shape'][:2], *factor, bool(results.get('flip')),
                                                 results.get('flip_direction') or 'none'))


def one_x():
    import torch
    from mmengine.structures import PixelData
    from mmseg.models import SegDataPreProcessor
    from mmseg.registry import TRANSFORMS
    from mmseg.structures import SegDataSample
    from mmseg.utils import register_all_modules
    register_all_modules()

    def run(name, source, *pipeline, **extra):
        case(name, list(pipeline), source, TRANSFORMS.build, 'gt_seg_map', extra)

    for source in ('bgr', 'gray', 'bgra', 'six', 'deep', 'float', 'floatgray'):
        for scale in ((31, 17), (56, 30)):
            run(f'linear_{source}_{scale[0]}', source, dict(type='Resize', scale=scale))
    run('halves_bgr', 'even', dict(type='Resize', scale=(24, 12)))
    run('halves_six', 'even6', dict(type='Resize', scale=(11, 8)))
    run('keep', 'bgr', dict(type='Resize', scale=(40, 18), keep_ratio=True))
    run('factor', 'bgr', dict(type='Resize', scale_factor=0.7))
    run('factors', 'bgr', dict(type='Resize', scale_factor=(1.3, 0.55), keep_ratio=True))
    for kind in ('nearest', 'area'):
        for scale in ((31, 17), (56, 30), (16, 8), (12, 6)):
            run(f'{kind}_{scale[0]}', 'even', dict(type='Resize', scale=scale, interpolation=kind))
    run('cubic', 'bgr', dict(type='Resize', scale=(31, 17), interpolation='bicubic'))
    run('random_resize', 'bgr', dict(type='RandomResize', scale=(50, 40), ratio_range=(0.8, 0.8), keep_ratio=True))
    run('random_resize_range', 'bgr', dict(type='RandomResize', scale=[(40, 30), (40, 30)]))
    run('choice', 'bgr', dict(type='RandomChoiceResize', scales=[(33, 24)], keep_ratio=False))
    run('choice_shortest', 'bgr', dict(type='RandomChoiceResize', scales=[30], resize_type='ResizeShortestEdge',
                                       max_size=35))
    run('shortest', 'bgr', dict(type='ResizeShortestEdge', scale=28, max_size=200))
    run('multiple', 'bgr', dict(type='ResizeToMultiple', size_divisor=16))
    run('rescale', 'bgr', dict(type='SegRescale', scale_factor=0.25))
    for direction in ('horizontal', 'vertical', 'diagonal'):
        run(f'flip_{direction}', 'bgr', dict(type='RandomFlip', prob=1.0, direction=direction))
    run('flip_swap', 'bgr', dict(type='RandomFlip', prob=1.0, swap_seg_labels=[(1, 3)]))
    run('flip_none', 'bgr', dict(type='RandomFlip', prob=0.0))
    run('crop', 'bgr', dict(type='RandomCrop', crop_size=(100, 47)))
    run('center_crop', 'bgr', dict(type='CenterCrop', crop_size=(30, 16)))
    run('chain', 'bgr', dict(type='Resize', scale=(90, 60)), dict(type='CenterCrop', crop_size=(40, 31)),
        dict(type='RandomFlip', prob=1.0), dict(type='CenterCrop', crop_size=(25, 20)),
        dict(type='RandomFlip', prob=1.0, direction='vertical'), dict(type='Resize', scale=(30, 30)))
    run('pad', 'bgr', dict(type='Pad', size=(60, 30), pad_val=dict(img=(1, 2, 3), seg=7)))
    run('pad_number', 'bgr', dict(type='Pad', size=(50, 25), pad_val=9))
    run('pad_divisor', 'bgr', dict(type='Pad', size_divisor=20))
    run('pad_square', 'bgr', dict(type='Pad', pad_to_square=True))
    for mode in ('edge', 'reflect', 'symmetric'):
        run(f'pad_{mode}', 'bgr', dict(type='Pad', size=(60, 40), padding_mode=mode))
    for angle in (17.3, -101.5):
        run(f'rotate_{angle}', 'bgr', dict(type='RandomRotate', prob=1.0, degree=(angle, angle), pad_val=40,
                                           seg_pad_val=6))
    run('rotate_gray', 'gray', dict(type='RandomRotate', prob=1.0, degree=(30.0, 30.0), center=(20.0, 10.5)))
    run('rotate_bound', 'bgr', dict(type='RandomRotate', prob=1.0, degree=(33.0, 33.0), auto_bound=True))
    run('rotate_float', 'float', dict(type='RandomRotate', prob=1.0, degree=(-8.0, -8.0)))
    run('rotate_deep', 'deep', dict(type='RandomRotate', prob=1.0, degree=(200.0, 200.0)))
    run('clahe', 'bgr', dict(type='CLAHE'))
    run('clahe_tiles', 'even', dict(type='CLAHE', clip_limit=3.0, tile_grid_size=(4, 5)))
    run('gamma', 'bgr', dict(type='AdjustGamma', gamma=2.2))
    run('rerange', 'bgr', dict(type='Rerange', min_value=-1, max_value=2.5))
    run('rerange_float', 'float', dict(type='Rerange'))
    run('rgb2gray', 'bgr', dict(type='RGB2Gray'))
    run('rgb2gray_one', 'float', dict(type='RGB2Gray', out_channels=1, weights=(0.1, 0.5, 0.4)))
    run('edge', 'bgr', dict(type='GenerateEdge', edge_width=4))
    run('edge_3', 'even', dict(type='GenerateEdge', edge_width=3, ignore_index=2))
    run('normalize', 'bgr', dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))
    run('normalize_pad', 'bgr', dict(type='Normalize', mean=[1.5, 2.5, 3.5], std=[3.0, 7.0, 9.0], to_rgb=False),
        dict(type='Pad', size=(50, 25)), dict(type='RandomFlip', prob=1.0))
    run('normalize_flip', 'bgr', dict(type='Normalize', mean=[1.5, 2.5, 3.5], std=[3.0, 7.0, 9.0]),
        dict(type='RandomFlip', prob=1.0), dict(type='Resize', scale=(31, 17)))
    other = dict(img=INPUTS['even'], gt_seg_map=INPUTS['seg_even'], seg_fields=['gt_seg_map'])
    run('mosaic', 'bgr', dict(type='RandomMosaic', prob=1.0, img_scale=(15, 25), center_ratio_range=(0.9, 0.9),
                              pad_val=77, seg_pad_val=200), mix_results=[other, other, other])

    # photometric distortion with its decisions made
    t = TRANSFORMS.build(dict(type='PhotoMetricDistortion'))
    draws = dict(brightness=-21.75, contrast=1.37, saturation=0.61, hue=-13)
    img = INPUTS['bgr']
    put('photometric/brightness', t.convert(img, beta=draws['brightness']))
    put('photometric/contrast', t.convert(img, alpha=draws['contrast']))
    hsv = mmcv.bgr2hsv(img)
    hsv[:, :, 1] = t.convert(hsv[:, :, 1], alpha=draws['saturation'])
    saturated = mmcv.hsv2bgr(hsv)
    put('photometric/saturation', saturated)
    hsv = mmcv.bgr2hsv(saturated)
    hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + draws['hue']) % 180
    put('photometric/saturation_hue', mmcv.hsv2bgr(hsv))

    # batches
    def batch(name, training, **kwargs):
        pre = SegDataPreProcessor(**kwargs)
        inputs = [torch.from_numpy(np.ascontiguousarray(INPUTS['bgr'].transpose(2, 0, 1)))]
        s = SegDataSample()
        s.gt_sem_seg = PixelData(data=torch.from_numpy(INPUTS['seg'][None].astype(np.int64)))
        out = pre(dict(inputs=inputs, data_samples=[s]), training)
        put(f'{name}/config', repr(dict(type='SegDataPreProcessor', **kwargs)))
        put(f'{name}/out', out['inputs'][0].numpy().transpose(1, 2, 0))
        if training:
            put(f'{name}/out_seg', out['data_samples'][0].gt_sem_seg.data[0].numpy().astype('i4'))

    usual = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
    batch('batch_size', True, size=(28, 50), pad_val=0, seg_pad_val=255, **usual)
    batch('batch_divisor', True, size_divisor=16, pad_val=2, seg_pad_val=9, mean=[1, 2, 3], std=[4, 5, 6])
    batch('batch_test', False, test_cfg=dict(size_divisor=16), **usual)
    batch('batch_plain', False)


def zero_x():
    from mmcv.utils import build_from_cfg
    from mmseg.datasets.builder import PIPELINES

    def run(name, source, *pipeline, **extra):
        case(name, list(pipeline), source, lambda t: build_from_cfg(t, PIPELINES), 'gt_semantic_seg', extra)

    norm = dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
    run('keep', 'bgr', dict(type='Resize', img_scale=(60, 28)))
    run('exact', 'bgr', dict(type='Resize', img_scale=(60, 28), keep_ratio=False))
    run('ratio', 'bgr', dict(type='Resize', img_scale=(50, 20), ratio_range=(1.3, 1.3)))
    run('ratio_own', 'bgr', dict(type='Resize', ratio_range=(0.6, 0.6)))
    run('range', 'bgr', dict(type='Resize', img_scale=[(50, 20), (20, 50)]))
    run('value', 'bgr', dict(type='Resize', img_scale=[(50, 20), (50, 20)], multiscale_mode='value'))
    run('min_size', 'bgr', dict(type='Resize', img_scale=(60, 15), min_size=21))
    run('flip', 'bgr', dict(type='RandomFlip', prob=1.0))
    run('flip_ratio', 'bgr', dict(type='RandomFlip', flip_ratio=1.0, direction='vertical'))
    run('pad', 'bgr', dict(type='Pad', size=(30, 50), pad_val=5, seg_pad_val=3))
    run('pad_divisor', 'bgr', dict(type='Pad', size_divisor=16))
    run('usual', 'bgr', dict(type='Resize', img_scale=(60, 29), ratio_range=(1.0, 1.0)),
        dict(type='RandomCrop', crop_size=(40, 60), cat_max_ratio=0.75), dict(type='RandomFlip', prob=1.0), norm,
        dict(type='Pad', size=(32, 64), pad_val=0, seg_pad_val=255))
    run('views_scaled', 'bgr', dict(type='Resize', keep_ratio=True), dict(type='RandomFlip'), norm,
        scale=(40, 25), flip=True, flip_direction='vertical')
    run('multiple', 'bgr', dict(type='ResizeToMultiple', size_divisor=32, interpolation='nearest'))


if mmcv.__version__ >= '2':
    for key, a in INPUTS.items():
        put(f'input/{key}', a)
    one_x()
    write('goldens_1x.bin')
else:
    zero_x()
    write('goldens_0x.bin')
