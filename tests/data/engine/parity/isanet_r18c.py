# A narrow ResNet-18 v1c with ISANet's head. Of its map of 12 x 16 pixels, windows of 8 x 8 need 4 rows more, those of
# 5 x 3 3 rows and 2 columns, those of 4 x 2 none.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        stem_channels=8,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='ISAHead',
        in_channels=64,
        in_index=3,
        channels=24,
        isa_channels=12,
        down_factor=(8, 8),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(
            type='ISAHead',
            in_channels=32,
            in_index=2,
            channels=16,
            isa_channels=8,
            down_factor=(5, 3),
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
        dict(
            type='ISAHead',
            in_channels=32,
            in_index=2,
            channels=16,
            isa_channels=8,
            down_factor=(4, 2),
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
