# A narrow ResNet-18 v1d with EncNet's head over three maps, laterals and a loss on the classes that are there; the pixels
# that learn are those of the largest losses, of two losses under one name.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1d',
        depth=18,
        base_channels=16,
        stem_channels=16,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='EncHead',
        in_channels=[32, 64, 128],
        in_index=(1, 2, 3),
        channels=24,
        num_codes=8,
        add_lateral=True,
        num_classes=7,
        norm_cfg=norm_cfg,
        sampler=dict(type='OHEMPixelSampler', min_kept=1500),
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=True),
            dict(type='CrossEntropyLoss', loss_weight=0.5)
        ],
        loss_se_decode=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=64,
        in_index=2,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        sampler=dict(type='OHEMPixelSampler', thresh=0.15, min_kept=900),
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
