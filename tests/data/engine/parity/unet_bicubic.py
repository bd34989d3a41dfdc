# A narrow U-Net of four stages, whose maps are enlarged bicubically before the convolution.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='UNet',
        in_channels=3,
        base_channels=8,
        num_stages=4,
        strides=(1, 1, 2, 1),
        enc_num_convs=(2, 1, 2, 2),
        dec_num_convs=(2, 2, 1),
        downsamples=(True, True, False),
        enc_dilations=(1, 1, 2, 2),
        dec_dilations=(1, 2, 1),
        norm_cfg=norm_cfg,
        act_cfg=dict(type='ReLU'),
        upsample_cfg=dict(
            type='InterpConv',
            conv_first=False,
            kernel_size=3,
            padding=1,
            upsample_cfg=dict(scale_factor=2, mode='bicubic', align_corners=False))),
    decode_head=dict(
        type='FCNHead',
        in_channels=8,
        in_index=3,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=16,
        in_index=2,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=7,
        norm_cfg=norm_cfg,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
