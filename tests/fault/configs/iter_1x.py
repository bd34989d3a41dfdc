# Iterations, SGD with warm-up. Everything that draws random numbers is in: order, crop, flip, colours, dropout.
crop_size = (32, 32)
classes = ('ground', 'red', 'blue')
palette = [[60, 60, 60], [200, 60, 90], [30, 180, 240]]
norm_cfg = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[100., 100., 100.], std=[50., 50., 50.], size=crop_size, pad_val=0, seg_pad_val=255),
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, stem_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),
        dilations=(1, 1), norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, num_classes=3, dropout_ratio=0.1,
        norm_cfg=norm_cfg, align_corners=False, loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
dataset = dict(
    type='BaseSegDataset', metainfo=dict(classes=classes, palette=palette), img_suffix='.png', seg_map_suffix='.png')
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        data_root='data/train',
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        pipeline=steps + [
            dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.9),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs')
        ],
        **dataset))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        data_root='data/val',
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        pipeline=steps + [dict(type='PackSegInputs')],
        **dataset))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=0.0005))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
    dict(type='PolyLR', eta_min=1e-4, power=0.9, by_epoch=False, begin=4, end=12)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=12, val_interval=6)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))
log_processor = dict(by_epoch=False)
randomness = dict(seed=5)
