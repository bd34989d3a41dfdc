# A narrow CGNet, and one loss that is averaged by weights.
norm_cfg = dict(type='SyncBN', eps=1e-03, requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='CGNet',
        norm_cfg=norm_cfg,
        num_channels=(8, 12, 16),
        num_blocks=(3, 4),
        dilations=(2, 4),
        reductions=(5, 8),
        with_cp=False),
    decode_head=dict(
        type='FCNHead',
        in_channels=32,
        in_index=2,
        channels=32,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0,
        num_classes=5,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', class_weight=[2.5, 6.5, 3.5, 9.5, 9.0])),
    auxiliary_head=dict(
        type='FCNHead', in_channels=27, in_index=1, channels=8, num_convs=1, concat_input=False, num_classes=5))
optim_wrapper = dict(optimizer=dict(type='Adam', lr=0.001, eps=1e-08, weight_decay=0.0005))
