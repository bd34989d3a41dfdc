# Every kind of layer that the models have: HRNet's exchanges, resizing, dilation, group norm, an auxiliary head, many
# channels, odd sizes.
_base_ = './iter_1x.py'
model = dict(
    data_preprocessor=dict(size=(45, 39)),
    backbone=dict(
        _delete_=True,
        type='HRNet',
        norm_cfg=dict(type='BN'),
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ), num_channels=(16, )),
            stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(9, 18)),
            stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), num_channels=(9, 18, 36)),
            stage4=dict(
                num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1), num_channels=(9, 18, 36, 72)))),
    decode_head=dict(
        in_channels=[9, 18, 36, 72], in_index=(0, 1, 2, 3), channels=135, input_transform='resize_concat', kernel_size=1,
        concat_input=False, loss_decode=dict(class_weight=[1.0, 2.0, 0.5])),
    auxiliary_head=dict(
        type='FCNHead', in_channels=18, in_index=1, channels=64, num_convs=2, kernel_size=3, dilation=2, num_classes=3,
        norm_cfg=dict(type='GN', num_groups=8), align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
train_dataloader = dict(
    batch_size=3,
    dataset=dict(pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='RandomResize', scale=(60, 60), ratio_range=(0.8, 1.5), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(45, 39)),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackSegInputs')
    ]))
