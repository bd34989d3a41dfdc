# DNLHead that compares the map itself: it loses its mean where it lies. The reference can only be asked for logits.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        stem_channels=8,
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
        contract_dilation=True),
    decode_head=dict(
        type='DNLHead',
        mode='gaussian',
        in_channels=64,
        in_index=3,
        channels=12,
        num_classes=7,
        out_channels=1,
        threshold=0.4,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU'),
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
