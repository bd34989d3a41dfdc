# A narrow FastSCNN with its head, depthwise convolutions with an activation, maps counted from the end.
norm_cfg = dict(type='SyncBN', requires_grad=True, momentum=0.01)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='FastSCNN',
        downsample_dw_channels=(8, 12),
        global_in_channels=16,
        global_block_channels=(12, 20, 24),
        global_block_strides=(1, 2, 2),
        global_out_channels=48,
        higher_in_channels=16,
        lower_in_channels=48,
        fusion_out_channels=24,
        out_indices=(2, -2, 0),
        norm_cfg=norm_cfg,
        act_cfg=dict(type='ReLU6'),
        dw_act_cfg='default',
        align_corners=True),
    decode_head=dict(
        type='DepthwiseSeparableFCNHead',
        in_channels=24,
        in_index=0,
        channels=24,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)),
    auxiliary_head=[
        dict(type='FCNHead', in_channels=48, in_index=-2, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
        dict(type='FCNHead', in_channels=16, in_index=-1, channels=8, num_convs=1, num_classes=7, norm_cfg=norm_cfg),
    ])
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
