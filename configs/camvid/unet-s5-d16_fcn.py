# Half of the shipped config's channels.
_base_ = './_base_/camvid.py'
norm_cfg = dict(type='BN', requires_grad=True)
head = dict(
    type='FCNHead', num_convs=1, concat_input=False, num_classes=11, norm_cfg=norm_cfg, align_corners=False,
    dropout_ratio=0.1)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='UNet',
        in_channels=3,
        base_channels=32,
        num_stages=5,
        strides=(1, 1, 1, 1, 1),
        enc_num_convs=(2, 2, 2, 2, 2),
        dec_num_convs=(2, 2, 2, 2),
        downsamples=(True, True, True, True),
        enc_dilations=(1, 1, 1, 1, 1),
        dec_dilations=(1, 1, 1, 1),
        with_cp=False,
        conv_cfg=None,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='ReLU'),
        upsample_cfg=dict(type='InterpConv'),
        norm_eval=False),
    decode_head=dict(
        in_channels=32,
        in_index=4,
        channels=32,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        **head),
    auxiliary_head=dict(
        in_channels=64,
        in_index=3,
        channels=32,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4),
        **head),
    test_cfg=dict(mode='slide', crop_size=(128, 128), stride=(85, 85)))
