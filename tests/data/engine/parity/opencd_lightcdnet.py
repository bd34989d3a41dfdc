default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='LightCDNet', stage_repeat_num=[1, 2, 1], net_type='small'),
    neck=dict(
        type='TinyFPN',
        exist_early_x=True,
        early_x_for_fpn=True,
        custom_block='conv',
        in_channels=[24, 48, 96, 96],
        out_channels=8,
        num_outs=4),
    decode_head=dict(
        type='DS_FPNHead',
        in_channels=[8, 8, 8],
        in_index=[0, 1, 3],
        channels=8,
        dropout_ratio=0.,
        num_classes=2,
        norm_cfg=dict(type='BN'),
        sampler=dict(type='mmseg.OHEMPixelSampler', thresh=0.7, min_kept=1000),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=24,
        in_index=0,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=2,
        norm_cfg=dict(type='BN'),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.4)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
