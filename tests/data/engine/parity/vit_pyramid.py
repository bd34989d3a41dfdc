# A small ViT whose maps MultiLevelNeck makes a pyramid of; a fourth that no scale uses moves its running statistics.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='VisionTransformer',
        img_size=80,
        embed_dims=16,
        num_layers=4,
        num_heads=2,
        out_indices=(0, 1, 2, 3)),
    neck=dict(
        type='MultiLevelNeck',
        in_channels=[16, 16, 16, 16],
        out_channels=12,
        scales=[2.5, 1, 0.3],
        norm_cfg=norm_cfg,
        act_cfg=dict(type='ReLU')),
    decode_head=dict(
        type='UPerHead',
        in_channels=[12, 12, 12],
        in_index=[0, 1, 2],
        pool_scales=(1, 2),
        channels=8,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
