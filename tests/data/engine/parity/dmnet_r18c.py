# A narrow ResNet-18 v1c with DMNet's head, and a second one of even kernels and further convolutions.
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
        type='DMHead',
        in_channels=64,
        in_index=3,
        channels=24,
        filter_sizes=(1, 3, 5, 7),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(
            type='DMHead',
            in_channels=32,
            in_index=2,
            channels=16,
            filter_sizes=(2, 4),
            fusion=True,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
        dict(
            type='DMHead',
            in_channels=32,
            in_index=2,
            channels=16,
            filter_sizes=(3, ),
            num_classes=7,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
