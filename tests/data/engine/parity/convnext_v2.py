# A small ConvNeXt with the comparison of channels that its second version has, its first stage frozen.
custom_imports = dict(imports='mmpretrain.models', allow_failed_imports=False)
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 2, 2, 1], channels=[12, 16, 24, 32]),
        out_indices=[0, 1, 2, 3],
        drop_path_rate=0.2,
        layer_scale_init_value=1.0,
        use_grn=True,
        frozen_stages=1,
        gap_before_final_norm=False),
    decode_head=dict(
        type='UPerHead',
        in_channels=[12, 16, 24, 32],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2),
        channels=16,
        num_classes=7,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.0001, weight_decay=0.05))
