# A narrow ResNet-18 v1c, dilated, with EMANet's heads: one step, no second look at the input, other activations.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=16,
        stem_channels=16,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='EMAHead',
        in_channels=128,
        in_index=3,
        channels=24,
        ema_channels=20,
        num_bases=9,
        num_stages=1,
        concat_input=False,
        momentum=0.5,
        num_classes=7,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='EMAHead',
        in_channels=64,
        in_index=2,
        channels=16,
        ema_channels=24,
        num_bases=40,
        num_stages=5,
        momentum=0,
        num_classes=7,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
