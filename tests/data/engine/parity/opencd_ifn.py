default_scope = 'opencd'
loss = dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0)
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='IFN', use_dropout=True),
    decode_head=dict(
        type='IdentityHead', in_channels=1, in_index=-1, num_classes=2, out_channels=1, loss_decode=loss),
    auxiliary_head=dict(
        type='DSIdentityHead',
        in_channels=[1, 1, 1, 1],
        in_index=[0, 1, 2, 3],
        input_transform='multiple_select',
        num_classes=2,
        out_channels=1,
        loss_decode=[loss, dict(type='mmseg.DiceLoss', loss_weight=0.5)]),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
