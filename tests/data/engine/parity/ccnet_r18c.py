# A narrow ResNet-18 v1c with CCNet's head, whose pixels gather twice, and others whose gather three times and never.
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
        type='CCHead',
        in_channels=64,
        in_index=3,
        channels=24,
        recurrence=2,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(
            type='CCHead',
            in_channels=32,
            in_index=2,
            channels=16,
            recurrence=3,
            concat_input=False,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
        dict(
            type='CCHead',
            in_channels=32,
            in_index=2,
            channels=8,
            recurrence=0,
            kernel_size=1,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
