# A narrow ResNet-18 v1c, dilated, with DeepLabV3's head; its auxiliary head is Fast-SCNN's.
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
        type='ASPPHead',
        in_channels=128,
        in_index=3,
        channels=24,
        dilations=(1, 3, 6),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='DepthwiseSeparableFCNHead',
        in_channels=64,
        in_index=2,
        channels=16,
        num_convs=2,
        kernel_size=5,
        dw_act_cfg=dict(type='LeakyReLU'),
        num_classes=7,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='Sigmoid'),
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
