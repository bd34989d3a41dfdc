# Norms whose statistics are kept where they are not by default, or not where they are.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        stem_channels=8,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
        norm_eval=True,
        contract_dilation=True),
    decode_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=3,
        channels=12,
        num_convs=1,
        concat_input=False,
        num_classes=5,
        norm_cfg=dict(type='IN', affine=True, track_running_stats=True)),
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=64,
            in_index=3,
            channels=12,
            num_convs=1,
            concat_input=False,
            num_classes=5,
            norm_cfg=dict(type='BN', track_running_stats=False)),
        dict(
            type='FCNHead',
            in_channels=64,
            in_index=3,
            channels=12,
            num_convs=1,
            concat_input=False,
            num_classes=5,
            norm_cfg=dict(type='BN', affine=False, track_running_stats=False, eps=1e-3)),
        dict(
            type='FCNHead',
            in_channels=64,
            in_index=3,
            channels=12,
            num_convs=1,
            concat_input=False,
            num_classes=5,
            norm_cfg=dict(type='IN', track_running_stats=True, momentum=0.3)),
        dict(
            type='FCNHead',
            in_channels=32,
            in_index=2,
            channels=12,
            num_convs=1,
            concat_input=False,
            num_classes=5,
            norm_cfg=dict(type='GN', num_groups=3, affine=False))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
