# The 0.x dialect: IterBasedRunner, a workflow with validation, AdamW with paramwise_cfg.
classes = ('ground', 'red', 'blue')
palette = [[60, 60, 60], [200, 60, 90], [30, 180, 240]]
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    pretrained=None,
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, stem_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2),
        dilations=(1, 1), norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, num_classes=3, dropout_ratio=0.1,
        norm_cfg=norm_cfg, align_corners=False, loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
img_norm_cfg = dict(mean=[100., 100., 100.], std=[50., 50., 50.], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(32, 32)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg'])
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(48, 48),
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img'])
        ])
]
dataset = dict(
    type='CustomDataset', img_dir='img', ann_dir='ann', classes=classes, palette=palette, img_suffix='.png',
    seg_map_suffix='.png')
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(data_root='data/train', pipeline=train_pipeline, **dataset),
    val=dict(data_root='data/val', pipeline=test_pipeline, **dataset),
    test=dict(data_root='data/val', pipeline=test_pipeline, **dataset))
optimizer = dict(type='AdamW', lr=0.002, weight_decay=0.01, paramwise_cfg=dict(norm_decay_mult=0.))
optimizer_config = dict(grad_clip=dict(max_norm=1.0))
lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False, warmup='linear', warmup_iters=4)
runner = dict(type='IterBasedRunner', max_iters=12)
checkpoint_config = dict(by_epoch=False, interval=4)
evaluation = dict(interval=6, metric='mIoU')
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
workflow = [('train', 3), ('val', 1)]
seed = 5
