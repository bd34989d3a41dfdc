default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='SNUNet_ECAM', in_channels=3, base_channel=8),
    decode_head=dict(
        type='mmseg.FCNHead',
        in_channels=32,
        channels=32,
        in_index=-1,
        num_convs=0,
        concat_input=False,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
