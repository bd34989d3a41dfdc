# A small BEiT of the 0.x dialect, as the shipped ones are.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BEiT',
        img_size=(96, 128),
        embed_dims=16,
        num_layers=4,
        num_heads=2,
        out_indices=[0, 1, 2, 3],
        qv_bias=True,
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        init_values=0.1),
    neck=dict(type='Feature2Pyramid', embed_dim=16, rescales=[4, 2, 1, 0.5]),
    decode_head=dict(
        type='FPNHead',
        in_channels=[16, 16, 16, 16],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=12,
        num_classes=7,
        norm_cfg=norm_cfg))
optimizer = dict(
    type='AdamW',
    lr=0.0002,
    weight_decay=0.05,
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(num_layers=4, layer_decay_rate=0.9))
