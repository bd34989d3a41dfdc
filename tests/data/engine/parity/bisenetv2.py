# A narrow BiSeNetV2 of three stages for detail and four for meaning; resizing with aligned corners.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='BiSeNetV2',
        detail_channels=(8, 12, 24),
        semantic_channels=(6, 8, 12, 24),
        semantic_expansion_ratio=3,
        bga_channels=24,
        out_indices=(0, 2, -1),
        align_corners=True),
    decode_head=dict(
        type='FCNHead',
        in_channels=24,
        in_index=0,
        channels=32,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(type='FCNHead', in_channels=8, in_index=1, channels=8, num_convs=2, num_classes=7, norm_cfg=norm_cfg),
        dict(type='FCNHead', in_channels=24, in_index=2, channels=16, num_convs=2, num_classes=7, norm_cfg=norm_cfg),
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
