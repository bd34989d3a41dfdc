default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(
        type='mmseg.ResNetV1c', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg),
    neck=dict(type='FeatureFusionNeck', policy='concat'),
    decode_head=dict(
        type='STAHead',
        in_channels=[64, 16],
        in_index=[3, 1],
        channels=8,
        sa_mode='None',
        sa_in_channels=16,
        sa_ds=4,
        distance_threshold=1.5,
        threshold=0.5,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='BCLLoss', margin=3.0, loss_weight=0.5, ignore_index=100)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
