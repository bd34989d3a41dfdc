# A narrow ResNeXt-50, dilated, with a deep stem and pooled shortcuts.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNeXt',
        depth=50,
        stem_channels=8,
        base_channels=8,
        groups=4,
        base_width=5,
        deep_stem=True,
        avg_down=True,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        multi_grid=(1, 2, 4),
        norm_cfg=norm_cfg),
    decode_head=dict(type='FCNHead', in_channels=256, in_index=3, channels=16, num_classes=7, norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
