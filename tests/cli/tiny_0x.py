# The same model in the 0.x dialect, with two heads.
norm_cfg = dict(type='BN')
head = dict(
    type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=2,
    norm_cfg=norm_cfg, align_corners=False, loss_decode=dict(type='CrossEntropyLoss'))
model = dict(
    type='EncoderDecoderMultiHead',
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2), dilations=(1, 1),
        norm_cfg=norm_cfg),
    decode_head=[dict(**head), dict(**head)],
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(48, 48), stride=(32, 32)))
img_norm_cfg = dict(mean=[22.6, 44.5, 49.4], std=[17.8, 28.9, 34.6], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(32, 32)),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size=(32, 32), pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(64, 64),
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **img_norm_cfg),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ])
]
common = dict(
    type='CustomDataset', data_root='tiles', classes=('land', 'water'), palette=[[60, 160, 90], [30, 100, 200]],
    img_suffix='.png', seg_map_suffix='.png')
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=1,
    train=dict(img_dir='images/train', ann_dir='labels/train', pipeline=train_pipeline, **common),
    val=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **common),
    test=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **common))
optimizer = dict(type='SGD', lr=0.02, momentum=0.9)
optimizer_config = dict()
lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=6)
workflow = [('train', 1)]
checkpoint_config = dict(by_epoch=False, interval=3)
evaluation = dict(interval=6, metric='mIoU', pre_eval=True)
log_config = dict(interval=2, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
seed = 1
