# A side encoder that gives one map; a large backbone that learns and whose batch norms see one date at a time.
default_scope = 'opencd'
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='BAN',
    asymetric_input=True,
    encoder_resolution=dict(scale_factor=0.5),
    image_encoder=dict(
        type='mmseg.ResNetV1c',
        depth=18,
        num_stages=2,
        stem_channels=8,
        base_channels=8,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(0, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='BitemporalAdapterHead',
        ban_cfg=dict(
            clip_channels=8,
            fusion_index=[1],
            side_enc_cfg=dict(
                type='mmseg.ResNet',
                depth=18,
                num_stages=3,
                stem_channels=8,
                base_channels=8,
                out_indices=(2,),
                dilations=(1, 1, 1),
                strides=(1, 2, 1),
                norm_cfg=norm_cfg)),
        ban_dec_cfg=dict(
            type='BAN_BITHead',
            in_channels=32,
            channels=16,
            embed_dims=16,
            dec_depth=2,
            num_heads=2,
            dropout_ratio=0.1,
            num_classes=2),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
