# A small Swin as shipped ones are, whose windows do not fill its maps.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='SwinTransformer', embed_dims=12, window_size=7, depths=[2, 2, 2, 2], num_heads=[1, 2, 3, 6]),
    decode_head=dict(
        type='FCNHead',
        in_channels=96,
        in_index=3,
        channels=16,
        num_convs=1,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead', in_channels=12, in_index=0, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg))
optimizer = dict(type='AdamW', lr=0.0001)
optimizer_config = dict()
