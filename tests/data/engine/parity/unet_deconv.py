# A narrow U-Net whose decoder makes maps larger by transposed convolutions, and heads with such convolutions.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='UNet',
        in_channels=3,
        base_channels=8,
        num_stages=3,
        strides=(1, 1, 1),
        enc_num_convs=(1, 2, 1),
        dec_num_convs=(1, 2),
        downsamples=(True, True),
        enc_dilations=(1, 1, 1),
        dec_dilations=(1, 1),
        with_cp=True,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        upsample_cfg=dict(type='DeconvModule', kernel_size=4, scale_factor=2)),
    decode_head=dict(
        type='FCNHead',
        in_channels=8,
        in_index=2,
        channels=8,
        num_convs=2,
        conv_cfg=dict(type='deconv', output_padding=0),
        num_classes=7,
        norm_cfg=norm_cfg),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=16,
        in_index=1,
        channels=8,
        num_convs=1,
        concat_input=False,
        conv_cfg=dict(type='ConvTranspose2d'),
        num_classes=7,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005))
