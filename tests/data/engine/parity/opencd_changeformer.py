# The second date less the first, maps in another order and counted from the end.
default_scope = 'opencd'
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(
        type='mmseg.MixVisionTransformer',
        in_channels=3,
        embed_dims=8,
        num_stages=3,
        num_layers=[1, 1, 1],
        num_heads=[1, 2, 4],
        patch_sizes=[7, 3, 3],
        strides=[4, 2, 2],
        sr_ratios=[4, 2, 1],
        out_indices=(0, 1, 2)),
    neck=dict(type='FeatureFusionNeck', policy='diff', out_indices=(1, -3, 2)),
    decode_head=dict(
        type='mmseg.SegformerHead',
        in_channels=[16, 8, 32],
        in_index=[0, 1, 2],
        channels=12,
        num_classes=2,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=16,
        in_index=0,
        channels=8,
        num_convs=1,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=0.4)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
