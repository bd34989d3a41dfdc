# A narrow STDCNet1 whose refined maps are resized bicubically, and a pyramid behind it that does so too.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='STDCContextPathNet',
        backbone_cfg=dict(
            type='STDCNet',
            stdc_type='STDCNet1',
            in_channels=3,
            channels=(8, 12, 32, 48, 64),
            bottleneck_type='cat',
            num_convs=4,
            act_cfg=dict(type='ReLU'),
            norm_cfg=norm_cfg),
        last_in_channels=(64, 48),
        out_channels=24,
        ffm_cfg=dict(in_channels=56, out_channels=32, scale_factor=4),
        upsample_mode='bicubic',
        align_corners=True),
    neck=dict(
        type='FPN',
        in_channels=[32, 24, 24, 32],
        out_channels=20,
        start_level=0,
        num_outs=4,
        upsample_cfg=dict(mode='bicubic', align_corners=False)),
    decode_head=dict(
        type='FCNHead',
        in_channels=20,
        in_index=0,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=20,
        in_index=3,
        channels=8,
        num_convs=1,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
