# A ResNetV1d with its strides in the first convolutions, a grid of dilations in the last stage, half a dilation before,
# group norms, a frozen stem and stage, and blocks that are computed again.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1d',
        depth=50,
        base_channels=8,
        stem_channels=8,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        multi_grid=(1, 2, 4),
        contract_dilation=True,
        style='caffe',
        frozen_stages=1,
        norm_eval=True,
        with_cp=True,
        norm_cfg=dict(type='GN', num_groups=4)),
    decode_head=dict(
        type='FCNHead',
        in_channels=[32, 256],
        in_index=[0, 3],
        input_transform='resize_concat',
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=dict(type='BN', requires_grad=True)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
