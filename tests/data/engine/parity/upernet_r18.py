# A narrow ResNet-18 with UPerNet's head over all four of its maps.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNet', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='UPerHead',
        in_channels=[16, 32, 64, 128],
        in_index=[0, 1, 2, 3],
        channels=24,
        pool_scales=(1, 2, 3),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='UPerHead',
        in_channels=[64, 128],
        in_index=[2, 3],
        channels=16,
        pool_scales=(2, ),
        num_classes=7,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
