# ICNet on a narrow ResNet-18, its three heads, and the averages' activation another than ReLU.
norm_cfg = dict(type='SyncBN', requires_grad=True)
head = dict(
    type='FCNHead',
    in_channels=16,
    channels=16,
    num_convs=1,
    concat_input=False,
    num_classes=7,
    norm_cfg=norm_cfg,
    loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4))
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ICNet',
        backbone_cfg=dict(
            type='ResNetV1c',
            depth=18,
            stem_channels=8,
            base_channels=8,
            dilations=(1, 1, 2, 4),
            strides=(1, 2, 1, 1),
            norm_cfg=norm_cfg,
            norm_eval=True,
            contract_dilation=True),
        layer_channels=(16, 64),
        light_branch_middle_channels=4,
        psp_out_channels=16,
        out_channels=(8, 16, 24),
        pool_scales=(2, 3),
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.2)),
    neck=dict(
        type='ICNeck',
        in_channels=(8, 16, 24),
        out_channels=16,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        align_corners=True),
    decode_head=dict(head, in_index=2, loss_decode=dict(type='CrossEntropyLoss')),
    auxiliary_head=[dict(head, in_index=0), dict(head, in_index=1)])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
