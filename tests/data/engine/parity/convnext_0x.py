# A small ConvNeXt as mmcls had it, its layers over channels written as convolutions.
custom_imports = dict(imports='mmcls.models', allow_failed_imports=False)
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    pretrained=None,
    backbone=dict(
        type='mmcls.ConvNeXt',
        arch=dict(depths=[1, 1, 2], channels=[12, 16, 24]),
        stem_patch_size=2,
        linear_pw_conv=False,
        norm_cfg=dict(type='LN2d', eps=1e-3),
        layer_scale_init_value=0.,
        out_indices=(1, 2),
        with_cp=True,
        gap_before_final_norm=False),
    decode_head=dict(
        type='FCNHead', in_channels=24, in_index=1, channels=16, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=16,
        in_index=0,
        channels=8,
        num_convs=1,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optimizer = dict(type='AdamW', lr=0.0001, weight_decay=0.05)
optimizer_config = dict()
