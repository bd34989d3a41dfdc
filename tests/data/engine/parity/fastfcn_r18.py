# A narrow ResNet-18 whose last maps are upsampled together (JPU), with heads on the joint map and on one before it.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    neck=dict(
        type='JPU',
        in_channels=(16, 32, 64, 128),
        mid_channels=20,
        start_level=1,
        end_level=-1,
        dilations=(1, 2, 4),
        align_corners=True,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU')),
    decode_head=dict(type='FCNHead', in_channels=60, in_index=2, channels=24, num_classes=7, norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=1,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
