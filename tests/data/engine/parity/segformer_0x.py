# A small SegFormer of the 0.x dialect, as the shipped ones are.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 2, 1],
        num_heads=[1, 2, 4, 4],
        drop_path_rate=0.1),
    decode_head=dict(
        type='SegformerHead',
        in_channels=[8, 16, 32, 32],
        in_index=[0, 1, 2, 3],
        channels=12,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg))
optimizer = dict(type='AdamW', lr=0.0002, weight_decay=0.0001)
