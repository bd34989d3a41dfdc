# PSAHead whose masks are as large as its map, once by gathering alone and once without a softmax, and their sums divided.
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
        norm_eval=True,
        contract_dilation=True),
    decode_head=dict(
        type='PSAHead',
        in_channels=64,
        in_index=3,
        channels=12,
        mask_size=(6, 8),
        psa_type='collect',
        compact=True,
        num_classes=5,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='PSAHead',
        in_channels=32,
        in_index=2,
        channels=8,
        mask_size=(5, 3),
        shrink_factor=5,
        normalization_factor=None,
        psa_softmax=False,
        num_classes=5,
        align_corners=True,
        norm_cfg=norm_cfg))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
