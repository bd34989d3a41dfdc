model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,
    strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3, dropout_ratio=0.1),
  train_cfg=dict(), test_cfg=dict(mode='whole'))
classes = ('ground', 'red', 'blue')
palette = [[60, 60, 60], [200, 60, 90], [30, 180, 240]]
model.update(data_preprocessor=dict(type='SegDataPreProcessor', mean=[100., 100., 100.], std=[50., 50., 50.],
    size=(32, 32), pad_val=0, seg_pad_val=255))
load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
ds = dict(type='BaseSegDataset', data_root='data', metainfo=dict(classes=classes, palette=palette),
    img_suffix='.png', seg_map_suffix='.png')
train_dataloader = dict(batch_size=0, num_workers=2, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(data_prefix=dict(img_path='img', seg_map_path='ann'), pipeline=load + [
        dict(type='RandomCrop', crop_size=(32, 32)), dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'), dict(type='PackSegInputs')], **ds))
val_dataloader = dict(batch_size=1, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(data_prefix=dict(img_path='img', seg_map_path='ann'),
        pipeline=load + [dict(type='PackSegInputs')], **ds))
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9,
    weight_decay=0.0005))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
    dict(type='PolyLR', eta_min=1e-4, power=0.9, by_epoch=False, begin=4, end=12)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=12, val_interval=6)
val_cfg = dict(type='ValLoop')
default_hooks = dict(logger=dict(type='LoggerHook', interval=1, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))
randomness = dict(seed=5)
