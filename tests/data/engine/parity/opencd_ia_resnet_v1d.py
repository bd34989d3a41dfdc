# IA_ResNetV1d, with a dilated stage.
default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(
        type='IA_ResNetV1d',
        depth=18,
        stem_channels=8,
        base_channels=8,
        num_stages=3,
        strides=(1, 2, 1),
        dilations=(1, 1, 2),
        out_indices=(1, 2),
        interaction_cfg=(dict(type='ChannelExchange'), dict(type='SpatialExchange'), None)),
    decode_head=dict(
        type='mmseg.FCNHead',
        in_channels=64,
        in_index=1,
        channels=8,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=[
        dict(
            type='mmseg.FCNHead',
            in_channels=32,
            in_index=0,
            channels=8,
            num_convs=1,
            num_classes=2,
            loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.4))
    ],
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
