# Water in true-colour scenes: FCN on HRNet-W48 with a list of heads, crops of 896 x 896, 4000 iterations, and a weight
# for every pixel that is largest at the shore. In the 0.x dialect.
#
# The tiles and the weights (1 + 4 * exp(-d^2 / (2 * 5^2)), d pixels from the shore) are made by
#     cseg tile examples/water/scene.tif examples/water/mask.tif --out data/waterRGB --size 512 --stride 256 \
#         --hold-out bottom:0.35 --edge-weight 4 --edge-width 5
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoderMultiHead',
    pretrained='open-mmlab://msra/hrnetv2_w48',
    backbone=dict(
        type='HRNet',
        norm_cfg=norm_cfg,
        norm_eval=False,
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(4, ), num_channels=(64, )),
            stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(4, 4), num_channels=(48, 96)),
            stage3=dict(num_modules=4, num_branches=3, block='BASIC', num_blocks=(4, 4, 4), num_channels=(48, 96, 192)),
            stage4=dict(
                num_modules=3,
                num_branches=4,
                block='BASIC',
                num_blocks=(4, 4, 4, 4),
                num_channels=(48, 96, 192, 384)))),
    decode_head=[
        # The answer.
        dict(
            type='FCNHead',
            in_channels=[48, 96, 192, 384],
            in_index=(0, 1, 2, 3),
            channels=sum([48, 96, 192, 384]),
            input_transform='resize_concat',
            kernel_size=1,
            num_convs=1,
            concat_input=False,
            dropout_ratio=-1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
        # The finest branch alone: keeps the shore sharp.
        dict(
            type='FCNHead',
            in_channels=48,
            in_index=0,
            channels=48,
            kernel_size=3,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0.1,
            num_classes=2,
            norm_cfg=norm_cfg,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4)),
    ],
    train_cfg=dict(),
    test_cfg=dict(mode='slide', crop_size=(896, 896), stride=(640, 640), head_index=0))

dataset_type = 'CustomDataset'
data_root = 'data/waterRGB'
classes = ('land', 'water')
palette = [[60, 160, 90], [30, 100, 200]]
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
crop_size = (896, 896)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', img_scale=(1024, 1024), ratio_range=(0.75, 1.5)),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.95),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='Pad', size=crop_size, pad_val=0, seg_pad_val=255),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg', 'seg_weight_map']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=(1024, 1024),
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
    type=dataset_type,
    data_root=data_root,
    classes=classes,
    palette=palette,
    img_suffix='.png',
    seg_map_suffix='.png')
data = dict(
    samples_per_gpu=2,
    workers_per_gpu=2,
    train=dict(
        img_dir='images/train',
        ann_dir='labels/train',
        weight_dir='weights/train',
        weight_suffix='.tif',
        pipeline=train_pipeline,
        **common),
    val=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **common),
    test=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **common))

optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict()
lr_config = dict(policy='poly', power=0.9, min_lr=1e-4, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=4000)
workflow = [('train', 1)]
checkpoint_config = dict(by_epoch=False, interval=400, max_keep_ckpts=2)
evaluation = dict(interval=400, metric='mIoU', pre_eval=True)
log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
cudnn_benchmark = True
