# A narrow ResNet-18 v1c with ANN's head over two maps, one projection of which has two names in the state dict, and a
# second one that gathers twice.
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
        type='ANNHead',
        in_channels=[32, 64],
        in_index=(2, 3),
        channels=24,
        project_channels=12,
        query_scales=(1, ),
        key_pool_scales=(1, 3, 6, 8),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=[
        dict(
            type='ANNHead',
            in_channels=[16, 32],
            in_index=(1, 2),
            channels=16,
            project_channels=8,
            query_scales=(1, 1),
            key_pool_scales=(2, 3),
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
