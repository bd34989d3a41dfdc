# A small SVT. Its windows leave the first stage's maps with padding below and to the right, the second's only below, the
# third's nowhere: MMSegmentation hides padding in the first case alone.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='SVT',
        embed_dims=[8, 16, 24],
        num_heads=[1, 2, 4],
        mlp_ratios=[3, 2, 2],
        out_indices=(0, 1, 2),
        qkv_bias=True,
        drop_path_rate=0.2,
        depths=[2, 3, 2],
        sr_ratios=[4, 2, 1],
        windiow_sizes=[7, 8, 2],
        norm_after_stage=True),
    decode_head=dict(
        type='FPNHead',
        in_channels=[8, 16, 24],
        in_index=[0, 1, 2],
        feature_strides=[4, 8, 16],
        channels=12,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001))
