default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='FC_EF', in_channels=6, base_channel=4),
    decode_head=dict(
        type='mmseg.FCNHead',
        in_channels=4,
        channels=4,
        in_index=-1,
        num_convs=0,
        concat_input=False,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=4,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=2,
        norm_cfg=dict(type='BN'),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.4)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
