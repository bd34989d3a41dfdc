# A small ViT with norms before, between and behind, zeros below and to the right, and the map before its first layer.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=(64, 80),
        patch_size=20,
        embed_dims=24,
        num_layers=3,
        num_heads=3,
        mlp_ratio=2,
        out_origin=True,
        out_indices=(0, 2),
        qkv_bias=False,
        drop_path_rate=0.2,
        norm_cfg=dict(type='LN', eps=1e-6),
        act_cfg=dict(type='ReLU'),
        patch_norm=True,
        patch_bias=True,
        pre_norm=True,
        final_norm=True,
        num_fcs=3),
    decode_head=dict(
        type='FCNHead', in_channels=24, in_index=2, channels=16, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(type='FCNHead', in_channels=24, in_index=0, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
        dict(type='FCNHead', in_channels=24, in_index=1, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg)
    ])
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
