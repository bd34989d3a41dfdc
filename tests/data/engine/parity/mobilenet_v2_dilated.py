# As 0.x writes it: a narrow MobileNetV2 that strides and dilates out of the usual order, with leaky ReLUs and one group a
# norm, two layers of it frozen.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='MobileNetV2',
        widen_factor=0.35,
        strides=(2, 1, 2, 1, 2, 1, 1),
        dilations=(2, 1, 2, 1, 1, 3, 2),
        out_indices=(0, 3, 5),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        norm_cfg=dict(type='GN', num_groups=1),
        frozen_stages=2,
        with_cp=True),
    decode_head=dict(
        type='FCNHead',
        in_channels=[8, 24, 56],
        in_index=[0, 1, 2],
        input_transform='resize_concat',
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=dict(type='BN', requires_grad=True)))
optimizer = dict(type='SGD', lr=0.01)
optimizer_config = dict()
