# LRASPPHead on the maps of a UNet, because its average pool needs 49 pixels.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='UNet',
        base_channels=4,
        num_stages=4,
        strides=(1, 1, 1, 1),
        enc_num_convs=(1, 1, 1, 1),
        dec_num_convs=(1, 1, 1),
        downsamples=(True, True, True),
        enc_dilations=(1, 1, 1, 1),
        dec_dilations=(1, 1, 1),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='LRASPPHead',
        in_channels=(16, 8, 4),
        in_index=(1, 2, 3),
        branch_channels=(6, 5),
        input_transform='multiple_select',
        channels=8,
        num_classes=7,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        align_corners=True))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
