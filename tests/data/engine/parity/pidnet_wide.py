# A narrow PIDNet in the form of its larger sizes: DAPPM, and three convolutions' worth of borders.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='PIDNet', channels=8, ppm_channels=12, num_stem_blocks=3, num_branch_blocks=2, norm_cfg=norm_cfg),
    decode_head=dict(
        type='PIDHead',
        in_channels=32,
        channels=16,
        num_classes=5,
        norm_cfg=norm_cfg,
        loss_decode=[
            dict(type='CrossEntropyLoss', loss_weight=0.4),
            dict(type='OhemCrossEntropy', thres=0.9, min_kept=2000),
            dict(type='BoundaryLoss', loss_weight=20.0),
            dict(type='OhemCrossEntropy', thres=0.9, min_kept=2000)
        ]))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
