model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4,
    strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3, dropout_ratio=0.1),
  train_cfg=dict(), test_cfg=dict(mode='whole'))
classes = ('ground', 'red', 'blue')
palette = [[60, 60, 60], [200, 60, 90], [30, 180, 240]]
norm = dict(type='Normalize', mean=[100., 100., 100.], std=[50., 50., 50.], to_rgb=True)
ds = dict(type='CustomDataset', data_root='data', img_dir='img', ann_dir='ann', classes=classes,
    palette=palette, img_suffix='.png', seg_map_suffix='.png')
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='MultiScaleFlipAug', img_scale=(48, 40), flip=False,
    transforms=[dict(type='Resize', keep_ratio=True), norm, dict(type='ImageToTensor', keys=['img']),
        dict(type='Collect', keys=['img'])])]
data = dict(samples_per_gpu=2, workers_per_gpu=2, train=dict(pipeline=[dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(32, 32)), dict(type='RandomFlip',
        prob=0.5), norm, dict(type='DefaultFormatBundle'), dict(type='Collect', keys=['img',
        'gt_semantic_seg'])], **ds), val=dict(pipeline=test_pipeline, **ds))
optimizer = dict(type='AdamW', lr=0.002, weight_decay=0.01, paramwise_cfg=dict(norm_decay_mult=0.))
optimizer_config = dict(grad_clip=dict(max_norm=1.0))
lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, warmup='linear', warmup_iters=4)
runner = dict(type='IterBasedRunner', max_iters=12)
checkpoint_config = dict(interval=4)
evaluation = dict(interval=6, metric='mIoU')
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
workflow = [('train', 2), ('val', 1)]
seed = 5
