# A narrow ResNet-18 v1c with three disentangled non-local heads, which compare pixels in the two ways that can learn.
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
        type='DNLHead',
        in_channels=64,
        in_index=3,
        channels=24,
        reduction=2,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(
            type='DNLHead',
            in_channels=32,
            in_index=2,
            channels=16,
            use_scale=False,
            temperature=0.7,
            concat_input=False,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
        dict(
            type='DNLHead',
            in_channels=32,
            in_index=2,
            channels=16,
            mode='dot_product',
            reduction=3,
            kernel_size=1,
            num_classes=7,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
