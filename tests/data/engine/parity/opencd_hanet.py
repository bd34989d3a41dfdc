default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='HAN', in_channels=3, base_channel=4),
    decode_head=dict(
        type='mmseg.FCNHead',
        in_channels=8,
        channels=8,
        in_index=-1,
        num_convs=0,
        concat_input=False,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
