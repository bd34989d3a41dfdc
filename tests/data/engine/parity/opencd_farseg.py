# FarSegHead with its own classifier.
default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(type='mmseg.ResNetV1c', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg),
    neck=dict(type='FarSegFPN', policy='abs_diff', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),
    decode_head=dict(
        type='FarSegHead',
        in_channels=[8, 8, 8, 8, 64],
        in_index=[0, 1, 2, 3, 4],
        fsr_channels=12,
        channels=8,
        num_classes=2,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
