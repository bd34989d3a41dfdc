# A small PCPVT with what no shipped config sets: patches that overlap, fewer stages than numbers, a reduction that does
# not divide the map, a map that is not given.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='PCPVT',
        in_channels=3,
        embed_dims=[8, 16, 24, 32],
        patch_sizes=[7, 3, 2, 2],
        strides=[4, 2, 2, 2],
        num_heads=[1, 2, 3, 4],
        mlp_ratios=[3, 2, 4, 4],
        out_indices=(0, 2),
        qkv_bias=True,
        drop_rate=0.1,
        attn_drop_rate=0.,
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-3),
        depths=[2, 1, 2],
        sr_ratios=[5, 2, 1],
        norm_after_stage=False),
    decode_head=dict(
        type='FPNHead',
        in_channels=[8, 24],
        in_index=[0, 1],
        feature_strides=[4, 16],
        channels=12,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001))
