# OCRNet's cascade on a narrow ResNet-18: an FCN head whose logits the next head gathers its contexts by; hard pixels
# are sampled in the second.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=dict(
        type='ResNet',
        depth=18,
        base_channels=16,
        stem_channels=16,
        dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=[
        dict(
            type='FCNHead',
            in_channels=64,
            in_index=2,
            channels=16,
            num_convs=1,
            concat_input=False,
            num_classes=7,
            norm_cfg=norm_cfg,
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)),
        dict(
            type='OCRHead',
            in_channels=128,
            in_index=3,
            channels=24,
            ocr_channels=12,
            num_classes=7,
            norm_cfg=norm_cfg,
            sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=2000))
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
