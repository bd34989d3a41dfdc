# A small SegFormer with what no shipped config sets: projections without bias, an activation that is a parameter of two
# names, a stage that is not given, other patches, maps that attentions do not shrink evenly.
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='MixVisionTransformer',
        in_channels=3,
        embed_dims=8,
        num_stages=4,
        num_layers=[1, 2, 1, 1],
        num_heads=[1, 2, 3, 4],
        patch_sizes=[5, 3, 4, 2],
        strides=[3, 2, 2, 2],
        sr_ratios=[7, 3, 2, 1],
        out_indices=(0, 1, 3),
        mlp_ratio=3,
        qkv_bias=False,
        drop_path_rate=0.1,
        act_cfg=dict(type='PReLU', init=0.1),
        norm_cfg=dict(type='LN', eps=1e-3),
        with_cp=True),
    decode_head=dict(
        type='SegformerHead',
        in_channels=[32, 8, 16],
        in_index=[2, 0, 1],
        channels=12,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        act_cfg=dict(type='GELU'),
        interpolate_mode='bicubic',
        align_corners=True))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0002, weight_decay=0.0001))
