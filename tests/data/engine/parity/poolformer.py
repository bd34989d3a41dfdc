# A small PoolFormer with a feature pyramid, its first convolution and first stage frozen.
custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='mmpretrain.PoolFormer',
        arch=dict(
            layers=[1, 2, 1, 1],
            embed_dims=[8, 12, 16, 24],
            mlp_ratios=[4, 3, 2, 2],
            layer_scale_init_value=0.5),
        drop_path_rate=0.1,
        out_indices=(0, 2, 4, 6),
        frozen_stages=1),
    neck=dict(type='FPN', in_channels=[8, 12, 16, 24], out_channels=16, num_outs=4),
    decode_head=dict(
        type='FPNHead',
        in_channels=[16, 16, 16, 16],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=12,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0002, weight_decay=0.0001))
