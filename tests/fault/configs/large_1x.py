# Large enough for oneDNN to cut its work by the number of threads: strided convolutions' gradients had other bits then.
_base_ = './wide_1x.py'
model = dict(
    data_preprocessor=dict(size=(128, 96)),
    backbone=dict(
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ), num_channels=(64, )),
            stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(18, 36)),
            stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), num_channels=(18, 36, 72)),
            stage4=dict(
                num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1), num_channels=(18, 36, 72, 144)))),
    decode_head=dict(in_channels=[18, 36, 72, 144], channels=270),
    auxiliary_head=dict(in_channels=36))
train_dataloader = dict(
    dataset=dict(
        data_root='data/large',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomCrop', crop_size=(128, 96)),
            dict(type='PackSegInputs')
        ]))
