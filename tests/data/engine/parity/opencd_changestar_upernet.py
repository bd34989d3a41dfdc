# Both orders answer; only hard pixels learn.
default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(type='mmseg.ResNetV1c', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg),
    neck=dict(type='FeatureFusionNeck', policy='concat'),
    decode_head=dict(
        type='ChangeStarHead',
        inference_mode='mean',
        in_channels=[1, 1, 1, 1],
        in_index=[0, 1, 2, 3],
        channels=8,
        num_classes=2,
        sampler=dict(type='mmseg.OHEMPixelSampler', min_kept=2000),
        seg_head_cfg=dict(
            type='mmseg.UPerHead',
            in_channels=[8, 16, 32, 64],
            in_index=[0, 1, 2, 3],
            channels=8,
            norm_cfg=norm_cfg),
        changemixin_cfg=dict(in_channels=16, inner_channels=8, num_convs=1),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
