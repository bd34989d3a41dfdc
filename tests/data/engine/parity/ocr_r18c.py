# A cascade of three heads on a narrow ResNet-18 v1c: an FCN head and two OCR heads, each refining the one before it.
norm_cfg = dict(type='SyncBN', requires_grad=True)
ocr = dict(
    type='OCRHead',
    in_channels=64,
    in_index=3,
    channels=32,
    ocr_channels=12,
    dropout_ratio=-1,
    num_classes=7,
    norm_cfg=norm_cfg,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=1.0))
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=3,
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=8,
        stem_channels=8,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg,
        contract_dilation=True),
    decode_head=[
        dict(
            type='FCNHead',
            in_channels=[32, 64],
            in_index=(2, 3),
            input_transform='resize_concat',
            channels=16,
            num_convs=1,
            concat_input=False,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)), ocr,
        dict(
            ocr,
            scale=0.5,
            align_corners=True,
            loss_decode=[
                dict(type='CrossEntropyLoss', avg_non_ignore=True),
                dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_bce', loss_weight=0.5)
            ])
    ],
    auxiliary_head=[
        dict(
            type='FCNHead',
            in_channels=32,
            in_index=2,
            channels=8,
            num_convs=1,
            concat_input=False,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.3))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
