# Convolutions that see the map mirrored beyond its border, in a ResNet of one channel; standardised weights and a border
# that is repeated in its heads. As 0.x writes it.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNet',
        depth=18,
        in_channels=1,
        base_channels=8,
        stem_channels=8,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 3),
        conv_cfg=dict(type='Conv2d', padding_mode='reflect'),
        norm_cfg=dict(type='IN', affine=True)),
    decode_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=3,
        channels=8,
        num_convs=2,
        num_classes=5,
        conv_cfg=dict(type='ConvWS', eps=0.001),
        norm_cfg=dict(type='GN', num_groups=2)),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=32,
        in_index=2,
        channels=8,
        num_convs=1,
        dilation=2,
        num_classes=5,
        conv_cfg=dict(type='Conv', padding_mode='circular'),
        norm_cfg=dict(type='BN', requires_grad=True)))
optimizer = dict(type='SGD', lr=0.01)
optimizer_config = dict()
