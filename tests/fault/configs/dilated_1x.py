# A ResNet-D8: strided and dilated convolutions, large enough for their sums to be cut by the number of threads.
_base_ = './iter_1x.py'
model = dict(
    data_preprocessor=dict(size=(97, 81)),
    backbone=dict(
        depth=18, base_channels=64, stem_channels=64, num_stages=4, out_indices=(0, 1, 2, 3), strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4)),
    decode_head=dict(in_channels=512, in_index=3, channels=32, num_convs=2),
    auxiliary_head=dict(
        type='FCNHead', in_channels=256, in_index=2, channels=12, num_convs=2, kernel_size=3, dilation=6, num_classes=3,
        align_corners=False, loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
train_dataloader = dict(
    dataset=dict(
        data_root='data/large',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='RandomCrop', crop_size=(97, 81)),
            dict(type='PackSegInputs')
        ]))
