default_scope = 'opencd'
model = dict(
    type='DIEncoderDecoder',
    backbone=dict(
        type='IA_MixVisionTransformer',
        in_channels=3,
        embed_dims=8,
        num_stages=4,
        num_layers=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 4],
        sr_ratios=[8, 4, 2, 1],
        out_indices=(0, 1, 2, 3),
        drop_path_rate=0.1,
        interaction_cfg=(
            None,
            dict(type='SpatialExchange'),
            dict(type='ChannelExchange'),
            dict(type='ChannelExchange', p=1 / 4))),
    decode_head=dict(
        type='Changer',
        in_channels=[8, 16, 32, 32],
        in_index=[0, 1, 2, 3],
        channels=16,
        num_classes=2,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        loss_decode=dict(type='mmseg.CrossEntropyLoss', loss_weight=1.0)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
