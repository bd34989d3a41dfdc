# All kinds of exchange; only hard pixels learn.
default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(
        type='IA_ResNetV1c',
        depth=18,
        stem_channels=8,
        base_channels=8,
        norm_cfg=norm_cfg,
        interaction_cfg=(
            dict(type='SpatialExchange', p=1 / 3),
            dict(type='ChannelExchange', p=1 / 2),
            dict(type='Aggregation_distribution', channels=32),
            None)),
    decode_head=dict(
        type='Changer',
        in_channels=[8, 16, 32, 64],
        in_index=[0, 1, 2, 3],
        channels=16,
        num_classes=2,
        norm_cfg=norm_cfg,
        sampler=dict(type='mmseg.OHEMPixelSampler', thresh=0.7, min_kept=1000),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
