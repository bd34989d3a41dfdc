# A narrow ResNet-18 with two of PSANet's heads whose masks are larger than the maps, and of even sizes in one.
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
        type='PSAHead',
        in_channels=128,
        in_index=3,
        channels=24,
        mask_size=(15, 9),
        shrink_factor=2,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='PSAHead',
        in_channels=64,
        in_index=2,
        channels=16,
        psa_type='distribute',
        psa_softmax=False,
        mask_size=(12, 40),
        shrink_factor=1,
        normalization_factor=None,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
