default_scope = 'opencd'
head = dict(
    type='IdentityHead',
    in_channels=1,
    num_classes=2,
    out_channels=1,
    threshold=0.5,
    loss_decode=dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0))
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(type='CGNet', pretrained=False),
    decode_head=dict(in_index=-1, **head),
    auxiliary_head=dict(in_index=0, **head),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
