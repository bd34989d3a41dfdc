# A narrow PointRend: two maps sampled, fewer points than pixels in the second step, dropout, losses of one name.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='CascadeEncoderDecoder',
    num_stages=2,
    backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm_cfg),
    decode_head=[
        dict(
            type='FCNHead',
            in_channels=64,
            in_index=3,
            channels=8,
            num_convs=1,
            num_classes=5,
            align_corners=True,
            norm_cfg=norm_cfg),
        dict(
            type='PointHead',
            in_channels=[8, 16],
            in_index=[0, 1],
            channels=12,
            num_fcs=2,
            dropout_ratio=0.2,
            num_classes=5,
            norm_cfg=dict(type='BN1d'),
            align_corners=True,
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_weight=0.5),
                dict(type='CrossEntropyLoss', avg_non_ignore=True),
                dict(type='DiceLoss', loss_weight=0.3)
            ])
    ],
    train_cfg=dict(num_points=300, oversample_ratio=2.5, importance_sample_ratio=0.7),
    test_cfg=dict(mode='whole', subdivision_steps=2, subdivision_num_points=500, scale_factor=2))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
