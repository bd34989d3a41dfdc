default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='SiamEncoderDecoder',
    backbone=dict(
        type='mmseg.ResNetV1c',
        depth=18,
        num_stages=3,
        stem_channels=8,
        base_channels=8,
        out_indices=(2,),
        dilations=(1, 1, 1),
        strides=(1, 2, 1),
        norm_cfg=norm_cfg),
    neck=dict(type='FeatureFusionNeck', policy='concat', out_indices=(0,)),
    decode_head=dict(
        type='BITHead',
        in_channels=32,
        channels=16,
        embed_dims=24,
        enc_depth=2,
        dec_depth=2,
        num_heads=4,
        drop_rate=0.1,
        token_len=3,
        num_classes=2,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
