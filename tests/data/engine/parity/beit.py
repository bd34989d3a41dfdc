# A small BEiT with a pyramid behind it, with what no shipped config sets: other borders of the factors, projections
# without biases, norms of patches and behind the last layer, a deeper FFN.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BEiT',
        img_size=(96, 128),
        patch_size=16,
        in_channels=3,
        embed_dims=24,
        num_layers=5,
        num_heads=3,
        mlp_ratio=2,
        out_indices=(1, 2, 3, 4),
        qv_bias=False,
        attn_drop_rate=0.3,
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-3),
        act_cfg=dict(type='GELU'),
        patch_norm=True,
        final_norm=True,
        num_fcs=3,
        norm_eval=True,
        init_values=0.5),
    neck=dict(
        type='Feature2Pyramid', embed_dim=24, rescales=[2, 1, 0.5, 0.25], norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FPNHead',
        in_channels=[24, 24, 24, 24],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=12,
        num_classes=7,
        norm_cfg=dict(type='BN')))
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=0.0002, weight_decay=0.05),
    constructor='LayerDecayOptimizerConstructor',
    paramwise_cfg=dict(num_layers=5, layer_decay_rate=0.9))
