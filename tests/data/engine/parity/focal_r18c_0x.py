# FocalLoss in all its forms (1.2.2 computes it on a GPU only).
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=18, base_channels=16, stem_channels=16, norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead',
        in_channels=128,
        in_index=3,
        channels=16,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=[
            dict(type='FocalLoss', loss_weight=3.0),
            dict(type='FocalLoss', gamma=0.5, alpha=0.25, loss_name='loss_focal_soft'),
            dict(
                type='FocalLoss',
                gamma=3.0,
                alpha=[0.1, 0.3, 0.5, 0.7, 0.9, 0.6, 0.2],
                class_weight=[1.0, 0.5, 2.0, 1.5, 0.2, 0.8, 1.0],
                loss_name='loss_focal_lists'),
            dict(type='FocalLoss', reduction='sum', loss_weight=1e-4, loss_name='loss_focal_sum')
        ]))
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optimizer_config = dict()
